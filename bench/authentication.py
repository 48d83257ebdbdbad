"""Signing in: what a call to GP costs us by Kerberos and by NTLM, beside the same call that nobody asks a login for.

Needs the domain controller of the tests, so Samba and the package's extra `kerberos`.
"""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2

from bench.measuring import Figures, Report, against, alternate, lines, server
from ml_connector.gp.access import Kerberos, Scheme, Secret
from ml_connector.gp.windows_auth import Lanes, Login
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.serving import Server
from tests.domain.accounts import REALM, SHORT
from tests.domain.controller import controller, lacking

KERBEROS, NTLM, ANONYMOUS = "Kerberos, every request", "NTLM, once a connection", "floor: anonymous"
WARM_UP = 20  # calls that are not measured: connections, tickets


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
        contestants = {
            KERBEROS: _asking(stack, guarded, Lanes(by_ticket, 1, tls), calls),
            NTLM: _asking(stack, guarded, Lanes(Login(GPCONNECT.name, password), 1, tls), calls),
            ANONYMOUS: _asking(stack, unguarded, httpx2.HTTPTransport(verify=tls, trust_env=False), calls),
        }
        found = alternate(contestants, rounds)
    notes = [
        f"{calls} calls a round, one after the other, over one connection that is open already",
        "CPU: that of the calling thread; the server is a process of its own",
        "by the clock: the server's part is in it, which opens a ticket for every request on the same machine",
    ]
    ratios = against(found, KERBEROS, ANONYMOUS) | against(found, NTLM, ANONYMOUS)
    return Report("Signing in: one call", lines(found) | ratios, notes)


def _asking(stack: ExitStack, url: str, transport: httpx2.BaseTransport, calls: int) -> Callable[[], Figures]:
    client = stack.enter_context(httpx2.Client(transport=transport, trust_env=False))

    def ask(times: int) -> None:
        for _ in range(times):
            answer = client.get(url)
            if answer.status_code != 200:
                raise SystemExit(f"{url} answers {answer.status_code}")

    def figures() -> Figures:
        ask(WARM_UP)
        started, cpu = time.perf_counter(), time.thread_time()
        ask(calls)
        seconds, cpu = time.perf_counter() - started, time.thread_time() - cpu
        return {"CPU ms/call": cpu / calls * 1e3, "ms/call": seconds / calls * 1e3}

    return figures


def _serve(keytab: Path | None) -> None:
    """Say the address of the vendors, and serve them until our input ends."""
    company, dialect = Company.front_range(), DIALECTS["one"]
    if keytab is None:
        application = SbaApplication(company, dialect, authentication="none")
    else:
        application = SbaApplication(company, dialect, door=Door([GPCONNECT], TicketDoor(keytab, {REALM: SHORT})))
    with Server(application) as running:
        print(f"{running.url}{application.root}{dialect.resources['vendors'].path}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]) if sys.argv[1:] else None)
