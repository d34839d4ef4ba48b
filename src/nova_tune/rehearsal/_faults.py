"""Faults on request: what a program must survive, made to happen to the nth call of an operation."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Cut = Literal["body", "stream", "clean_end"]
_STREAM_CUTS = ("stream", "clean_end")


@attrs.frozen(kw_only=True)
class Fault:
    """What goes wrong with one call.

    Args:
        operation: The operation, such as ``Converse``.
        error: An error code, such as ``ThrottlingException``. For a stream, a name of the stream's own
            exceptions (``throttlingException``) arrives as an event after the first text.
        latency_ms: Real milliseconds added before the answer.
        cut: ``body`` closes the connection inside a body that began with HTTP 200; ``stream`` resets it
            between two deltas; ``clean_end`` ends the stream properly without messageStop and metadata.
    """

    operation: str
    error: str | None = None
    latency_ms: float = 0.0
    cut: Cut | None = None


@attrs.define
class _Rule:
    fault: Fault
    times: int
    after: int


class Faults:
    """The faults that wait to happen in a rehearsal; iterating yields those still to come.

    It lives as long as its rehearsal. A fault is used up by the call it happens to; a call takes the first
    fault that waits for its operation.

    Args:
        describe: Tells whether an operation is offered, and whether it streams; KeyError when it is not.

    >>> faults = Faults(lambda operation: operation == "ConverseStream")
    >>> faults.add("Converse", error="ThrottlingException", times=2)
    >>> len(faults)
    2
    """

    def __init__(self, describe: Callable[[str], bool]) -> None:
        self._streams = describe
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._next_job: list[str] = []
        self._next_deployment: list[str] = []

    def add(
        self,
        operation: str,
        *,
        error: str | None = None,
        latency_ms: float = 0.0,
        cut: Cut | None = None,
        times: int = 1,
        after: int = 0,
    ) -> None:
        """Let a fault happen.

        Args:
            operation: The operation it happens to, such as ``Converse``.
            error: See :class:`Fault`.
            latency_ms: See :class:`Fault`.
            cut: See :class:`Fault`.
            times: To how many calls it happens.
            after: How many calls pass untouched first.

        Raises:
            ValueError: The rehearsal does not offer the operation, or the fault does not fit it.
        """
        try:
            streams = self._streams(operation)
        except KeyError:
            raise ValueError(f"the rehearsal does not offer {operation!r}; no fault can happen to it") from None
        if cut is not None and streams != (cut in _STREAM_CUTS):
            fitting = "'stream' or 'clean_end'" if streams else "'body'"
            raise ValueError(f"cut={cut!r} does not fit {operation}; use {fitting}")
        if times < 1 or after < 0 or latency_ms < 0:
            raise ValueError("times must be at least 1, after and latency_ms at least 0")
        fault = Fault(operation=operation, error=error, latency_ms=latency_ms, cut=cut)
        with self._lock:
            self._rules.append(_Rule(fault, times, after))

    def fail_next_job(self, message: str) -> None:
        """Let the next customization job that is created fail in the middle of its training.

        Args:
            message: Its failureMessage, which gets the prefix ``[rehearsal]``.
        """
        with self._lock:
            self._next_job.append(message)

    def fail_next_deployment(self, message: str) -> None:
        """Let the next deployment that is created end as Failed instead of Active.

        Args:
            message: Its failureMessage, which gets the prefix ``[rehearsal]``.
        """
        with self._lock:
            self._next_deployment.append(message)

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        with self._lock:
            self._rules.clear()
            self._next_job.clear()
            self._next_deployment.clear()

    def take(self, operation: str) -> Fault | None:
        """The fault of this call, used up by asking; None when it shall go well.

        Args:
            operation: The operation that is being called.
        """
        with self._lock:
            for rule in self._rules:
                if rule.fault.operation != operation:
                    continue
                if rule.after:
                    rule.after -= 1
                    continue
                rule.times -= 1
                if not rule.times:
                    self._rules.remove(rule)
                return rule.fault
        return None

    def take_job_failure(self) -> str | None:
        """The failure planned for the job that is being created, used up by asking."""
        return self._take(self._next_job)

    def take_deployment_failure(self) -> str | None:
        """The failure planned for the deployment that is being created, used up by asking."""
        return self._take(self._next_deployment)

    def _take(self, planned: list[str]) -> str | None:
        with self._lock:
            return planned.pop(0) if planned else None

    def __iter__(self) -> Iterator[Fault]:
        with self._lock:
            return iter([rule.fault for rule in self._rules for _ in range(rule.times)])

    def __len__(self) -> int:
        with self._lock:
            return sum(rule.times for rule in self._rules)
