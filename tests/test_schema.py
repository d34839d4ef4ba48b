"""The shipped JSON Schema: it is valid itself, and a second witness for every structural finding."""

from __future__ import annotations

import json
from importlib.resources import files
from random import Random

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_tune import Conversation
from nova_tune.checks import STRUCTURAL, explain
from nova_tune.models import MODELS
from records import edited, media, text_record, valid_record

SEEDS = st.integers(0, 2**63)
NOVA_2 = MODELS["nova-2-lite"]  # takes all kinds of blocks, so that explain looks into them as the schema does


def structural(value: object) -> set[str]:
    """The structural rules that explain says are broken."""
    issues = explain(json.dumps(value).encode(), model=NOVA_2)
    return {issue.rule for issue in issues if issue.severity == "error"} & STRUCTURAL


def test_the_schema_is_a_valid_schema():
    """The file is Draft 2020-12 and valid by that draft's own schema."""
    source = files("nova_tune") / "schema" / "bedrock-conversation-2024.schema.json"
    schema = json.loads(source.read_text(encoding="utf-8"))
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(schema)


@settings(max_examples=600)
@given(SEEDS)
def test_schema_and_rules_agree_on_every_structural_verdict(seed):
    """A record has a fault by the schema exactly when explain finds an error of a structural rule in it."""
    random = Random(seed)
    record = valid_record(random, "nova-2-lite")
    for _ in range(random.randint(0, 2)):
        record = edited(random, record)
        if not isinstance(record, dict | list):
            break
    faults = Conversation(record).validate_schema()
    assert bool(faults) == bool(structural(record)), (record, faults)


@given(st.text(alphabet=st.characters(categories=["Zs", "Zl", "Zp", "Cc", "Cf", "Ll"]), max_size=4))
def test_schema_and_rules_agree_on_which_texts_show_nothing(text):
    """White space and characters of no width, alone or mixed, are empty for the schema and for explain alike."""
    record = text_record("How many?", text)
    assert bool(Conversation(record).validate_schema()) == bool(structural(record))


@given(st.from_regex(r"s3:/{1,3}[a-zA-Z0-9.-]{1,64}(/[a-z A-Z0-9!_*'()é-]{0,8}){0,4}\n?", fullmatch=True))
def test_schema_and_rules_agree_on_media_uris(uri):
    """A media URI is refused by the schema exactly when it is refused by the rules."""
    record = text_record()
    record["messages"][0]["content"].append(media("image", "png", uri))
    assert bool(Conversation(record).validate_schema()) == bool(structural(record))


def test_structural_faults_are_all_told_with_their_place():
    """validate_schema() lists a sentence for each fault, with its place, and repeats nothing of the record."""
    record = text_record()
    record["system"] = "Be brief. " * 20
    record["messages"][1] = {"content": [{"text": 5}]}
    faults = Conversation(record).validate_schema()
    assert [fault.partition(":")[0] for fault in faults] == ["/messages/1", "/messages/1/content/0/text", "/system"]
    assert not any("Be brief" in fault for fault in faults)
    assert Conversation(text_record()).validate_schema() == []
