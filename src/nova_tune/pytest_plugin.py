"""Fixtures for programs that use Bedrock or SageMaker: a local AWS for each test that asks for one.

Installed with nova_tune; switch it on with ``pytest_plugins = ["nova_tune.pytest_plugin"]`` where it is not loaded by
itself. It costs nothing to tests that do not name its fixtures: nothing is imported before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.rehearsal import Rehearsal


@pytest.fixture(scope="session")
def nova_rehearsal_settings() -> dict[str, object]:
    """What ``nova_rehearsal`` gives to ``Rehearsal``; define a fixture of this name to change it.

    The default stops the clock, so that a test decides when time passes, and answers without delay.
    """
    return {"speed": 0, "first_token_ms": 0, "token_ms": 0, "base_first_token_ms": 0, "base_token_ms": 0}


@pytest.fixture(scope="session")
def nova_rehearsal_server(nova_rehearsal_settings: dict[str, object]) -> Iterator[Rehearsal]:
    """One rehearsal for all tests of a worker, on a port of its own, so that pytest-xdist needs no care."""
    from nova_tune.rehearsal import Rehearsal  # noqa: PLC0415 - needs its extra, and only when asked for

    with Rehearsal(**nova_rehearsal_settings) as rehearsal:  # type: ignore[arg-type]
        yield rehearsal


@pytest.fixture
def nova_rehearsal(nova_rehearsal_server: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """A local AWS: ``boto3.client(...)`` without arguments talks to it, and so does ``nova_rehearsal.session()``.

    Faults and quotas are put back after each test; jobs, models and objects stay for the session, so give them names of
    their own.
    """
    import os  # noqa: PLC0415 - beside the import below

    import boto3  # noqa: PLC0415 - only when asked for

    wanted = nova_rehearsal_server.environ()
    for name in [name for name in os.environ if name.startswith("AWS_") and name not in wanted]:
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    # A default session of an earlier test would remember its own endpoint and credentials.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield nova_rehearsal_server
    nova_rehearsal_server.faults.clear()
    for name in list(nova_rehearsal_server.quotas):
        del nova_rehearsal_server.quotas[name]
