"""The rehearsal itself: the parts put together, started and closed."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pathlib
import secrets
import tempfile
import threading
from typing import TYPE_CHECKING, Any, Self, cast

from botocore.exceptions import ClientError

from nova_tune.errors import MissingExtra
from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal import _prices, _quotas, _state
from nova_tune.rehearsal._account import Account
from nova_tune.rehearsal._bedrock import operations
from nova_tune.rehearsal._clock import Clock
from nova_tune.rehearsal._faults import Faults
from nova_tune.rehearsal._front import Front
from nova_tune.rehearsal._model import RouteTable, TargetTable
from nova_tune.rehearsal._roles import Roles
from nova_tune.rehearsal._runtime import Pace, Runtime, refuse_custom_model
from nova_tune.rehearsal._sagemaker import TrainingJobs
from nova_tune.rehearsal._server import Server
from nova_tune.rehearsal._session import SECRET_KEY, RehearsalSession
from nova_tune.rehearsal._trainings import Passage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from wsgiref.types import WSGIApplication

    import boto3

_JSON_OPERATIONS = {
    "CreateTrainingJob",
    "DescribeTrainingJob",
    "ListTrainingJobs",
    "StopTrainingJob",
    *_quotas.operations(_quotas.Quotas()),
    *_prices.operations(),
}
_CALLER_KEY = "REHEARSALCALLER"
_SERVICE_KEY = "REHEARSALSERVICE"
"""The access key of the service's own calls to S3 and IAM: it tells them apart from the caller's."""


class Rehearsal:
    """A local Amazon Bedrock, S3, IAM and STS on 127.0.0.1 that unmodified boto3 clients talk to.

    It lives from ``with`` to the end of its block (or from :meth:`start` to :meth:`close`), costs nothing, and
    keeps everything in memory. What it answers is a rehearsal: the tuned model is the nearest example of the
    training file, the base model a stand-in, and every response carries ``x-nova-tune-rehearsal: 1``. The
    behaviours and their sources stand in ``nova_tune.rehearsal.BEHAVIOURS``.

    Several rehearsals may run in one process. Their Bedrocks are apart; buckets and roles are moto's and belong to
    the whole process, so give yours names of their own. :attr:`bucket` and :attr:`role_arn` have a random part.

    Args:
        speed: Simulated seconds for each real second; the default lets a training of two hours take six seconds.
            0 means that time moves by :meth:`advance` alone.
        first_token_ms: Real milliseconds from a request to a deployment's first token.
        token_ms: Real milliseconds between two tokens of a deployment.
        base_first_token_ms: As `first_token_ms`, for base models and judges.
        base_token_ms: As `token_ms`, for base models and judges.
        responder: Answers for deployments instead of the training data: a function from the parsed Converse
            request to the text. It runs in the server's threads.
        slot_transfer: Swap, in the answers of deployments, the words in which the question differs from the nearest
            example's: better answers on templated data, so good that they hide faults.
        seed: Draws ids and orders training records, so that two equal rehearsals are equal.
        path: A directory that keeps the state: read on start, written on :meth:`save` and on close, so that a job
            started by one process is refreshed by another. One process at a time.

    Raises:
        MissingExtra: On start, when the extra ``rehearsal`` is not installed.
        ValueError: A number is negative.

    >>> with Rehearsal(speed=0) as rehearsal:
    ...     bedrock = rehearsal.client("bedrock")
    ...     bedrock.list_custom_models()["modelSummaries"]
    []
    """

    region = catalog.REGION
    account = catalog.ACCOUNT

    def __init__(
        self,
        *,
        speed: float = 1200.0,
        first_token_ms: float = 150.0,
        token_ms: float = 5.0,
        base_first_token_ms: float = 140.0,
        base_token_ms: float = 4.0,
        responder: Callable[[Mapping[str, Any]], str] | None = None,
        slot_transfer: bool = False,
        seed: int = 0,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        if min(first_token_ms, token_ms, base_first_token_ms, base_token_ms) < 0:
            raise ValueError("token times are milliseconds and cannot be negative")
        self._clock = Clock(speed)
        self._tuned = Pace(first_token_ms=first_token_ms, token_ms=token_ms)
        self._base = Pace(first_token_ms=base_first_token_ms, token_ms=base_token_ms)
        self._responder = responder
        self._seed = seed
        self._offered: dict[str, Any] = {}
        self._routes = RouteTable(("bedrock", "bedrock-runtime"))
        self._server: Server | None = None
        self._roles: Roles | None = None
        self._closing = threading.Event()
        self._slot_transfer = slot_transfer
        self._path = None if path is None else pathlib.Path(path)
        self._account: Account | None = None
        self._furnished = False
        self.quotas: _quotas.Quotas = _quotas.Quotas()
        self._files: tempfile.TemporaryDirectory[str] | None = None
        self._clients: tuple[Any, ...] = ()
        self.faults: Faults = Faults(self._streams)
        suffix = secrets.token_hex(4)
        self.bucket: str = f"nova-tune-rehearsal-{suffix}"
        self.role_arn: str = f"arn:aws:iam::{catalog.ACCOUNT}:role/nova-tune-rehearsal-{suffix}"

    def start(self) -> Self:
        """Listen, and make the bucket and the role. Takes less than a second after moto's import.

        Raises:
            MissingExtra: The extra ``rehearsal`` is not installed.
            RuntimeError: It has been started before.
        """
        if self._server is not None:
            raise RuntimeError("the rehearsal has been started before; make another one")
        refusals = {"Converse": refuse_custom_model, "ConverseStream": refuse_custom_model}
        front = Front(
            routes=self._routes,
            operations=self._offered,
            refusals=refusals,
            faults=self.faults,
            targets=TargetTable({"sagemaker": "sagemaker", "servicequotas": "service-quotas", "pricing": "pricing"}),
            roles=lambda: self._roles,
            others=_moto(),
            closing=self._closing,
        )
        self._server = Server(cast("WSGIApplication", front))
        self._server.start()
        try:
            self._furnish()
            self._furnished = True
        except BaseException:
            self.close()
            raise
        return self

    def _furnish(self) -> None:
        service = RehearsalSession(url=self.url, access_key=_SERVICE_KEY, region=self.region)
        s3, iam, logs = self._clients = tuple(service.client(name) for name in ("s3", "iam", "logs"))
        saved = None if self._path is None else _state.read(self._path)
        account = self._account = Account(
            clock=self._clock,
            faults=self.faults,
            seed=self._seed,
            quotas=self.quotas,
            transfer=self._slot_transfer,
        )
        roles = self._roles = Roles(iam, self.faults)
        passage = Passage(account, s3=s3, logs=logs, roles=roles)
        runtime = Runtime(account, tuned=self._tuned, base=self._base, responder=self._responder, closing=self._closing)
        self._offered.update(
            operations(account, s3=s3, roles=roles),
            **runtime.operations(),
            **TrainingJobs(account, passage=passage, roles=roles).operations(),
            **_quotas.operations(self.quotas),
            **_prices.operations(),
        )
        if saved is not None and self._path is not None:
            self.bucket, self.role_arn = saved["names"]["bucket"], saved["names"]["role_arn"]
            self._clock.restore(saved["clock"])
            _state.restore(self._path, saved, account, s3=s3, iam=iam, transfer=self._slot_transfer)
            passage.write_again()
            return
        s3.create_bucket(Bucket=self.bucket)
        name = self.role_arn.rpartition("/")[2]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_trust_policy())
        iam.put_role_policy(RoleName=name, PolicyName="data", PolicyDocument=_data_policy())

    def save(self) -> None:
        """Write the state to `path` now; :meth:`close` does it too.

        Raises:
            RuntimeError: It has not been started, or has no `path`.
        """
        if self._path is None or self._account is None or not self._clients:
            raise RuntimeError("nothing to save: give Rehearsal(path=...) and start it")
        s3, iam, _ = self._clients
        names = {"bucket": self.bucket, "role_arn": self.role_arn}
        _state.save(self._path, self._account, s3=s3, iam=iam, names=names)

    def close(self) -> None:
        """End every connection, wait for every thread, and forget the bucket and the role. May be called twice."""
        if self._server is None or self._closing.is_set():
            return
        if self._clients:
            if self._path is not None and self._furnished:  # a start that failed leaves the saved state alone
                self.save()
            self._clear_away(*self._clients[:2])
        self._closing.set()
        for client in self._clients:
            client.close()
        self._server.stop()
        if self._files is not None:
            self._files.cleanup()

    def _clear_away(self, s3: Any, iam: Any) -> None:
        with contextlib.suppress(ClientError):  # the caller may have deleted or locked them
            for listing in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
                for entry in listing.get("Contents", []):
                    s3.delete_object(Bucket=self.bucket, Key=entry["Key"])
            s3.delete_bucket(Bucket=self.bucket)
        name = self.role_arn.rpartition("/")[2]
        with contextlib.suppress(ClientError):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:43210``.

        Raises:
            RuntimeError: It has not been started.
        """
        if self._server is None:
            raise RuntimeError("the rehearsal has not been started; use it in a with statement or call start()")
        return self._server.url

    def session(self) -> boto3.Session:
        """A boto3 session whose every client talks to this rehearsal, whatever the environment says."""
        return RehearsalSession(url=self.url, access_key=_CALLER_KEY, region=self.region)

    def client(self, name: str, **kwargs: Any) -> Any:
        """A boto3 client that talks to this rehearsal.

        Args:
            name: The service, such as ``bedrock-runtime``.
            kwargs: As for ``boto3.Session.client``.
        """
        return self.session().client(name, **kwargs)  # type: ignore[call-overload]

    def environ(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The variables that make a child process talk to this rehearsal.

        Without `base`, put them over the child's environment: profiles, configuration files and endpoints of
        single services are set to harmless values. AWS_BEARER_TOKEN_BEDROCK has no harmless value (botocore
        1.44.5 takes an empty one for a token), so give `base` where it may be set.

        Args:
            base: The environment to start from, such as ``os.environ``; every variable of AWS's is left out.

        >>> import os
        >>> with Rehearsal() as rehearsal:
        ...     rehearsal.environ(os.environ)["AWS_ENDPOINT_URL"] == rehearsal.url
        True
        """
        if self._files is None:
            self._files = tempfile.TemporaryDirectory(prefix="nova-tune-rehearsal-")
        config = pathlib.Path(self._files.name, "config")
        config.write_text(f"[default]\nregion = {self.region}\n", encoding="utf-8")
        services = ("BEDROCK", "BEDROCK_RUNTIME", "S3", "IAM", "STS", "SAGEMAKER", "PRICING", "SERVICE_QUOTAS", "LOGS")
        return {
            **{name: value for name, value in (base or {}).items() if not name.startswith("AWS_")},
            "AWS_ENDPOINT_URL": self.url,
            **{f"AWS_ENDPOINT_URL_{service}": self.url for service in services},
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "AWS_ACCESS_KEY_ID": _CALLER_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_PROFILE": "default",
            "AWS_DEFAULT_PROFILE": "default",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_USE_FIPS_ENDPOINT": "false",
            "AWS_USE_DUALSTACK_ENDPOINT": "false",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def advance(self, seconds: float) -> None:
        """Let simulated time pass at once.

        Args:
            seconds: Simulated seconds, 0 or more.

        Raises:
            ValueError: `seconds` is negative.
        """
        self._clock.advance(seconds)

    def _streams(self, operation: str) -> bool:
        if self._offered and operation not in self._offered:  # before the start nothing is offered yet
            raise KeyError(operation)
        if operation in _JSON_OPERATIONS:
            return False
        return bool(self._routes.operation(operation).has_event_stream_output)


def _moto() -> WSGIApplication:
    try:
        # First, because moto turns its absence into a warning.
        importlib.import_module("flask_cors")
        from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - an optional package
            DomainDispatcherApplication,
            create_backend_app,
        )
    except ImportError as error:
        raise MissingExtra.for_extra("rehearsal", what="The rehearsal") from error
    return cast("WSGIApplication", DomainDispatcherApplication(create_backend_app))


def _trust_policy() -> str:
    """The trust policy of a customization role.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-iam-role.html, read 2026-11-21.
    """
    jobs = f"arn:aws:bedrock:{catalog.REGION}:{catalog.ACCOUNT}:model-customization-job/*"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "bedrock.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": catalog.ACCOUNT},
            "ArnEquals": {"aws:SourceArn": jobs},
        },
    }
    training = {**statement, "Principal": {"Service": "sagemaker.amazonaws.com"}}
    del training["Condition"]
    return json.dumps({"Version": "2012-10-17", "Statement": [statement, training]})


def _data_policy() -> str:
    """What the role may do.

    To read and write any bucket, so that a test may make buckets of its own, and what the SageMaker SDK asks of a role
    for training jobs (sagemaker 3.27.0, tried 2026-11-21).
    """
    actions = [
        *("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
        *("cloudwatch:PutMetricData", "logs:*", "ecr:*"),
        *("ec2:*NetworkInterface*", "ec2:Describe*"),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
