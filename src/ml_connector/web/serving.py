"""Serve the web application with uvicorn, in the thread that asks for it, until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.pulse import Engine
from ml_connector.runtime.redaction import keep_out
from ml_connector.store.database import Database
from ml_connector.web.app import app
from ml_connector.web.guard import SHORTEST_TOKEN

_GRACE = 20  # seconds in which open requests are answered when the server stops
_AT_ONCE = 1000  # connections; beyond, 503

log = logging.getLogger(__name__)


class WebServer:
    """An application at `url`. The port is taken when it is made, so that a taken one is known before anything starts.

    `run` serves in the calling thread until `stop`, which any thread or signal handler may call; it installs no signal
    handler. In a `with` block it runs in a thread of its own.
    """

    def __init__(
        self,
        application: ASGIApp,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        """`certificate` and `key` are PEM files. Raises Interrupted `web.address_taken`, `web.certificate`."""
        context = _tls(certificate, key) if certificate else None
        self._config = uvicorn.Config(
            application,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_AT_ONCE,
            timeout_graceful_shutdown=_GRACE,
            ssl_context_factory=(lambda _config, _default: context) if context else None,
        )
        self._server = _Uvicorn(self._config)
        self._socket = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if context else 'http'}://{shown}:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self.run, name="web server", daemon=True)

    def run(self) -> None:
        log.info("serving", extra={"url": self.url})
        try:
            self._server.run([self._socket])
        finally:
            self._socket.close()
            log.info("serving has ended", extra={"url": self.url})

    def stop(self) -> None:
        """Take nothing more, answer what is asked, then let `run` return."""
        self._server.should_exit = True

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._thread.join()


def web_server(
    database: Database,
    vault: Callable[[str], str],
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    token: str = "",
    engine: Engine | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> WebServer:
    """The product's web server over a ledger that is prepared already.

    Where a worker shares the process, it must share `database` too: on SQLite two of them in one process starve each
    other, for only the writers of one stand in line. `vault` opens a sealed credential by its name. Raises Interrupted as
    `WebServer` does, and `web.token_short`.
    """
    if token and len(token) < SHORTEST_TOKEN:
        says, remedy = f"it has fewer than {SHORTEST_TOKEN} characters", "Make a longer one, of random characters."
        raise Interrupted(Finding("web.token_short", "the token of health and metrics", says, remedy))
    keep_out(token)
    return WebServer(app(database, vault, token=token, engine=engine), host, port, certificate, key)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are for whoever runs us, who has more to stop than the web server."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        says = f"nothing can listen there: {error}"
        remedy = "Choose another address or port, or stop the program that has it."
        raise Interrupted(Finding("web.address_taken", f"{host}:{port}", says, remedy)) from None


def _tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never ask a terminal for one
    except (OSError, ssl.SSLError) as error:
        says = f"certificate and key cannot be used: {error}"
        remedy = "Name a PEM file with the certificate and its chain, and one with its key, without a password."
        raise Interrupted(Finding("web.certificate", str(certificate), says, remedy)) from None
    return context
