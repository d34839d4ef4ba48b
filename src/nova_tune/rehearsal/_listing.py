"""Filtering, sorting and pages, the same for every List operation."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nova_tune.rehearsal._errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

DEFAULT_PAGE = 100
"""Rows of a page when the caller names none (assumed)."""


class Row(Protocol):
    """What a List operation sorts and filters by."""

    @property
    def name(self) -> str: ...
    @property
    def created(self) -> datetime: ...
    @property
    def sequence(self) -> int: ...


R = TypeVar("R", bound=Row)


def page(
    rows: Iterable[R],
    request: Mapping[str, Any],
    *,
    after: str,
    before: str,
    by: Callable[[R], str] | None = None,
) -> tuple[list[R], dict[str, str]]:
    """One page of `rows` and ``{"nextToken": ...}`` when there are more, else an empty dict.

    Newest first unless ``sortOrder`` is Ascending (assumed). A token names the last row seen, so rows that
    come or go between two pages neither hide nor repeat another.

    Args:
        rows: The rows that passed the operation's own filters.
        request: The request: nameContains, sortOrder, maxResults, nextToken, and the two dates.
        after: The name of the member that holds the earliest creation time.
        before: The name of the member that holds the latest creation time.
        by: What to sort by instead of the creation time.

    Raises:
        ServiceError: ValidationException for a token that no page gave.
    """
    kept = [row for row in rows if request.get("nameContains", "") in row.name]
    if after in request:
        kept = [row for row in kept if row.created > request[after]]
    if before in request:
        kept = [row for row in kept if row.created < request[before]]

    def key(row: R) -> list[Any]:
        return [row.created.timestamp() if by is None else by(row), row.sequence]

    newest_first = request.get("sortOrder") != "Ascending"
    kept.sort(key=key, reverse=newest_first)
    if "nextToken" in request:
        last = _decode(request["nextToken"], str if by is not None else float)
        kept = [row for row in kept if (key(row) < last if newest_first else key(row) > last)]
    size = request.get("maxResults", DEFAULT_PAGE)
    rest = {"nextToken": _encode(key(kept[size - 1]))} if len(kept) > size else {}
    return kept[:size], rest


def _encode(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(token: str, kind: type) -> list[Any]:
    try:
        value, sequence = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise invalid("The provided nextToken is not valid") from None
    if not isinstance(value, kind) or not isinstance(sequence, int):
        raise invalid("The provided nextToken is not valid")
    return [value, sequence]
