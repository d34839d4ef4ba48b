"""The run: every arm on the same prompts, interleaved, with the text and the timing taken from the same call."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.errors import (
    AccessDenied,
    AWSError,
    ConfigurationError,
    DatasetError,
    InvalidRequest,
    NotFound,
    NovaTuneError,
    PlanError,
    ServiceFault,
    Throttled,
)
from nova_tune.evaluation._arms import Arm, FunctionArm, ModelArm, ask, inference_id
from nova_tune.evaluation._compare import compare
from nova_tune.evaluation._examples import Example
from nova_tune.evaluation._judge import Judge
from nova_tune.evaluation._metrics import Scale
from nova_tune.evaluation._rows import Row
from nova_tune.evaluation._score import Score
from nova_tune.polling import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nova_tune.evaluation._arms import AnswerFunction
    from nova_tune.evaluation._comparison import Comparison
    from nova_tune.evaluation._examples import Record
    from nova_tune.evaluation._metrics import Metric
    from nova_tune.polling import Clock
    from nova_tune.values import Reply

_FATAL = (AccessDenied, NotFound, ConfigurationError)
_PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # between attempts of a throttled call, outside every timer; assumed


class Evaluator:
    """Compares arms on held-out examples: quality, latency and what is missing, paired example by example.

    Each example costs one streamed call for each arm and one call of each judge for each answer; each arm is called
    once more beforehand, unrecorded, so that opening a connection is not timed. Arms take turns at being first.

    Args:
        arms: Two arms or more by name; ``base`` (else the first) is what the others are compared with. An arm is an
            object with ``measure`` such as a ``Deployment``, the name, id, inference profile or ARN of a model, or a
            function ``(system, user text) -> answer``.
        metrics: What to score; the verdict rests on the first.
        session: A boto3 session; its credentials and region are used.
        client: A ``bedrock-runtime`` client, used for arms and judges as it is. It should make one attempt.
        max_tokens: The longest answer.
        temperature: 0 to 1; None for the models' default.
        workers: Examples in work at a time. More than one is faster, but the arms' calls then share the line.
        seed: Of the bootstrap.
        on_progress: Called with (examples done, examples in all) after each, in the caller's thread.
        clock: What pauses; tests bring their own.

    Raises:
        PlanError: There are no arms, an arm is none of these, a model's name is unknown, two metrics share a name.

    Example:
        >>> from nova_tune.evaluation import ExactMatch
        >>> record = {
        ...     "messages": [
        ...         {"role": "user", "content": [{"text": "2 + 2?"}]},
        ...         {"role": "assistant", "content": [{"text": "4"}]},
        ...     ]
        ... }
        >>> arms = {"base": lambda system, user: "5", "tuned": lambda system, user: "4"}
        >>> report = Evaluator(arms, [ExactMatch()]).run([record] * 8)
        >>> report.difference("exact_match").mean
        1.0
    """

    def __init__(
        self,
        arms: Mapping[str, Arm | AnswerFunction | str],
        metrics: Sequence[Metric] = (),
        *,
        session: Any = None,
        client: Any = None,
        max_tokens: int = 512,
        temperature: float | None = 0.0,
        workers: int = 1,
        seed: int = 0,
        on_progress: Callable[[int, int], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        faults = [
            f"the arm {name!r} is {type(arm).__name__}: give a deployment, a model's name or a function"
            for name, arm in arms.items()
            if not (isinstance(arm, str | Arm) or callable(arm))  # type: ignore[redundant-expr]
        ]
        names = [metric.name for metric in metrics]
        faults += [f"two metrics are called {name!r}" for name in dict.fromkeys(names) if names.count(name) > 1]
        if not arms:
            faults.append("there are no arms: give arms={'base': ..., 'tuned': ...}")
        if workers < 1:
            faults.append(f"workers={workers}: at least one must work")
        if faults:
            raise PlanError("; ".join(faults), faults=faults)
        self._arms = {name: inference_id(arm) if isinstance(arm, str) else arm for name, arm in arms.items()}
        self._metrics = tuple(metrics)
        self._session = session
        self._client = client
        self._max_tokens = max_tokens
        self._temperature = temperature
        self._workers = workers
        self._seed = seed
        self._on_progress = on_progress
        self._clock = clock or SystemClock()

    def run(self, examples: Iterable[Mapping[str, Any] | Record], *, limit: int | None = None) -> Comparison:
        """Ask every arm every example and count.

        A call that fails is a row with its error. Throttled calls are asked again after a pause, outside the timer.

        Args:
            examples: Conversation records or a ``Dataset``; the last assistant turn is the reference.
            limit: Only the first so many; sample before, where the order means something.

        Raises:
            DatasetError: There are no examples, or one has no reference.
            AccessDenied: A model may not be called; the run stops at once. So too on a model that does not exist
                and on missing credentials, and when the first call of an arm is refused as invalid.
        """
        asked = [
            Example.from_record(record, number)
            for number, record in enumerate(itertools.islice(examples, limit), start=1)
        ]
        if not asked:
            raise DatasetError("there are no examples to evaluate on; give held-out records")
        arms, metrics = self._opened()
        for name, arm in arms.items():
            self._warm_up(name, arm, asked[0])
        rows: list[Row] = []
        cancel = threading.Event()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="evaluate") as pool:
            work = [
                pool.submit(self._example, example, index, arms, metrics, cancel) for index, example in enumerate(asked)
            ]
            try:
                for future in as_completed(work):
                    rows += future.result()
                    if self._on_progress is not None and not cancel.is_set():
                        self._on_progress(len(rows) // len(arms), len(asked))
            except BaseException:
                cancel.set()
                raise
        return compare(
            arms=list(arms),
            scales=[Scale.of(metric) for metric in metrics],
            examples=asked,
            rows=rows,
            settings=self._settings(),
            seed=self._seed,
            created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        )

    def _opened(self) -> tuple[dict[str, Arm], list[Metric]]:
        """The arms and metrics with their clients; none is opened where none is needed."""
        opened: dict[bool, Any] = {}

        def client(*, measuring: bool) -> Any:
            if measuring not in opened:
                from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which function arms do without

                opened[measuring] = aws.client(
                    "bedrock-runtime", client=self._client, session=self._session, measuring=measuring
                )
            return opened[measuring]

        arms: dict[str, Arm] = {}
        for name, arm in self._arms.items():
            if isinstance(arm, str):
                arms[name] = ModelArm(client(measuring=True), arm)
            else:
                arms[name] = arm if isinstance(arm, Arm) else FunctionArm(arm)
        metrics: list[Metric] = [
            metric.with_client(client(measuring=False))
            if isinstance(metric, Judge) and metric.client is None
            else metric
            for metric in self._metrics
        ]
        return arms, metrics

    def _warm_up(self, name: str, arm: Arm, example: Example) -> None:
        try:
            ask(arm, example, max_tokens=self._max_tokens, temperature=self._temperature)
        except (*_FATAL, InvalidRequest) as error:
            error.add_note(f"This was the first call of the arm {name!r}; nothing else was asked.")
            raise
        except NovaTuneError:
            pass  # a busy or sleeping model: the recorded calls will tell

    def _example(
        self,
        example: Example,
        index: int,
        arms: Mapping[str, Arm],
        metrics: Sequence[Metric],
        cancel: threading.Event,
    ) -> list[Row]:
        """One example through every arm, in turned order for every second one, then its scores.

        Once the run is cancelled nothing more is asked; what makes a worker raise cancels it for the others.
        """
        if cancel.is_set():
            return []
        try:
            order = list(arms) if index % 2 == 0 else list(arms)[::-1]
            answers = [self._answer(example, name, arms[name], cancel) for name in order]
            return [attrs.evolve(row, scores=self._scores(example, row, metrics)) for row in answers]
        except BaseException:
            cancel.set()
            raise

    def _answer(self, example: Example, name: str, arm: Arm, cancel: threading.Event) -> Row:
        for throttled, pause in enumerate((*_PAUSES_S, None)):
            try:
                reply = ask(arm, example, max_tokens=self._max_tokens, temperature=self._temperature)
            except _FATAL:
                raise
            except NovaTuneError as error:
                code = (error.code if isinstance(error, AWSError) else None) or type(error).__name__
                if pause is not None and _is_busy(error):
                    self._clock.sleep(pause, cancel)
                    if not cancel.is_set():
                        continue
                return Row(
                    example=example.id, arm=name, error=code, message=str(error), throttled=throttled + _is_busy(error)
                )
            # The blocks repeat the text and may hold bytes; a row must go to JSON.
            return Row(example=example.id, arm=name, reply=attrs.evolve(reply, content=[]), throttled=throttled)
        raise AssertionError("the last attempt returns")  # pragma: no cover

    @staticmethod
    def _scores(example: Example, row: Row, metrics: Sequence[Metric]) -> dict[str, Score]:
        reply: Reply | None = row.reply
        if reply is None:
            return {metric.name: Score(None, "error", f"the answer failed: {row.error}") for metric in metrics}
        return {metric.name: metric.score(example, reply) for metric in metrics}

    def _settings(self) -> dict[str, Any]:
        judges = [metric for metric in self._metrics if isinstance(metric, Judge)]
        return {
            "models": {name: arm for name, arm in self._arms.items() if isinstance(arm, str)},
            "judge": {"model": inference_id(judges[0].model), "rubric": judges[0].rubric.name} if judges else None,
            "max_tokens": self._max_tokens,
            "temperature": self._temperature,
            "workers": self._workers,
            "seed": self._seed,
        }


def _is_busy(error: NovaTuneError) -> bool:
    """Whether AWS asks to come again: too many requests, or a model that still loads."""
    return isinstance(error, Throttled) or (isinstance(error, ServiceFault) and error.code == "ModelNotReadyException")
