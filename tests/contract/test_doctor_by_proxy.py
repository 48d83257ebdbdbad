"""ServiceTitan is reached by the proxy that the environment names: the doctor goes the same way, and says where it ends."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from ml_connector.runtime.doctor.judging.network import Server, System
from ml_connector.runtime.doctor.lines import Line, Mark, walk
from ml_connector.runtime.doctor.network import Visit
from ml_connector.sandbox.serving import Server as Sandbox
from ml_connector.sandbox.shop import Shop
from tests.contract.practice import finding_of, findings, marks, month, says
from tests.contract.relay import Relay, certificate

HOST = "api.servicetitan.invalid"  # nobody but the proxy knows it


class Proxy:
    """Passes every CONNECT on to one server, whatever host it names; with `login`, only for who shows it."""

    def __init__(self, target: str, login: str = "") -> None:
        self._target, self._login = urlsplit(target), login
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.asked: list[str] = []

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.split(b"\r\n")[0].decode())
            if self._login and base64.b64encode(self._login.encode()) not in head:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                client.close()
                continue
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            server = socket.create_connection((self._target.hostname, self._target.port))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """ServiceTitan's sandbox over TLS, under a name that no DNS has: its address, and its authority's file."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    tls, bundle = certificate(tmp_path, x509.DNSName(HOST), 100)
    with Sandbox(Shop(month())) as shop, Relay(shop.url, tls) as relay:
        yield relay.url, bundle


def visited(bundle: Path) -> list[Line]:
    server = Server(System.SERVICETITAN, "servicetitan.api_url")
    trust = ssl.create_default_context(cafile=str(bundle))
    visit = Visit(server, f"https://{HOST}/", lambda: trust, lambda: datetime.now(UTC), direct=False)
    lines = list(walk("ServiceTitan", visit.steps()))
    visit.close()
    return lines


def test_the_way_goes_by_the_proxy(secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is resolved and reached; the certificate that is judged is ServiceTitan's own."""
    with Proxy(secured[0], "office:p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://office:p%40ss@{proxy.url}")
        lines = visited(secured[1])
    assert marks(lines, Mark.GOOD) == [line.title for line in lines]
    assert "(the proxy)" in says(lines, "ServiceTitan: host name")
    assert "good until" in says(lines, "ServiceTitan: certificate")
    assert [it.rpartition(" ")[0] for it in proxy.asked] == [f"CONNECT {HOST}:443"]
    assert "p@ss" not in repr(lines)


def test_a_proxy_that_turns_us_away_is_told(secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """It wants a login, and the environment names none."""
    with Proxy(secured[0], "office:p@ss") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.url}")
        lines = visited(secured[1])
    assert findings(lines) == {"ServiceTitan: port": "network.no_connection"}
    assert "407" in finding_of(lines, "ServiceTitan: port").says
    assert f"the proxy {proxy.url}" in finding_of(lines, "ServiceTitan: port").remedy


def test_a_proxy_that_nobody_knows_is_told(secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable has a slip in it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    lines = visited(secured[1])
    assert findings(lines) == {"ServiceTitan: host name": "network.host_unknown"}
    assert "HTTPS_PROXY" in finding_of(lines, "ServiceTitan: host name").remedy


def test_a_host_that_needs_no_proxy_is_reached_directly(
    secured: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY is heeded, as the client heeds it: the host itself is looked up."""
    with Proxy(secured[0]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.url}")
        monkeypatch.setenv("NO_PROXY", HOST)
        lines = visited(secured[1])
    assert findings(lines) == {"ServiceTitan: host name": "network.host_unknown"}
    assert HOST in finding_of(lines, "ServiceTitan: host name").says
    assert proxy.asked == []
