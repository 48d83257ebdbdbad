"""Webhooks: how many can be judged and made durable in a second, and how long ServiceTitan waits at 10,000 a minute.

The web server is a process of its own. A hundred connections share the deliveries; meanwhile somebody asks every second,
as the engine does, which of them are due for a run.
"""

from __future__ import annotations

import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench import floors
from bench.measuring import Figures, Report, against, alternate, lines, server
from ml_connector.runtime.debounce import is_due
from ml_connector.runtime.settings import from_values, to_values
from ml_connector.servicetitan.webhook import SignatureForm, genuine
from ml_connector.store.database import Database, utc_now
from ml_connector.store.deliveries import Arrival, Deliveries, Waiting
from ml_connector.web.inbox import Inbox
from ml_connector.web.serving import web_server
from tests import postgres

CONNECTIONS = 100
A_MINUTE = 10_000
DEBOUNCE, LONGEST = 2.0, 10.0  # seconds
SENDERS = 24
WARM_UP = 110  # deliveries whose time is not measured: the first of each connection
KEY = "k" * 40
FORM = SignatureForm("X-ServiceTitan-Signature")
RATE = "deliveries/s"
BODY = '{{"event": "invoice.updated", "tenant": 1, "id": {}, "modifiedOn": "2026-03-14T12:00:00Z", "more": "{}"}}'


def measure(deliveries: int, rounds: int) -> Report:
    """So many are stored one after the other and at once, and sent over HTTP, in each round and on each database."""
    programs = postgres.programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    storing: dict[str, Callable[[], Figures]] = {}
    answering: dict[str, Callable[[], Figures]] = {}
    floor_of: dict[str, str] = {}
    answers_of: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as folder,
        postgres.server(programs, durable=True) as pg,
    ):
        for name, url in {
            "SQLite": f"sqlite:///{folder}/ledger.sqlite",
            "PostgreSQL": pg.create_database("bench"),
        }.items():
            _prepare(url)
            each, at_once, floor = f"{name}: one after the other", f"{name}: at once", f"{name}: floor, a commit each"
            storing |= {
                each: _each(url, deliveries),
                at_once: _at_once(url, deliveries),
                floor: _floor(url, deliveries),
            }
            floor_of |= {each: floor, at_once: floor}
            over_http, paced = f"{name}: answer over HTTP", f"{name}: floor, a commit at that pace"
            answering |= {over_http: _over_http(url, deliveries), paced: _paced_floor(url, deliveries)}
            answers_of[over_http] = paced
        answering["floor over HTTP: an answer that asks nothing"] = _idle_answer(
            f"sqlite:///{folder}/ledger.sqlite", deliveries
        )
        stored, answered = alternate(storing, rounds), alternate(answering, rounds)
    ratios = {k: v for ours, floor in floor_of.items() for k, v in against(stored, ours, floor).items()}
    slower = {k: v for ours, floor in answers_of.items() for k, v in against(answered, ours, floor).items()}
    notes = [
        f"{deliveries} deliveries a round; over HTTP at {A_MINUTE} a minute, over {CONNECTIONS} connections, a tenth of "
        "them sent twice; none was lost",
        "over HTTP the time runs from when it was to be sent, so that a sender which is held up hides nothing",
        f"meanwhile a run is asked for where it is due (debounce {DEBOUNCE:g} s, longest delay {LONGEST:g} s): runs/connection",
        "the aim is an answer within 50 ms",
    ]
    return Report("Webhooks", lines(stored) | ratios | lines(answered) | slower, notes)


def _prepare(url: str) -> None:
    """A migrated ledger with its connections, whose key is in the environment of the server."""
    database = Database(url)
    database.migrate()
    known = database.connections("bench")
    for n in range(CONNECTIONS):
        values = {
            "name": f"c{n}",
            "prefix": "ST",
            "mode": "review",
            "servicetitan": {"tenant_id": 1, "client_id": "env:A", "client_secret": "env:A", "app_key": "env:A"},
            "gp": {"FRM": {"company": "F", "server": "https://gp", "username": "env:A", "password": "env:A"}},
            "webhooks": {"secrets": ["env:BENCH_WEBHOOK_KEY"], "debounce": DEBOUNCE, "longest_delay": LONGEST},
        }
        known.add(f"c{n}", to_values(from_values(values, "bench")))
    database.close()


_serial = iter(range(10**9))


def _bodies(count: int) -> list[bytes]:
    """New ones, of about 400 bytes."""
    return [BODY.format(next(_serial), "x" * 300).encode() for _ in range(count)]


def _each(url: str, count: int) -> Callable[[], Figures]:
    def figures() -> Figures:
        inbox = Deliveries(Database(url))
        signed = [(body, FORM.write(KEY.encode(), body)) for body in _bodies(count)]
        started = time.perf_counter()
        for body, signature in signed:
            _judge(body, signature)
            inbox.take([Arrival(1, body, utc_now())])
        return {RATE: count / (time.perf_counter() - started)}

    return figures


def _at_once(url: str, count: int) -> Callable[[], Figures]:
    def figures() -> Figures:
        inbox = Inbox(Deliveries(Database(url)))
        inbox.start()
        signed = [(body, FORM.write(KEY.encode(), body)) for body in _bodies(count)]
        started = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as people:
            kept = list(people.map(lambda it: _given(inbox, *it), signed))
        seconds = time.perf_counter() - started
        inbox.close()
        if not all(kept):
            raise SystemExit(f"{kept.count(False)} were not kept")
        return {RATE: count / seconds}

    return figures


def _judge(body: bytes, signature: str) -> None:
    given = FORM.read(signature)
    if given is None or not genuine([KEY.encode()], body, given):
        raise SystemExit("a genuine webhook was refused")


def _given(inbox: Inbox, body: bytes, signature: str) -> bool:
    _judge(body, signature)
    return inbox.give(Arrival(1, body, utc_now())).result()


def _floor(url: str, count: int) -> Callable[[], Figures]:
    own = url.replace("ledger.sqlite", "floor.sqlite")
    return lambda: {RATE: count / floors.one_commit_each(own, _bodies(count))[0]}


def _paced_floor(url: str, count: int) -> Callable[[], Figures]:
    own = url.replace("ledger.sqlite", "floor.sqlite")
    return lambda: _told(floors.one_commit_each(own, _bodies(count), A_MINUTE / 60)[1])


def _over_http(url: str, count: int) -> Callable[[], Figures]:
    def figures() -> Figures:
        deliveries = Deliveries(Database(url))
        deliveries.answered(deliveries.waiting(), utc_now())
        sendings = [
            _Sending("POST", f"/webhooks/servicetitan/c{n % CONNECTIONS}", it) for n, it in enumerate(_bodies(count))
        ]
        twice = [both for n, it in enumerate(sendings) for both in ([it, it] if n % 10 == 0 else [it])]
        with _asking(deliveries) as asked, _served(url) as address:
            _send(address, twice[:WARM_UP])
            waits = _send(address, twice[WARM_UP:])
        if (kept := sum(it.count for it in asked)) != count:
            raise SystemExit(f"{count} were sent, and {kept} came to a run")
        return _told(waits) | {"runs/connection": len(asked) / CONNECTIONS}

    return figures


def _idle_answer(url: str, count: int) -> Callable[[], Figures]:
    def figures() -> Figures:
        with _served(url) as address:
            return _told(_send(address, [_Sending("GET", "/health/live", b"")] * count))

    return figures


@dataclass(frozen=True, slots=True)
class _Sending:
    method: str
    path: str
    body: bytes

    def over(self, wire: http.client.HTTPConnection) -> None:
        headers = {FORM.header: FORM.write(KEY.encode(), self.body)} if self.body else {}
        wire.request(self.method, self.path, self.body or None, headers)
        answer = wire.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.path} answered {answer.status}")


def _send(address: str, sendings: Sequence[_Sending]) -> list[float]:
    """Send them at an even pace, whether those before are answered or not. Seconds from when each was due."""
    place = urlsplit(address).netloc
    http.client.HTTPConnection(place).connect()
    begin = time.perf_counter() + 0.5

    def mine(first: int) -> list[float]:
        wire, waits = http.client.HTTPConnection(place, timeout=60), []
        for n in range(first, len(sendings), SENDERS):
            due = begin + n * 60 / A_MINUTE
            time.sleep(max(0.0, due - time.perf_counter()))
            sendings[n].over(wire)
            waits.append(time.perf_counter() - due)
        wire.close()
        return waits

    with ThreadPoolExecutor(SENDERS) as people:
        return [wait for waits in people.map(mine, range(SENDERS)) for wait in waits]


def _told(waits: Sequence[float]) -> dict[str, float]:
    ordered = sorted(waits)
    place = {"median": 0.5, "p99": 0.99, "longest": 1.0}
    return {f"{name} ms": ordered[min(int(len(ordered) * it), len(ordered) - 1)] * 1e3 for name, it in place.items()}


@contextmanager
def _asking(deliveries: Deliveries) -> Iterator[list[Waiting]]:
    """Ask every second which connections are due, to the end of the block and until nothing waits."""
    asked: list[Waiting] = []
    ending = threading.Event()

    def look() -> None:
        while True:
            waiting, last = deliveries.waiting(), ending.is_set()
            due = [it for it in waiting if is_due(utc_now(), it.oldest, it.newest, DEBOUNCE, LONGEST)]
            if due and deliveries.answered(due, utc_now()) == sum(it.count for it in due):
                asked.extend(due)
            if last and not waiting:
                return
            time.sleep(1)

    engine = threading.Thread(target=look)
    engine.start()
    try:
        yield asked
    finally:
        ending.set()
        engine.join()


@contextmanager
def _served(url: str) -> Iterator[str]:
    with server([sys.executable, "-m", "bench.webhooks", url], "http://") as address:
        yield address


def main(url: str) -> None:
    """Serve until terminated."""
    os.environ["BENCH_WEBHOOK_KEY"] = KEY
    running = web_server(Database(url), lambda name: name, port=0)
    print(running.url, flush=True)
    running.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
