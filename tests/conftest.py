"""What the tests share: one rehearsal for all, servers that misbehave, clocks that cost no time."""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import boto3

    from nova_tune.rehearsal import Rehearsal

# Two cores are shared by whatever else runs, so a slow example proves nothing.
settings.register_profile("quick", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the extra ``rehearsal``, so that ``-m "not extra"`` runs on the core alone."""
    for item in items:
        if "rehearsal" in getattr(item, "fixturenames", ()):
            item.add_marker("extra")


@pytest.fixture(scope="session")
def rehearsal(_no_aws_settings: None) -> Iterator[Rehearsal]:
    """One local AWS for the whole session; its time moves by ``advance`` alone. Tests use names of their own in it."""
    from nova_tune.rehearsal import Rehearsal

    with Rehearsal(speed=0, first_token_ms=5, token_ms=0.2, base_first_token_ms=5, base_token_ms=0.2) as aws:
        yield aws


@pytest.fixture(scope="session")
def session(rehearsal: Rehearsal) -> boto3.Session:
    """A session of the rehearsal; one for all, because each session reads AWS's service models anew."""
    return rehearsal.session()


@functools.cache
def _plain_session() -> boto3.Session:
    import boto3

    return boto3.Session("key", "secret")


class RawServer:
    """Answers the first request of every connection with the same bytes, then ends the connection as told.

    Args:
        answer: What is sent once the request has been read.
        end: ``"fin"`` closes in order, ``"rst"`` resets, ``"stall"`` sends nothing more until :meth:`close`.
    """

    def __init__(self, answer: bytes, end: str = "fin") -> None:
        self.connections = 0
        self._answer, self._end = answer, end
        self._closing = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this server that makes one attempt and waits for 0.3 s."""
        from botocore.config import Config

        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 0.3, "s3": {"addressing_style": "path"}}
        return _plain_session().client(service, "us-east-1", endpoint_url=self.url, config=Config(**settings | config))

    def _serve(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(OSError):  # close() ends accept(), and clients go away
                connection, _ = self._socket.accept()
                with connection:
                    self.connections += 1
                    self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection.makefile("rb") as request:
            length = 0
            while line := request.readline().strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            request.read(length)
        connection.sendall(self._answer)
        if self._end == "rst":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self._end == "stall":
            self._closing.wait(5)

    def close(self) -> None:
        self._closing.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    """Makes servers that answer with given bytes; each is closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def start(answer: bytes, end: str = "fin") -> RawServer:
            server = RawServer(answer, end)
            stack.callback(server.close)
            return server

        yield start


class RehearsedTime:
    """A clock for waiting: each pause lets the rehearsal's time pass instead of ours."""

    def __init__(self, aws: Rehearsal) -> None:
        self._aws = aws
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float, cancel: threading.Event | None) -> None:
        self.slept.append(seconds)
        self._aws.advance(seconds)


@pytest.fixture
def clock(rehearsal: Rehearsal) -> RehearsedTime:
    """The rehearsal's time, for ``clock=``."""
    return RehearsedTime(rehearsal)


class ScriptedClient:
    """A client that gives the next of the planned answers of each operation, and notes what it was asked.

    Args:
        service: Whose operations it has.
        region: Where it claims to be.
        answers: For each method a list of answers; errors are raised.
    """

    def __init__(self, service: str, region: str = "us-east-1", **answers: list[Any]) -> None:
        self.meta = _plain_session().client(service, region).meta
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._answers = {name: list(each) for name, each in answers.items()}

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        def answer(**request: Any) -> dict[str, Any]:
            self.asked.append((method, request))
            planned = self._answers[method].pop(0)
            if isinstance(planned, BaseException):
                raise planned
            return {**planned, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}

        return answer


@pytest.fixture
def scripted() -> type[ScriptedClient]:
    """Clients that answer from a script, for what the rehearsal never says."""
    return ScriptedClient


@pytest.fixture(scope="session")
def questions() -> list[dict[str, str]]:
    """Twenty rows of text-to-SQL, each with its own question."""
    return [
        {
            "context": "CREATE TABLE locks (name TEXT, gates INT)",
            "question": f"Which locks have {number} gates?",
            "answer": f"SELECT name FROM locks WHERE gates = {number}",
        }
        for number in range(20)
    ]
