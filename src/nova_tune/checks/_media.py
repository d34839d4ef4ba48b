"""Images, videos and documents in a record: which model takes which, and how many.

Source: the data preparation pages of the Nova and Nova 2 user guides and AWS's validators, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.arns import s3_fault
from nova_tune.checks._report import Issue
from nova_tune.models import Fact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.models import Model

_PAGE = "https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html"
FORMATS: Fact[dict[str, tuple[str, ...]]] = Fact(
    {"image": ("png", "jpeg", "gif", "webp"), "video": ("mov", "mkv", "mp4", "webm"), "document": ("pdf",)}, _PAGE
)
COUNTS: Fact[dict[str, int]] = Fact({"image": 10, "video": 1, "document": 1}, _PAGE)


def media_issues(record: dict[str, Any], *, model: Model) -> Iterator[Issue]:
    """Every finding about the media of one record.

    Args:
        record: The decoded record.
        model: The model it is meant for.
    """
    counts: dict[str, int] = {}
    for path, kind, media in _media(record):
        if kind not in model.media.value:
            takes = ", ".join(model.media.value) or "text alone"
            yield _error("media.model", path, f"{model.title} takes no {kind} in training data", f"it takes {takes}")
            continue
        counts[kind] = counts.get(kind, 0) + 1
        yield from _block(media, path, kind)
    for kind, count in counts.items():
        if count > COUNTS.value[kind]:
            yield _error("media.count", "/messages", f"{count} {kind}s in one record; AWS takes {COUNTS.value[kind]}")
    if len(counts) > 1:
        yield _error("media.mixed", "/messages", f"{' and '.join(counts)} in one record; AWS takes one kind a data set")


def _media(record: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    messages = record.get("messages")
    for turn, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                for kind in COUNTS.value:
                    if kind in block:
                        yield f"/messages/{turn}/content/{index}/{kind}", kind, block[kind]


def _block(media: Any, path: str, kind: str) -> Iterator[Issue]:
    if not isinstance(media, dict):
        yield _error("media.shape", path, f"{kind} is an object with format and source")
        return
    taken = FORMATS.value[kind]
    if media.get("format") not in taken:
        yield _error("media.format", f"{path}/format", f"the {kind} format is not one of {', '.join(taken)}")
    source = media.get("source")
    if isinstance(source, dict) and "bytes" in source:
        yield _error("media.inline", f"{path}/source/bytes", f"the {kind} stands in the record itself",
                     "put it in the data set's bucket and name it by source.s3Location.uri")  # fmt: skip
        return
    location = source.get("s3Location") if isinstance(source, dict) else None
    uri = location.get("uri") if isinstance(location, dict) else None
    if not isinstance(uri, str):
        yield _error("media.source", f"{path}/source", f"the {kind} has no source.s3Location.uri")
    elif fault := s3_fault(uri):
        yield _error("media.source", f"{path}/source/s3Location/uri", fault.replace(repr(uri), "the media's URI"))
    elif isinstance(location, dict) and not isinstance(location.get("bucketOwner"), str | None):
        yield _error("media.source", f"{path}/source/s3Location/bucketOwner", "bucketOwner is not a text",
                     "write the account's twelve digits as a JSON string")  # fmt: skip


def _error(rule: str, path: str, message: str, hint: str = "") -> Issue:
    return Issue(rule=rule, severity="error", message=message, path=path, hint=hint)
