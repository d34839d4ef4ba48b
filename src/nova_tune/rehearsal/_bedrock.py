"""The control plane of the rehearsed Bedrock: its operations by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal import _foundation as foundation
from nova_tune.rehearsal._deployments import Deployments
from nova_tune.rehearsal._jobs import Jobs
from nova_tune.rehearsal._models import Models
from nova_tune.rehearsal._tags import Tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from nova_tune.rehearsal._account import Account
    from nova_tune.rehearsal._roles import Roles

    Method = Callable[[dict[str, Any]], dict[str, Any]]


def operations(account: Account, *, s3: Any, roles: Roles) -> dict[str, Method]:
    """The offered operations of Amazon Bedrock by name: a parsed request in, the output's members out.

    Each runs alone, after everything that is due by the clock has been brought about.

    Args:
        account: The state.
        s3: The service's own S3 client.
        roles: What the account's roles may do.
    """
    jobs, models, tags = Jobs(account, s3=s3, roles=roles), Models(account, roles=roles), Tags(account)
    deployments = Deployments(account, models)

    def settled(method: Method) -> Method:
        def run(request: dict[str, Any]) -> dict[str, Any]:
            with account.lock:
                jobs.settle()
                return method(request)

        return run

    offered: dict[str, Method] = {
        "CreateModelCustomizationJob": jobs.create,
        "GetModelCustomizationJob": jobs.get,
        "ListModelCustomizationJobs": jobs.list,
        "StopModelCustomizationJob": jobs.stop,
        "CreateCustomModel": models.create,
        "GetCustomModel": models.get,
        "ListCustomModels": models.list,
        "DeleteCustomModel": models.delete,
        "CreateCustomModelDeployment": deployments.create,
        "GetCustomModelDeployment": deployments.get,
        "ListCustomModelDeployments": deployments.list,
        "UpdateCustomModelDeployment": deployments.update,
        "DeleteCustomModelDeployment": deployments.delete,
        "ListFoundationModels": foundation.list_models,
        "GetFoundationModel": foundation.get,
        "GetFoundationModelAvailability": foundation.availability,
        "ListTagsForResource": tags.list,
        "TagResource": tags.add,
        "UntagResource": tags.remove,
    }
    return {name: settled(method) for name, method in offered.items()}
