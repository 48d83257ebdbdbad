"""Serve an application over HTTP/1.1 on loopback, one thread a connection, with faults on order.

The standard library's server is enough here, and it is close to the socket: a fault can reset a connection in
the middle of a body, and NTLM, which authenticates a connection and not a request, has a connection to hold on to.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from ml_connector.sandbox.faults import ON_THE_WIRE, Fault, Faults

CONTROL = "/__sandbox/"


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str  # percent-decoded, without the query
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    connection: dict[str, Any]  # lives as long as the TCP connection; `headers` in it go out with the next answer


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"


class Application(Protocol):
    faults: Faults

    def greet(self, request: Request) -> Response | None:
        """An answer that comes before anything is asked, as in a handshake; None once the request is let in."""

    def answer(self, request: Request) -> Response:
        """Do what is asked and answer. Only requests that were let in come here."""

    def records(self) -> object:
        """Everything the application holds, as JSON values: what a test compares the connector's work with."""


def as_json(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode(), headers)


@dataclass(slots=True)
class Stats:
    """Calls answered, by method and last named part of the path."""

    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, key: str) -> None:
        with self.lock:
            self.calls[key] += 1


class Server:
    """An application at `url` until the end of the `with` block (or `close`)."""

    def __init__(self, application: Application, port: int = 0) -> None:
        self.application = application
        self.stats = Stats()
        self._http = _Http(("127.0.0.1", port), application, self.stats)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def start(self) -> Server:
        self._thread.start()
        return self

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], application: Application, stats: Stats) -> None:
        self.application, self.stats = application, stats
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.state: dict[str, Any] = {}

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal to the demo's own words."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(url.query, keep_blank_values=True)
        request = Request(self.command, unquote(url.path), query, headers, body, self.state)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if request.path.startswith(CONTROL):
                self._send(self._control(request))
            else:
                greeting = self.server.application.greet(request)
                if greeting:
                    self._send(greeting)
                else:
                    self.server.stats.count(f"{request.method} {request.path.rsplit('/', 1)[-1].split('(')[0]}")
                    self._suffer(request)

    def _suffer(self, request: Request) -> None:
        application = self.server.application
        ordered = application.faults.strike(request.method, request.path, ON_THE_WIRE)
        match ordered.fault if ordered else None:
            case None:
                self._send(application.answer(request))
            case Fault.SLOW:
                time.sleep(ordered.seconds if ordered else 0)
                self._send(application.answer(request))
            case Fault.ANSWER_LOST_BEFORE:
                self._reset()
            case Fault.ANSWER_LOST_AFTER:
                application.answer(request)
                self._reset()
            case Fault.STILL_WORKING:
                timer = threading.Timer(ordered.seconds if ordered else 0, application.answer, (request,))
                timer.daemon = True
                timer.start()
                self._reset()
            case Fault.TOO_MANY_REQUESTS:
                wait = f"{ordered.seconds:g}" if ordered and ordered.seconds else "1"
                self._send(Response(429, b"Rate limit is exceeded.", (("Retry-After", wait),), "text/plain"))
            case Fault.SERVER_ERROR:
                self._send(Response(503, b"<html><body>Service Unavailable</body></html>", (), "text/html"))
            case Fault.ERROR_AFTER:
                application.answer(request)
                self._send(Response(500, b"<html><body>Server Error</body></html>", (), "text/html"))
            case Fault.HTML_WITH_200:
                self._send(Response(200, b"<!DOCTYPE html><html><body>Please sign in</body></html>", (), "text/html"))
            case Fault.TRUNCATED_JSON:
                answer = application.answer(request)
                self._send(replace(answer, body=answer.body[: len(answer.body) * 2 // 3]))
            case Fault.RESET_IN_BODY:
                self._send(application.answer(request), half=True)
                self._reset()
            case other:
                raise AssertionError(f"{other} is not suffered on the wire")

    def _control(self, request: Request) -> Response:
        """What a test, or a person at the sandbox, asks of the server itself; never part of what it imitates."""
        application = self.server.application
        match request.method, request.path.removeprefix(CONTROL):
            case "GET", "records":
                return as_json(application.records())
            case "GET", "stats":
                return as_json({"calls": dict(self.server.stats.calls)})
            case "POST", "faults":
                how = json.loads(request.body)
                application.faults.order(Fault(how.pop("fault")), **how)
                return as_json({})
            case "DELETE", "faults":
                application.faults.clear()
                return as_json({})
            case "POST", deed if hasattr(application, "do_" + deed):
                return as_json(getattr(application, "do_" + deed)(**json.loads(request.body or b"{}")) or {})
            case _:
                return as_json({"error": "no such control"}, 404)

    def _send(self, response: Response, half: bool = False) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in (*response.headers, *self.state.pop("headers", ())):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body[: len(response.body) // 2] if half else response.body)
        self.wfile.flush()

    def _reset(self) -> None:
        """Close with RST, as a machine that went away does, so that the client does not see an orderly end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
