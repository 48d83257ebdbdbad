"""Webhooks over real HTTP: the genuine ones are on the disk before they are answered, and no other leaves a trace."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_connector.field.source import SourceKind
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.servicetitan.webhook import SignatureForm
from ml_connector.store.database import Database
from ml_connector.store.deliveries import Deliveries
from ml_connector.store.schema import deliveries
from ml_connector.web.app import app
from ml_connector.web.serving import WebServer
from tests import postgres
from tests.contract.ledger_contract import a_reading
from tests.faces.web import HEADER, KEY, NEXT_KEY, Sender, a_key_file, add_connection, kept, serving

BODY = b'{"event": "invoice.updated", "id": 10482}'
GENUINE = SignatureForm(HEADER).write(KEY.encode(), BODY)


@pytest.fixture
def sender(ledger_url: str, tmp_path: Path) -> Iterator[Sender]:
    """A connection `north` with one key, and ServiceTitan, which knows it."""
    add_connection(ledger_url, tmp_path)
    with serving(ledger_url) as http:
        yield Sender(http)


def raw(http: httpx2.Client, parts: Iterable[bytes], ends: bool = False) -> tuple[bytes, int]:
    """Send bytes as they are, until they are all sent or refused: what comes back, and how many bytes the wire took."""
    address = urlsplit(str(http.base_url))
    answer, sent = b"", 0
    with socket.create_connection((address.hostname, address.port), timeout=30) as wire:
        with contextlib.suppress(OSError):
            for part in parts:
                wire.sendall(part)
                sent += len(part)
            if ends:
                wire.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while piece := wire.recv(65536):
                answer += piece
    return answer, sent


def head(*headers: str, signature: str = GENUINE) -> bytes:
    lines = ["POST /webhooks/servicetitan/north HTTP/1.1", "Host: here", f"{HEADER}: {signature}"]
    lines += ["Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# Who is let in


def test_a_genuine_webhook_is_kept_and_answered(sender: Sender, ledger_url: str) -> None:
    assert sender(BODY) == 200
    assert kept(ledger_url) == [("north", 1, False)]


def test_a_webhook_without_the_key_leaves_no_trace(sender: Sender, ledger_url: str) -> None:
    """Another's key, no signature, a good one for other bytes, in another header, twice, or cut short."""
    assert replace(sender, key=NEXT_KEY)(BODY) == 401
    assert sender(BODY, signature="") == 401
    assert sender(BODY + b" ", signature=GENUINE) == 401
    assert sender(BODY, header="X-Signature") == 401
    assert sender(BODY, signature=GENUINE[:-2]) == 401
    assert sender(BODY, signature=GENUINE[:-1] + "!") == 401
    twice = [(HEADER, GENUINE), (HEADER, GENUINE)]
    assert sender.http.post("/webhooks/servicetitan/north", content=BODY, headers=twice).status_code == 401
    assert kept(ledger_url) == []


def test_an_answer_does_not_tell_which_connections_there_are(sender: Sender, ledger_url: str, tmp_path: Path) -> None:
    """A forger tries names: one that is not there, the installation's own, one without a key, and north say the same."""
    add_connection(ledger_url, tmp_path, "keyless", secrets=[])
    answers = []
    for name in ("north", "keyless", "nobody", "installation", "north%00", "%2e%2e"):
        for body in (BODY, b"x" * 262_145):
            url = f"/webhooks/servicetitan/{name}"
            answer = sender.http.post(url, content=body, headers={HEADER: "00" * 32})
            varying = ("date",)
            headers = {key: value for key, value in answer.headers.items() if key not in varying}
            answers.append((answer.status_code, answer.content, headers))
    assert [it[0] for it in answers] == [401, 413] * 6
    assert all(it == answers[n % 2] for n, it in enumerate(answers))
    assert answers[0][1] == b""
    assert kept(ledger_url) == []


def test_the_key_of_one_connection_opens_no_other(sender: Sender, ledger_url: str, tmp_path: Path) -> None:
    add_connection(ledger_url, tmp_path, "south", secrets=[a_key_file(tmp_path, NEXT_KEY, "south-key")])
    assert replace(sender, connection="south")(BODY) == 401
    assert replace(sender, connection="south", key=NEXT_KEY)(BODY) == 200
    assert kept(ledger_url) == [("south", 1, False)]


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_header_encoding_and_prefix_are_as_the_settings_say(tmp_path: Path, encoding: str, prefix: str) -> None:
    """ServiceTitan's pages name none of the three, so a person looks, and sets them; the other encoding is refused."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path, header="St-Sign", encoding=encoding, prefix=prefix)
    with serving(url) as http:
        form = SignatureForm("St-Sign", "base64" if encoding == "base64" else "hex", prefix)
        other = replace(form, encoding="hex" if encoding == "base64" else "base64")
        assert Sender(http, other)(BODY) == 401
        assert Sender(http, replace(form, prefix="md5="))(BODY) == 401
        assert Sender(http, form)(BODY, header="ST-SIGN") == 200
    assert kept(url) == [("north", 1, False)]


def test_a_key_is_replaced_without_a_restart_and_without_a_gap(sender: Sender, ledger_url: str, tmp_path: Path) -> None:
    """Old key, both keys, new key: each step takes effect by itself, and in the middle both are taken."""
    following = replace(sender, key=NEXT_KEY)
    assert (sender(b"1"), following(b"2")) == (200, 401)
    both = [a_key_file(tmp_path), a_key_file(tmp_path, NEXT_KEY, "next-key")]
    add_connection(ledger_url, tmp_path, secrets=both)
    assert (sender(b"3"), following(b"4")) == (200, 200)
    add_connection(ledger_url, tmp_path, secrets=both[1:])
    assert (sender(b"5"), following(b"6")) == (401, 200)
    (tmp_path / "next-key").write_text(KEY)
    assert (sender(b"7"), following(b"8")) == (200, 401)


@pytest.mark.parametrize("key", ["", "short", "\n", "fifteen letters"])
def test_a_key_that_could_be_guessed_opens_nothing(tmp_path: Path, key: str) -> None:
    """An empty file would make every forger's signature a good one."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path, secrets=[a_key_file(tmp_path, key)])
    with serving(url) as http:
        assert Sender(http, key=key.strip())(BODY) == 401
        webhooks = http.get("/health").json()["connections"][0]["webhooks"]
        assert (webhooks["state"], webhooks["findings"]) == ("shut", ["webhook.key_short"])
    assert kept(url) == []


def test_a_key_that_cannot_be_found_leaves_the_other_one_good(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path, secrets=["env:NO_SUCH_VARIABLE", a_key_file(tmp_path)])
    with serving(url) as http:
        assert Sender(http)(BODY) == 200
        assert http.get("/health").json()["connections"][0]["webhooks"]["findings"] == ["credential.missing"]
    add_connection(url, tmp_path, secrets=["env:NO_SUCH_VARIABLE"])
    with serving(url) as http:
        assert Sender(http)(BODY) == 401


def test_the_check_of_a_connection_says_why_its_key_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who sets webhooks up asks `connection check`, and is told before the first delivery comes."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    for name in ("ID", "SECRET", "KEY", "USER", "PASSWORD"):
        monkeypatch.setenv(name, "of-the-test")
    answers = []
    for secrets in ([a_key_file(tmp_path, "guessable", "short-key")], [a_key_file(tmp_path)], []):
        add_connection(url, tmp_path, secrets=secrets)
        lines = Doctor(Database(url), "maria").connection("north")
        seen = list(itertools.takewhile(lambda it: it.part == "credentials", lines))
        lines.close()
        answers.append([it.finding and it.finding.code for it in seen if it.what == "webhook keys"])
    assert answers == [["webhook.key_short"], [None], []]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sender, str]]:
    """One server for many examples."""
    folder = tmp_path_factory.mktemp("lasting")
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    add_connection(url, folder)
    with serving(url, refresh=60.0) as http:
        yield Sender(http), url


HEADER_TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=90)


@given(st.binary(max_size=400), HEADER_TEXT | st.binary(min_size=32, max_size=32).map(bytes.hex))
@example(b"", "00" * 32)
@example(b"", "")
@settings(max_examples=150, deadline=None)
def test_no_body_and_no_signature_open_the_door_without_the_key(
    lasting: tuple[Sender, str], body: bytes, signature: str
) -> None:
    sender, url = lasting
    assert sender(body, signature=signature) == 401
    assert kept(url) == []


# What comes over the wire


def test_a_webhook_at_the_limit_is_kept_and_one_beyond_is_not(sender: Sender, ledger_url: str, tmp_path: Path) -> None:
    add_connection(ledger_url, tmp_path, max_bytes=2048)
    assert sender(b"a" * 2048) == 200
    assert sender(b"a" * 2049) == 413
    assert kept(ledger_url) == [("north", 1, False)]


def test_a_body_that_has_no_end_is_cut_off_at_the_limit(sender: Sender, ledger_url: str, tmp_path: Path) -> None:
    """Chunked, no length said: what the wire takes is the limit and what its buffers hold, not what the forger has."""
    add_connection(ledger_url, tmp_path, max_bytes=65_536)
    chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
    answer, sent = raw(
        sender.http, itertools.chain([head("Transfer-Encoding: chunked")], itertools.repeat(chunk, 8000))
    )
    assert not answer or answer.startswith(b"HTTP/1.1 413"), "the reset may overtake the answer"
    assert sent < 32_000_000, "of 131 million"
    assert kept(ledger_url) == []


def test_a_length_beyond_the_limit_is_answered_before_anything_is_read(sender: Sender, ledger_url: str) -> None:
    answer, _ = raw(sender.http, [head("Content-Length: 99999999999999999999")])
    assert answer.startswith(b"HTTP/1.1 413")
    assert kept(ledger_url) == []


def test_an_answer_given_before_the_body_was_read_ends_the_connection(tmp_path: Path) -> None:
    """No ledger, so 503 at once: the rest of the body is not read on for ever, nor taken for the next request."""
    with serving(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as http:
        kept_open = head("Content-Length: 2000000").replace(b"Connection: close\r\n", b"")
        address = urlsplit(str(http.base_url))
        with socket.create_connection((address.hostname, address.port), timeout=10) as wire:
            wire.sendall(kept_open + b"a")
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := wire.recv(65536):
                    answer += piece
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"\r\nconnection: close\r\n" in answer.lower()


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([head(f"Content-Length: {len(BODY)}"), BODY[:-1]], 408),
        ([head(f"Content-Length: {len(BODY) + 50}"), BODY], 408),
        ([head(CHUNKED), b"%x\r\n%s\r\n" % (len(BODY), BODY)], 408),
        ([head(f"Content-Length: {len(BODY) - 1}"), BODY], 401),
        ([head()], 401),
        ([head("Content-Length: -1"), BODY], 400),
        ([head("Content-Length: many"), BODY], 400),
        ([head("Content-Length: 5", f"Content-Length: {len(BODY)}"), BODY], 400),
        ([head(CHUNKED), b"zz\r\n", BODY], 400),
    ],
    ids="cut-short too-large unfinished too-small no-length negative no-number two-lengths broken-chunks".split(),
)
def test_a_body_that_is_not_whole_is_never_taken(tmp_path: Path, parts: list[bytes], status: int) -> None:
    """The signature is that of the whole body, which came: but its length lies, or its end never came."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    with serving(url, body_seconds=0.3) as http:
        answer, _ = raw(http, parts)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        raw(http, parts, ends=True)  # and where the sender hangs up
        assert Sender(http)(b"afterwards") == 200
    assert kept(url) == [("north", 1, False)]


def test_a_chunked_body_is_as_good_as_one_with_a_length(sender: Sender, ledger_url: str) -> None:
    chunks = [b"1\r\n%c\r\n" % byte for byte in BODY] + [b"0\r\n\r\n"]
    answer, _ = raw(sender.http, [head(CHUNKED), *chunks])
    assert answer.startswith(b"HTTP/1.1 200")
    assert kept(ledger_url) == [("north", 1, False)]


def test_a_sender_that_waits_to_be_let_in_is_let_in(sender: Sender, ledger_url: str) -> None:
    """Expect: 100-continue: the body comes only when the server asks for it."""
    address = urlsplit(str(sender.http.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=30) as wire:
        wire.sendall(head(f"Content-Length: {len(BODY)}", "Expect: 100-continue"))
        assert wire.recv(65536).startswith(b"HTTP/1.1 100")
        wire.sendall(BODY)
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
    assert kept(ledger_url) == [("north", 1, False)]


def test_only_a_post_to_a_connection_is_answered(sender: Sender) -> None:
    http = sender.http
    assert [http.request(it, "/webhooks/servicetitan/north").status_code for it in ("GET", "PUT", "DELETE")] == [
        405
    ] * 3
    for path in ("/webhooks/servicetitan/", "/webhooks/servicetitan/north/", "/webhooks/other/north", "/"):
        assert http.post(path, content=BODY, headers={HEADER: GENUINE}).status_code == 404


# The same webhook again


def test_redeliveries_are_one_delivery(ledger_url: str, tmp_path: Path) -> None:
    """ServiceTitan had no answer and sends it after 10, 30, 60 and 300 seconds; a run was asked for after the second."""
    clock = Clock()
    add_connection(ledger_url, tmp_path)
    database = Database(ledger_url)
    with serving(ledger_url, now=clock.now) as http:
        sender = Sender(http)
        for pause in (0, 10, 30, 60, 300):
            clock.go(pause)
            assert sender(BODY) == 200
            if pause == 10:
                (waiting,) = Deliveries(database).waiting()
                assert (waiting.count, waiting.oldest) == (1, clock.at - timedelta(seconds=10))
                Deliveries(database).answered([waiting], clock.at)
        assert kept(ledger_url) == [("north", 5, True)]
        assert Deliveries(database).waiting() == []
        clock.go(900)
        assert sender(BODY) == 200
        (waiting,) = Deliveries(database).waiting()
        assert (waiting.count, waiting.oldest) == (1, clock.at)
        assert kept(ledger_url) == [("north", 6, False)]
    database.close()


def test_a_webhook_is_replayed_by_a_thief_in_vain(sender: Sender, ledger_url: str) -> None:
    """Whoever recorded a delivery sends it a hundred times: it stays one."""
    assert {sender(BODY) for _ in range(100)} == {200}
    assert kept(ledger_url) == [("north", 100, False)]


# Many at once, and a ledger that is away


def test_two_hundred_at_once_are_all_kept(sender: Sender, ledger_url: str) -> None:
    """Half of them are twins, which meet in one commit or in two."""
    bodies = [b"%d" % (n // 2) for n in range(200)] + [b"%d" % n for n in range(1000, 1100)]
    with ThreadPoolExecutor(200) as people:
        assert set(people.map(sender, bodies)) == {200}
    rows = kept(ledger_url)
    assert len(rows) == 200
    assert sum(times for _, times, _ in rows) == len(bodies)


def test_a_locked_ledger_sends_webhooks_away_to_come_again(sender: Sender, ledger_url: str) -> None:
    """A backup holds the ledger: 503 to each, nothing is kept; once it lets go they come again, and none is lost."""
    with locked(ledger_url), ThreadPoolExecutor(20) as people:
        assert set(people.map(sender, [b"%d" % n for n in range(20)])) == {503}
    assert kept(ledger_url) == []
    assert {sender(b"%d" % n) for n in range(20)} == {200}
    assert len(kept(ledger_url)) == 20


def test_a_sender_is_not_kept_waiting_for_as_long_as_the_ledger_is_locked(tmp_path: Path) -> None:
    """The ledger would be waited for half a minute; its sender is told to come again, and the inbox goes on trying."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    database = Database(url, patience=30)
    with (
        WebServer(app(database, lambda name: name, ledger_seconds=0.2)) as server,
        httpx2.Client(base_url=server.url, trust_env=False) as http,
    ):
        sender = Sender(http)
        with locked(url):
            assert {sender(b"%d" % n) for n in range(10)} == {503}
        while sender(b"9") != 200:
            pass
    assert [it.count for it in Deliveries(database).waiting()] == [10], "what was signed is kept, though it was late"
    database.close()


def test_a_sweep_in_the_same_process_does_not_keep_webhooks_out(tmp_path: Path) -> None:
    """One process, one ledger: pages of five hundred are stored one after the other, and every webhook gets its turn."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    database = Database(url)
    ending = threading.Event()

    def sweep() -> int:
        ledger, page = database.ledger("north", "sweeper"), 0
        while not ending.is_set():
            page += 1
            rows = [a_reading(page * 500 + n, index=n) for n in range(500)]
            ledger.take_page(SourceKind.INVOICE, b"page %d" % page, str(page), rows)
        return page

    with ThreadPoolExecutor(1) as worker, WebServer(app(database, lambda name: name)) as server:
        with httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http:
            sweeping = worker.submit(sweep)
            answers = [Sender(http)(b"%d" % n) for n in range(60)]
            ending.set()
        pages = sweeping.result()
    database.close()
    assert answers == [200] * 60
    assert pages > 5


def test_a_database_that_is_gone_sends_webhooks_away(postgresql: postgres.Server, tmp_path: Path) -> None:
    """Dropped while we serve: 503 to the genuine and the forged; the server lives, and goes on when it is back."""
    url = postgresql.create_database("gone")
    add_connection(url, tmp_path)
    with serving(url) as http:
        sender = Sender(http)
        assert sender(b"1") == 200
        postgresql.drop_database("gone")
        assert sender(b"2") == 503
        assert sender(b"3", signature="00" * 32) == 503
        ready = http.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"status": "store.unreachable"})
        assert http.get("/health/live").status_code == 200
        postgresql.create_database("gone")
        add_connection(url, tmp_path)
        assert http.get("/health/ready").status_code == 200
        while (status := sender(BODY)) == 503:  # after a failure the ledger is not asked for a second
            time.sleep(0.05)
        assert status == 200
    assert kept(url) == [("north", 1, False)]
    postgresql.drop_database("gone")


def test_a_damaged_ledger_sends_webhooks_away(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(b"Dear diary, " * 1000)
    with serving(f"sqlite:///{file}") as http:
        assert Sender(http)(BODY) == 503
        assert http.get("/health/ready").json() == {"status": "store.damaged"}


def test_a_ledger_without_tables_sends_webhooks_away(ledger_url: str) -> None:
    with serving(ledger_url) as http:
        assert Sender(http)(BODY) == 503
        assert http.get("/health/ready").json() == {"status": "store.not_prepared"}


def test_what_was_answered_survives_the_end_of_the_process(ledger_url: str, tmp_path: Path) -> None:
    """Killed the moment that the first 2xx of many is read, five times: whatever was answered is in the ledger."""
    add_connection(ledger_url, tmp_path)
    answered: list[bytes] = []
    for n in range(5):
        serve = [sys.executable, "-m", "tests.faces.web", ledger_url]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server, ThreadPoolExecutor(12) as people:
            assert server.stdout is not None
            with httpx2.Client(base_url=server.stdout.readline().strip(), trust_env=False, timeout=60) as http:
                sender = Sender(http)
                sending = {people.submit(sender, b"%d.%d" % (n, i)): b"%d.%d" % (n, i) for i in range(12)}
                assert next(as_completed(sending)).result() == 200
                server.kill()
                for done in as_completed(sending):
                    with contextlib.suppress(httpx2.HTTPError):
                        assert done.result() == 200
                        answered.append(sending[done])
    assert {hashlib.sha256(body).hexdigest() for body in answered} <= digests(ledger_url)
    assert len(answered) >= 5


def test_a_server_that_is_told_to_stop_answers_what_it_was_asked(ledger_url: str, tmp_path: Path) -> None:
    """SIGTERM's way: stop is called while requests are open; each is kept and answered, and nothing hangs."""
    add_connection(ledger_url, tmp_path)
    database = Database(ledger_url)
    server = WebServer(app(database, lambda name: name))
    with httpx2.Client(base_url=server.url, trust_env=False, timeout=60) as http, ThreadPoolExecutor(40) as people:
        with server:
            sending = [people.submit(Sender(http), b"%d" % n) for n in range(40)]
            assert next(as_completed(sending)).result() == 200
        answers = [it.exception() or it.result() for it in sending]
    database.close()
    refused = [it for it in answers if isinstance(it, httpx2.TransportError)]  # that came when nothing more was taken
    assert answers.count(200) + len(refused) == 40
    assert len(kept(ledger_url)) == answers.count(200)


@contextlib.contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody else keeps the table for himself."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as sql:
            sql.execute("BEGIN EXCLUSIVE")
            yield
            sql.execute("ROLLBACK")
    else:
        with psycopg.connect(url) as taken:
            taken.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
            yield
            taken.rollback()


def digests(url: str) -> set[str]:
    database = Database(url)
    with database.reading() as sql:
        found = set(sql.scalars(sa.select(deliveries.c.digest)))
    database.close()
    return found


@dataclass(slots=True)
class Clock:
    at: datetime = datetime(2026, 3, 14, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
