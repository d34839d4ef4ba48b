"""Which way to serve: what an option costs at some traffic, and from which traffic it is cheaper than another."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Literal

import attrs

from nova_tune.costs._bounds import Bounds, context
from nova_tune.costs._estimate import CostEstimate
from nova_tune.costs._meters import monthly_requests, whole
from nova_tune.costs._price import one_of
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from nova_tune.costs._model import CostModel
    from nova_tune.values import TokenEstimate

Verdict = Literal["value", "never", "always"]


@attrs.frozen(kw_only=True)
class Option(Value):
    """One way to serve the answers: what it costs without traffic, and what each request adds.

    Args:
        name: What people call it.
        fixed: What is paid whatever the traffic: the training once, storage or an endpoint every month.
        per_request: What one request costs, as monthly lines.
        limit: How many requests a month it can serve; None where nothing is known to bound it.

    Example:
        >>> from nova_tune import CostModel
        >>> costs = CostModel()
        >>> pro = Option.on_demand(costs, "nova-pro", input_tokens=800, output_tokens=60, custom=False)
        >>> tuned = Option.on_demand(costs, "nova-micro", input_tokens=800, output_tokens=60)
        >>> print(break_even(tuned, pro))
        tuned nova-micro is cheaper than base nova-pro from 2,451 requests a month
    """

    name: str
    fixed: CostEstimate = field(read=CostEstimate.from_dict, factory=CostEstimate)
    per_request: CostEstimate = field(read=CostEstimate.from_dict, factory=CostEstimate)
    limit: int | None = None

    @classmethod
    def on_demand(
        cls,
        costs: CostModel,
        model: str,
        *,
        input_tokens: int | TokenEstimate,
        output_tokens: int | TokenEstimate,
        custom: bool = True,
        name: str | None = None,
        training: CostEstimate | None = None,
        tier: str = "on-demand",
        cached_tokens: int = 0,
    ) -> Option:
        """A model on demand: a tuned one with its storage, or a base one.

        Args:
            costs: Whose prices.
            model: The model that answers, or the one it was tuned from.
            input_tokens: Tokens of one request's input, with whatever examples or schema the prompt must carry.
            output_tokens: Tokens of one answer. Tuned models often answer shorter: take both from an evaluation.
            custom: True for the tuned model.
            name: Its name; made from the model when it is not given.
            training: What is paid once to get it. Its monthly lines are left out, since storage is counted here.
            tier: As in :meth:`CostModel.monthly`.
            cached_tokens: As in :meth:`CostModel.monthly`.

        Raises:
            TypeError: A number is not whole.
            ValueError: A number is negative, or a tuned model is asked for in a tier that AWS does not offer.
            PlanError: There is no such model.
        """
        answers = costs.monthly(
            model,
            requests=1,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            custom=custom,
            models_stored=0,
            tier=tier,
            cached_tokens=cached_tokens,
        )
        kept = costs.storage(model) if custom else CostEstimate()
        once = tuple(line for line in training.lines if line.when == "once") if training else ()
        return cls(
            name=name or f"{'tuned' if custom else 'base'} {model}",
            fixed=CostEstimate(lines=once) + kept,
            per_request=answers,
            limit=monthly_requests(model.removeprefix("global.")) if tier == "on-demand" else None,
        )

    def month(self, requests: int, horizon_months: int | None = None) -> Bounds:
        """What a month costs at this traffic.

        Args:
            requests: Requests a month.
            horizon_months: Over how many months the cost of the start is spread; it is left out without.

        Raises:
            PriceUnknown: A price that it needs is missing.
        """
        cost = self.fixed.monthly + self.per_request.monthly * requests
        return cost + self.fixed.once.over(horizon_months) if horizon_months else cost

    def total(self, requests: int, months: int) -> Bounds:
        """What the start and so many months cost at this traffic.

        Args:
            requests: Requests a month.
            months: How many months.

        Raises:
            PriceUnknown: A price that it needs is missing.
        """
        return self.fixed.once + self.month(requests) * months


@attrs.frozen(kw_only=True)
class Crossing(Value):
    """Where one cost overtakes another.

    Args:
        verdict: ``"value"``, ``"never"`` or ``"always"`` cheaper.
        requests: The requests a month at which it happens, for ``"value"``.
        side: Whether it is cheaper from there on (``"above"``), or up to there (``"below"``).
    """

    verdict: Verdict = attrs.field(validator=one_of("value", "never", "always"))
    requests: int | None = None
    side: Literal["above", "below"] = attrs.field(default="above", validator=one_of("above", "below"))

    def __str__(self) -> str:
        if self.verdict != "value":
            return self.verdict
        return f"{'from' if self.side == 'above' else 'up to'} {self.requests:,} requests a month"


@attrs.frozen(kw_only=True)
class BreakEven(Value):
    """From which traffic a candidate is cheaper than what it is held against: a value, never, or always.

    Args:
        candidate: The name of the option in question.
        against: The name of the other.
        expected: Where they cross at the expected figures.
        best: The same with the candidate at its low bound and the other at its high one.
        worst: The same with the candidate at its high bound and the other at its low one.
        horizon_months: Over how many months the cost of the start was spread; None left it out.
        limit: What one of them can serve in a month at AWS's default quota.
    """

    candidate: str
    against: str
    expected: Crossing = field(read=Crossing.from_dict)
    best: Crossing = field(read=Crossing.from_dict)
    worst: Crossing = field(read=Crossing.from_dict)
    horizon_months: int | None = None
    limit: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict at the expected figures."""
        return self.expected.verdict

    @property
    def requests(self) -> int | None:
        """The traffic at the expected figures; None for never and always."""
        return self.expected.requests

    @property
    def beyond_quota(self) -> bool:
        """True when the traffic is more than the default quota serves, so that volume alone decides nothing."""
        return self.limit is not None and self.requests is not None and self.requests > self.limit

    def __str__(self) -> str:
        said = {"never": "never cheaper than", "always": "always cheaper than"}.get(self.verdict, "cheaper than")
        text = f"{self.candidate} is {said} {self.against}"
        if self.verdict == "value":
            text += f" {self.expected}"
        if not self.best == self.expected == self.worst:
            text += f" (at best {self.best}, at worst {self.worst})"
        if self.horizon_months:
            text += f", its start spread over {self.horizon_months} months"
        if self.beyond_quota:
            so = "traffic is no reason for it" if self.expected.side == "above" else "it is so at all that is served"
            text += f"; AWS's default quota serves {self.limit:,}, so {so}"
        return text


def break_even(candidate: Option, against: Option, *, horizon_months: int | None = None) -> BreakEven:
    """From which traffic the candidate is cheaper.

    ``(F1 - F2 + (U1 - U2) / horizon) / (v2 - v1)`` with the fixed cost of a month F, the cost of the start U and the
    cost of a request v; rounded up.

    Args:
        candidate: The option in question.
        against: The other.
        horizon_months: Over how many months the cost of the start is spread; it is left out without.

    Raises:
        PriceUnknown: A price that it needs is missing.
        TypeError: ``horizon_months`` is not a whole number.
        ValueError: It is below 1.
    """
    if horizon_months is not None:
        whole("horizon_months", horizon_months, 1)
    ours, theirs = candidate.month(0, horizon_months), against.month(0, horizon_months)
    each, other = candidate.per_request.monthly, against.per_request.monthly
    limits = [option.limit for option in (candidate, against) if option.limit is not None]
    return BreakEven(
        candidate=candidate.name,
        against=against.name,
        expected=_crossing(ours.expected, theirs.expected, each.expected, other.expected),
        best=_crossing(ours.low, theirs.high, each.low, other.high),
        worst=_crossing(ours.high, theirs.low, each.high, other.low),
        horizon_months=horizon_months,
        limit=min(limits, default=None),
    )


def _crossing(ours: Decimal, theirs: Decimal, each: Decimal, other: Decimal) -> Crossing:
    dearer = context().subtract(ours, theirs)
    saved = context().subtract(other, each)
    if saved >= 0 and dearer <= 0:
        return Crossing(verdict="always" if saved or dearer else "never")
    if saved <= 0 and dearer >= 0:
        return Crossing(verdict="never")
    traffic = context().divide(dearer, saved)
    if saved > 0:
        return Crossing(verdict="value", requests=int(traffic.to_integral_value(ROUND_CEILING)))
    return Crossing(verdict="value", requests=int(traffic.to_integral_value(ROUND_FLOOR)), side="below")


def payback_months(candidate: Option, against: Option, *, requests: int) -> Decimal | None:
    """After how many months the candidate has saved what its start cost more; None when it never does.

    Args:
        candidate: The option in question.
        against: The other.
        requests: Requests a month.

    Raises:
        PriceUnknown: A price that it needs is missing.
    """
    start = context().subtract(candidate.fixed.once.expected, against.fixed.once.expected)
    saved = context().subtract(against.month(requests).expected, candidate.month(requests).expected)
    if start <= 0 <= saved:
        return Decimal(0)
    return context().divide(start, saved) if start > 0 and saved > 0 else None
