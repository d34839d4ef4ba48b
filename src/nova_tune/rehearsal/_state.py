"""The state of a rehearsal in a directory: what one process has started, another can go on with.

``state.json`` holds the account; ``objects/`` the bodies of S3 objects, named by their SHA-256. The JSON is written
beside its name and renamed, after the bodies it names, so a crash leaves the state of the save before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._account import Checkpoint, Deployment, Job, Model
from nova_tune.rehearsal._brains._answers import NearestExample
from nova_tune.rehearsal._brains._records import Exchange
from nova_tune.rehearsal._recipe import Recipe
from nova_tune.rehearsal._trainings import Training

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nova_tune.rehearsal._account import Account

SCHEMA = 1
_RECORDS: dict[str, type] = {"jobs": Job, "models": Model, "deployments": Deployment, "trainings": Training}


class _Writer:
    """Values to JSON; what answers for models is written once, however many share it."""

    def __init__(self) -> None:
        self.answers: list[list[list[str]]] = []
        self._known: dict[int, int] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return {"$at": value.isoformat()}
        if isinstance(value, catalog.BaseModel):
            return {"$base": value.customizable_id}
        if isinstance(value, Model):
            return {"$model": value.arn}
        if isinstance(value, Exchange):
            return {"$exchange": [value.prompt, value.answer]}
        if isinstance(value, NearestExample):
            if id(value) not in self._known:
                self._known[id(value)] = len(self.answers)
                self.answers.append([[one.prompt, one.answer] for one in value.exchanges])
            return {"$answers": self._known[id(value)]}
        if isinstance(value, Recipe):
            return {"$recipe": self.record(value)}
        if isinstance(value, tuple):
            return {"$tuple": [self.plain(item) for item in value]}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, dict):
            if all(isinstance(key, str) for key in value):
                return {key: self.plain(item) for key, item in value.items()}
            return {"$pairs": [[key, self.plain(item)] for key, item in value.items()]}
        return value

    def record(self, value: Any) -> dict[str, Any]:
        return {field.name: self.plain(getattr(value, field.name)) for field in attrs.fields(type(value))}


class _Reader:
    """JSON to values."""

    def __init__(self, answers: list[NearestExample], models: Mapping[str, Model]) -> None:
        self._answers = answers
        self._models = models

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self.value(item) for item in plain]
        if not isinstance(plain, dict):
            return plain
        if len(plain) == 1:
            ((kind, content),) = plain.items()
            readers = {
                "$at": datetime.fromisoformat,
                "$base": catalog.base_model,
                "$model": self._models.__getitem__,
                "$exchange": lambda pair: Exchange(*pair),
                "$answers": self._answers.__getitem__,
                "$recipe": lambda fields: Recipe(**self.value(fields)),
                "$tuple": lambda items: tuple(self.value(item) for item in items),
                "$pairs": lambda pairs: {key: self.value(item) for key, item in pairs},
            }
            if kind in readers:
                return readers[kind](content)  # type: ignore[operator]
        return {key: self.value(item) for key, item in plain.items()}


def save(path: Path, account: Account, *, s3: Any, iam: Any, names: Mapping[str, str]) -> None:
    """Write the state of an account, its buckets and its roles.

    Args:
        path: The directory; it is made if need be.
        account: The state.
        s3: The service's own S3 client.
        iam: The service's own IAM client.
        names: The rehearsal's own bucket and role.
    """
    objects = path / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    with account.lock:
        writer = _Writer()
        state = {
            "schema": SCHEMA,
            "names": {**names},
            "clock": account.clock.to_dict(),
            "account": account.to_dict(),
            **{name: [writer.record(one) for one in getattr(account, name).values()] for name in _RECORDS},
            "checkpoints": [writer.record(one) for one in account.checkpoints.values()],
            "packages": {arn: one.uri for arn, one in account.packages.items()},
            "buckets": [_bucket(s3, bucket["Name"], objects) for bucket in s3.list_buckets()["Buckets"]],
            "roles": [
                _role(iam, role) for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]
            ],
            "answers": writer.answers,
        }
    written = path / "state.json.new"
    written.write_text(json.dumps(state), encoding="utf-8")
    written.replace(path / "state.json")


def read(path: Path) -> dict[str, Any] | None:
    """The saved state, or None when there is none yet.

    Args:
        path: The directory.

    Raises:
        ValueError: It was written by a version of the library that this one does not know.
    """
    file = path / "state.json"
    if not file.exists():
        return None
    state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if state.get("schema") != SCHEMA:
        raise ValueError(
            f"{file} has schema {state.get('schema')!r}; this version reads {SCHEMA}: delete it to begin anew"
        )
    return state


def restore(path: Path, state: Mapping[str, Any], account: Account, *, s3: Any, iam: Any, transfer: bool) -> None:
    """Bring an account, its buckets and its roles back.

    Args:
        path: The directory.
        state: What :func:`read` gave.
        account: An account in which nothing exists.
        s3: The service's own S3 client.
        iam: The service's own IAM client.
        transfer: As for ``NearestExample``.
    """
    answers = [NearestExample([Exchange(*pair) for pair in pairs], transfer=transfer) for pairs in state["answers"]]
    reader = _Reader(answers, account.models)
    account.restore(state["account"])
    for record in state["checkpoints"]:
        checkpoint = Checkpoint(**reader.value(record))
        account.checkpoints[checkpoint.uri] = checkpoint
    account.packages.update({arn: account.checkpoints[uri] for arn, uri in state["packages"].items()})
    for name, kind in _RECORDS.items():
        for record in state[name]:
            found = kind(**reader.value(record))
            getattr(account, name)[found.name if kind is Training else found.arn] = found
    for job in account.trainings.values():
        job.logged = 0  # CloudWatch's lines are not saved but written again
    for bucket in state["buckets"]:
        _restore_bucket(s3, bucket, path / "objects")
    for role in state["roles"]:
        _restore_role(iam, role)


def _bucket(s3: Any, name: str, objects: Path) -> dict[str, Any]:
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for entry in page.get("Contents", []):
            answer = s3.get_object(Bucket=name, Key=entry["Key"])
            body = answer["Body"].read()
            digest = hashlib.sha256(body).hexdigest()
            if not (objects / digest).exists():
                (objects / digest).write_bytes(body)
            kept = {"Key": entry["Key"], "ContentType": answer["ContentType"], "Metadata": answer["Metadata"]}
            found.append([digest, kept])
    return {"name": name, "region": s3.head_bucket(Bucket=name).get("BucketRegion"), "objects": found}


def _restore_bucket(s3: Any, bucket: Mapping[str, Any], objects: Path) -> None:
    place = {}
    if bucket["region"] not in {None, catalog.REGION}:
        place = {"CreateBucketConfiguration": {"LocationConstraint": bucket["region"]}}
    with contextlib.suppress(ClientError):  # it is there: another rehearsal of this process has it
        s3.create_bucket(Bucket=bucket["name"], **place)
    for digest, kept in bucket["objects"]:
        s3.put_object(Bucket=bucket["name"], Body=(objects / digest).read_bytes(), **kept)


def _role(iam: Any, role: Mapping[str, Any]) -> dict[str, Any]:
    name = role["RoleName"]
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    policies = {}
    for policy in attached:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        policies[policy["PolicyName"]] = found["PolicyVersion"]["Document"]
    return {
        "name": name,
        "path": role["Path"],
        "trust": role["AssumeRolePolicyDocument"],
        "inline": {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline},
        "attached": policies,
    }


def _restore_role(iam: Any, role: Mapping[str, Any]) -> None:
    name = role["name"]
    with contextlib.suppress(ClientError):  # as for buckets
        iam.create_role(RoleName=name, Path=role["path"], AssumeRolePolicyDocument=json.dumps(role["trust"]))
    # An attached policy comes back as an inline one of its name: it says the same.
    for policy, document in {**role["attached"], **role["inline"]}.items():
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
