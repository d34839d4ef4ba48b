"""What AWS counted for a few real requests, as a ratio with its error that later estimates start from."""

from __future__ import annotations

import json
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from nova_tune.costs._bounds import context
from nova_tune.costs._price import exact
from nova_tune.errors import DatasetError, SourceError
from nova_tune.models import Fact
from nova_tune.tokens import estimate_tokens
from nova_tune.values import Usage, Value, field

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

NESTFUL = "aws-samples/amazon-bedrock-samples, advanced-prompt-optimization/data/nestful @85fba9d"
"""Published prompts to Nova 2 Lite with the tokens that AWS counted: 20 were used to fit, 40 to prove."""

LEAST_PAIRS: Fact[int] = Fact(5, f"a ratio from 5 calls gave totals within -4.2 to +3.3 % on {NESTFUL}")
"""How many measured calls a calibration takes at least."""


@attrs.frozen(kw_only=True)
class Calibration(Value):
    """How many tokens AWS counted for each that was estimated: a ratio with its error, true for data of one kind.

    Args:
        ratio: Counted / estimated.
        error: The share by which a total may be off, both ways: twice the standard error of the ratio, 1 % at least.
        pairs: From how many calls.
        model: The model whose calls they were.
        date: The day it was made, as ``YYYY-MM-DD``.

    Example:
        >>> calls = [("a b c d e f " * n, 8 * n) for n in range(1, 7)]
        >>> Calibration.fit(calls, model="nova-micro", date="2026-11-21").pairs
        6
    """

    ratio: Decimal = field(read=Decimal, converter=exact)
    error: Decimal = field(read=Decimal, converter=exact)
    pairs: int
    model: str
    date: str

    @classmethod
    def fit(
        cls,
        calls: Iterable[tuple[str, int | Usage]],
        *,
        model: str,
        date: str,
        counter: Callable[[str], int] | None = None,
    ) -> Calibration:
        """From the texts of a few real requests and what AWS counted for them.

        Twenty calls of 1,000 tokens to Nova Micro cost $0.0007. What AWS adds to each request goes into the ratio.

        Args:
            calls: The text of each request, system prompt included, and its ``usage`` or input tokens.
            model: The model asked.
            date: The day, as ``YYYY-MM-DD``.
            counter: The counter that the estimator will use, too; the heuristic without one.

        Raises:
            DatasetError: There are fewer than five calls, or the texts are empty.
            TypeError: A number of tokens is not whole.
        """
        count = counter or heuristic
        return cls.from_counts(
            [(count(text), used.input_tokens if isinstance(used, Usage) else used) for text, used in calls],
            model=model,
            date=date,
        )

    @classmethod
    def from_counts(cls, pairs: Iterable[tuple[int, int]], *, model: str, date: str) -> Calibration:
        """From pairs of estimated tokens, or characters, and what AWS counted.

        Args:
            pairs: Estimated and counted.
            model: The model asked.
            date: The day, as ``YYYY-MM-DD``.

        Raises:
            DatasetError: There are fewer than five pairs, or nothing was estimated.
            TypeError: A number is not whole.
        """
        known = [(int(exact(guess)), int(exact(real))) for guess, real in pairs]
        if len(known) < LEAST_PAIRS.value:
            raise DatasetError(f"{len(known)} calls are too few to calibrate; make at least {LEAST_PAIRS.value}")
        guessed, counted = sum(guess for guess, _ in known), sum(real for _, real in known)
        if not guessed or not counted:
            raise DatasetError("nothing was estimated or nothing counted: give the texts of real requests")
        work, n = context(), len(known)
        ratio = work.divide(counted, guessed)
        squares = sum(
            (work.power(work.subtract(real, work.multiply(ratio, guess)), 2) for guess, real in known), Decimal(0)
        )
        spread = work.sqrt(work.divide(squares, n - 1))
        error = work.divide(2 * work.multiply(spread, work.sqrt(Decimal(n))), counted)
        return cls(
            ratio=ratio.quantize(Decimal("0.000001")),
            error=max(error, Decimal("0.01")).quantize(Decimal("0.000001"), ROUND_CEILING),
            pairs=n,
            model=model,
            date=date,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON, with its date.

        Args:
            path: The file.
        """
        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Calibration:
        """The calibration that :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            SourceError: The file is missing or is not a calibration.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_bytes()))
        except OSError as error:
            reason = error.strerror
        except (ArithmeticError, ValueError, TypeError, AttributeError) as error:
            reason = str(error)
        raise SourceError(f"{path} cannot be used as a calibration: {reason}", path=str(path))


def heuristic(text: str) -> int:
    """The tokens of a text as the heuristic expects them.

    Args:
        text: Any text.
    """
    return estimate_tokens(text).expected
