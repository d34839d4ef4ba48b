"""check_media(): what the objects in S3 are, looked at once each, and a network fault that is no fault of the data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_tune import Dataset, Template, errors
from nova_tune.media import check_media, formats_of
from nova_tune.models import MEDIA_FORMATS
from records import media, text_record

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
HEADS = {
    "png": PNG,
    "jpeg": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "gif": b"GIF87a" + b"\0" * 40,
    "webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "mov": b"\0\0\0\x14ftypqt  \0\0\0\0",
    "mkv": b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x23\x42\x82\x88matroska",
    "mp4": b"\0\0\0\x20ftypisom\0\0\x02\0",
    "webm": b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm",
    "pdf": b"\n\n%PDF-1.7\n",
}


def naming(*blocks: dict[str, Any], times: int = 1) -> Dataset:
    """Records that each hold one of these blocks."""
    records = []
    for block in blocks * times:
        record = text_record()
        record["messages"][0]["content"].append(block)
        records.append(record)
    return written(*map(json.dumps, records))


def written(*lines: str) -> Dataset:
    class Lines:
        kind, template = "lines", None

        def line(self, row: dict[str, Any]) -> bytes:
            return row["line"].encode()

    return Dataset.from_records([{"line": line} for line in lines]).convert(Lines())


@pytest.fixture
def bucket(rehearsal, session):
    """Puts an object into the rehearsal's S3 and gives its URI."""
    s3 = session.client("s3")

    def put(name: str, body: bytes) -> str:
        s3.put_object(Bucket=rehearsal.bucket, Key=f"media/{name}", Body=body)
        return f"s3://{rehearsal.bucket}/media/{name}"

    return put


def test_there_are_bytes_for_every_format():
    """Each format that AWS takes is told by its first bytes, and nothing else is."""
    assert set(HEADS) == {name for names in MEDIA_FORMATS.value.values() for name in names}
    for name, head in HEADS.items():
        assert name in formats_of(head)
    assert formats_of(b"BM" + b"\0" * 100) == formats_of(b"") == formats_of(b"plain text") == ()
    assert formats_of(b"\0\0\0\x08wide") == ("mov",)


@pytest.mark.parametrize(("kind", "fmt"), [(kind, fmt) for kind, names in MEDIA_FORMATS.value.items() for fmt in names])
def test_an_object_of_its_format_is_no_finding(kind, fmt, bucket, session):
    """An object that is what the record says has no finding."""
    report = check_media(naming(media(kind, fmt, bucket(f"good.{fmt}", HEADS[fmt]))), session=session)
    assert (report.ok, report.issues, report.records) == (True, (), 1)


def test_each_fault_has_its_rule_and_the_place_in_the_record(bucket, session):
    """Missing, too large, empty, of another format, of none: each is one error at the block that names the object."""
    here = bucket("1.png", PNG)
    report = check_media(
        naming(
            media("image", "png", here),
            media("image", "png", f"{here}.not-there"),
            media("image", "png", bucket("large.png", PNG.ljust((10 << 20) + 1, b"\0"))),
            media("image", "png", bucket("empty.png", b"")),
            media("image", "jpeg", here),
            media("video", "mp4", bucket("text.mp4", b"not a video")),
        ),
        session=session,
        workers=3,
    )
    assert [(issue.rule, issue.severity, issue.record) for issue in report.issues] == [
        ("media.missing", "error", 2),
        ("media.size", "error", 3),
        ("media.size", "error", 4),
        ("media.bytes", "error", 5),
        ("media.bytes", "error", 6),
    ]
    assert {issue.path.rpartition("/")[0] for issue in report.issues} == {"/messages/0/content/1"}
    assert "those of png" in report.issues[3].message
    assert report.issues[3].hint == "write 'png'"


def test_an_object_is_looked_at_once_however_often_it_is_named(scripted):
    """Forty records that name one object cost one HEAD and one GET, and have one finding with their number."""
    s3 = scripted("s3", head_object=[{"ContentLength": 9}], get_object=[{"Body": Body(b"plain text")}])
    report = check_media(naming(media("image", "png"), times=40), client=s3)
    assert [name for name, _ in s3.asked] == ["head_object", "get_object"]
    assert s3.asked[1][1]["Range"] == "bytes=0-1023"
    assert report.counts_by_rule == {"media.bytes": 1}
    assert "named 40 times" in report.issues[0].message


class Body:
    """A body as botocore gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        return self._data[:size]

    def close(self) -> None:
        self._data = b""


def test_what_the_network_does_is_no_fault_of_the_data(raw_server):
    """An object that could not be looked at is a warning that it was not checked, and the data stay as they were."""
    busy = raw_server(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
    gone = raw_server(b"", end="rst")
    denied = raw_server(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    for server in (busy, gone, denied):
        report = check_media(naming(media("image", "png")), client=server.client("s3"))
        assert report.ok
        assert report.counts_by_rule == {"media.unreachable": 1}
        assert "not checked" in report.issues[0].message


def test_without_a_region_it_cannot_run_and_says_so():
    """Missing settings are an error of the caller's, not a finding."""
    with pytest.raises(errors.ConfigurationError, match="AWS_REGION"):
        check_media(naming(media("image", "png")))


def test_records_without_media_cost_no_request(scripted):
    """Texts, broken lines, refused rows and media that are no S3 objects are never asked for."""
    s3 = scripted("s3")
    inline = {"image": {"format": "png", "source": {"bytes": "aGk="}}}
    lines = [json.dumps(text_record()), "{", "[]", json.dumps({"messages": [{"content": [inline]}]})]
    assert check_media(written(*lines), client=s3).ok
    refused = Dataset.from_records([{"a": "b"}]).convert(Template(system="", user="{c}", assistant="{a}"))
    assert check_media(refused, client=s3).records == 0
    assert s3.asked == []


def test_a_rule_can_be_ignored(scripted):
    """An ignored rule leaves no trace here either."""
    s3 = scripted("s3", head_object=[{"ContentLength": 0}])
    assert check_media(naming(media("image", "png")), client=s3, ignore=["media.size"]).issues == ()


def test_the_findings_join_those_of_the_records(scripted):
    """joined() makes one report of both, with all counts."""
    s3 = scripted("s3", head_object=[{"ContentLength": 0}])
    data = naming(media("image", "png"))
    report = data.validate(model="nova-lite").joined(check_media(data, client=s3))
    assert report.counts_by_rule == {"media.size": 1, "records.few": 1}
    assert (report.errors, report.records, report.model) == (2, 1, "nova-lite")


def test_a_file_in_s3_is_held_against_its_own_bucket_and_key(rehearsal, session):
    """Media in another bucket than a training file in S3, and a key that Bedrock does not read, are found."""
    s3 = session.client("s3")
    record = text_record()
    record["messages"][0]["content"].append(media("image", "png", "s3://elsewhere/1.png"))
    for name in ("train.jsonl", "my train.jsonl"):
        s3.put_object(Bucket=rehearsal.bucket, Key=f"media/{name}", Body=f"{json.dumps(record)}\n".encode() * 8)
    rules = [
        Dataset.from_jsonl(f"s3://{rehearsal.bucket}/media/{name}", session=session)
        .validate(model="nova-lite")
        .counts_by_rule
        for name in ("train.jsonl", "my train.jsonl")
    ]
    assert rules == [{"media.bucket": 1}, {"media.bucket": 1, "file.name": 1}]
