"""What every training backend offers, so that switching backends is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from nova_tune.plan import TrainingPlan
    from nova_tune.polling import Clock
    from nova_tune.values import CustomModel, TrainingJob


@attrs.frozen
class LossPoint:
    """One row of a loss curve: the step, its epoch as the service counts it, and the loss."""

    step: int
    epoch: int
    loss: float


@attrs.frozen
class TrainingMetrics:
    """The loss curves of a job, as the service wrote them. Either may be empty."""

    training: tuple[LossPoint, ...] = ()
    validation: tuple[LossPoint, ...] = ()


@runtime_checkable
class Trainer(Protocol):
    """A backend that trains: it holds the credentials, the plan and the job are plain data.

    ``start`` makes one paid call and returns; ``refresh`` reads; only ``wait`` blocks.
    """

    def start(self, plan: TrainingPlan) -> TrainingJob:
        """Start the job of this plan, or find the one that the same plan started before. It costs money."""
        ...

    def refresh(self, job: TrainingJob | str) -> TrainingJob:
        """Read where a job stands, from any process, by the value, its name or its ARN."""
        ...

    def wait(
        self,
        job: TrainingJob | str,
        *,
        timeout_s: float = ...,
        interval_s: float = ...,
        on_change: Callable[[TrainingJob], None] | None = None,
        cancel: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> TrainingJob:
        """Block until the job has a model."""
        ...

    def stop(self, job: TrainingJob | str) -> TrainingJob:
        """Ask for the job to end. Stopping a job that has ended does nothing."""
        ...

    def result(self, job: TrainingJob | str) -> CustomModel:
        """The tuned model of a job that completed."""
        ...

    def metrics(self, job: TrainingJob | str) -> TrainingMetrics:
        """The loss curves of a job."""
        ...
