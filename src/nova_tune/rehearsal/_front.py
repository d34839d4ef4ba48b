"""What every request meets first: Bedrock is answered here, everything else goes to moto in this process.

Both Bedrock services sign as ``bedrock`` (service model, botocore 1.44.5), so the SigV4 credential scope tells
Bedrock from the rest, and the path tells the operation.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape

import attrs

from nova_tune.rehearsal._check import faults as shape_faults
from nova_tune.rehearsal._check import summary
from nova_tune.rehearsal._errors import ServiceError, invalid, not_offered
from nova_tune.rehearsal._eventstream import event
from nova_tune.rehearsal._parse import read
from nova_tune.rehearsal._serialise import Response, write
from nova_tune.rehearsal._server import ConnectionCutError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from botocore.model import OperationModel, StructureShape

    from nova_tune.rehearsal._faults import Fault, Faults
    from nova_tune.rehearsal._model import Match, RouteTable

    Events = Iterator[tuple[str, Mapping[str, Any]]]
    Operation = Callable[[dict[str, Any]], Mapping[str, Any] | Events]

HEADER = ("x-nova-tune-rehearsal", "1")
"""Stands on every response, so that a report can tell a rehearsal from AWS."""

REGION = "us-east-1"
"""The only region where Nova is customised and deployed.
https://docs.aws.amazon.com/bedrock/latest/userguide/custom-model-fine-tuning.html, read 2026-11-21."""

_DELTAS_BEFORE_FAULT = 2


@attrs.frozen
class CredentialScope:
    """Who signed a request, and for what (SigV4)."""

    access_key: str
    region: str
    service: str

    @classmethod
    def of(cls, authorization: str) -> CredentialScope | None:
        """The scope in an Authorization header; None when the request is not signed with SigV4.

        Args:
            authorization: The header's value, or an empty text.
        """
        credential = authorization.partition("Credential=")[2].partition(",")[0].strip()
        parts = credential.split("/")
        if len(parts) != 5:  # key, date, region, service, aws4_request
            return None
        return cls(parts[0], parts[2], parts[3].lower())


class Front:
    """The WSGI application of a rehearsal; it lives as long as its server.

    Args:
        routes: The operations of Bedrock and Bedrock Runtime.
        operations: Those that are offered, by name.
        refusals: What an operation refuses before its constraints are checked, with a better word than theirs.
        faults: The faults that wait to happen.
        others: The WSGI application that answers every other service.
        closing: Set when the rehearsal ends; waiting stops then.
    """

    def __init__(
        self,
        *,
        routes: RouteTable,
        operations: Mapping[str, Operation],
        refusals: Mapping[str, Callable[[Mapping[str, Any]], None]],
        faults: Faults,
        others: WSGIApplication,
        closing: threading.Event,
    ) -> None:
        self._routes = routes
        self._operations = operations
        self._refusals = refusals
        self._faults = faults
        self._others = others
        self._closing = closing

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        scope = CredentialScope.of(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is not None and scope.service == "bedrock":
            response = self._bedrock(scope, environ)
            _start(start_response, response)
            return [response.body] if isinstance(response.body, bytes) else response.body
        return self._other(environ, start_response)

    def _bedrock(self, scope: CredentialScope, environ: WSGIEnvironment) -> Response:
        path, _, query = environ["RAW_URI"].partition("?")
        match = self._routes.match(environ["REQUEST_METHOD"], path)
        operation = None if match is None else match.operation
        try:
            if match is None:
                return _error(501, "NotImplemented", f"The rehearsal offers no Bedrock operation at {path}")
            return self._call(scope, match, query, environ)
        except ServiceError as error:
            return _error(error.status_for(operation), error.code, error.message)
        except ConnectionCutError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug of the rehearsal must say so on the wire, not hang the client
            return _error(500, "InternalServerException", _bug(error))

    def _call(self, scope: CredentialScope, match: Match, query: str, environ: WSGIEnvironment) -> Response:
        operation = match.operation
        handler = self._operations.get(operation.name)
        if handler is None:
            raise not_offered(f"The rehearsal does not offer {operation.name}")
        if scope.region != REGION:
            raise not_offered(f"The rehearsal stands for {REGION} alone, not for {scope.region}")
        fault = self._faults.take(operation.name)
        if fault is not None:
            self._begin(fault, operation)
        request = read(operation, match.labels, query, _headers(environ), environ["wsgi.input"].read())
        if operation.name in self._refusals:
            self._refusals[operation.name](request)
        if operation.input_shape is not None and (found := shape_faults(operation.input_shape, request)):
            raise invalid(summary(found))
        output = handler(request)
        if isinstance(output, Mapping):
            return _cut_body(write(operation, output), fault)
        return _stream(operation, output, fault)

    def _begin(self, fault: Fault, operation: OperationModel) -> None:
        if fault.latency_ms and self._closing.wait(fault.latency_ms / 1000):
            raise ConnectionCutError
        if fault.error is not None and not _is_stream_error(operation, fault.error):
            raise ServiceError(fault.error, f"[rehearsal] planned fault {fault.error}")

    def _other(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def marked(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, HEADER], exc_info)

        try:
            return self._others(environ, marked)
        except Exception as error:  # noqa: BLE001 - moto says so when it lacks an operation, or breaks on it
            text = f"The rehearsal's other services do not offer this: {type(error).__name__}: {error}"
            response = _lacking(text, json_protocol="json" in environ.get("CONTENT_TYPE", ""))
        _start(start_response, response)
        assert isinstance(response.body, bytes)
        return [response.body]


def _start(start_response: StartResponse, response: Response) -> None:
    headers = [*response.headers, HEADER, ("x-amzn-RequestId", str(uuid.uuid4()))]
    if isinstance(response.body, bytes) and not any(name == "Content-Length" for name, _ in headers):
        headers.append(("Content-Length", str(len(response.body))))
    start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)


def _error(status: int, code: str, message: str) -> Response:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", code))
    return Response(status, headers, json.dumps({"message": message}).encode())


def _lacking(message: str, *, json_protocol: bool) -> Response:
    """HTTP 501 in the protocol of a service that is not ours."""
    if json_protocol:
        body = json.dumps({"__type": "NotImplemented", "message": message})
        return Response(501, (("Content-Type", "application/x-amz-json-1.1"),), body.encode())
    text = escape(message)
    body = f"<ErrorResponse><Error><Code>NotImplemented</Code><Message>{text}</Message></Error></ErrorResponse>"
    return Response(501, (("Content-Type", "text/xml"),), body.encode())


def _bug(error: Exception) -> str:
    return f"[rehearsal] {type(error).__name__}: {error}"


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    return {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}


def _cut_body(response: Response, fault: Fault | None) -> Response:
    if fault is None or fault.cut != "body":
        return response
    assert isinstance(response.body, bytes)
    length = ("Content-Length", str(len(response.body)))
    return attrs.evolve(response, headers=(*response.headers, length), body=response.body[: len(response.body) // 2])


def _is_stream_error(operation: OperationModel, code: str) -> bool:
    return bool(operation.has_event_stream_output) and code in _stream_shape(operation).members


def _stream_shape(operation: OperationModel) -> StructureShape:
    return cast("StructureShape", operation.get_event_stream_output())


def _stream(operation: OperationModel, events: Events, fault: Fault | None) -> Response:
    shape = _stream_shape(operation)

    def frames() -> Iterator[bytes]:
        try:
            for name, payload in _broken(events, fault):
                yield event(shape, name, payload)
        except ConnectionCutError:
            raise
        except Exception as error:  # noqa: BLE001 - as for the other answers: a bug must say so on the wire
            yield event(shape, "internalServerException", {"message": _bug(error)})

    headers = (("Content-Type", "application/vnd.amazon.eventstream"),)
    return Response(int(operation.http.get("responseCode", 200)), headers, frames())


def _broken(events: Events, fault: Fault | None) -> Events:
    """The events until the fault happens: after a delta or two, at the latest before the text is complete."""
    deltas = 0
    for name, payload in events:
        if fault is not None and (deltas == _DELTAS_BEFORE_FAULT or name == "contentBlockStop"):
            if fault.cut == "stream":
                raise ConnectionCutError
            if fault.cut == "clean_end":
                return
            if fault.error is not None:
                yield fault.error, {"message": f"[rehearsal] planned fault {fault.error}"}
                return
        deltas += name == "contentBlockDelta"
        yield name, payload
