"""Writes the example's own data: a made-up canal company's database and questions about it in its SQL dialect.

The output is the same every time: the seed is fixed and nothing is read but ``intents.toml`` beside this file. Every
answer is run against the database just built and checked against the house rules before anything is written; a
fault ends the run with a list of findings and exit code 1. README.md describes the data and the rules.

    python examples/data/generate.py [--out DIRECTORY]
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sqlite3
import sys
import tomllib
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

SEED = 1801
DAY_ZERO = date(1801, 3, 1)
EPOCH = f"julianday('{DAY_ZERO}')"
FIRST_DAY, LAST_DAY = date(2021, 1, 4), date(2025, 12, 31)

SCHEMA = {
    "reaches": "CREATE TABLE reaches (reach_id INTEGER PRIMARY KEY, name TEXT, length_m INTEGER,"
    " speed_limit_kmh INTEGER, water_source TEXT)",
    "locks": "CREATE TABLE locks (lock_id INTEGER PRIMARY KEY, name TEXT, reach_id INTEGER REFERENCES reaches,"
    " rise_cm INTEGER, gates TEXT, built_year INTEGER, retired_on INTEGER)",
    "wharves": "CREATE TABLE wharves (wharf_id INTEGER PRIMARY KEY, name TEXT, town TEXT,"
    " reach_id INTEGER REFERENCES reaches, berths INTEGER, berth_fee_pence INTEGER, retired_on INTEGER)",
    "barges": "CREATE TABLE barges (barge_id INTEGER PRIMARY KEY, name TEXT, kind TEXT, engine TEXT,"
    " capacity_t INTEGER, built_year INTEGER, home_wharf_id INTEGER REFERENCES wharves, retired_on INTEGER)",
    "skippers": "CREATE TABLE skippers (skipper_id INTEGER PRIMARY KEY, name TEXT, grade TEXT,"
    " licensed_on INTEGER, day_rate_pence INTEGER, retired_on INTEGER)",
    "voyages": "CREATE TABLE voyages (voyage_id INTEGER PRIMARY KEY, barge_id INTEGER REFERENCES barges,"
    " skipper_id INTEGER REFERENCES skippers, from_wharf_id INTEGER REFERENCES wharves,"
    " to_wharf_id INTEGER REFERENCES wharves, departed_on INTEGER, arrived_on INTEGER)",
    "cargoes": "CREATE TABLE cargoes (cargo_id INTEGER PRIMARY KEY, voyage_id INTEGER REFERENCES voyages,"
    " goods TEXT, tonnes INTEGER, toll_pence INTEGER)",
    "passages": "CREATE TABLE passages (passage_id INTEGER PRIMARY KEY, voyage_id INTEGER REFERENCES voyages,"
    " lock_id INTEGER REFERENCES locks, passed_on INTEGER, direction TEXT, wait_minutes INTEGER)",
    "repairs": "CREATE TABLE repairs (repair_id INTEGER PRIMARY KEY, lock_id INTEGER REFERENCES locks,"
    " fault TEXT, reported_on INTEGER, finished_on INTEGER, cost_pence INTEGER)",
    "readings": "CREATE TABLE readings (reading_id INTEGER PRIMARY KEY, reach_id INTEGER REFERENCES reaches,"
    " read_on INTEGER, depth_cm INTEGER)",
}
ALIASES = dict(zip(SCHEMA, ("r", "k", "w", "b", "s", "v", "c", "p", "f", "g"), strict=True))
SOFT_DELETED = ("locks", "wharves", "barges", "skippers")

REACHES = """Ashlade Pound|King's Pound|Long Meadow|Tanner's Cut|Fellgate Summit|Heron Water|Quarry Straight
Abbot's Mile|Drayholm Level|Lower Orrin|Upper Orrin|Bell Meadow|Cinder Reach|Withy Bend|Mill Pound|Castle Level
Stony Cut|Tarn Arm|Harrow Pound|Sea Reach"""
LOCKS = """Heron|Mill|Chapel|Quarry|Otter|Tollhouse|Willow|Gallows|Fiddler's|Abbot's|Cinder|Bell|Widow's|Castle|Stony
Thistle|Ropewalk|Beacon|Foundry|Orchard|Pilgrim's|Kiln|Magpie|Sea"""
TOWNS = ("Orrinmouth", "Fellgate", "Drayholm", "Netherwick", "Castle Quill", "Harrowbeck", "Linden Ford", "Market Tarn")
WHARVES = """Coal Steps|Malt House Quay|Bishop's Landing|Rope Wharf|Old Basin|New Basin|Gravel Stage|Lime Quay
Swan Moorings|Weaver's Wharf|Salt Stairs|Timber Pond|Cider Wharf|Bridge Foot|Corn Exchange Quay|Slate Wharf
Pump House Stage|Miller's Wharf|Ferry Steps|Brick Dock|Hay Wharf|Crane Quay|Gasworks Basin|Tollgate Landing
Lantern Wharf|Packet Stairs|Priory Stage|Anvil Dock"""
BARGES = """Kestrel|Marigold|Old Bess|Patience|Second Wind|Moorhen|Lady Ada|Tom Thumb|Bramble|Copper Kettle|Dunlin
Evening Star|Foxglove|Good Intent|Harvest Home|Iron Duke|Jackdaw|Kingcup|Lark|Misty Morning|Nightjar|Oak Apple
Perseverance|Quicksilver|Redshank|Sally Forth|Teasel|Unity|Velvet Glove|Wagtail|Yellow Flag|Zephyr|Ploughman's Rest
Sweet Cicely|Bittersweet|Pole Star|Gentle Annie|Rushlight|Speedwell|Halcyon|Black Prince|Curlew|Merry Widow
Slow Thunder|Tortoise|Plain Jane|Hawthorn|Silver Birch|Miller's Daughter|Lapwing|Cuckoo Pint|Barley Mow|Sandpiper
Whistling Joe|Daybreak|Candlemas|Blue Heron|Puffing Pearl|Winter's Tale|Last Orders"""
FIRST_NAMES = "Ada|Bertram|Cora|Desmond|Edith|Fergus|Greta|Hamish|Isla|Jonas|Kerstin|Leopold|Maud|Ned|Olive|Piers"
LAST_NAMES = "Arkwright|Brindle|O'Dowd|Culver|Dray|Eastlake|Fenn|Gantry|Holloway|Ings|Penhale|Quayle|Sluys|Tull"
TOLL_PENCE = {"gravel": 130, "grain": 240, "timber": 260, "coal": 170, "cider": 380, "salt": 210, "bricks": 190}
TOLL_PENCE |= {"slate": 230, "hay": 150, "lime": 220}  # for each tonne
FAULTS = ("leaking gate", "jammed paddle", "cracked sill", "broken windlass", "silted chamber", "flooded culvert")
RATE_PENCE = {"apprentice": (8000, 11500), "river": (11000, 17000), "master": (15000, 24000)}  # for each day

Row = tuple[Any, ...]


class Example(NamedTuple):
    """One row of questions.csv."""

    question: str
    context: str
    answer: str


def day_number(day: date) -> int:
    """The canal's own day number: days since the first boat passed, 1 March 1801."""
    return (day - DAY_ZERO).days


def names(text: str) -> list[str]:
    """The names of one of the lists above."""
    return text.replace("\n", "|").split("|")


def build_rows(rng: Random) -> dict[str, list[Row]]:
    """Makes up five years of the canal: every table's rows, consistent with each other.

    Nothing sails after it is retired, nobody is in two places at once, and a barge departs from where it last arrived.
    """
    start, end = day_number(FIRST_DAY), day_number(LAST_DAY)

    def sometimes_retired(share: float, first_year: int = 2019) -> int | None:
        retired = rng.randrange(day_number(date(first_year, 1, 1)), end)
        return retired if rng.random() < share else None

    rows: dict[str, list[Row]] = {table: [] for table in SCHEMA}
    for number, name in enumerate(names(REACHES), 1):
        source = rng.choice(("river", "reservoir", "reservoir", "spring", "borehole"))
        rows["reaches"].append((number, name, rng.randrange(900, 6500, 10), rng.choice((4, 5, 6, 8)), source))
    for number, name in enumerate([f"{name} {half} Lock" for name in names(LOCKS) for half in ("Upper", "Lower")], 1):
        gates = rng.choice(("timber", "timber", "steel", "guillotine"))
        built = rng.choice((1801, 1803, 1806, 1812, 1824, 1837, 1851, 1868, 1902))
        reach = rng.randint(1, 17)  # the last three reaches have no lock
        rows["locks"].append(
            (number, name, reach, rng.randrange(120, 480, 5), gates, built, sometimes_retired(0.15, 1998))
        )
    for number, name in enumerate(names(WHARVES), 1):
        town, reach, berths = rng.choice(TOWNS), rng.randint(1, 20), rng.randint(2, 14)
        retired = sometimes_retired(0.12)
        rows["wharves"].append((number, name, town, reach, berths, rng.randrange(550, 1950, 25), retired))
    homes = [wharf[0] for wharf in rows["wharves"][:22] if wharf[-1] is None]
    for number, name in enumerate(names(BARGES), 1):
        kind = rng.choice(("hopper", "hopper", "flat", "flat", "tanker", "trip"))
        engine = rng.choice(("diesel", "diesel", "electric", "steam", "horse"))
        capacity, built = rng.randint(16, 58), rng.randint(1896, 2019)
        rows["barges"].append(
            (number, name, kind, engine, capacity, built, rng.choice(homes), sometimes_retired(0.22, 2021))
        )
    people = rng.sample([f"{first} {last}" for first in names(FIRST_NAMES) for last in names(LAST_NAMES)], 44)
    for number, name in enumerate(people, 1):
        grade = rng.choice(("apprentice", "river", "river", "master"))
        licensed = rng.randrange(day_number(date(1988, 1, 1)), day_number(date(2020, 6, 1)))
        rate = rng.randrange(*RATE_PENCE[grade], 50)
        rows["skippers"].append((number, name, grade, licensed, rate, sometimes_retired(0.2)))
    add_traffic(rows, rng, start, end)
    for number in range(1, 161):
        reported = rng.randrange(start, end)
        lock = rng.choice([lock[0] for lock in rows["locks"][:42] if lock[-1] is None or lock[-1] > reported])
        finished = reported + 1 + int(rng.random() ** 2 * 70)
        cost = round(4000 + rng.random() ** 3 * 340000)
        done = (finished, cost) if finished <= end and rng.random() > 0.04 else (None, None)
        rows["repairs"].append((number, lock, rng.choice(FAULTS), reported, *done))
    usual = {reach[0]: rng.randint(145, 200) for reach in rows["reaches"]}
    for quarter in range(20):
        for reach, depth in usual.items():
            read = start + quarter * 91 + rng.randrange(85)
            summer = 18 if quarter % 4 == 2 else 0
            rows["readings"].append((len(rows["readings"]) + 1, reach, read, depth - summer + rng.randint(-15, 15)))
    return rows


def add_traffic(rows: dict[str, list[Row]], rng: Random, start: int, end: int) -> None:
    """Adds voyages with their cargoes and lock passages, in order of departure."""
    busy_until: dict[tuple[str, int], int] = {}

    def available(table: str, day: int) -> list[Row]:
        in_service = [row for row in rows[table] if row[-1] is None or row[-1] > day + 12]
        return [row for row in in_service if busy_until.get((table, row[0]), 0) <= day]

    place = {barge[0]: barge[6] for barge in rows["barges"]}
    days = sorted([rng.randrange(start, end - 12) for _ in range(360)] + [end - rng.randint(1, 3) for _ in range(6)])
    for voyage, departed in enumerate(days, 1):
        wharves = [row[0] for row in available("wharves", departed)]
        barge = rng.choice([row for row in available("barges", departed) if place[row[0]] in wharves])
        skipper = rng.choice(available("skippers", departed))[0]
        origin, target = place[barge[0]], rng.choice([wharf for wharf in wharves if wharf != place[barge[0]]])
        arrived = departed + rng.randint(1, 5) + {"horse": 3, "steam": 1}.get(barge[3], 0)
        place[barge[0]] = target
        busy_until["barges", barge[0]] = busy_until["skippers", skipper] = arrived
        under_way = departed >= end - 3
        rows["voyages"].append((voyage, barge[0], skipper, origin, target, departed, None if under_way else arrived))
        for _ in range(0 if barge[2] == "trip" else rng.choice((0, 1, 1, 1, 2))):
            goods, tonnes = rng.choice(list(TOLL_PENCE)), rng.randint(6, barge[4] // 2)
            toll = tonnes * TOLL_PENCE[goods] + rng.randint(0, 399)
            rows["cargoes"].append((len(rows["cargoes"]) + 1, voyage, goods, tonnes, toll))
        locks = [row[0] for row in available("locks", departed)]
        direction = rng.choice(("up", "down"))
        for lock in rng.sample(locks, rng.choice((0, 1, 1, 1, 2))):
            passed = rng.randint(departed, min(arrived, end))
            wait = int(rng.random() ** 1.5 * 80)
            rows["passages"].append((len(rows["passages"]) + 1, voyage, lock, passed, direction, wait))


def build_database(path: Path) -> sqlite3.Connection:
    """Writes the database file, laid out the same every time, and leaves it open."""
    db = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA page_size = 4096", *SCHEMA.values(), "BEGIN"):
        db.execute(statement)
    for table, rows in build_rows(Random(SEED)).items():
        marks = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  the names are this file's own
    db.execute("COMMIT")
    db.execute("VACUUM")
    return db


def tables_in(sql: str) -> list[str]:
    """The tables that a statement reads, in the order of the schema."""
    read = re.findall(r"(?:FROM|JOIN) (\w+) AS", sql)
    return [table for table in SCHEMA if table in read]


def in_words(value: object, style: int) -> str:
    """A literal as people write it: dates and months spelled out, everything else as it is."""
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d", text):
        return f"{date.fromisoformat(text + '-01'):%B %Y}"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        day = date.fromisoformat(text)
        return (text, f"{day.day} {day:%B %Y}", f"{day:%B} {day.day}, {day.year}")[style]
    return text


def build_examples(db: sqlite3.Connection, intents: list[dict[str, Any]]) -> list[Example]:
    """Every intent with several literals, phrasings and contexts, shuffled."""
    examples: list[Example] = []
    for intent in intents:
        sql, ask = intent["sql"].replace("EPOCH", EPOCH), intent["ask"]
        rng = Random(f"{SEED} {sql}")  # for each intent alone, so that editing one leaves the others as they are
        needed = tables_in(sql)
        others = rng.sample([table for table in SCHEMA if table not in needed], 2)
        spare = {1: 2, 2: 1}.get(len(needed), 0)  # how many tables the answer has no use for
        contexts = [
            "; ".join(SCHEMA[table] for table in SCHEMA if table in [*needed, *others[:extra]])
            for extra in range(spare + 1)
        ]
        fills: list[dict[str, Any]] = [{}]
        if "fill" in intent:
            rows = db.execute(intent["fill"].replace("EPOCH", EPOCH))
            keys, found = [column[0] for column in rows.description], sorted(set(rows))
            chosen = sorted(rng.sample(found, min(len(found), intent.get("take", 9))))
            fills = [dict(zip(keys, values, strict=True)) for values in chosen]
        turns = len(ask) if fills == [{}] else 1 + (len(fills) < 6)  # phrasings for each set of literals
        for turn in range(turns * len(fills)):
            literals, style = fills[turn // turns], rng.randrange(3)
            spoken = {key: in_words(value, style) for key, value in literals.items()}
            quoted = {key: str(value).replace("'", "''") for key, value in literals.items()}
            question = ask[turn % len(ask)].format(**spoken)
            examples.append(Example(question, rng.choice(contexts), sql.format(**quoted)))
    Random(SEED).shuffle(examples)
    return examples


def select_list(sql: str) -> str:
    """What the outermost SELECT returns."""
    depth, begin = 0, 0
    for token in re.finditer(r"[()]|\bSELECT\b|\bFROM\b", sql):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0 and token[0] == "SELECT":
            begin = token.end()
        elif depth == 0 and token[0] == "FROM":
            return sql[begin : token.start()]
    return sql[begin:]


def broken_rules(sql: str) -> list[str]:
    """The house rules of README.md that a statement breaks."""
    broken = []
    for table, alias in re.findall(rf"(?:FROM|JOIN) ({'|'.join(SCHEMA)})\b(?: AS (\w+))?", sql):
        if alias.removesuffix("2") != ALIASES[table]:
            broken.append(f"{table} is not called {ALIASES[table]}")
        if table in SOFT_DELETED and f"{alias}.retired_on IS" not in sql:
            broken.append(f"{table} is read without its retired_on filter")
    day_of = rf"(?:date|strftime)\((?:'%\S+', )?[^']*? \+ {re.escape(EPOCH)}\)"
    shown = re.sub(r"ROUND\((?:(?!ROUND).)* / 100\.0, 2\)", "", select_list(sql))
    shown = re.sub(rf"OVER \([^()]*\)|{day_of}|\w\.\w+_on - (?:LAG\()?\w\.\w+_on|AS \w+", "", shown)
    broken += [f"{column} is returned as stored" for column in re.findall(r"\w+_(?:on|pence)\b", shown)]
    literals = re.sub(rf"julianday\('[\d-]+'\) - {re.escape(EPOCH)}|{day_of}", "", sql)
    if re.search(r"julianday|date\(|strftime|'\d{4}-\d\d-\d\d'", literals):
        broken.append("a date does not count from day zero")
    return broken


def verify(db: sqlite3.Connection, examples: list[Example]) -> list[str]:
    """Runs every answer and lists everything that is wrong with the examples."""
    faults = [f"foreign key: {row}" for row in db.execute("PRAGMA foreign_key_check")]
    meaning: dict[str, str] = {}
    empty = 0
    for question, context, answer in examples:
        found = broken_rules(answer)
        if missing := [table for table in tables_in(answer) if SCHEMA[table] not in context.split("; ")]:
            found.append(f"not in the context: {missing}")
        if meaning.setdefault(question, answer) != answer:
            found.append("the same question has another answer")
        try:
            rows = db.execute(answer).fetchall()
            db.execute("PRAGMA reverse_unordered_selects = ON")
            again = db.execute(answer).fetchall()
            db.execute("PRAGMA reverse_unordered_selects = OFF")
        except sqlite3.Error as error:
            found.append(f"does not run: {error}")
        else:
            ordered = re.search(r"ORDER BY [^()]*(?:\([^()]*\)[^()]*)?$", answer)
            if (rows != again) if ordered else (sorted(map(repr, rows)) != sorted(map(repr, again))):
                found.append("the result depends on the order of the stored rows")
            empty += not any(value is not None for row in rows for value in row)
        faults += [f"{question!r}: {fault}" for fault in found]
    if len({example[:2] for example in examples}) < len(examples):
        faults.append("a question stands twice with the same context")
    if empty > len(examples) / 10:
        faults.append(f"{empty} of {len(examples)} answers return nothing")
    return faults


def main(arguments: list[str] | None = None) -> int:
    """Builds, verifies, writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where to write (default: here)")
    out: Path = parser.parse_args(arguments).out
    intents = tomllib.loads(Path(__file__).with_name("intents.toml").read_text(encoding="utf-8"))["intent"]
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out) as workshop:
        built = Path(workshop, "canal.sqlite")
        with closing(build_database(built)) as db:
            examples = build_examples(db, intents)
            faults = verify(db, examples)
        if faults:
            print(*faults, sep="\n", file=sys.stderr)
            return 1
        built.replace(out / built.name)
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([Example._fields, *examples])
    (out / "questions.csv").write_text(table.getvalue(), encoding="utf-8", newline="\n")
    (out / "schema.sql").write_text(";\n".join(SCHEMA.values()) + ";\n", encoding="utf-8", newline="\n")
    contexts = len({example.context for example in examples})
    print(f"{len(examples)} questions of {len(intents)} intents in {contexts} contexts, written to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
