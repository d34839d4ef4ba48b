"""What every request meets first: Bedrock is answered here, everything else goes to moto in this process.

Both Bedrock services sign as ``bedrock`` (service model, botocore 1.44.5), so the SigV4 credential scope tells
Bedrock from the rest, and the path tells the operation.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from xml.sax.saxutils import escape

import attrs

from nova_tune.rehearsal import _simulate
from nova_tune.rehearsal._catalog import REGION
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
    from nova_tune.rehearsal._model import Match, RouteTable, TargetTable
    from nova_tune.rehearsal._roles import Roles

    Events = Iterator[tuple[str, Mapping[str, Any]]]
    Operation = Callable[[dict[str, Any]], Mapping[str, Any] | Events]

HEADER = ("x-nova-tune-rehearsal", "1")
"""Stands on every response, so that a report can tell a rehearsal from AWS."""

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
        targets: The operations of the services that speak aws-json.
        roles: Gives what principals may do, once that is known.
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
        targets: TargetTable,
        roles: Callable[[], Roles | None],
        others: WSGIApplication,
        closing: threading.Event,
    ) -> None:
        self._routes = routes
        self._operations = operations
        self._refusals = refusals
        self._faults = faults
        self._targets = targets
        self._roles = roles
        self._others = others
        self._closing = closing

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        scope = CredentialScope.of(environ.get("HTTP_AUTHORIZATION", ""))
        response = None if scope is None else self._own(scope, environ)
        if response is None:
            return self._other(environ, start_response)
        _start(start_response, response)
        return [response.body] if isinstance(response.body, bytes) else response.body

    def _own(self, scope: CredentialScope, environ: WSGIEnvironment) -> Response | None:
        """The answer of a service of the rehearsal's own; None when the request is moto's."""
        if scope.service == "bedrock":
            path, _, query = environ["RAW_URI"].partition("?")
            match = self._routes.match(environ["REQUEST_METHOD"], path)
            if match is None:
                return _error(501, "NotImplemented", f"The rehearsal offers no Bedrock operation at {path}")
            return self._answer(scope, match, query, environ)
        if scope.service == "iam":
            return self._simulation(environ)
        match = self._targets.match(scope.service, environ.get("HTTP_X_AMZ_TARGET", ""))
        # What the rehearsal does not offer of these services, moto may.
        if match is None or match.operation.name not in self._operations:
            return None
        return self._answer(scope, match, "", environ)

    def _simulation(self, environ: WSGIEnvironment) -> Response | None:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        roles = self._roles()
        if not _simulate.wanted(body) or roles is None:
            return None
        headers = (("Content-Type", "text/xml"),)
        if self._faults.denies("iam:SimulatePrincipalPolicy"):
            denied = ServiceError("AccessDenied", "[rehearsal] You are not authorized to simulate policies")
            return Response(403, headers, _simulate.error(denied))
        try:
            return Response(200, headers, _simulate.simulate(body, roles))
        except ServiceError as error:
            return Response(error.status_for(None), headers, _simulate.error(error))

    def _answer(self, scope: CredentialScope, match: Match, query: str, environ: WSGIEnvironment) -> Response:
        try:
            return self._call(scope, match, query, environ)
        except ServiceError as error:
            return _error(error.status_for(match.operation), error.code, error.message)
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
        action = iam_action(scope.service, operation.name)
        if self._faults.denies(action):
            raise ServiceError("AccessDeniedException", f"[rehearsal] You are not authorized to perform: {action}")
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
        return self._stream(operation, output, fault)

    def _begin(self, fault: Fault, operation: OperationModel) -> None:
        if fault.cut == "reset":
            raise ConnectionCutError
        if fault.latency_ms and self._closing.wait(fault.latency_ms / 1000):
            raise ConnectionCutError
        if fault.error is not None and not _is_stream_error(operation, fault.error):
            raise ServiceError(fault.error, f"[rehearsal] planned fault {fault.error}")

    def _stream(self, operation: OperationModel, events: Events, fault: Fault | None) -> Response:
        shape = _stream_shape(operation)

        def frames() -> Iterator[bytes]:
            try:
                yield from self._broken(shape, events, fault)
            except ConnectionCutError:
                raise
            except Exception as error:  # noqa: BLE001 - as for the other answers: a bug must say so on the wire
                yield event(shape, "internalServerException", {"message": _bug(error)})

        headers = [("Content-Type", "application/vnd.amazon.eventstream")]
        if operation.name == "InvokeModelWithResponseStream":
            headers.append(("X-Amzn-Bedrock-Content-Type", "application/json"))
        return Response(int(operation.http.get("responseCode", 200)), tuple(headers), frames())

    def _broken(self, shape: StructureShape, events: Events, fault: Fault | None) -> Iterator[bytes]:
        """The frames until the fault happens: after a delta or two, at the latest before the text is complete."""
        deltas = 0
        for name, payload in events:
            frame = event(shape, name, payload)
            if fault is not None and (deltas == _DELTAS_BEFORE_FAULT or _is_stop(name, payload)):
                if fault.stall_ms and self._closing.wait(fault.stall_ms / 1000):
                    raise ConnectionCutError
                if fault.cut == "stream":
                    raise ConnectionCutError
                if fault.cut == "clean_end":
                    return
                if fault.cut == "frame":
                    yield frame[: len(frame) // 2]
                    return
                if fault.cut == "checksum":
                    frame = frame[:-1] + bytes([frame[-1] ^ 1])
                if fault.error is not None:
                    yield event(shape, fault.error, {"message": f"[rehearsal] planned fault {fault.error}"})
                    return
                fault = None  # it has happened; what is left of the stream is as it should be
            deltas += _is_delta(name, payload)
            yield frame

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


def iam_action(service: str, operation: str) -> str:
    """The IAM action that an operation needs.

    Converse needs InvokeModel's (documentation of Converse in the service model, botocore 1.44.5, read 2026-11-21).

    Args:
        service: The service as requests are signed for it.
        operation: Its operation.
    """
    names = {"Converse": "InvokeModel", "ConverseStream": "InvokeModelWithResponseStream"}
    return f"{service}:{names.get(operation, operation)}"


def _start(start_response: StartResponse, response: Response) -> None:
    headers = [*response.headers, HEADER, ("x-amzn-RequestId", str(uuid.uuid4()))]
    if isinstance(response.body, bytes) and not any(name == "Content-Length" for name, _ in headers):
        headers.append(("Content-Length", str(len(response.body))))
    start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)


def _error(status: int, code: str, message: str) -> Response:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", code))
    # rest-json reads the header, aws-json the member.
    return Response(status, headers, json.dumps({"__type": code, "message": message}).encode())


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


def _is_delta(name: str, payload: Mapping[str, Any]) -> bool:
    return name == "contentBlockDelta" or b'"contentBlockDelta"' in payload.get("bytes", b"")


def _is_stop(name: str, payload: Mapping[str, Any]) -> bool:
    return name == "contentBlockStop" or b'"contentBlockStop"' in payload.get("bytes", b"")
