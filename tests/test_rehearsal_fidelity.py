"""The fidelity programs hold against the rehearsal, and the table that stands on them is whole."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from nova_tune.rehearsal import BEHAVIOURS, Rehearsal

pytestmark = pytest.mark.extra

FOLDER = Path(__file__).parent / "fidelity"


def load(name):
    """A module out of the folder of programs."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


programs = load("programs")


@pytest.fixture(scope="module")
def place():
    with Rehearsal(speed=0, base_first_token_ms=0, base_token_ms=0) as local:
        session, made = local.session(), {}

        def client(name):
            if name not in made:
                made[name] = session.client(name)
            return made[name]

        yield programs.Place(client=client, bucket=local.bucket, role_arn=local.role_arn, advance=local.advance)
        for one in made.values():
            one.close()


@pytest.mark.parametrize("one", programs.PROGRAMS, ids=lambda one: one.name)
def test_the_rehearsal_does_what_its_programs_say(one, place):
    """Each program that a user can point at a real account holds against the rehearsal."""
    one.run(place)


def test_the_table_is_long_enough_and_known_to_the_programs():
    """There are at least 60 behaviours with sources, and no program names one that is not in the table."""
    ids = {behaviour.id for behaviour in BEHAVIOURS}
    assert len(ids) == len(BEHAVIOURS) >= 60
    assert all(behaviour.source and behaviour.statement.endswith(".") for behaviour in BEHAVIOURS)
    assert {name for one in programs.PROGRAMS for name in one.behaviours} <= ids


def test_a_real_account_is_off_and_guarded(capsys):
    """Without a flag nothing reaches AWS; with it, a bucket and a role are needed, and nothing that costs is chosen."""
    run = load("run")
    with pytest.raises(SystemExit):
        run.main(["--against-aws"])
    assert "--bucket" in capsys.readouterr().err
    assert all(one.usd == 0 for one in run.chosen(0))
    assert len(run.chosen(100)) == len(programs.PROGRAMS)


def test_a_difference_is_said(place, capsys):
    """A program that fails is printed as a difference, and the others still run."""
    run = load("run")

    def wrong(_):
        raise AssertionError("AWS says otherwise")

    assert run.run_all(place, [programs.Program("wrong", ("job.token",), 0, wrong)]) == 1
    assert "DIFFERS wrong" in capsys.readouterr().out
