"""The operations of tags on jobs, custom models and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal._errors import ServiceError, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nova_tune.rehearsal._account import Account

MAX_TAGS = 200
"""Tags of a resource: shape TagList of the service model (botocore 1.44.5, read 2026-11-21)."""


class Tags:
    """Tags of one account's resources; it lives as long as the rehearsal.

    Args:
        account: The state.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        return {"tags": [{"key": key, "value": value} for key, value in self._find(request).items()]}

    def add(self, request: dict[str, Any]) -> dict[str, Any]:
        """TagResource: an equal key gets the new value."""
        tags = self._find(request)
        added = {tag["key"]: tag["value"] for tag in request["tags"]}
        if len(tags | added) > MAX_TAGS:
            raise ServiceError("TooManyTagsException", f"{request['resourceARN']} would have over {MAX_TAGS} tags")
        tags.update(added)
        return {}

    def remove(self, request: dict[str, Any]) -> dict[str, Any]:
        """UntagResource: keys that are not there are passed over."""
        tags = self._find(request)
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    def _find(self, request: Mapping[str, Any]) -> dict[str, str]:
        arn = request["resourceARN"]
        if arn not in self._account.tags:
            raise not_found(f"Could not find the resource {arn}")
        return self._account.tags[arn]
