"""Waiting for something at AWS to change: bounded, cancellable, and in a test's own time.

Bedrock has no waiters in botocore (1.44.5, read 2026-11-21), so the polling is ours; the loop is tenacity's.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import tenacity

from nova_tune.errors import IncompleteAnswer, ServiceFault, Throttled, WaitCancelled, WaitTimeout

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")

_PASSING = (ServiceFault, Throttled, IncompleteAnswer)
_FAULTS_IN_A_ROW = 5
_JITTER = 0.1


class Clock(Protocol):
    """What waiting needs of time. A test brings its own and waits three hours in a millisecond."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def sleep(self, seconds: float, cancel: threading.Event | None) -> None:
        """Let this many seconds pass, or fewer when ``cancel`` is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()

    def sleep(self, seconds: float, cancel: threading.Event | None) -> None:
        """Block this thread, waking early when ``cancel`` is set."""
        if cancel is None:
            time.sleep(seconds)
        else:
            cancel.wait(seconds)


def poll(
    read: Callable[[], T],
    *,
    done: Callable[[T], bool],
    what: str,
    timeout_s: float,
    interval_s: float,
    waited_for: Callable[[], object],
    resume: str,
    on_change: Callable[[T], None] | None = None,
    cancel: threading.Event | None = None,
    clock: Clock | None = None,
) -> T:
    """Read until it is done, and hand back the last reading.

    A fault of AWS or the network is read again, up to five in a row; every other error is raised at once.

    Args:
        read: One reading; it must be safe to repeat.
        done: True for a reading that ends the wait.
        what: What is waited for, for messages.
        timeout_s: The longest wait, in seconds.
        interval_s: Seconds between readings, give or take a tenth.
        waited_for: What the errors carry, asked when they are raised, so that another process can go on.
        resume: The line of code that goes on waiting, for messages.
        on_change: Called with each reading that differs from the one before.
        cancel: Set it from another thread to end the wait.
        clock: The clock; the machine's own by default.

    Raises:
        WaitTimeout: The time is over; the work goes on at AWS.
        WaitCancelled: ``cancel`` was set; the work goes on at AWS.
    """
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout_s
    last: list[T] = []
    faults = 0

    def attempt() -> T:
        nonlocal faults
        if cancel is not None and cancel.is_set():
            raise WaitCancelled(
                f"stopped waiting for {what}, which goes on at AWS; go on with {resume}", waited_for=waited_for()
            )
        try:
            reading = read()
        except _PASSING:
            faults += 1
            raise
        faults = 0
        if on_change is not None and (not last or last[0] != reading):
            on_change(reading)
        last[:] = [reading]
        return reading

    def over(_: tenacity.RetryCallState) -> bool:
        return faults >= _FAULTS_IN_A_ROW or clock.monotonic() >= deadline

    def pause(_: tenacity.RetryCallState) -> float:
        jittered = interval_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, guards nothing
        return max(0.0, min(jittered, deadline - clock.monotonic()))

    def give_up(state: tenacity.RetryCallState) -> T:
        outcome = state.outcome
        assert outcome is not None
        fault = outcome.exception() if outcome.failed else None
        if fault is not None and faults >= _FAULTS_IN_A_ROW:
            raise fault
        waited = timedelta(seconds=round(timeout_s))
        raise WaitTimeout(
            f"{what} is not done after {waited} and goes on at AWS; nothing was stopped. Go on with {resume}",
            waited_for=waited_for(),
        ) from fault

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda value: not done(value)) | tenacity.retry_if_exception_type(_PASSING),
        stop=over,
        wait=pause,
        sleep=lambda seconds: clock.sleep(seconds, cancel),
        retry_error_callback=give_up,
    )
    result: T = retrying(attempt)
    return result
