"""Faults on request: what a program must survive, made to happen to the nth call of an operation, or to a share."""

from __future__ import annotations

import fnmatch
import random
import threading
from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Cut = Literal["reset", "body", "stream", "clean_end", "frame", "checksum"]
_STREAM_CUTS = ("stream", "clean_end", "frame", "checksum")

FAILURES: Final = {
    "s3-denied": "The role is not allowed s3:GetObject on the training data.",
    "output-denied": "The role is not allowed s3:PutObject on the output bucket.",
    "kms-denied": "The role is not allowed kms:Decrypt with the key of the training data.",
    "empty-data": "The training data holds no record.",
    "schema-version": "line 1: schemaVersion is not bedrock-conversation-2024.",
    "too-few-records": "The training data holds fewer records than the model needs.",
    "too-many-records": "Training and validation data hold more than 20,000 records together.",
    "record-too-long": "line 17: the record is longer than the model's context.",
    "quota": "The account's quota for customization jobs is used up.",
    "internal": "Encountered an internal error when processing the request.",
    "capacity": "CapacityError: Unable to provision requested ML compute capacity.",
    "algorithm": "AlgorithmError: the training script ended with exit code 1.",
}
"""Causes that jobs fail of, by name, for :meth:`Faults.fail_next_job`. The wording is ours, but for ``internal``,
which a practitioner's log quotes: match on none of it."""


@attrs.frozen(kw_only=True)
class Fault:
    """What goes wrong with one call.

    Args:
        operation: The operation, such as ``Converse``.
        error: An error code, such as ``ThrottlingException``. For a stream, a name of the stream's own
            exceptions (``throttlingException``) arrives as an event after the first text.
        latency_ms: Real milliseconds added before the answer.
        stall_ms: Real milliseconds of silence in the middle of a stream.
        cut: ``reset`` resets the connection before any byte; ``body`` closes it inside a body that began with HTTP
            200; ``stream`` resets it between two deltas; ``clean_end`` ends the stream properly without messageStop
            and metadata; ``frame`` ends it properly inside a frame; ``checksum`` damages a frame.
    """

    operation: str
    error: str | None = None
    latency_ms: float = 0.0
    stall_ms: float = 0.0
    cut: Cut | None = None


@attrs.define
class _Rule:
    fault: Fault
    times: int | None
    after: int
    rate: float
    chance: random.Random

    def takes(self) -> bool:
        """Whether it happens to this call; counts the call."""
        if self.after:
            self.after -= 1
            return False
        if self.rate < 1 and self.chance.random() >= self.rate:
            return False
        if self.times is not None:
            self.times -= 1
        return True


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
        self._next: dict[str, list[str]] = {"job": [], "deployment": [], "model": []}
        self._queue: list[float] = []
        self._denied: set[str] = set()

    def add(
        self,
        operation: str,
        *,
        error: str | None = None,
        latency_ms: float = 0.0,
        stall_ms: float = 0.0,
        cut: Cut | None = None,
        times: int | None = None,
        after: int = 0,
        rate: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Let a fault happen.

        Args:
            operation: The operation it happens to, such as ``Converse``.
            error: See :class:`Fault`.
            latency_ms: See :class:`Fault`.
            stall_ms: See :class:`Fault`.
            cut: See :class:`Fault`.
            times: To how many calls it happens: once, or without end when a `rate` is given, unless you say so.
            after: How many calls pass untouched first.
            rate: The share of the calls it happens to, above 0 and at most 1.
            seed: Chooses those calls, the same in every run.

        Raises:
            ValueError: The rehearsal does not offer the operation, or the fault does not fit it.
        """
        try:
            streams = self._streams(operation)
        except KeyError:
            raise ValueError(f"the rehearsal does not offer {operation!r}; no fault can happen to it") from None
        if cut not in {None, "reset"} and streams != (cut in _STREAM_CUTS):
            fitting = " or ".join(repr(name) for name in (_STREAM_CUTS if streams else ("body",)))
            raise ValueError(f"cut={cut!r} does not fit {operation}; use {fitting}")
        if stall_ms and not streams:
            raise ValueError(f"{operation} does not stream; use latency_ms")
        if (times is not None and times < 1) or min(after, latency_ms, stall_ms) < 0 or not 0 < rate <= 1:
            raise ValueError(
                "times must be at least 1, after, latency_ms and stall_ms at least 0, rate above 0 and at most 1"
            )
        if times is None and rate == 1:
            times = 1
        fault = Fault(operation=operation, error=error, latency_ms=latency_ms, stall_ms=stall_ms, cut=cut)
        with self._lock:
            self._rules.append(_Rule(fault, times, after, rate, random.Random(seed)))  # noqa: S311 - no secret

    def deny(self, action: str) -> None:
        """Deny an IAM action to everybody until :meth:`clear`: the operation and the policy simulator both say so.

        Args:
            action: Such as ``bedrock:CreateModelCustomizationJob``, ``s3:GetObject`` or ``bedrock:*``. Actions of S3
                and IAM are denied to the roles of jobs and in the simulator; calls to moto's services are not checked.

        Raises:
            ValueError: It is no action.
        """
        if ":" not in action:
            raise ValueError(f"{action!r} is no IAM action; write service:Action, such as bedrock:InvokeModel")
        with self._lock:
            self._denied.add(action.lower())

    def denies(self, action: str) -> bool:
        """Whether an action has been denied.

        Args:
            action: Such as ``bedrock:InvokeModel``.
        """
        with self._lock:
            return any(fnmatch.fnmatchcase(action.lower(), pattern) for pattern in self._denied)

    def fail_next_job(self, message: str) -> None:
        """Let the next customization or training job that is created fail in the middle of its training.

        Args:
            message: A name in ``FAILURES``, or the text of its failure, which gets the prefix ``[rehearsal]``.
        """
        self._plan("job", FAILURES.get(message, message))

    def queue_next_job(self, seconds: float) -> None:
        """Let the next job wait for capacity, as jobs do for hours: its training stays NotStarted, or Pending.

        Args:
            seconds: Simulated seconds.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a job cannot wait for {seconds} s; use 0 or more")
        with self._lock:
            self._queue.append(seconds)

    def fail_next_deployment(self, message: str) -> None:
        """Let the next deployment that is created, or updated, end as Failed, or UpdateFailed.

        Args:
            message: Its failureMessage, which gets the prefix ``[rehearsal]``.
        """
        self._plan("deployment", message)

    def fail_next_model(self, message: str) -> None:
        """Let the next custom model that is imported end as Failed instead of Active.

        Args:
            message: Its failureMessage, which gets the prefix ``[rehearsal]``.
        """
        self._plan("model", message)

    def clear(self) -> None:
        """Forget every fault that has not happened yet."""
        with self._lock:
            self._rules.clear()
            self._denied.clear()
            self._queue.clear()
            for planned in self._next.values():
                planned.clear()

    def take(self, operation: str) -> Fault | None:
        """The fault of this call, used up by asking; None when it shall go well.

        Args:
            operation: The operation that is being called.
        """
        with self._lock:
            for rule in self._rules:
                if rule.fault.operation == operation and rule.takes():
                    if rule.times == 0:
                        self._rules.remove(rule)
                    return rule.fault
        return None

    def take_job_failure(self) -> str | None:
        """The failure planned for the job that is being created, used up by asking."""
        return self._take("job")

    def take_job_queue(self) -> float:
        """The simulated seconds that the job that is being created waits for capacity, used up by asking."""
        with self._lock:
            return self._queue.pop(0) if self._queue else 0.0

    def take_deployment_failure(self) -> str | None:
        """The failure planned for the deployment that is being created or updated, used up by asking."""
        return self._take("deployment")

    def take_model_failure(self) -> str | None:
        """The failure planned for the model that is being imported, used up by asking."""
        return self._take("model")

    def _plan(self, kind: str, message: str) -> None:
        with self._lock:
            self._next[kind].append(message)

    def _take(self, kind: str) -> str | None:
        with self._lock:
            return self._next[kind].pop(0) if self._next[kind] else None

    def __iter__(self) -> Iterator[Fault]:
        """Each fault as often as it will happen; one that happens without end, once."""
        with self._lock:
            return iter([rule.fault for rule in self._rules for _ in range(rule.times or 1)])

    def __len__(self) -> int:
        with self._lock:
            return sum(rule.times or 1 for rule in self._rules)
