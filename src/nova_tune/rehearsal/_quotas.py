"""The quotas of the rehearsed account, and the operations of Service Quotas that tell them."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

CONCURRENT_JOBS = "Scheduled customization jobs"
CUSTOM_MODELS = "Custom models per account"
DEPLOYMENTS = "Custom model on demand deployments per account"
DEPLOYMENTS_IN_PROGRESS = "Custom model on demand deployments in progress"
REQUESTS_PER_MINUTE = "On demand custom model deployment requests per minute"
TOKENS_PER_MINUTE = "On demand custom model deployment tokens per minute"

_GUIDE = "Amazon Nova user guide, on-demand inference on custom models"
_ASSUMED = "assumed"


@attrs.frozen
class Quota:
    """A quota as the rehearsal knows it. Names and codes are the rehearsal's own unless the source says otherwise."""

    service: str
    name: str
    value: float
    source: str
    read: str = catalog.READ

    @property
    def code(self) -> str:
        """Its code, in the shape of AWS's: real codes of these quotas are not known."""
        number = sum(ord(letter) * place for place, letter in enumerate(self.name, start=1))
        return f"L-{number % 0xFFFFFFFF:08X}"


QUOTAS = {
    quota.name: quota
    for quota in (
        # One practitioner's account had 100 models, 10 deployments and 2 of them in progress. More here, so that a test
        # suite need not tidy up; set them to rehearse the refusal.
        Quota("bedrock", CONCURRENT_JOBS, 1_000, _ASSUMED),
        Quota("bedrock", CUSTOM_MODELS, 1_000, _ASSUMED),
        Quota("bedrock", DEPLOYMENTS, 1_000, _ASSUMED),
        Quota("bedrock", DEPLOYMENTS_IN_PROGRESS, 1_000, _ASSUMED),
        Quota("bedrock", REQUESTS_PER_MINUTE, 2_000, _GUIDE),
        Quota("bedrock", TOKENS_PER_MINUTE, 4_000_000, _GUIDE),
        *(
            # A new account has 0 of most; the rehearsal's has some.
            Quota("sagemaker", f"{instance} for training job usage", count, _ASSUMED)
            for instance, count in (
                ("ml.g5.12xlarge", 4),
                ("ml.g5.48xlarge", 4),
                ("ml.g6.12xlarge", 4),
                ("ml.g6.48xlarge", 4),
                ("ml.p4d.24xlarge", 8),
                ("ml.p5.48xlarge", 8),
                ("ml.p5en.48xlarge", 8),
            )
        ),
    )
}


class Quotas(MutableMapping[str, float]):
    """The quotas in force, by name: set one to let the account be refused. It lives as long as the rehearsal.

    >>> quotas = Quotas()
    >>> quotas["ml.g5.48xlarge for training job usage"] = 0
    >>> quotas["ml.g5.48xlarge for training job usage"]
    0
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {name: quota.value for name, quota in QUOTAS.items()}
        self._set: set[str] = set()

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __setitem__(self, name: str, value: float) -> None:
        if name not in QUOTAS:
            raise ValueError(f"{name!r} is no quota of the rehearsal; it knows {', '.join(QUOTAS)}")
        if value < 0:
            raise ValueError(f"a quota of {value} is not possible; use 0 or more")
        self._values[name] = value
        self._set.add(name)

    def __delitem__(self, name: str) -> None:
        """Back to the rehearsal's own value."""
        self._values[name] = QUOTAS[name].value
        self._set.discard(name)

    def is_set(self, name: str) -> bool:
        """Whether somebody has set a quota; those for each minute bind only then.

        Args:
            name: The quota.
        """
        return name in self._set

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def check(self, name: str, used: int) -> None:
        """Refuse one more.

        Args:
            name: The quota.
            used: How many there are.

        Raises:
            ServiceError: ServiceQuotaExceededException.
        """
        limit = self._values[name]
        if used >= limit:
            raise ServiceError(
                "ServiceQuotaExceededException", f"The quota '{name}' is {limit:g} and {used} are in use already"
            )


def operations(quotas: Quotas) -> dict[str, Any]:
    """The offered operations of Service Quotas by name.

    Args:
        quotas: The quotas in force.
    """

    def listed(request: Mapping[str, Any]) -> dict[str, Any]:
        return _page(request, quotas)

    def defaults(request: Mapping[str, Any]) -> dict[str, Any]:
        return _page(request, {name: quota.value for name, quota in QUOTAS.items()})

    def one(request: Mapping[str, Any]) -> dict[str, Any]:
        for name, quota in QUOTAS.items():
            if (quota.service, quota.code) == (request["ServiceCode"], request["QuotaCode"]):
                return {"Quota": _row(quota, quotas[name])}
        raise ServiceError("NoSuchResourceException", f"There is no quota {request['QuotaCode']}")

    return {"ListServiceQuotas": listed, "ListAWSDefaultServiceQuotas": defaults, "GetServiceQuota": one}


def _page(request: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    service, wanted = request["ServiceCode"], request.get("QuotaCode")
    found = [quota for quota in QUOTAS.values() if quota.service == service and wanted in {None, quota.code}]
    if not found:
        raise ServiceError("NoSuchResourceException", f"The rehearsal knows no such quota of {service}")
    token = request.get("NextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidPaginationTokenException", "The provided NextToken is not valid")
    start = int(token)
    end = start + request.get("MaxResults", 100)
    rest = {"NextToken": str(end)} if end < len(found) else {}
    return {"Quotas": [_row(quota, values[quota.name]) for quota in found[start:end]], **rest}


def _row(quota: Quota, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": quota.service,
        "ServiceName": {"bedrock": "Amazon Bedrock", "sagemaker": "Amazon SageMaker"}[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{catalog.REGION}:{catalog.ACCOUNT}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
