"""Images, videos and documents in a record: which model takes which, how many, and from where.

Source: the data preparation pages of the Nova and Nova 2 user guides and AWS's validators, read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from nova_tune.arns import s3_fault
from nova_tune.checks._rules import finding
from nova_tune.checks._shape import kind as kind_of_value
from nova_tune.checks._shape import unknown_keys
from nova_tune.models import MEDIA_COUNTS, MEDIA_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue
    from nova_tune.models import Model

MEDIA = tuple(MEDIA_COUNTS.value)

# Narrower than what Bedrock's requests take: the data preparation page names letters, digits and _ - / . alone.
_OBJECT = re.compile(r"s3://[^/]+(?:/[-_.a-zA-Z0-9]+)+")
_ACCOUNT = re.compile(r"[0-9]{12}")
_SPELLED = {"jpg": "jpeg", "matroska": "mkv", "quicktime": "mov"}


class MediaBlock(NamedTuple):
    """One image, video or document of a record: its place, its kind and what stands there."""

    path: str
    kind: str
    value: Any

    @property
    def format(self) -> str:
        """The format it is said to have; empty when it says none."""
        named = self.value.get("format") if isinstance(self.value, dict) else None
        return named if isinstance(named, str) else ""

    @property
    def uri(self) -> str | None:
        """Where it is, when it is an object in S3."""
        uri = _location(self.value).get("uri")
        return uri if isinstance(uri, str) and s3_fault(uri) is None and _OBJECT.fullmatch(uri) else None


def media_blocks(record: Any) -> Iterator[MediaBlock]:
    """Every image, video and document of a record.

    Args:
        record: The decoded record, right or wrong.
    """
    messages = record.get("messages") if isinstance(record, dict) else None
    for turn, message in enumerate(messages if isinstance(messages, list) else ()):
        content = message.get("content") if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else ()):
            if isinstance(block, dict):
                for kind in MEDIA:
                    if kind in block:
                        yield MediaBlock(f"/messages/{turn}/content/{index}/{kind}", kind, block[kind])


def media_issues(record: dict[str, Any], *, model: Model) -> Iterator[Issue]:
    """Every finding about the media of one record.

    Args:
        record: The decoded record.
        model: The model it is meant for.
    """
    counts: dict[str, int] = {}
    for path, kind, media in media_blocks(record):
        if kind not in model.media.value:
            takes = ", ".join(model.media.value) or "text alone"
            yield finding("media.model", path, f"{model.title} takes no {kind} in training data", f"it takes {takes}")
            continue
        counts[kind] = counts.get(kind, 0) + 1
        yield from _block(media, path, kind, model)
    for kind, count in counts.items():
        most = MEDIA_COUNTS.value[kind]
        if count > most:
            yield finding("media.count", "/messages", f"{count} {kind}s in one record; AWS takes {most}")
    if len(counts) > 1:
        yield finding(
            "media.mixed", "/messages", f"{' and '.join(counts)} in one record; AWS takes one kind a data set"
        )


def _block(media: Any, path: str, kind: str, model: Model) -> Iterator[Issue]:
    if not isinstance(media, dict):
        yield finding("media.shape", path, f"{kind} is an object with format and source")
        return
    yield from unknown_keys(media, ("format", "source", "name") if kind == "document" else ("format", "source"), path)
    yield from _format(media.get("format"), f"{path}/format", kind, model)
    source = media.get("source")
    if isinstance(source, dict) and "bytes" in source:
        yield finding("media.inline", f"{path}/source/bytes", f"the {kind} stands in the record itself",
                      "put it in the data set's bucket and name it by source.s3Location.uri")  # fmt: skip
        return
    location = _location(media)
    if isinstance(source, dict):
        yield from unknown_keys(source, ("s3Location",), f"{path}/source")
        yield from unknown_keys(location, ("uri", "bucketOwner"), f"{path}/source/s3Location")
    yield from _uri(location.get("uri"), f"{path}/source", kind)
    yield from _owner(location, f"{path}/source/s3Location")


def _format(named: Any, path: str, kind: str, model: Model) -> Iterator[Issue]:
    taken = MEDIA_FORMATS.value[kind]
    if named in model.formats_disputed.value and named in taken:
        yield finding("media.format-disputed", path, f"AWS's sources disagree on whether {model.title} takes {named}",
                      f"use {', '.join(name for name in taken if name != named)}")  # fmt: skip
    elif named not in taken:
        low = named.lower() if isinstance(named, str) else ""
        meant = _SPELLED.get(low, low)
        hint = f"write {meant!r}" if meant in taken else ""
        yield finding("media.format", path, f"the {kind} format is not one of {', '.join(taken)}", hint)


def _uri(uri: Any, path: str, kind: str) -> Iterator[Issue]:
    if not isinstance(uri, str):
        yield finding("media.source", path, f"the {kind} has no source.s3Location.uri")
    elif fault := s3_fault(uri):
        yield finding("media.source", f"{path}/s3Location/uri", fault.replace(repr(uri), "the media's URI"))
    elif not _OBJECT.fullmatch(uri):
        yield finding("media.source", f"{path}/s3Location/uri", "the URI is not that of an object whose key has "
                      "letters, digits and _ - / . alone", "rename the object")  # fmt: skip


def _owner(location: dict[str, Any], path: str) -> Iterator[Issue]:
    owner = location.get("bucketOwner")
    if owner is None:
        if location:
            yield finding("media.owner", path, "bucketOwner is missing", "AWS's tools disagree on whether it may be")
    elif not isinstance(owner, str) or not _ACCOUNT.fullmatch(owner):
        what = "is not an account's twelve digits" if isinstance(owner, str) else f"is {kind_of_value(owner)}"
        yield finding("media.source", f"{path}/bucketOwner", f"bucketOwner {what}",
                      "write the account's twelve digits as a JSON string")  # fmt: skip


def _location(media: Any) -> dict[str, Any]:
    source = media.get("source") if isinstance(media, dict) else None
    location = source.get("s3Location") if isinstance(source, dict) else None
    return location if isinstance(location, dict) else {}
