"""Passwords that a domain refused: the ledger remembers them for every process, and helps nobody to guess them.

The processes are real: the command line, and a domain controller (Samba) that counts wrong passwords.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ml_connector.gp.access import Secret
from ml_connector.gp.wrong_passwords import OfThisProcess, Refusals
from ml_connector.sandbox.company import GPCONNECT
from ml_connector.store import trail
from ml_connector.store.database import Database, utc_now
from ml_connector.store.refused_logins import RefusedLogins
from ml_connector.store.schema import INSTALLATION, refused_logins
from tests.contract.another_process import Another
from tests.domain import accounts
from tests.domain.accounts import REALM
from tests.domain.controller import Controller
from tests.domain.trial import Credentials, Premises, premises
from tests.simulation.nursery import Command, Nursery

DOMAIN, NAME = "FRONTRANGE", "gpconnect"
WRONG = Secret("Spring-2025!")


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    database = Database(ledger_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def refused(database: Database) -> RefusedLogins:
    return RefusedLogins(database, "maria")


class RefusalsContract:
    """What holds wherever refusals are remembered."""

    def test_the_very_password_that_was_refused_is_known(self, refusals: Refusals) -> None:
        """Of that account alone, however its name is written; another password of it is worth a try."""
        assert not refusals.knows(DOMAIN, NAME, WRONG)
        refusals.remember(DOMAIN, NAME, WRONG)
        assert refusals.knows(DOMAIN.lower(), NAME.upper(), Secret(WRONG.reveal()))
        assert not refusals.knows(DOMAIN, NAME, Secret("spring-2025!"))
        assert not refusals.knows(DOMAIN, "gp", WRONG)
        assert not refusals.knows("ELSEWHERE", NAME, WRONG)

    def test_every_password_that_was_refused_stays_known(self, refusals: Refusals) -> None:
        """Two connections with two wrong passwords of one account do not make each other's forgotten."""
        passwords = [Secret(f"guess-{n}") for n in range(4)]
        for password in [*passwords, passwords[0]]:
            refusals.remember(DOMAIN, NAME, password)
        assert all(refusals.knows(DOMAIN, NAME, it) for it in passwords)

    def test_an_unproven_password_is_tried_by_one_at_a_time(self, refusals: Refusals) -> None:
        """Who is second waits for as long as it likes to; another account is another turn."""
        first = refusals.turn(DOMAIN, NAME, 1)
        assert first is not None
        assert refusals.turn(DOMAIN.lower(), NAME.upper(), 0.01) is None
        with ExitStack() as turns:
            other = refusals.turn(DOMAIN, "another", 1)
            assert other is not None
            turns.enter_context(other)
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(refusals.turn, DOMAIN, NAME, 30)
            first.__exit__(None, None, None)
            second = waiting.result()
        assert second is not None
        second.__exit__(None, None, None)


class TestInTheLedger(RefusalsContract):
    """For every process at the same database."""

    @pytest.fixture
    def refusals(self, refused: RefusedLogins) -> Refusals:
        return refused


class TestOfThisProcess(RefusalsContract):
    """Where there is no ledger."""

    @pytest.fixture
    def refusals(self) -> Refusals:
        return OfThisProcess()


def test_a_person_lets_a_refused_password_be_tried_again(refused: RefusedLogins, database: Database) -> None:
    """The trail of the installation says who it was, and tells no password."""
    refused.remember(DOMAIN, NAME, WRONG)
    refused.remember(DOMAIN, NAME, WRONG)
    assert refused.forget(DOMAIN, NAME)
    assert not refused.forget(DOMAIN, NAME)
    assert not refused.knows(DOMAIN, NAME, WRONG)
    with database.reading() as sql:
        told = trail.entries(sql, INSTALLATION, limit=10)
        assert trail.first_break(sql, INSTALLATION) is None
    assert [(it.actor, it.event.name) for it in told] == [("maria", "login.refused"), ("maria", "login.allowed")]
    assert told[0].event.detail == {"domain": "frontrange", "username": "gpconnect"}


def test_the_table_helps_nobody_to_guess(refused: RefusedLogins, database: Database) -> None:
    """Neither the password nor a quick digest of it, salted or not, stands there; no two accounts share a salt."""
    refused.remember(DOMAIN, NAME, WRONG)
    refused.remember(DOMAIN, "another", WRONG)
    with database.reading() as sql:
        one, other = sql.execute(sa.select(refused_logins)).mappings().all()
    assert one["salt"] != other["salt"]
    assert one["digest"] != other["digest"]
    raw = WRONG.reveal().encode()
    for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s"):
        for text in (raw, one["salt"] + raw, raw + one["salt"], raw.decode().encode("utf-16-le")):
            assert not hashlib.new(algorithm, text).digest().startswith(one["digest"][:16])


def take_the_turn(url: str, mouth: Connection) -> None:
    """Hold the turn until killed."""
    assert RefusedLogins(Database(url), "another").turn(DOMAIN, NAME, 1)
    mouth.send("held")
    mouth.recv()


def test_the_turn_of_a_process_that_died_is_taken_over_in_time(ledger_url: str, database: Database) -> None:
    """It was killed in the midst of a login: the next one waits until it may be thought dead."""
    another = Another(take_the_turn, ledger_url)
    assert another.hear() == "held"
    another.kill()
    assert RefusedLogins(database, "maria").turn(DOMAIN, NAME, 0) is None
    if not database.is_postgresql:  # there the server's own clock decides
        later = RefusedLogins(database, "maria", now=lambda: utc_now() + timedelta(seconds=32))
        assert later.turn(DOMAIN, NAME, 0) is not None


# The command line, in many processes


class Clerk:
    """Somebody at the terminal, whose ledger is at `url`; each command is a process of its own."""

    def __init__(self, url: str, it: Premises, nursery: Nursery) -> None:
        self._nursery = nursery
        self._environment = {"ML_CONNECTOR_DATABASE": url, "ML_CONNECTOR_DATA": str(it.folder / "data")}
        assert self("connection", "add", it.connection)[0] == 0
        assert self("rulebook", "import", "trial", it.rulebook)[0] == 0

    def start(self, *words: object) -> Command:
        return self._nursery.start([*map(str, words), "--json"], self._environment)

    def __call__(self, *words: object) -> tuple[int, Any]:
        command = self.start(*words)
        return command.wait(), command.told()

    def check(self, processes: int = 1) -> list[list[str]]:
        """What so many processes at once find wrong with the login to GP."""
        started = [self.start("connection", "check", "trial") for _ in range(processes)]
        for one in started:
            one.wait()
        found = [[it["finding"] for it in one.told() if it["part"].startswith("GP")] for one in started]
        return [[it["code"] for it in findings if it and it["code"].startswith("gp.")] for findings in found]


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    with Nursery(tmp_path) as started:
        yield started


def test_of_many_processes_at_once_one_tries_a_wrong_password(
    domain: Controller, tmp_path: Path, ledger_url: str, nursery: Nursery
) -> None:
    """Six at once, then runs that a schedule starts one by one: the domain counts one attempt. A person allows it again,
    and it counts one more; another password is tried, and the first stays known."""
    who = accounts.CLERKS["sqlite" if ledger_url.startswith("sqlite") else "postgresql"]
    given = Credentials(username=f"{who.name}@{REALM}", password="Mistyped-1")
    with premises(tmp_path, domain, given=given) as it:
        clerk = Clerk(ledger_url, it, nursery)
        assert clerk.check(processes=6) == [["gp.credentials"]] * 6
        for _ in range(2):
            code, told = clerk("run", "trial")
            assert (code, told["error"]["code"]) == (1, "gp.credentials")
            assert "not tried again" in told["error"]["says"]
        assert domain.attribute(who, "badPwdCount") == "1"
        allowed = {"domain": REALM, "username": who.name, "was_refused": True}
        assert clerk("connection", "allow-login", "trial") == (0, [allowed])
        assert clerk.check(processes=2) == [["gp.credentials"]] * 2
        assert domain.attribute(who, "badPwdCount") == "2"
        it.write("gp-password", who.password)
        assert clerk.check() == [["gp.forbidden"]]  # it is let in, and has no role there
        it.write("gp-password", given.password)
        assert clerk.check() == [["gp.credentials"]]
        assert domain.attribute(who, "badPwdCount") == "0"


def test_by_ntlm_one_process_tries_a_wrong_password_too(tmp_path: Path, ledger_url: str, nursery: Nursery) -> None:
    """GP's own server counts: one last leg of a login came in, whoever asked."""
    given = Credentials(password="Mistyped-1")
    with premises(tmp_path, None, given=given) as it:
        clerk = Clerk(ledger_url, it, nursery)
        assert clerk.check(processes=4) == [["gp.credentials"]] * 4
        assert clerk("run", "trial")[1]["error"]["code"] == "gp.credentials"
        assert it.door.logins == 1
        it.write("gp-password", GPCONNECT.password)
        assert clerk.check() == [[]]
        it.write("gp-password", given.password)
        assert clerk.check() == [["gp.credentials"]]
        assert it.door.logins == 2
        assert clerk("connection", "allow-login", "trial")[0] == 0
        assert clerk.check() == [["gp.credentials"]]
        assert it.door.logins == 3


def test_processes_that_start_at_once_with_a_good_password_all_go_on(
    domain: Controller, tmp_path: Path, ledger_url: str, nursery: Nursery
) -> None:
    """They take turns at signing in, and then work side by side."""
    with premises(tmp_path, domain, given=Credentials(username=f"gpconnect@{REALM}")) as it:
        assert Clerk(ledger_url, it, nursery).check(processes=4) == [[]] * 4
