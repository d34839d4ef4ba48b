"""The service's reading of a training file: whether it refuses it, and what the records teach."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from nova_tune.rehearsal._brains._rules import MEDIA, MODELS, RULES, Content, Model, Rule, first_fault

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["RULES", "Exchange", "RecordCheck", "check_records"]


@attrs.frozen
class Exchange:
    """One thing to learn: what was asked and what to answer. Lives as long as the model it trained.

    Args:
        prompt: The system texts and the texts of every user turn, in this order, joined with blank lines.
        answer: The text of the last assistant turn; empty where that turn only uses a tool.
    """

    prompt: str
    answer: str


@attrs.frozen
class RecordCheck:
    """What the service found in one file.

    Args:
        problem: The first fault with its line number and rule, else that of the file as a whole, else None. A file
            with a problem is refused.
        records: What the accepted records teach, in the order of the file.
        accepted: Records without a fault.
        rejected: Records with one.
    """

    problem: str | None
    records: tuple[Exchange, ...]
    accepted: int
    rejected: int


class _Unreadable(Exception):
    """A line that cannot be decoded: the id of the rule it breaks and how."""

    def __init__(self, rule: str, fault: str) -> None:
        super().__init__(rule, fault)
        self.rule, self.fault = RULES[rule], fault


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable("keys.duplicate", "a key stands twice in one object")
    return found


def _no_number(name: str) -> Any:
    raise _Unreadable("json.syntax", f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_number)


def _decode(line: bytes) -> Any:
    """The JSON value of a line.

    Raises:
        _Unreadable: It is not UTF-8, not JSON, or names a key twice.
    """
    if line.startswith(b"\xef\xbb\xbf"):
        raise _Unreadable("json.encoding", "it begins with a byte order mark")
    try:
        value = _DECODER.decode(line.decode())
        if b"\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
    except UnicodeDecodeError as error:
        raise _Unreadable("json.encoding", f"byte {error.start + 1} is not UTF-8") from None
    except UnicodeEncodeError:
        raise _Unreadable("json.encoding", "it holds half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise _Unreadable("json.syntax", f"{error.msg}, column {error.colno}") from None
    except (RecursionError, ValueError):
        raise _Unreadable("json.syntax", "it is nested too deeply or holds an endless number") from None
    return value


def _exchange(content: Content) -> Exchange:
    asked = [block.value for block in content.of("system", "text") if block.role != "assistant"]
    said = [block for block in content.of("text") if block.role == "assistant"]
    return Exchange("\n\n".join(asked), "\n\n".join(block.value for block in said if block.turn == content.last))


def _model(base_model_id: str) -> Model:
    for model in MODELS:
        if model.name in base_model_id:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise ValueError(f"{base_model_id} is not a model that can be customised; give the id or ARN of {known}")


def _file_fault(
    model: Model, count: int, kinds: set[str], *, validation: bool, other_records: int
) -> tuple[Rule, str] | None:
    """The rule that the file as a whole breaks, and how."""
    fewest = 1 if validation else model.fewest
    if validation and not model.validation:
        return RULES["records.validation"], f"a validation file was given for {model.name}"
    if count < fewest:
        return RULES["records.fewest"], f"it holds {count:,} records and needs {fewest:,}"
    if count + other_records > model.most:
        return RULES["records.most"], f"there are {count + other_records:,} records together"
    if len(kinds) > 1:
        return RULES["records.media"], f"it mixes {' and '.join(sorted(kinds))}"
    return None


def check_records(
    lines: Iterable[bytes], *, base_model_id: str, validation: bool = False, other_records: int = 0
) -> RecordCheck:
    r"""Reads a training or validation file as the service does: about 40 microseconds a short record.

    Blank lines are passed over, as AWS's current validator does.

    Args:
        lines: The lines of the file, with or without their line ends.
        base_model_id: The id or ARN of the base model, for example ``amazon.nova-micro-v1:0:128k``.
        validation: Whether it is the validation file.
        other_records: Records of the job's other file; the limit of 20,000 holds for both together.

    Returns:
        The first fault if there is one, and what the accepted records teach.

    Raises:
        ValueError: The base model is none that can be customised.

    Example:
        >>> check_records([b"{}"], base_model_id="amazon.nova-micro-v1:0:128k").problem
        'line 1: messages is missing or not a list (messages.list: messages is a list of objects)'
    """
    model = _model(base_model_id)
    problem = ""
    records: list[Exchange] = []
    rejected = 0
    kinds: set[str] = set()
    for number, line in enumerate(lines, start=1):
        stripped = line.strip(b" \t\r\n")
        if not stripped:
            continue
        try:
            outcome = first_fault(_decode(stripped), model)
        except _Unreadable as error:
            outcome = error.rule, error.fault
        if isinstance(outcome, Content):
            records.append(_exchange(outcome))
            kinds.update(MEDIA.keys() & outcome.keys())
        else:
            rejected += 1
            rule, fault = outcome
            problem = problem or f"line {number}: {fault} ({rule.id}: {rule.statement})"
    accepted = len(records)
    file_fault = _file_fault(model, accepted + rejected, kinds, validation=validation, other_records=other_records)
    if file_fault and not problem:
        rule, fault = file_fault
        problem = f"{fault} ({rule.id}: {rule.statement})"
    return RecordCheck(problem or None, tuple(records), accepted, rejected)
