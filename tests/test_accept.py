"""accept_batch() and doubtful_lines(): nothing they let pass is faulted by explain, and clean records do pass."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_tune.checks import SAFE_BYTES, accept_batch, doubtful_lines, explain
from nova_tune.checks._words import word_places, word_searches
from nova_tune.models import DOUBTFUL_WORDS, MODELS, RESERVED_WORDS
from records import TEXTS, VERSION, damaged, edited, shuffled, spelled, text_record, valid_record

SEEDS = st.integers(0, 2**63)
WORDS = (*RESERVED_WORDS.value, *DOUBTFUL_WORDS.value)
BLANKS = (
    "\t\n\u000b\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u00ad\u1680\u2000\u200a\u200b\u200f\u2028\u2029\u202f"
    "\u205f\u2060\u3000\ufeff"
)


def escaped(random: Random, line: bytes) -> bytes:
    """The same JSON with some of the characters of its strings escaped, quotes and those of keys too."""
    text = line.decode()

    def escape(match: re.Match[str]) -> str:
        return f"\\u{ord(match[0]):04x}" if random.random() < share else match[0]

    share = random.choice((0.02, 0.3, 1.0))
    whole = random.random() < 0.3

    def inside(match: re.Match[str]) -> str:
        body = re.sub(r"(?<!\\)[A-Za-z:<\[]", escape, match[1]) if random.random() < 0.5 else match[1]
        return '"' + (body.replace('\\"', "\\u0022") if whole else body) + '"'

    # A letter behind a backslash belongs to an escape, and so do the four digits of one.
    parts = re.split(r"(\\u[0-9a-fA-F]{4})", text)
    if len(parts) > 1:
        return "".join(part.replace('\\"', "\\u0022") if whole else part for part in parts).encode()
    return re.sub(r'"((?:[^"\\]|\\.)*)"', inside, text).encode()


def doubled(random: Random, line: bytes) -> bytes:
    """The line with a key of its own written once more, before or behind the other."""
    text = line.decode()
    places = [match.start() + 1 for match in re.finditer(r"\{", text)]
    extra = random.choice(
        ('"text":"x",', '"role":"user",', f'"schemaVersion":"{VERSION}",', '"messages":[],', '"system":[{"text":"x"}],',
         '"content":[{"text":"\\u0022\\u0022"}],', '"text":"\\u0022\\u0022",', '"role":"",', '"text":5,')
    )  # fmt: skip
    at = random.choice(places)
    return (text[:at] + extra + text[at:]).encode()


def worded(random: Random, record: dict) -> dict:
    """The record with a text that holds a reserved word, shows nothing, or nearly so."""
    text = random.choice(WORDS)
    text = random.choice((text, text.lower(), text.upper(), text[:-1], text.replace(":", " :"), text + "x", "x" + text))
    blank = random.choice(("", " ", "\u200b ", *BLANKS))
    plain = (f"a {text} b", text, f"\0{text}", f"{text}\0\0")
    value = random.choice((*plain, blank, blank, blank, blank + "\0", "\0", f"{blank}\u180e"))
    turns = [part for message in record["messages"] for part in message["content"] if "text" in part]
    random.choice([*turns, *record.get("system", ())])["text"] = value
    return record


def drawn(seed: int) -> bytes:
    """A line that is valid, or nearly, in one of its many spellings; all of it follows from one number."""
    random = Random(seed)
    record = valid_record(random, random.choice(("nova-micro", "nova-micro", "nova-2-lite")))
    if random.random() < 0.2:
        record = worded(random, record)
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        record = edited(random, record)
        if not isinstance(record, dict | list):
            break
    if random.random() < 0.4:
        line = json.dumps(shuffled(random, record), ensure_ascii=False, separators=(",", ":")).encode()
        ordered = isinstance(record, dict) and {"schemaVersion", "messages"} <= set(record)
        if ordered and random.random() < 0.7:
            order = ("schemaVersion", "system", "messages")
            record = {key: record[key] for key in (*order, *record) if key in record}
            line = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    else:
        line = spelled(random, record)
    if random.random() < 0.2:
        line = escaped(random, line)
    if b"{" in line and random.random() < 0.1:
        line = doubled(random, line)
    if line and random.random() < 0.1:
        line = damaged(random, line)
    if random.random() < 0.05:
        line = random.choice((b" ", b"\t", b"\xef\xbb\xbf", b"\r")) + line + random.choice((b"", b" ", b"{}", b"\r"))
    return line.replace(b"\n", b" ")


def faults(line: bytes) -> dict[str, list[str]]:
    """What explain finds, for each model that finds something."""
    found = {name: [issue.rule for issue in explain(line, model=model)] for name, model in MODELS.items()}
    return {name: rules for name, rules in found.items() if rules}


def false_yes(line: bytes, *others: bytes) -> str | None:
    """Why letting this line pass is wrong, alone or among others; None when it is not let pass, or rightly so."""
    for lines in ([line], [line, line], [*others, line]):
        if len(lines) - 1 not in doubtful_lines(lines) and (found := faults(line)):
            return f"{line!r} passes among {len(lines)}, yet: {found}"
    return None


DOUBLED = f'{{"schemaVersion":"{VERSION}","schemaVersion":"{VERSION}","messages":[{{"role":"user","content":[{{"text":"'
HIDDEN = (DOUBLED + '\\u0022\\u0022\\u0022\\u0022"}]},{"role":"assistant","content":[{"text":"b"}]}]}').encode()
CLEAN = json.dumps(text_record("How many?", "Two"), separators=(",", ":")).encode()
HALF = CLEAN.index(b'{"role":"assistant"')


@settings(max_examples=max(3000, settings.default.max_examples * 5))
@given(SEEDS)
@example(0)
def test_nothing_is_accepted_that_explain_faults(seed):
    """A line that passes, alone or in a batch, has no finding for any model."""
    random = Random(~seed)
    others = [drawn(random.randrange(2**63)) for _ in range(random.randint(0, 5))]
    assert false_yes(drawn(seed), CLEAN, *others) is None


@pytest.mark.parametrize(
    "line",
    [
        HIDDEN,
        CLEAN.replace(b'"text":"How many?"', b'"text":"","text":"How many?"'),
        CLEAN.replace(b'"text":"How many?"', b'"text":"\\u0022\\u0022\\u0022","text":"How many?"'),
        CLEAN.replace(b"How many?", b"\\u0053ystem: x"),
        CLEAN.replace(b"How many?", b"\\u003cimage>"),
        CLEAN.replace(b"How many?", b"\\u200b\\u00a0"),
        CLEAN + CLEAN,
        CLEAN + b" {}",
        b"\xef\xbb\xbf" + CLEAN,
        CLEAN.replace(b"How many?", b"\xed\xa0\x80"),
        CLEAN.replace(b"How many?", b"\\ud800"),
        CLEAN.replace(b'"system":[', b'"system":[{"text":"a"},'),
        b"[" * 5000,
        b"",
        b"null",
    ],
)
def test_what_could_hide_is_refused(line):
    """A doubled key behind escaped quotes, words behind escapes, two documents on a line: none of them passes."""
    assert faults(line)
    assert doubtful_lines([line]) == [0]
    assert 1 in doubtful_lines([CLEAN, line, CLEAN])


@pytest.mark.parametrize("cut", [HALF, HALF - 1, len(CLEAN) - 1, 1, CLEAN.index(b"[")])
def test_a_record_over_two_lines_beside_two_on_one_is_refused(cut):
    """As many documents as lines are no proof that each line is one of them."""
    halves = [CLEAN[:cut], CLEAN[cut:]]
    assert doubtful_lines([*halves, CLEAN + CLEAN, b""]) == [0, 1, 2, 3]
    assert doubtful_lines([CLEAN, *halves, CLEAN + CLEAN]) == [1, 2, 3]
    assert doubtful_lines([*halves, CLEAN + b" " + CLEAN]) == [0, 1, 2]


def test_a_line_break_inside_a_line_is_refused():
    """A caller who passes two lines as one gets no yes for either."""
    assert doubtful_lines([CLEAN + b"\n" + CLEAN]) == [0]


@given(st.lists(SEEDS, min_size=1, max_size=80))
def test_a_batch_says_what_its_lines_say(seeds):
    """Which lines are in doubt does not hang on the lines beside them."""
    lines = [drawn(seed) for seed in seeds]
    alone = [index for index, line in enumerate(lines) if not accept_batch([line])]
    assert doubtful_lines(lines) == alone
    assert accept_batch(lines) == (not alone)


@given(SEEDS)
def test_clean_text_records_are_accepted(seed):
    """Every valid record of texts passes in our own spelling and in that of json.dumps, whatever its key order."""
    random = Random(seed)
    record = valid_record(random, "nova-micro")
    for value in (record, shuffled(random, record)):
        for separators in ((",", ":"), (", ", ": ")):
            for plain in (True, False):
                line = json.dumps(value, ensure_ascii=plain, separators=separators).encode()
                hidden = "\0" in json.dumps(value, ensure_ascii=False) or "\\u0000" in line.decode()
                assert hidden or accept_batch([line]), line


def test_the_generator_reaches_both_sides():
    """Of the drawn lines a good part passes and a good part is faulted, so the property above is not empty."""
    lines = [drawn(seed) for seed in range(2000)]
    passed = sum(accept_batch([line]) for line in lines)
    faulted = sum(bool(faults(line)) for line in lines)
    clean = sum(not faults(line) for line in lines)
    assert passed > 400, passed
    assert faulted > 700, faulted
    assert passed > 0.55 * clean, (passed, clean)  # the others hold media and tools, or stray quotes and blanks


@given(
    st.sampled_from(["e", "7", "%", "é", "字", "한", "🛶", "\\u5b57"]), st.integers(SAFE_BYTES - 400, SAFE_BYTES + 3)
)
def test_no_line_short_enough_is_too_long_for_any_model(character, size):
    """A record of nothing but the dearest characters, just short enough to pass, has no finding about its length."""
    line = CLEAN.replace(b"How many?", (character * (SAFE_BYTES // len(character.encode()))).encode())[:SAFE_BYTES]
    room = size - len(CLEAN.replace(b"How many?", b""))
    line = CLEAN.replace(b"How many?", (character * (room // len(character.encode()))).encode())
    assert len(line) <= SAFE_BYTES or not accept_batch([line])
    assert false_yes(line) is None


@pytest.mark.parametrize("category", ["Cc", "Cf", "Mn", "Zs", "Zl", "Zp"])
def test_no_character_that_shows_nothing_passes(category):
    """Of every character that might show nothing, accept says no more than explain does."""
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) == category:
            assert false_yes(json.dumps(text_record("How many?", chr(code))).encode()) is None


PIECES = [*WORDS, *map(str.lower, WORDS), *BLANKS, "\0", "\u0130", "\u017f", "\u212a"]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=5).map("".join)


@settings(max_examples=500)
@given(TEXT)
@example("\u017fystem:")
def test_the_word_search_is_the_plain_definition(text):
    """The patterns find something exactly where a search for each word, in either case of ASCII, does."""
    plain = re.search("|".join(map(re.escape, WORDS)), text, re.IGNORECASE | re.ASCII)
    assert bool(word_places(text)) == (plain is not None)


@given(st.lists(st.text("ab:<]x.", min_size=1, max_size=4), min_size=1, max_size=5), st.text("abAB:<]x.", max_size=12))
def test_any_words_can_be_searched(words, text):
    """Whatever the words are, the patterns made of them find one exactly when the text holds one."""
    found = any(mark in text and search.search(text) for mark, search in word_searches(words))
    assert found == any(word.lower() in text.lower() for word in words)


@pytest.mark.parametrize("text", TEXTS)
def test_no_ordinary_text_is_in_doubt(text):
    """Quotes, backslashes, other scripts and odd spaces do not send a record the slow way; NUL may."""
    line = json.dumps(text_record(text, text), ensure_ascii=False).encode()
    assert accept_batch([line]) or "\0" in text
