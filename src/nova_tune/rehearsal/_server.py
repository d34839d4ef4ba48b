"""A WSGI server for one process: HTTP/1.1 on 127.0.0.1, one thread for each connection, no thread left behind.

Standard library alone. HTTP/1.1 is essential: without chunked encoding urllib3 delivers a whole stream at its
end (tried with urllib3 2.8.0, 2026-11-21). Nagle's algorithm is off, so that a paced stream is paced.
"""

from __future__ import annotations

import contextlib
import io
import socket
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication

_NO_BODY = (204, 304)
_POLL_SECONDS = 0.05


class ConnectionCutError(Exception):
    """Raised inside a response body: the connection is reset at this point (a planned fault, or the end)."""


class Server(ThreadingHTTPServer):
    """The listening socket and its threads. It serves from :meth:`start` to :meth:`stop`.

    Args:
        application: What answers.
    """

    request_queue_size = 128

    def __init__(self, application: WSGIApplication) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.application = application
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_SECONDS,), name="nova-tune-rehearsal", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, such as ``http://127.0.0.1:43210``."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end every connection, and wait for every thread."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            open_now = dict(self._open)
        for connection, thread in open_now.items():
            with contextlib.suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.server_close()

    def server_bind(self) -> None:
        """Bind without http.server's look-up of the host's name."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in a thread that :meth:`stop` can wait for."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._lock:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """End one connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no event, and faults of the application are answered."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    _reset = False

    def _answer(self) -> None:
        environ = self._environ(self._body())
        head: list[Any] = []

        def start_response(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: tuple[type[BaseException], BaseException, TracebackType] | None = None,  # noqa: ARG001 - WSGI
        ) -> Any:
            head[:] = [int(status.split(" ", 1)[0]), headers]

        application = cast("Server", self.server).application
        body: Iterable[bytes] = ()
        try:
            body = application(environ, cast("StartResponse", start_response))
            self._send(head, body)
        except ConnectionCutError:
            # Linger 0: close() sends a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._reset = self.close_connection = True
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - http.server's names

    def _send(self, head: list[Any], body: Iterable[bytes]) -> None:
        pieces = iter(body)
        first = next(pieces, b"")  # WSGI: the head is known once the first piece is
        status, headers = head
        names = {name.lower() for name, _ in headers}
        empty = self.command == "HEAD" or status in _NO_BODY
        chunked = not empty and "content-length" not in names
        self.send_response_only(status)
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if empty:
            return
        left = 0 if chunked else int(next(value for name, value in headers if name.lower() == "content-length"))
        self._write(first, chunked=chunked)
        left -= len(first)
        for piece in pieces:
            self._write(piece, chunked=chunked)
            left -= len(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        elif left > 0:
            self.close_connection = True  # a body cut short: only the end of the connection tells

    def _write(self, piece: bytes, *, chunked: bool) -> None:
        if piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(pieces)

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path).encode().decode("latin-1"),
            "RAW_URI": self.path,
            "REQUEST_URI": self.path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(cast("Server", self.server).server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"}:
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def finish(self) -> None:
        super().finish()
        if self._reset:
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
