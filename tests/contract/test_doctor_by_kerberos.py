"""The doctor's steps of a login by Kerberos, against a real Active Directory domain controller (Samba) on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_connector.runtime.doctor.lines import Mark
from ml_connector.sandbox.company import GPCONNECT, WindowsUser
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.serving import Request, Response
from tests.contract.practice import Practice, finding_of, findings, marks, practice, says
from tests.domain import accounts
from tests.domain.accounts import REALM, SHORT, Account
from tests.domain.controller import Controller
from tests.faces.console import PROGRAM

USERS = (GPCONNECT, WindowsUser(accounts.NO_ROLE.login, "", roles=frozenset()))
STEPS = ("scheme", "tickets", "domain's clock", "service name", "login", "server's proof")


@pytest.fixture(params=["one", "soap"])
def patient(request: pytest.FixtureRequest, tmp_path: Path, domain: Controller) -> Iterator[Practice]:
    """A sound connection that signs in with a ticket of the domain."""
    with practice(tmp_path, request.param) as ready:
        let_in(ready, domain)
        ready.gp["authentication"] = "negotiate"
        ready.gp["kerberos"] = {"realm": REALM, "controllers": [domain.address]}
        log_in_as(ready, accounts.GOOD)
        yield ready


def let_in(patient: Practice, domain: Controller, keytab: str = "service.keytab") -> None:
    """Change the door: who comes with a ticket is let in, and nobody else."""
    tickets = TicketDoor(domain.keytab(keytab), {REALM: SHORT})
    patient.application._door = Door(USERS, tickets, ntlm=False)


def log_in_as(patient: Practice, who: Account, password: str = "") -> None:
    patient.put("gp-username", f"{who.name}@{REALM}")
    patient.put("gp-password", password or who.password)


def test_a_sound_login_by_kerberos_gives_good_lines_alone(patient: Practice) -> None:
    """What is offered, for whom tickets were got, the domain's clock, the service's name, and the server's own proof."""
    lines = patient.examine()
    assert marks(lines, Mark.GOOD) == [line.title for line in lines]
    assert {f"GP FRM: {step}" for step in STEPS} <= set(marks(lines, Mark.GOOD))
    assert f"got for gpconnect@{REALM}" in says(lines, "GP FRM: tickets")
    assert says(lines, "GP FRM: service name") == "HTTP/127.0.0.1"
    assert says(lines, "GP FRM: domain's clock") == "as ours, to the second"
    assert "let in, by Kerberos" in says(lines, "GP FRM: login")


def test_a_service_name_that_the_domain_does_not_know_is_told(patient: Practice) -> None:
    """The account got its ticket, and there is none for the server: nobody registered the name."""
    patient.gp["kerberos"]["service"] = "HTTP/nowhere.frontrange.test"
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: service name": "gp.service_name"}
    assert "setspn -S HTTP/nowhere.frontrange.test" in finding_of(lines, "GP FRM: service name").remedy
    assert "GP FRM: tickets" in marks(lines, Mark.GOOD)
    assert {"GP FRM: login", "GP FRM: role"} <= set(marks(lines, Mark.SKIPPED))


def test_a_password_that_the_domain_refuses_is_tried_once(patient: Practice, domain: Controller) -> None:
    """Two examinations in one process cost the account one bad attempt."""
    before = int(domain.attribute(accounts.GOOD, "badPwdCount") or 0)
    log_in_as(patient, accounts.GOOD, f"Wrong-{patient.dialect}")
    database = patient.database()
    for _ in range(2):
        assert findings(patient.examine(database)) == {"GP FRM: tickets": "gp.credentials"}
    assert int(domain.attribute(accounts.GOOD, "badPwdCount")) == before + 1
    log_in_as(patient, accounts.GOOD)
    assert findings(patient.examine(database)) == {}, "a good login forgets the bad one"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (accounts.EXPIRED, "gp.password_expired"),
        (accounts.DISABLED_ONE, "gp.account_locked_or_disabled"),
        (Account("nobody", "Nobody-Pass-1"), "gp.account_unknown"),
    ],
    ids=lambda it: it.name if isinstance(it, Account) else "",
)
def test_what_is_wrong_with_the_account_is_told_at_its_tickets(patient: Practice, who: Account, code: str) -> None:
    """The server is never reached with it."""
    log_in_as(patient, who)
    assert findings(patient.examine()) == {"GP FRM: tickets": code}


def test_a_controller_that_does_not_answer_is_told(patient: Practice) -> None:
    """Port 88 is closed on the way to it."""
    patient.gp["kerberos"]["controllers"] = ["127.0.0.1:1"]
    assert findings(patient.examine()) == {"GP FRM: tickets": "gp.controller_unreachable"}


def test_an_account_of_the_domain_without_a_role_is_told(patient: Practice) -> None:
    """The domain lets it in, and GP gives it nothing."""
    log_in_as(patient, accounts.NO_ROLE)
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: role": "gp.forbidden"}
    assert "GP FRM: server's proof" in marks(lines, Mark.GOOD)


def test_a_server_with_another_key_is_told_at_the_login(patient: Practice, domain: Controller) -> None:
    """The service name stands on an account that does not run the service."""
    let_in(patient, domain, "stale.keytab")
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: login": "gp.ticket_refused"}
    assert {"GP FRM: tickets", "GP FRM: service name"} <= set(marks(lines, Mark.GOOD))


def test_a_server_that_proves_nothing_is_told(patient: Practice) -> None:
    """Something answers that lets everybody in: it may be GP, or a stranger."""
    patient.application._door = Anonymous()
    lines = patient.examine()
    assert findings(lines) == {"GP FRM: server's proof": "gp.server_unproven"}
    assert says(lines, "GP FRM: scheme") == "none is asked for at this address"
    assert "GP FRM: company" in marks(lines, Mark.SKIPPED)


class Anonymous(Door):
    """Asks nobody who he is."""

    def __init__(self) -> None:
        super().__init__(USERS)

    def admit(self, request: Request) -> WindowsUser | Response:
        return GPCONNECT


def test_a_machine_whose_clock_is_wrong_is_told_of_all_three(patient: Practice) -> None:
    """The program itself, on a machine that is twenty minutes ahead of ServiceTitan, of GP and of the domain."""
    if shutil.which("faketime") is None:
        assert not os.environ.get("CI"), "faketime is not installed: apt-get install faketime"
        pytest.skip("faketime is not installed: apt-get install faketime")
    data = patient.folder / "data"
    data.mkdir()
    patient.url = f"sqlite:///{data / 'ledger.sqlite'}"
    patient.database()
    done = subprocess.run(
        ["faketime", "-f", "+20m", str(PROGRAM), "connection", "check", "trial", "--json"],
        env={**os.environ, "ML_CONNECTOR_DATA": str(data), "DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)
    wrong = {f"{it['part']}: {it['what']}": it["finding"]["code"] for it in told if it["mark"] == "wrong"}
    clocks = ("ServiceTitan 127.0.0.1: clock", "GP FRM: clock", "GP FRM: domain's clock")
    assert wrong == dict.fromkeys(clocks, "network.clock")
