"""The rules of a whole file: its kind and its name, how many records, one kind of media from one bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_tune import Dataset
from nova_tune.checks import MediaUse, count_issues, name_issues, wrong_format
from nova_tune.models import MODELS
from records import media, text_record

MICRO, LITE, PRO, NOVA_2 = (MODELS[name] for name in ("nova-micro", "nova-lite", "nova-pro", "nova-2-lite"))

OTHER = [
    ("openai-chat", {"messages": [{"role": "user", "content": "x"}]}, "--from openai-chat"),
    ("claude", {"system": "x", "messages": [{"role": "user", "content": "x"}]}, "--from claude"),
    ("alpaca", {"instruction": "x", "input": "", "output": "y"}, "--from alpaca"),
    ("sharegpt", {"conversations": [{"from": "human", "value": "x"}]}, "--from sharegpt"),
    ("prompt-completion", {"prompt": "x", "completion": "y"}, "--from prompt-completion"),
    ("text-to-sql", {"question": "x", "context": "CREATE TABLE t (a INT)", "answer": "SELECT a FROM t"},
     "--from text-to-sql"),
    ("evaluation", {"prompt": "x", "referenceResponse": "y"}, "Evaluator"),
    ("dpo", {"prompt": "x", "chosen": "y", "rejected": "z"}, "preferred"),
    ("rft", {"messages": [{"role": "user", "content": "x"}], "reference_answer": "y"}, "answer"),
    ("spider", {"question": "x", "query": "SELECT 1", "db_id": "d"}, "CREATE TABLE"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "hint"), [case[1:] for case in OTHER], ids=[case[0] for case in OTHER])
def test_another_kind_of_file_is_one_finding(record, hint, tmp_path):
    """A file of another kind, of however many lines, is one error that names the kind and the next move."""
    file = tmp_path / "data.jsonl"
    file.write_text("\n" + f"{json.dumps(record)}\n" * 30)
    for data in (Dataset.from_jsonl(file), Dataset.from_records([record] * 30)):
        report = data.validate(model="nova-micro")
        assert report.counts_by_rule == {"format.other": 1}
        assert report.records == 30
        assert hint in report.issues[0].hint


def test_a_list_of_training_records_is_not_yet_a_training_file():
    """Training records in a JSON list are told to be converted, not explained one by one."""
    issue = wrong_format([text_record()], table=True)
    assert issue is not None
    assert (issue.rule, issue.hint) == ("format.other", "nova-tune convert IN OUT --from conversation")


@pytest.mark.parametrize(
    "first",
    [[], [b"{", b"[]"], [json.dumps(text_record()).encode(), b'{"prompt": "x", "completion": "y"}'], [b'{"a": 1}']],
    ids=["nothing", "unreadable", "a training record among them", "of no kind"],
)
def test_what_may_be_training_records_is_explained_line_by_line(first):
    """A file is of another kind only when all of its first records say so."""
    assert wrong_format(first) is None


def test_the_other_kind_can_be_ignored(tmp_path):
    """With format.other ignored, each line is explained as ever."""
    file = tmp_path / "data.jsonl"
    file.write_text('{"prompt": "x", "completion": "y"}\n' * 8)
    report = Dataset.from_jsonl(file).validate(model="nova-micro", ignore=["format.other"])
    assert report.counts_by_rule["keys.required"] == 8


@pytest.mark.parametrize("name", ["train.jsonl", "a/B_c-d.1.jsonl"])
def test_a_good_name_is_no_finding(name):
    """Letters, digits and _ - / . make a name that Bedrock reads."""
    assert list(name_issues(name)) == []


@pytest.mark.parametrize("name", ["train.json", "train.jsonl.gz", "my train.jsonl", "größe.jsonl"])
def test_a_name_that_bedrock_does_not_read_is_a_warning(name):
    """Another ending and other characters are one warning."""
    (issue,) = name_issues(name)
    assert (issue.rule, issue.severity) == ("file.name", "warning")


COUNTS = [
    (MICRO, "bedrock", 7, None, ["records.few"]),
    (MICRO, "bedrock", 8, None, []),
    (MICRO, "bedrock", 20_000, None, []),
    (MICRO, "bedrock", 19_000, 1_001, ["records.many"]),
    (PRO, "bedrock", 10_000, None, []),
    (PRO, "bedrock", 9_999, 2, ["records.narrow"]),
    (PRO, "bedrock", 20_001, None, ["records.many"]),
    (NOVA_2, "bedrock", 199, None, ["records.few"]),
    (NOVA_2, "bedrock", 200, 1, ["records.validation"]),
    (NOVA_2, "sagemaker", 200, None, ["model.platform"]),
    (MICRO, "sagemaker", 100_000, 50_000, []),
    (MICRO, "sagemaker", 100_001, None, ["records.sagemaker"]),
    (PRO, "sagemaker", 40_001, None, ["records.sagemaker"]),
    (LITE, "sagemaker", 200_000, None, []),
    (MICRO, "sagemaker", 1, None, []),
    (MICRO, "sagemaker", 0, None, ["records.none"]),
]


@pytest.mark.parametrize(("model", "platform", "train", "validation", "rules"), COUNTS)
def test_each_platform_takes_so_many_records(model, platform, train, validation, rules):
    """Record counts are held against the model's limits on the platform, training and validation data together."""
    assert [issue.rule for issue in count_issues(model, platform, train=train, validation=validation)] == rules


def seen(*records: dict[str, Any]) -> MediaUse:
    use = MediaUse()
    for number, record in enumerate(records, 1):
        use.see(json.dumps(record).encode(), at=number, record=number)
    return use


def with_media(*blocks: dict[str, Any]) -> dict[str, Any]:
    record = text_record()
    record["messages"][0]["content"].extend(blocks)
    return record


IMAGE, VIDEO = with_media(media("image", "png")), with_media(media("video", "mp4"))
ELSEWHERE = with_media(media("image", "png", "s3://elsewhere/1.png"))


def test_a_data_set_has_one_kind_of_media():
    """Images in one record and a video in another are one error at the first video, not at each."""
    (issue,) = seen(text_record(), IMAGE, VIDEO, IMAGE, VIDEO).issues(model=LITE)
    assert (issue.rule, issue.severity, issue.line, issue.record) == ("media.mixed-data", "error", 3, 3)
    assert "before it image data" in issue.message


def test_media_are_in_one_bucket_and_it_is_the_data_sets():
    """Media of two buckets are one error; where the data set's own bucket is known, all of another one are."""
    (issue,) = seen(IMAGE, ELSEWHERE, ELSEWHERE).issues(model=LITE)
    assert (issue.rule, issue.line) == ("media.bucket", 2)
    (issue,) = seen(IMAGE, IMAGE).issues(model=LITE, bucket="elsewhere")
    assert (issue.rule, issue.line) == ("media.bucket", 1)
    assert list(seen(IMAGE).issues(model=LITE, bucket="bucket")) == []


def test_media_that_are_found_record_by_record_are_not_told_twice():
    """What a model does not take, and a record that mixes by itself, have findings of their own."""
    assert list(seen(IMAGE, VIDEO, ELSEWHERE).issues(model=MICRO)) == []
    mixed = with_media(media("image", "png"), media("video", "mp4"))
    assert list(seen(mixed, IMAGE).issues(model=LITE)) == []


def test_the_rules_of_the_file_reach_the_report(tmp_path):
    """validate() finds kinds and buckets over training and validation data together."""
    train, held_out = tmp_path / "train.jsonl", tmp_path / "validation.jsonl"
    train.write_text(f"{json.dumps(IMAGE)}\n" * 8)
    held_out.write_text(f"{json.dumps(VIDEO)}\n")
    report = Dataset.from_jsonl(train).validate(model="nova-lite", validation=Dataset.from_jsonl(held_out))
    assert report.counts_by_rule == {"media.mixed-data": 1}
    assert report.issues[0].message.startswith("validation data: here is video")


def test_a_file_that_is_named_otherwise_is_told(tmp_path):
    """validate() looks at the name of a training file, not at that of a file the records were made from."""
    file = tmp_path / "my train.jsonl"
    file.write_text(f"{json.dumps(text_record())}\n" * 8)
    assert Dataset.from_jsonl(file).validate(model="nova-micro").counts_by_rule == {"file.name": 1}
    assert Dataset.from_jsonl(file).sample(8).validate(model="nova-micro").counts_by_rule == {}
