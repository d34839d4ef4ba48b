"""Waiting: bounded, cancellable, in a test's own time, and steady under passing faults."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune.errors import (
    AccessDenied,
    ConfigurationError,
    IncompleteAnswer,
    ServiceFault,
    Throttled,
    WaitCancelled,
    WaitTimeout,
)
from nova_tune.polling import SystemClock, poll


class FakeClock:
    """Time that passes when somebody sleeps."""

    def __init__(self, *, during=lambda clock: None):
        self.now = 1000.0
        self.sleeps = []
        self.during = during

    def monotonic(self):
        return self.now

    def sleep(self, seconds, cancel):
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.now += seconds
        self.during(self)


def wait(readings, **changes):
    source = iter(readings)

    def read():
        value = next(source)
        if isinstance(value, Exception):
            raise value
        return value

    given = {
        "done": lambda value: value == "done",
        "what": "the job x",
        "timeout_s": 3600,
        "interval_s": 60,
        "waited_for": lambda: "arn",
        "resume": "trainer.wait('x')",
        "clock": FakeClock(),
    }
    return poll(read, **given | changes)


def forever(value="running"):
    while True:
        yield value


def test_the_last_reading_is_handed_back_at_once():
    """A first reading that is done ends the wait without a pause."""
    clock = FakeClock()
    assert wait(["done"], clock=clock) == "done"
    assert clock.sleeps == []


@given(
    timeout_s=st.floats(0, 10_000),
    interval_s=st.floats(0.1, 500),
)
def test_pauses_are_jittered_and_end_at_the_deadline(timeout_s, interval_s):
    """Each pause is the interval give or take a tenth, the last ends at the deadline, and none goes beyond it."""
    timeout_s = min(timeout_s, interval_s * 50)
    clock = FakeClock()
    with pytest.raises(WaitTimeout):
        wait(forever(), clock=clock, timeout_s=timeout_s, interval_s=interval_s)
    assert clock.now - 1000 == pytest.approx(timeout_s)
    assert clock.now <= 1000 + timeout_s + 1e-6
    for pause in clock.sleeps[:-1]:
        assert 0.9 * interval_s <= pause <= 1.1 * interval_s + 1e-9
    assert all(pause <= 1.1 * interval_s + 1e-9 for pause in clock.sleeps)


def test_pauses_differ():
    """A thousand waiters do not ask in step."""
    clock = FakeClock()
    with pytest.raises(WaitTimeout):
        wait(forever(), clock=clock)
    assert len(set(clock.sleeps)) > len(clock.sleeps) / 2


def test_the_deadline_is_a_reading_too():
    """What is done exactly at the deadline is not called late."""
    clock = FakeClock()
    readings = (("done" if clock.now >= 1100 else "running") for _ in forever())
    assert wait(readings, clock=clock, timeout_s=100, interval_s=1000) == "done"


def test_a_timeout_names_what_goes_on_and_how_to_go_on():
    """The error carries what still runs, says that nothing was stopped, and gives the line that waits again."""
    with pytest.raises(WaitTimeout) as caught:
        wait(forever(), timeout_s=5400)
    assert caught.value.waited_for == "arn"
    assert "the job x is not done after 1:30:00 and goes on at AWS; nothing was stopped" in str(caught.value)
    assert str(caught.value).endswith("Go on with trainer.wait('x')")
    assert isinstance(caught.value, TimeoutError)


def test_changes_are_reported_and_nothing_else():
    """on_change hears the first reading and each that differs from the one before."""
    heard = []
    wait(["a", "a", "b", "b", "a", "done"], on_change=heard.append)
    assert heard == ["a", "b", "a", "done"]


def test_a_fault_between_equal_readings_is_no_change():
    """A passing fault does not make a reading new."""
    heard = []
    wait(["a", ServiceFault("x"), "a", "done"], on_change=heard.append)
    assert heard == ["a", "done"]


def test_a_callback_that_raises_ends_the_wait():
    """What the caller's callback raises reaches the caller, even if it looks like a bug."""
    with pytest.raises(ZeroDivisionError):
        wait(["a"], on_change=lambda reading: 1 / 0)


def test_cancelling_ends_the_wait_and_stops_nothing():
    """An event that is set during a pause ends the wait before the next reading."""
    cancel = threading.Event()
    clock = FakeClock(during=lambda clock: cancel.set() if len(clock.sleeps) == 2 else None)
    readings = iter(["running"] * 2)
    with pytest.raises(WaitCancelled, match=r"go on with trainer.wait\('x'\)") as caught:
        wait(readings, cancel=cancel, clock=clock)
    assert list(readings) == []
    assert caught.value.waited_for == "arn"


def test_cancelled_before_it_began():
    """An event that is set already means no reading at all."""
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(WaitCancelled):
        wait([], cancel=cancel)


@pytest.mark.parametrize("kind", [ServiceFault, Throttled, IncompleteAnswer])
def test_passing_faults_are_read_again_up_to_five_in_a_row(kind):
    """Four faults in a row are forgotten by a reading; the fifth is raised as it is."""
    four = [kind("x")] * 4
    assert wait([*four, "running", *four, "done"]) == "done"
    last = kind("the last one")
    with pytest.raises(kind) as caught:
        wait([*four, last, "done"])
    assert caught.value is last


@pytest.mark.parametrize("error", [AccessDenied("x"), ConfigurationError("credentials expired"), KeyError("bug")])
def test_every_other_error_is_raised_at_once(error):
    """Expired credentials end a wait within one reading."""
    with pytest.raises(type(error)) as caught:
        wait([error, "done"])
    assert caught.value is error


def test_a_fault_at_the_deadline_is_a_timeout_with_its_cause():
    """The time is over and the last reading failed: a timeout, since the job may go on, with the fault as cause."""
    fault = ServiceFault("x")
    with pytest.raises(WaitTimeout) as caught:
        wait([fault], timeout_s=0)
    assert caught.value.__cause__ is fault


def test_the_system_s_clock_moves_and_sleeps():
    """Without a clock of the test's own, real time passes."""
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.01, None)
    assert clock.monotonic() - before >= 0.009
    assert poll(lambda: 1, done=bool, what="x", timeout_s=1, interval_s=1, waited_for=lambda: None, resume="") == 1


def test_the_system_s_clock_wakes_when_it_is_cancelled():
    """Cancelling from another thread does not wait for the interval to pass."""
    cancel = threading.Event()
    threading.Timer(0.02, cancel.set).start()
    started = time.monotonic()
    SystemClock().sleep(30, cancel)
    assert time.monotonic() - started < 5
