"""The web server itself: TLS, the address, the token, how it starts and stops."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ml_connector.findings import Interrupted
from ml_connector.store.database import Database
from ml_connector.web.serving import WebServer, web_server
from tests.faces.web import Sender, add_connection, kept


def vault(name: str) -> str:
    return name


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    database = Database(url)
    yield database
    database.close()


def a_certificate(folder: Path, name: str = "tls", password: bytes | None = None) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ml-connector")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing))
    return certificate, key_file


def test_a_webhook_over_tls_is_kept(ledger: Database, tmp_path: Path) -> None:
    certificate, key = a_certificate(tmp_path)
    with web_server(ledger, vault, port=0, certificate=certificate, key=key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with httpx2.Client(base_url=server.url, verify=trusting, trust_env=False) as http:
            assert Sender(http)(b"1") == 200
        with httpx2.Client(base_url=server.url, trust_env=False) as http, pytest.raises(httpx2.ConnectError):
            http.get("/health/live")
        with httpx2.Client(trust_env=False) as http, pytest.raises(httpx2.TransportError):
            http.get(server.url.replace("https", "http"))
    assert kept(ledger.name) == [("north", 1, False)]


def test_a_certificate_that_cannot_be_used_is_told_before_anything_runs(ledger: Database, tmp_path: Path) -> None:
    """Not there, another's key, or a key with a password, for which nobody is asked at the terminal."""
    certificate, key = a_certificate(tmp_path)
    _, others_key = a_certificate(tmp_path, "other")
    _, sealed_key = a_certificate(tmp_path, "sealed", b"password")
    for one, other in (
        (tmp_path / "none.pem", key),
        (certificate, others_key),
        (certificate, sealed_key),
        (certificate, None),
    ):
        with pytest.raises(Interrupted) as what:
            web_server(ledger, vault, port=0, certificate=one, key=other)
        assert what.value.finding.code == "web.certificate"


def test_an_address_that_is_taken_is_told_before_anything_runs(ledger: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Interrupted) as what:
        web_server(ledger, vault, port=taken.getsockname()[1])
    assert what.value.finding.code == "web.address_taken"
    for host, port in (("no such host.invalid", 0), ("127.0.0.1", 99_999), ("192.0.2.1", 0)):
        with pytest.raises(Interrupted) as what:
            web_server(ledger, vault, host, port)
        assert what.value.finding.code == "web.address_taken"


def test_a_token_that_could_be_guessed_is_refused(ledger: Database) -> None:
    with pytest.raises(Interrupted) as what:
        web_server(ledger, vault, port=0, token="monitor")
    assert what.value.finding.code == "web.token_short"
    assert "monitor" not in str(what.value.findings)


def test_the_server_can_be_run_in_the_calling_thread_and_stopped_from_another(ledger: Database) -> None:
    """As the program does: run blocks, a signal handler says stop, run returns and the port is free again."""
    server = web_server(ledger, vault, port=0)
    port = int(server.url.rpartition(":")[2])
    answers = []

    def ask_and_stop() -> None:
        answers.append(httpx2.get(f"{server.url}/health/live", trust_env=False).status_code)
        server.stop()

    asking = threading.Thread(target=ask_and_stop)
    asking.start()
    server.run()
    asking.join()
    assert answers == [200]
    socket.create_server(("127.0.0.1", port)).close()


def test_a_server_that_is_stopped_before_it_runs_ends_at_once(ledger: Database) -> None:
    server = web_server(ledger, vault, port=0)
    server.stop()
    server.run()


def test_it_serves_on_ipv6_too(ledger: Database) -> None:
    try:
        server: WebServer = web_server(ledger, vault, "::1", 0)
    except Interrupted:
        pytest.skip("this machine has no IPv6")
    with server, httpx2.Client(base_url=server.url, trust_env=False) as http:
        assert http.get("/metrics").status_code == 200, "::1 is this machine"


def test_an_answer_does_not_name_the_server_s_software(ledger: Database) -> None:
    with web_server(ledger, vault, port=0) as server:
        headers = httpx2.get(f"{server.url}/nothing", trust_env=False).headers
    assert "server" not in headers
