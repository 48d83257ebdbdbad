"""Signing in: what a call to GP costs us by Kerberos and by NTLM, beside the same call that nobody asks a login for.

Needs the domain controller of the tests, so Samba and the package's extra `kerberos`. The contestants take turns call by
call, and GP takes a moment for every answer: who waits finds the processor's caches cold, and they must be cold for all.
"""

from __future__ import annotations

import ssl
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx2

from bench.measuring import Figures, Report, against, lines, server
from ml_connector.gp.access import Kerberos, Scheme, Secret
from ml_connector.gp.windows_auth import Lanes, Login
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Server
from tests.domain.accounts import REALM, SHORT
from tests.domain.controller import controller, lacking

KERBEROS, NTLM, ANONYMOUS = "Kerberos, every request", "NTLM, once a connection", "floor: anonymous"
UNITS = ("CPU ms/call", "ms/call")
ANSWER = 0.005  # seconds that the sandbox's GP takes; a real one takes a hundred and more
WARM_UP = 20  # calls of each that are not measured: connections, tickets


def measure(calls: int, rounds: int) -> Report:
    """Ask so many times for all vendors of the sandbox's GP, one call after the other."""
    if lacking():
        raise SystemExit(lacking())
    with ExitStack() as stack:
        domain = stack.enter_context(controller())
        serve = (sys.executable, "-m", "bench.authentication")
        guarded = stack.enter_context(server([*serve, str(domain.keytab("service.keytab"))], "http"))
        unguarded = stack.enter_context(server(serve, "http"))
        password, tls = Secret(GPCONNECT.password), ssl.create_default_context()
        by_ticket = Login(GPCONNECT.name, password, Scheme.NEGOTIATE, Kerberos(REALM, (domain.address,)))
        asking = {
            KERBEROS: _asking(stack, guarded, Lanes(by_ticket, 1, tls)),
            NTLM: _asking(stack, guarded, Lanes(Login(GPCONNECT.name, password), 1, ssl.create_default_context())),
            ANONYMOUS: _asking(stack, unguarded, httpx2.HTTPTransport(verify=tls, trust_env=False)),
        }
        found: dict[str, list[Figures]] = {name: [] for name in asking}
        for _ in range(rounds):
            for name, figures in _in_turn(asking, calls).items():
                found[name].append(figures)
    notes = [
        f"{calls} calls a round, call by call in turn, over connections that are open already; the median call",
        "CPU: that of the calling thread; the server is a process of its own",
        f"by the clock: in it are {ANSWER * 1e3:g} ms that GP takes for every answer, and its opening of a ticket",
    ]
    ratios = against(found, KERBEROS, ANONYMOUS) | against(found, NTLM, ANONYMOUS)
    return Report("Signing in: one call", lines(found) | ratios, notes)


def _asking(stack: ExitStack, url: str, transport: httpx2.BaseTransport) -> Callable[[], None]:
    client = stack.enter_context(httpx2.Client(transport=transport, trust_env=False))

    def ask() -> None:
        answer = client.get(url)
        if answer.status_code != 200:
            raise SystemExit(f"{url} answers {answer.status_code}")

    return ask


def _in_turn(asking: Mapping[str, Callable[[], None]], calls: int) -> dict[str, Figures]:
    """The median call of each."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in asking}
    for _ in range(WARM_UP + calls):
        for name, ask in asking.items():
            started, cpu = time.perf_counter(), time.thread_time()
            ask()
            seconds[name].append((time.thread_time() - cpu, time.perf_counter() - started))
    medians = {name: map(statistics.median, zip(*each[WARM_UP:], strict=True)) for name, each in seconds.items()}
    return {name: dict(zip(UNITS, (it * 1e3 for it in both), strict=True)) for name, both in medians.items()}


def _serve(keytab: Path | None) -> None:
    """Say the address of the vendors, and serve them until our input ends."""
    company, dialect = Company.front_range(), DIALECTS["one"]
    if keytab is None:
        application = SbaApplication(company, dialect, authentication="none")
    else:
        application = SbaApplication(company, dialect, door=Door([GPCONNECT], TicketDoor(keytab, {REALM: SHORT})))
    application.faults.order(Fault.SLOW, seconds=ANSWER, times=10**9)
    with Server(application) as running:
        print(f"{running.url}{application.root}{dialect.resources['vendors'].path}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]) if sys.argv[1:] else None)
