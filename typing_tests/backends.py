"""Who satisfies which protocol: checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from nova_tune import BedrockTrainer, CustomModel, Deployment, Reply, Trainer, TrainingJob
from nova_tune.converse import ReplyStream
from nova_tune.training import LossPoint, TrainingMetrics

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from nova_tune import TrainingPlan
    from nova_tune.evaluation import Arm
    from nova_tune.polling import Clock


def a_backend_of_ours(trainer: BedrockTrainer) -> Trainer:
    """BedrockTrainer keeps the protocol, structurally."""
    return trainer


def an_arm(deployment: Deployment) -> Arm:
    """A deployment is an arm of an evaluation as it stands, though neither room knows the other."""
    return deployment


class ToyTrainer:
    """A backend of somebody else's: it inherits nothing and is a Trainer all the same."""

    def start(self, plan: TrainingPlan) -> TrainingJob:
        """Start."""
        return TrainingJob(arn=plan.job_name, name=plan.job_name, backend="toy", model=plan.model)

    def refresh(self, job: TrainingJob | str) -> TrainingJob:
        """Read."""
        return job if isinstance(job, TrainingJob) else TrainingJob(arn=job, name=job, backend="toy", model="toy")

    def wait(
        self,
        job: TrainingJob | str,
        *,
        timeout_s: float = 60.0,
        interval_s: float = 1.0,
        on_change: Callable[[TrainingJob], None] | None = None,
        cancel: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> TrainingJob:
        """Wait."""
        raise NotImplementedError

    def stop(self, job: TrainingJob | str) -> TrainingJob:
        """Stop."""
        return self.refresh(job)

    def result(self, job: TrainingJob | str) -> CustomModel:
        """The model."""
        return CustomModel(arn=self.refresh(job).arn, name="toy")

    def metrics(self, job: TrainingJob | str) -> TrainingMetrics:
        """The curves."""
        raise NotImplementedError


def switching_is_one_line(plan: TrainingPlan, *, rehearsing: bool) -> CustomModel:
    """The rest of a program does not know which backend it has."""
    trainer: Trainer = ToyTrainer() if rehearsing else BedrockTrainer()
    job = trainer.wait(trainer.start(plan), on_change=print)
    assert_type(job, TrainingJob)
    assert_type(trainer.metrics(job).training, tuple[LossPoint, ...])
    return trainer.result(job)


def a_clock_of_my_own(trainer: Trainer, job: TrainingJob) -> TrainingJob:
    """A test's clock needs two methods and no base class."""

    class Instantly:
        def monotonic(self) -> float:
            return 0.0

        def sleep(self, seconds: float, cancel: threading.Event | None) -> None:
            """Nothing passes."""

    return trainer.wait(job, clock=Instantly())


def answers_have_their_types(deployment: Deployment) -> None:
    """Whole, streamed and timed."""
    assert_type(deployment.wait(), Deployment)
    assert_type(deployment.ask(question="How many?"), Reply)
    with deployment.stream(question="How many?") as answer:
        assert_type(answer, ReplyStream)
        assert_type(list(answer), list[str])
    assert_type(answer.reply.timing.ttft_ms, float | None)
