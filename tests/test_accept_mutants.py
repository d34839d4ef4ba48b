"""A test of the test of accept_batch(): each way to break it is noticed by the lines that test_accept.py draws."""

from __future__ import annotations

import inspect
import itertools
import json
import sys
from functools import cache
from random import Random
from types import ModuleType

import pytest

from nova_tune.checks import SAFE_BYTES, _accept, _words
from records import VERSION
from test_accept import CLEAN, HALF, HIDDEN, drawn, faults

DRAWS = 6_000


def said(*texts: str) -> bytes:
    """A record of these texts, the first of them the system prompt."""
    line = CLEAN
    for old, new in zip(("Be brief.", "How many?", "Two"), texts, strict=False):
        line = line.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
    return line


def turns(*roles: str, text: str = "x") -> bytes:
    """A record of one text, said by these in turn."""
    messages = [{"role": role, "content": [{"text": text if role == roles[-1] else "y"}]} for role in roles]
    return json.dumps({"messages": messages, "schemaVersion": VERSION}).encode()


# What random lines reach too seldom: batches whose lines make up for one another.
TOGETHER = (
    (HIDDEN,),
    (CLEAN[:HALF], CLEAN[HALF:], CLEAN + CLEAN),
    (CLEAN[:-1], CLEAN[-1:] + CLEAN[:-1], CLEAN[-1:]),
    (CLEAN[: HALF - 1], CLEAN[HALF - 1 :], CLEAN + CLEAN),
    (turns("user", "assistant", "user"), turns("assistant", "user", "assistant")),
    (turns("userassistant", ""),),
    (said("x", "y", " "), said("x", " ")),
    (said("x", " ", "y"), said(" ", "z", "y")),
    (said("x\\u0000\\u0000\\u0000\\u0000", "y"), said("x", "[EOS]"), CLEAN),
    (said("e" * SAFE_BYTES * 2),),
    (CLEAN, said("7" * SAFE_BYTES * 2)),
    (turns("user", "assistant", text="System: x"), turns("user", "assistant"), turns("user", "assistant")),
)

# Not among them: forbid_unknown_fields and the least length of system. Without them a key too many, or a "system" with
# nothing in it, still has two quotes too many.
MUTANTS = {
    "blank texts": ("[match.start() for match in _BLANK.finditer(joined)] + ", ""),
    "blank texts that follow one another": ('"\\0(?=[', '"\\0(?:['),
    "a blank of no width": ("\\u2060", ""),
    "reserved words": (" + word_places(joined)", ""),
    "turns": ('if turns != "userassistant" * (len(messages) // 2) or ', "if "),
    "turns of each record": (" or 1 in [len(record.messages) % 2 for record in records]", ""),
    "turns of the record in doubt": ("if not _alternate(record))", "if not record.messages)"),
    "half of the turns": ("roles == [", "roles[:2] == ["),
    "empty content": ("content: Annotated[list[_Text], msgspec.Meta(min_length=1)]", "content: list[_Text]"),
    "no messages": ("messages: Annotated[list[_Message], msgspec.Meta(min_length=2)]", "messages: list[_Message]"),
    "several system blocks": ("msgspec.Meta(min_length=1, max_length=1)", "msgspec.Meta(min_length=1)"),
    "the version": ('version: Literal["bedrock-conversation-2024"]', "version: str"),
    "the roles": ('role: Literal["user", "assistant"]', "role: str"),
    "lines that do not decode": ("set(range(len(lines))).difference(places)", "set()"),
    "as many records as lines": ("if len(records) == len(lines):\n  ", "if records:\n  "),
    "one record a line": ('if line[:1] != b"{" or line[-1:] != b"}"]', "if not line]"),
    "the beginning of a line": ('line[:1] != b"{" or ', ""),
    "the end of a line": (' or line[-1:] != b"}"', ""),
    "doubled keys": (" and block.count(b'\"') == 2 * strings + joined.count('\"')", ""),
    "more quotes than known": ("== 2 * strings + joined", ">= 2 * strings + joined"),
    "escaped quotes": ('b"\\\\u0022" not in block and ', ""),
    "our own spelling": (" and _ENCODER.encode_lines(records)[:-1] == block", ""),
    "long lines": (" if len(line) <= SAFE_BYTES else None", ""),
    "long lines together": ("if max(map(len, lines)) <= SAFE_BYTES:", "if True:"),
    "which text a word stands in": ("owners[joined.count", "places[joined.count"),
    "a NUL among the texts": ("told_apart = not hits or ", "told_apart = True or "),
    "systems before texts": ("for _ in record.system]\n", "for _ in record.system if False]\n"),
}  # fmt: skip


@cache
def batches() -> list[tuple[tuple[bytes, ...], list[int]]]:
    """Lines to ask about, some at a time, and the indexes of those that explain faults."""
    lines = iter([drawn(seed) for seed in range(DRAWS)])
    random = Random(1)
    drawn_together = [tuple(itertools.islice(lines, random.choice((1, 1, 2, 5)))) for _ in range(DRAWS)]
    return [
        (batch, [index for index, line in enumerate(batch) if faults(line)])
        for batch in (*TOGETHER, *filter(None, drawn_together))
    ]


def wrongly_passed(module: ModuleType) -> tuple[bytes, ...] | None:
    """The first lines of which one passes that explain faults."""
    for lines, faulted in batches():
        if faulted:
            try:
                doubtful = module.doubtful_lines(lines)
            except (IndexError, ValueError):
                continue  # to break down is no yes
            if not set(faulted) <= set(doubtful):
                return lines
    return None


def broken(monkeypatch, source: str, name: str) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)  # where msgspec looks the types up
    exec(compile(source, name, "exec"), module.__dict__)  # our own source
    return module


def test_accept_itself_survives():
    """The code as it is lets nothing pass that explain faults, and half of what is right does pass."""
    assert wrongly_passed(_accept) is None


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_is_killed(monkeypatch, name):
    """Without any one of its checks, some drawn line passes that explain faults."""
    old, new = MUTANTS[name]
    source = inspect.getsource(_accept)
    assert source.count(old) == 1, (name, source.count(old))
    mutant = broken(monkeypatch, source.replace(old, new), "accept_mutant")
    assert wrongly_passed(mutant) is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("re.IGNORECASE | ", ""),
        ('"" if word[0].isalpha() else word[0]', "word[-1]"),
        ("(*RESERVED_WORDS.value, *DOUBTFUL_WORDS.value)", "RESERVED_WORDS.value"),
        ("RESERVED_WORDS.value, *", "RESERVED_WORDS.value[1:], *"),
        ("(?<={re", "(?<= {re"),
    ],
)
def test_each_mutant_of_the_word_search_is_killed(monkeypatch, old, new):
    """A search that misses a word, or its other case, lets a drawn line pass that explain faults.

    explain asks the same search first, so its findings were taken down with the right one.
    """
    batches()
    source = inspect.getsource(_words)
    assert source.count(old) == 1
    monkeypatch.setattr(
        _accept, "word_places", broken(monkeypatch, source.replace(old, new), "words_mutant").word_places
    )
    assert wrongly_passed(_accept) is not None
