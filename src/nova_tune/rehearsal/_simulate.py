"""SimulatePrincipalPolicy, which moto lacks: IAM's query protocol, for this operation alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from nova_tune.rehearsal._errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nova_tune.rehearsal._roles import Decision, Roles

ACTION = "SimulatePrincipalPolicy"
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_LONGEST = 128


def wanted(body: bytes) -> bool:
    """Whether a request to IAM names this operation.

    Args:
        body: The form that the query protocol posts.
    """
    return f"Action={ACTION}".encode() in body


def simulate(body: bytes, roles: Roles) -> bytes:
    """The XML answer to a request.

    The policies of the principal are those that it has in the rehearsal's IAM; a policy in the request is added to
    them. Actions denied on request are explicitDeny. Resource policies, boundaries and organizations are not simulated.

    Args:
        body: The form that the query protocol posts.
        roles: What principals may do.

    Raises:
        ServiceError: NoSuchEntity or InvalidInput.
    """
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    actions = _members(form, "ActionNames")
    if not actions or any(":" not in action or len(action) > _LONGEST for action in actions):
        raise ServiceError("InvalidInput", "ActionNames must hold actions such as s3:GetObject")
    policies = [*roles.policies(form.get("PolicySourceArn", "")), *map(json.loads, _members(form, "PolicyInputList"))]
    context = {
        form[f"ContextEntries.member.{number}.ContextKeyName"]: _members(
            form, f"ContextEntries.member.{number}.ContextKeyValues"
        )
        for number in _numbers(form, "ContextEntries")
    }
    resources = _members(form, "ResourceArns") or ["*"]
    decisions = [roles.decide(policies, action, resource, context) for action in actions for resource in resources]
    return _answer("".join(_result(decision) for decision in decisions))


def error(problem: ServiceError) -> bytes:
    """An error in IAM's form.

    Args:
        problem: What went wrong.
    """
    text = f"<Error><Type>Sender</Type><Code>{problem.code}</Code><Message>{escape(problem.message)}</Message></Error>"
    return f'<ErrorResponse xmlns="{_NAMESPACE}">{text}</ErrorResponse>'.encode()


def _numbers(form: dict[str, str], name: str) -> list[int]:
    found = (re.match(rf"{name}\.member\.(\d+)(\.|$)", key) for key in form)
    return sorted({int(match[1]) for match in found if match})


def _members(form: dict[str, str], name: str) -> Sequence[str]:
    return [form[f"{name}.member.{number}"] for number in _numbers(form, name)]


def _result(decision: Decision) -> str:
    missing = "".join(f"<member>{escape(key)}</member>" for key in decision.missing)
    return (
        f"<member><EvalActionName>{escape(decision.action)}</EvalActionName>"
        f"<EvalResourceName>{escape(decision.resource)}</EvalResourceName>"
        f"<EvalDecision>{decision.verdict}</EvalDecision><MatchedStatements/>"
        f"<MissingContextValues>{missing}</MissingContextValues></member>"
    )


def _answer(results: str) -> bytes:
    result = f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
    return (
        f'<{ACTION}Response xmlns="{_NAMESPACE}"><{ACTION}Result>{result}</{ACTION}Result>'
        f"<ResponseMetadata><RequestId>rehearsal</RequestId></ResponseMetadata></{ACTION}Response>"
    ).encode()
