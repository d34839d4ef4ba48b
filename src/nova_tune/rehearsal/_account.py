"""The state of the rehearsed Bedrock: what exists in the account, and the records it is kept in."""

from __future__ import annotations

import json
import random
import string
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import conflict
from nova_tune.rehearsal._quotas import Quotas

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nova_tune.rehearsal._brains._answers import NearestExample
    from nova_tune.rehearsal._brains._records import Exchange
    from nova_tune.rehearsal._clock import Clock
    from nova_tune.rehearsal._errors import ServiceError
    from nova_tune.rehearsal._faults import Faults
    from nova_tune.rehearsal._trainings import Training

_ID_ALPHABET = string.ascii_lowercase + string.digits


@attrs.define(eq=False, kw_only=True)
class Job:
    """A customization job: what was asked, and what has become of it so far."""

    arn: str
    name: str
    sequence: int
    created: datetime
    request: Mapping[str, Any]
    base: catalog.BaseModel
    model_arn: str
    planned_failure: str | None
    queued_seconds: float = 0.0
    data_checked: bool = False
    stop_requested: datetime | None = None
    ended: datetime | None = None
    outcome: str | None = None
    failure: str | None = None
    train: tuple[Exchange, ...] = ()
    validation: tuple[tuple[Exchange, ...], ...] = ()
    training_loss: float | None = None
    validation_losses: tuple[float, ...] = ()

    @property
    def validated_at(self) -> datetime:
        """When the data has been read and checked."""
        return self.created + timedelta(seconds=catalog.VALIDATION_SECONDS)

    @property
    def processed_at(self) -> datetime:
        """When the data has been processed."""
        return self.validated_at + timedelta(seconds=catalog.PROCESSING_SECONDS)

    @property
    def training_at(self) -> datetime:
        """When training begins."""
        return self.processed_at + timedelta(seconds=self.queued_seconds)

    @property
    def trained_at(self) -> datetime:
        """When training is complete, if nothing happens."""
        return self.training_at + timedelta(seconds=catalog.TRAINING_SECONDS)

    @property
    def stopped_at(self) -> datetime | None:
        """When a request to stop takes effect."""
        if self.stop_requested is None:
            return None
        return self.stop_requested + timedelta(seconds=catalog.STOPPING_SECONDS)

    def end(self, outcome: str, at: datetime, failure: str | None = None) -> None:
        """Reach a terminal status; its data is kept no longer than needed.

        Args:
            outcome: Completed, Failed or Stopped.
            at: When.
            failure: The failureMessage of Failed, without the rehearsal's prefix.
        """
        self.outcome, self.ended = outcome, at
        self.failure = None if failure is None else failure_message(failure)
        self.train, self.validation = (), ()


@attrs.define(eq=False, kw_only=True)
class Model:
    """A custom model: where it came from, and what answers for it."""

    arn: str
    name: str
    sequence: int
    created: datetime
    base: catalog.BaseModel
    answers: NearestExample
    origin: Mapping[str, Any]
    """What GetCustomModel tells of the job or the import behind it."""
    work_seconds: int = 0
    """How long it is Creating."""
    planned_failure: str | None = None
    full_rank: bool = False

    @property
    def customization_type(self) -> str | None:
        """FINE_TUNING or IMPORTED, where it is known."""
        return self.origin.get("customizationType")

    def status(self, now: datetime) -> str:
        """Creating, Active or Failed.

        Args:
            now: The simulated time.
        """
        if now < self.created + timedelta(seconds=self.work_seconds):
            return "Creating"
        return "Failed" if self.planned_failure is not None else "Active"


@attrs.frozen(kw_only=True, eq=False)
class Checkpoint:
    """What a SageMaker training job left in Amazon's escrow bucket: what a custom model can be imported from."""

    uri: str
    base: catalog.BaseModel
    answers: NearestExample
    full_rank: bool


@attrs.define(eq=False, kw_only=True)
class Deployment:
    """A custom model deployment. Its status is a function of the time; nothing happens to it by itself."""

    arn: str
    name: str
    sequence: int
    created: datetime
    model: Model
    description: str | None
    planned_failure: str | None
    next_model: Model | None = None
    updated: datetime | None = None
    update_failure: str | None = None

    def status(self, now: datetime) -> str:
        """Creating, Active or Failed.

        Args:
            now: The simulated time.
        """
        if now < self.created + timedelta(seconds=catalog.DEPLOYMENT_SECONDS):
            return "Creating"
        return "Failed" if self.planned_failure is not None else "Active"

    def is_updating(self, now: datetime) -> bool:
        """Whether another model is being put behind it.

        Args:
            now: The simulated time.
        """
        return self.updated is not None and now < self.updated + timedelta(seconds=catalog.DEPLOYMENT_SECONDS)

    def serving(self, now: datetime) -> Model:
        """The model that answers; an update takes effect when it is complete (assumed).

        Args:
            now: The simulated time.
        """
        if self.next_model is not None and self.update_failure is None and not self.is_updating(now):
            return self.next_model
        return self.model


def failure_message(text: str) -> str:
    """A failureMessage: marked as ours, since AWS's wording is not known, and within AWS's 2,048 characters.

    Args:
        text: What went wrong.
    """
    return f"[rehearsal] {text}"[:2048]


class Account:
    """Everything that exists in one rehearsal's Bedrock; it lives as long as the rehearsal.

    Control-plane operations run one at a time under `lock`. Inference reads without it: the records it needs
    do not change once they can be found.

    Args:
        clock: Where every timestamp comes from.
        faults: The failures planned for jobs and deployments.
        seed: Ids are drawn from it, so that two equal rehearsals give equal ARNs.
        quotas: What may exist; None takes the rehearsal's own figures.
        transfer: As for ``NearestExample``.
    """

    def __init__(
        self, *, clock: Clock, faults: Faults, seed: int, quotas: Quotas | None = None, transfer: bool = False
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.seed = seed
        self.transfer = transfer
        self.lock = threading.RLock()
        self.jobs: dict[str, Job] = {}
        self.models: dict[str, Model] = {}
        self.deployments: dict[str, Deployment] = {}
        self.checkpoints: dict[str, Checkpoint] = {}
        self.packages: dict[str, Checkpoint] = {}
        self.trainings: dict[str, Training] = {}
        self.quotas: Quotas = quotas if quotas is not None else Quotas()
        self.tags: dict[str, dict[str, str]] = {}
        self._random = random.Random(seed)  # noqa: S311 - ids of a rehearsal, no secrets
        self._sequence = 0
        self._tokens: dict[tuple[str, str], tuple[str, str]] = {}

    def to_dict(self) -> dict[str, Any]:
        """What is not in the records: tags, tokens, quotas that were set, and where ids go on."""
        return {
            "seed": self.seed,
            "sequence": self._sequence,
            "random": self._random.getstate(),
            "tags": self.tags,
            "tokens": [[*key, *known] for key, known in self._tokens.items()],
            "quotas": {name: value for name, value in self.quotas.items() if self.quotas.is_set(name)},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`to_dict` gave.

        Args:
            state: That dict, before or after JSON.
        """
        self.seed = state["seed"]
        self._sequence = state["sequence"]
        version, words, gauss = state["random"]
        self._random.setstate((version, tuple(words), gauss))
        self.tags.update(state["tags"])
        for operation, token, content, arn in state["tokens"]:
            self._tokens[operation, token] = (content, arn)
        self.quotas.update(state["quotas"])

    @property
    def escrow_bucket(self) -> str:
        """Amazon's own bucket for the checkpoints of this account's training jobs, which nobody here can read."""
        return f"customer-escrow-{catalog.ACCOUNT}-smtj-rehearsal"

    def new_arn(self, kind: str) -> str:
        """A fresh ARN whose last segment is 12 of ``[a-z0-9]``, the shape of all Bedrock's customization ids.

        Args:
            kind: What stands before the id, such as ``custom-model-deployment``.
        """
        identifier = "".join(self._random.choices(_ID_ALPHABET, k=12))
        return f"arn:aws:bedrock:us-east-1:{catalog.ACCOUNT}:{kind}/{identifier}"

    def next_sequence(self) -> int:
        """The number of the next record, in order of creation."""
        self._sequence += 1
        return self._sequence

    def once(
        self,
        operation: str,
        request: Mapping[str, Any],
        create: Callable[[], str],
        refuse: Callable[[str], ServiceError] = conflict,
    ) -> str:
        """The ARN that `create` gives, or gave when the same request came with the same token.

        Source: "If this token matches a previous request, Amazon Bedrock ignores the request, but does not
        return an error" (API_CreateCustomModelDeployment, read 2026-11-21). That an equal token with another
        request is refused is assumed.

        Args:
            operation: Whose tokens are meant.
            request: The request, which may hold a ``clientRequestToken``.
            create: Makes the resource; not called when the token is known.
            refuse: The error for a token that another request has used.

        Raises:
            ServiceError: The token belongs to another request.
        """
        token = request.get("clientRequestToken")
        if token is None:
            return create()
        rest = {name: value for name, value in request.items() if name != "clientRequestToken"}
        content = json.dumps(rest, sort_keys=True, default=str)
        known = self._tokens.get((operation, token))
        if known is None:
            known = self._tokens[operation, token] = (content, create())
        if known[0] != content:
            raise refuse(f"clientRequestToken {token} was used with a different request")
        return known[1]
