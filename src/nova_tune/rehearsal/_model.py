"""AWS's own description of the services, as shipped in the installed botocore, and the routes it gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
from botocore.loaders import Loader
from botocore.model import OperationModel, OperationNotFoundError, ServiceModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@attrs.frozen
class Match:
    """An operation that a request names, and the values of its path labels, still percent-encoded."""

    operation: OperationModel
    labels: Mapping[str, str]


@attrs.frozen
class _Route:
    method: str
    pattern: re.Pattern[str]
    operation: OperationModel
    labelled: tuple[bool, ...]


class RouteTable:
    """The operations of some REST services by method and path. Built once for a rehearsal (about 0.1 s).

    Paths are matched as sent, before percent-decoding: an ARN arrives as one segment whose slashes are
    ``%2F``. Static segments win over labels, so ``/custom-models/create-custom-model`` is not taken for
    ``/custom-models/{modelIdentifier}``.

    Args:
        services: botocore service names whose protocol is rest-json.
    """

    def __init__(self, services: Sequence[str]) -> None:
        loader = Loader()
        self._operations: dict[str, OperationModel] = {}
        routes = []
        for name in services:
            service = ServiceModel(loader.load_service_model(name, "service-2"), name)
            for operation_name in service.operation_names:
                operation = service.operation_model(operation_name)
                self._operations.setdefault(operation_name, operation)
                routes.append(_route(operation))
        self._routes = sorted(routes, key=lambda route: route.labelled)

    def operation(self, name: str) -> OperationModel:
        """The operation called `name`.

        Raises:
            KeyError: No service here has it.
        """
        return self._operations[name]

    def match(self, method: str, raw_path: str) -> Match | None:
        """The operation that a request names, or None.

        Args:
            method: The HTTP method.
            raw_path: The path as sent, without its query.
        """
        for route in self._routes:
            if route.method == method and (found := route.pattern.fullmatch(raw_path)):
                return Match(route.operation, found.groupdict())
        return None


class TargetTable:
    """The operations of aws-json services by their target header. A service is loaded when it is first named.

    Args:
        services: botocore service names by the name that requests are signed for.
    """

    def __init__(self, services: Mapping[str, str]) -> None:
        self._services = services
        self._loaded: dict[str, ServiceModel] = {}

    def match(self, signing_name: str, target: str) -> Match | None:
        """The operation that a request names, or None.

        Args:
            signing_name: The service in its credential scope.
            target: Its ``X-Amz-Target``, such as ``SageMaker.CreateTrainingJob``.
        """
        if signing_name not in self._services:
            return None
        try:
            return Match(self.operation(signing_name, target.rpartition(".")[2]), {})
        except OperationNotFoundError:
            return None

    def operation(self, signing_name: str, name: str) -> OperationModel:
        """An operation of a service.

        Args:
            signing_name: The service.
            name: Its name.

        Raises:
            OperationNotFoundError: The service has no such operation.
        """
        if signing_name not in self._loaded:
            service = self._services[signing_name]
            self._loaded[signing_name] = ServiceModel(Loader().load_service_model(service, "service-2"), service)
        return self._loaded[signing_name].operation_model(name)


def _route(operation: OperationModel) -> _Route:
    template = operation.http["requestUri"].partition("?")[0]
    pattern, last = "", 0
    for label in _LABEL.finditer(template):
        values = ".+" if label[2] else "[^/]+"
        pattern += re.escape(template[last : label.start()]) + f"(?P<{label[1]}>{values})"
        last = label.end()
    pattern += re.escape(template[last:])
    labelled = tuple("{" in segment for segment in template.split("/"))
    return _Route(operation.http["method"], re.compile(pattern), operation, labelled)
