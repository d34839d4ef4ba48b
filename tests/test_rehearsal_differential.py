"""The two readings of AWS's data rules, the library's and the rehearsal's, over one generated corpus."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from nova_tune.checks import explain
from nova_tune.models import MODELS
from nova_tune.rehearsal._brains._records import check_records
from records import damaged, edited, spelled, valid_record

pytestmark = pytest.mark.extra

LINES = 4_000

WE_ALONE_REFUSE = {
    "media.source": "a bucketOwner of other than twelve digits",
    "schema.type": "a schemaVersion that is no text",
    "system.shape": "system as an empty list",
    "text.empty": "an empty text beside another block",
    "text.type": "a description that is no text",
    "tools.shape": "a tool's description or result in an unknown shape",
}
"""The library's rules that refuse more than the rehearsal's service, and what: AWS's documents show none of these."""


def corpus():
    """Lines that begin valid and are bent once or twice, with the model each is meant for."""
    for seed in range(LINES):
        random = Random(seed)
        model = random.choice(sorted(MODELS))
        record = valid_record(random, model)
        for _ in range(random.randint(0, 2)):
            record = edited(random, record) if isinstance(record, dict | list) else record
        line = spelled(random, record)
        line = damaged(random, line) if random.random() < 0.1 else line
        if b"\n" not in line and line.strip():
            yield MODELS[model], line


def test_the_two_readings_disagree_only_where_it_is_written_down():
    """The service refuses nothing that the library takes; where the library alone refuses, its rule is listed."""
    library_alone: Counter[str] = Counter()
    service_alone, agreed = [], Counter()
    for model, line in corpus():
        ours = {issue.rule for issue in explain(line, model=model) if issue.severity == "error"}
        theirs = bool(check_records([line], base_model_id=model.customizable_id.value).rejected)
        if theirs == bool(ours):
            agreed["refused" if theirs else "taken"] += 1
        elif theirs:
            service_alone.append(line)
        else:
            library_alone.update(ours)
    assert service_alone == []
    assert set(library_alone) <= set(WE_ALONE_REFUSE), library_alone
    assert min(agreed["refused"], agreed["taken"]) > LINES // 4
