"""What roles may do: a small evaluator of IAM policies, for SimulatePrincipalPolicy and for jobs.

An explicit deny wins, then an allow, else it is an implicit deny ("The difference between explicit and implicit
denies", https://docs.aws.amazon.com/IAM/latest/UserGuide/, read 2026-11-21). It knows identity policies alone, and the
condition operators listed in `_CONDITIONS`; a statement with another operator does not apply.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import attrs
from botocore.exceptions import ClientError

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nova_tune.rehearsal._faults import Faults

Policy = dict[str, Any]


@attrs.frozen
class Decision:
    """What IAM would decide for one action on one resource."""

    action: str
    resource: str
    verdict: str
    """allowed, explicitDeny or implicitDeny."""
    missing: tuple[str, ...] = ()
    """Condition keys that the policies ask for and the request does not give."""


class Roles:
    """The roles and users of one account and what their policies say; it lives as long as the rehearsal.

    Args:
        iam: The service's own IAM client.
        faults: Which actions are denied on request.
    """

    def __init__(self, iam: Any, faults: Faults) -> None:
        self._iam = iam
        self._faults = faults

    def check_trust(self, role_arn: str, service: str) -> None:
        """Refuse a role that does not exist or that `service` may not assume.

        Args:
            role_arn: The role.
            service: The service principal, such as ``bedrock.amazonaws.com``.

        Raises:
            ServiceError: ValidationException.
        """
        try:
            role = self._iam.get_role(RoleName=role_arn.rpartition("/")[2])["Role"]
            known = role["Arn"] == role_arn
            trust = _document(role["AssumeRolePolicyDocument"]) if known else {}
        except ClientError:
            trust = {}
        for statement in _statements(trust):
            principal = statement.get("Principal", {})
            services = _listed(principal.get("Service")) if isinstance(principal, dict) else [principal]
            actions = _listed(statement.get("Action"))
            if statement.get("Effect") == "Allow" and {service, "*"} & {*services} and _any("sts:AssumeRole", actions):
                return
        if service.startswith("sagemaker"):
            raise invalid(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'{service}' to assume the role."
            )
        raise invalid(f"The role {role_arn} does not exist or cannot be assumed by {service}")

    def allows(self, arn: str, action: str, resource: str) -> bool:
        """Whether a principal's own policies allow an action.

        Args:
            arn: The principal.
            action: Such as ``s3:GetObject``.
            resource: The resource's ARN.
        """
        return self.decide(self.policies(arn), action, resource, {}).verdict == "allowed"

    def decide(
        self, policies: Sequence[Policy], action: str, resource: str, context: Mapping[str, Sequence[str]]
    ) -> Decision:
        """What IAM would decide.

        Args:
            policies: The identity policies that hold.
            action: Such as ``s3:GetObject``.
            resource: The resource's ARN, or ``*``.
            context: Values of condition keys.
        """
        if self._faults.denies(action):
            return Decision(action, resource, "explicitDeny")
        verdict, missing = "implicitDeny", []
        for statement in (one for policy in policies for one in _statements(policy)):
            if not _concerns(statement, action, resource):
                continue
            holds, absent = _holds(statement.get("Condition", {}), context)
            missing += absent
            if not holds:
                continue
            if statement["Effect"] == "Deny":
                return Decision(action, resource, "explicitDeny")
            verdict = "allowed"
        return Decision(action, resource, verdict, tuple(dict.fromkeys(missing)))

    def policies(self, arn: str) -> list[Policy]:
        """The inline and attached policies of a role or user. The account's root may do everything.

        Args:
            arn: The principal.

        Raises:
            ServiceError: NoSuchEntity.
        """
        kind, _, name = arn.partition(f":iam::{catalog.ACCOUNT}:")[2].partition("/")
        name = name.rpartition("/")[2]
        if kind == "root":
            return [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]
        if kind not in {"role", "user"}:
            raise ServiceError("NoSuchEntity", f"Could not find the principal {arn}", status=404)
        try:
            return list(self._policies(kind, name))
        except ClientError:
            raise ServiceError("NoSuchEntity", f"Could not find the principal {arn}", status=404) from None

    def _policies(self, kind: str, name: str) -> Iterator[Policy]:
        of = {f"{kind.title()}Name": name}
        for policy in getattr(self._iam, f"list_{kind}_policies")(**of)["PolicyNames"]:
            yield _document(getattr(self._iam, f"get_{kind}_policy")(**of, PolicyName=policy)["PolicyDocument"])
        for policy in getattr(self._iam, f"list_attached_{kind}_policies")(**of)["AttachedPolicies"]:
            version = self._iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
            yield _document(found["PolicyVersion"]["Document"])


def _document(policy: Any) -> Policy:
    found: Policy = json.loads(unquote(policy)) if isinstance(policy, str) else policy
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _statements(policy: Policy) -> list[dict[str, Any]]:
    return _listed(policy.get("Statement"))


def _any(value: str, patterns: Sequence[str], *, ignore_case: bool = True) -> bool:
    flags = re.IGNORECASE if ignore_case else 0
    return any(re.fullmatch(_wildcards(pattern), value, flags) for pattern in patterns)


def _wildcards(pattern: str) -> str:
    # Runs of * become one, so that matching stays fast.
    return re.escape(re.sub(r"\*+", "*", pattern)).replace(r"\*", ".*").replace(r"\?", ".")


def _concerns(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        acts = not _any(action, _listed(statement["NotAction"]))
    else:
        acts = _any(action, _listed(statement.get("Action")))
    if "NotResource" in statement:
        return acts and not _any(resource, _listed(statement["NotResource"]), ignore_case=False)
    return acts and _any(resource, _listed(statement.get("Resource", "*")), ignore_case=False)


_CONDITIONS: dict[str, Callable[[str, Sequence[str]], bool]] = {
    "StringEquals": lambda value, wanted: value in wanted,
    "StringNotEquals": lambda value, wanted: value not in wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() in {text.lower() for text in wanted},
    "StringLike": lambda value, wanted: _any(value, wanted, ignore_case=False),
    "StringNotLike": lambda value, wanted: not _any(value, wanted, ignore_case=False),
    "ArnEquals": lambda value, wanted: _any(value, wanted, ignore_case=False),
    "ArnLike": lambda value, wanted: _any(value, wanted, ignore_case=False),
    "Bool": lambda value, wanted: value.lower() in {str(text).lower() for text in wanted},
}


def _holds(condition: Mapping[str, Any], context: Mapping[str, Sequence[str]]) -> tuple[bool, list[str]]:
    """Whether every condition holds, and the keys that were not given."""
    given = {key.lower(): values for key, values in context.items()}
    holds, missing = True, []
    for operator, keys in condition.items():
        compare = _CONDITIONS.get(operator.removesuffix("IfExists"))
        for key, wanted in keys.items():
            values = given.get(key.lower())
            if values is None:
                missing.append(key)
                holds = holds and operator.endswith("IfExists")
            elif compare is None or not any(compare(value, _listed(wanted)) for value in values):
                holds = False
    return holds, missing
