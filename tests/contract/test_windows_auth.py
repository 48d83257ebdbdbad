"""Windows Authentication: what goes over the wire when we sign in, write, and lose the connection."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from ml_connector.books.outcomes import Deferred, Entered
from ml_connector.findings import Interrupted
from ml_connector.gp.access import Secret
from ml_connector.sandbox.serving import Response
from tests.contract.books_contract import BATCH, SR, an_invoice
from tests.contract.relay import Relay, certificate
from tests.contract.test_books_sba import Sandbox, sandbox

BODY = b'"STI10482'


@pytest.fixture
def gp() -> Iterator[Sandbox]:
    yield from sandbox("one")


def test_the_very_first_write_is_sent_once(gp: Sandbox) -> None:
    """Nobody signed in before: the login begins with a GET, and the document travels on its last leg."""
    with Relay(gp.server.url) as relay, gp.with_access(server=relay.url) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(BODY) == 1
        assert relay.said.count(b"POST ") == 1
        assert relay.connections == 1
        assert books.calls == 1


def test_a_write_after_the_server_hung_up_is_sent_once_on_a_new_connection(gp: Sandbox) -> None:
    """The signed-in connection was dropped while idle: it is noticed before a byte of the document leaves."""
    with Relay(gp.server.url) as relay, gp.with_access(server=relay.url) as books:
        books.find(SR, ["STI1"])
        relay.hang_up()
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(BODY) == 1
        assert relay.said.count(b"POST ") == 1
        assert relay.connections == 2
    assert gp.creates == 1


def test_a_server_that_wants_a_login_for_every_request_gets_one(gp: Sandbox) -> None:
    """HTTP.SYS can be set so. The first write is turned away unread and not sent again; what follows is signed in."""
    gp.application.every_time = True
    gp.books.find(SR, ["STI1"])
    assert isinstance(gp.books.enter(an_invoice(), BATCH), Deferred)
    assert gp.standing == []
    assert gp.books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
    gp.books.find(SR, ["STI1"])
    assert gp.creates == 1
    assert gp.application.logins == 3


def test_many_lanes_try_a_wrong_password_once(gp: Sandbox) -> None:
    """Eight threads on four lanes, one bad password: the domain sees one attempt."""
    refused: list[str] = []
    with gp.with_access(password=Secret("wrong"), lanes=4) as books:

        def ask() -> None:
            try:
                books.find(SR, ["STI1"])
            except Interrupted as stop:
                refused.append(stop.finding.code)

        together(ask, 8)
    assert refused == ["gp.credentials"] * 8
    assert gp.application.logins == 1


def test_each_lane_is_one_connection(gp: Sandbox) -> None:
    """Eight threads on three lanes enter twenty-four documents, each once, over three connections at most."""
    with Relay(gp.server.url) as relay, gp.with_access(server=relay.url, lanes=3) as books:
        numbers = iter(range(24))
        entered: list[object] = []

        def work() -> None:
            for _ in range(3):
                number = f"STI{next(numbers)}"
                entered.append(books.enter(an_invoice(number), BATCH))

        together(work, 8)
        assert relay.connections <= 3
    assert len(gp.standing) == len(entered) == 24
    assert all(isinstance(entry, Entered) for entry in entered)


def together(act: Any, count: int) -> None:
    threads = [threading.Thread(target=act) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_server_that_does_not_offer_ntlm_is_named(gp: Sandbox) -> None:
    """It offers Negotiate alone: no password is tried, and the finding says what it offers."""
    gp.application.says = Response(401, b"", (("WWW-Authenticate", "Negotiate"),), "text/html")
    with pytest.raises(Interrupted) as stop:
        gp.books.find(SR, ["STI1"])
    assert stop.value.finding.code == "gp.scheme"
    assert "Negotiate" in stop.value.finding.says


@pytest.mark.parametrize("challenge", ["bm90IGEgY2hhbGxlbmdl", "***"], ids=["no challenge", "no base64"])
def test_a_challenge_that_makes_no_sense_is_named(gp: Sandbox, challenge: str) -> None:
    """Something that is no NTLM answers the first leg."""
    gp.application.says = Response(401, b"", (("WWW-Authenticate", f"NTLM {challenge}"),), "text/html")
    with pytest.raises(Interrupted) as stop:
        gp.books.enter(an_invoice(), BATCH)
    assert stop.value.finding.code == "gp.scheme"


def test_a_server_that_asks_nobody_is_written_to_once() -> None:
    """Anonymous access: the GET that begins the login is let in, and the document follows."""
    for gp in sandbox("one"):
        gp.application.lets_all_in = True
        assert gp.books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert gp.creates == 1


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def test_a_certificate_that_nobody_vouches_for_is_refused(gp: Sandbox, tmp_path: Path) -> None:
    """Reads stop the run and say so; a document was certainly not sent."""
    tls, _ = certificate(tmp_path, HERE)
    with Relay(gp.server.url, tls) as relay, gp.with_access(server=relay.url) as books:
        with pytest.raises(Interrupted) as stop:
            books.find(SR, ["STI1"])
        assert stop.value.finding.code == "gp.certificate"
        assert "self-signed" in stop.value.finding.says
        assert isinstance(books.enter(an_invoice(), BATCH), Deferred)
        with pytest.raises(Interrupted) as stop:
            books.wire.knock(books.looking().address)
        assert stop.value.finding.code == "gp.certificate"
        assert relay.said == b""


def test_a_certificate_of_another_host_is_refused(gp: Sandbox, tmp_path: Path) -> None:
    """The authority is ours, but the name is another's."""
    tls, bundle = certificate(tmp_path, x509.DNSName("other.example.test"))
    with Relay(gp.server.url, tls) as relay, gp.with_access(server=relay.url, ca_bundle=bundle) as books:
        with pytest.raises(Interrupted) as stop:
            books.find(SR, ["STI1"])
        assert stop.value.finding.code == "gp.certificate"


@pytest.mark.parametrize("verify", [True, False], ids=["with the bundle", "unverified"])
def test_over_tls_all_goes_as_without(gp: Sandbox, tmp_path: Path, verify: bool) -> None:
    """The administrator names the file of the company's own authority."""
    tls, bundle = certificate(tmp_path, HERE)
    given: dict[str, Any] = {"ca_bundle": bundle} if verify else {"verify": False}
    with Relay(gp.server.url, tls) as relay, gp.with_access(server=relay.url, **given) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert "STI10482" in books.find(SR, ["STI10482"])
