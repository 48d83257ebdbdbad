"""A month over SBA and over the web services, signed in with tickets of a real domain controller, which fails in mid-run.

Hours are scaled: tickets last six, and each document that GP is asked for takes a quarter of one by our clock.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ml_connector.docket.stages import Approved, Deferred, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp.books import GpBooks
from ml_connector.gp.kerberos import Tickets
from ml_connector.gp.mixed import MixedBooks
from ml_connector.gp.windows_auth import Login
from ml_connector.runtime import settings as form
from ml_connector.runtime.run import run
from ml_connector.runtime.tieout import tie_out
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read as read_workbook
from tests.domain.accounts import REALM
from tests.domain.controller import Controller
from tests.domain.trial import Credentials, Premises, premises
from tests.simulation.nursery import Nursery
from tests.simulation.world import A_PERSON_IS_NEEDED, FAILED

TICKETS = Credentials(username=f"gpconnect@{REALM}")
DIALECTS = pytest.mark.parametrize("dialect", ["one", "two", "soap"])


def assert_all_is_there_once(it: Premises, wired: Wired) -> None:
    """GP holds what ServiceTitan has and nothing holds back, to the cent; each document came in once."""
    documents: Any = it.company.records()["documents"]
    assert max(Counter(one["number"] for one in documents).values()) == 1
    assert it.application.creates == len(documents) > 50
    tied = tie_out(it.trial, wired.ledger.newest_versions())
    assert (str(tied.difference), tied.in_doubt) == ("0.00", 0)
    assert tied.entered.count == len(documents)


@DIALECTS
def test_a_month_is_entered_with_tickets_of_the_domain(
    dialect: str, domain: Controller, tmp_path: Path, nursery: Nursery
) -> None:
    """The program as people start it, with nothing but a password and the name of the controller."""
    with premises(tmp_path, domain, dialect, given=TICKETS) as it:
        here = {"ML_CONNECTOR_DATA": str(tmp_path / "data")}
        for words in (["connection", "add", str(it.connection)], ["rulebook", "import", "trial", str(it.rulebook)]):
            assert nursery.start([*words, "--json"], here).wait() == 0
        command = nursery.start(["run", "trial", "--json"], here)
        assert command.wait() == A_PERSON_IS_NEEDED, command.err.read_text()
        with opened(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}", tmp_path) as wired:
            assert_all_is_there_once(it, wired)
        assert it.door.logins == 0  # by NTLM


@contextlib.contextmanager
def opened(url: str, folder: Path) -> Iterator[Wired]:
    database = Database(url)
    with contextlib.closing(open_connection(database, "trial", "simulation", folder=folder / "contracts")) as wired:
        yield wired


@contextlib.contextmanager
def prepared(it: Premises, url: str) -> Iterator[Wired]:
    """A fresh ledger with the connection and the sample rulebook."""
    database = Database(url)
    database.migrate()
    database.connections("simulation").add("trial", form.to_values(form.from_toml(it.connection)))
    tables = read_workbook(it.rulebook)
    assert not isinstance(tables, tuple)
    database.ledger("trial", "simulation").add_rulebook(tables, "simulation", "the sample")
    database.close()
    with opened(url, it.folder) as wired:
        yield wired


QUARTER = 900.0  # seconds
LIFE = 6 * 3600  # of tickets, in seconds: twenty-four documents


def with_a_quick_clock(it: Premises, wired: Wired) -> Tickets:
    """Give its GP tickets of six hours that are renewed when they have one left, by a clock that the documents move on."""
    (books,) = wired.books.values()
    assert not isinstance(books, MixedBooks)
    wire: Any = books._sba._wire if isinstance(books, GpBooks) else books._services.wire
    login: Login = wire._client._transport.login
    settings = replace(login._kerberos, lifetime=LIFE, margin=4 * QUARTER, patience=0.3)
    given = (login.username, login._password, login.service("127.0.0.1"), settings)
    tickets = Tickets(*given, clock=lambda: it.application.creates * QUARTER, refusals=login._refusals)
    login._tickets["127.0.0.1"] = tickets
    return tickets


def fates(domain: Controller, how: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """How it goes and comes back."""
    return (domain.fall_asleep, domain.wake_up) if how == "hangs" else (domain.stop, domain.start)


@pytest.fixture
def controller(domain: Controller) -> Iterator[Controller]:
    """The domain's, up and awake at the end whatever happened."""
    yield domain
    if not domain.runs:
        domain.start()
    domain.wake_up()


@DIALECTS
@pytest.mark.parametrize("how", ["is restarted", "hangs"])
def test_a_controller_that_fails_in_mid_run_loses_nothing(
    how: str, dialect: str, controller: Controller, tmp_path: Path
) -> None:
    """It is gone for three quarters of an hour, in which renewal falls due: the run goes on with the tickets that it has,
    renews them when it is back, and once more five hours later."""
    goes, comes = fates(controller, how)
    renewals: list[int] = []
    with premises(tmp_path, controller, dialect, given=TICKETS) as it, prepared(it, f"sqlite:///{tmp_path}/l") as wired:
        tickets = with_a_quick_clock(it, wired)
        seen = it.application.befalls
        for create, befalls in ((19, goes), (22, comes), (38, None), (50, None)):
            seen[create] = partial(befall, befalls, tickets, renewals)
        result = run(wired, no_progress)
        assert not result.findings
        assert_all_is_there_once(it, wired)
    assert renewals == [1, 1, 2, 3]


def befall(befalls: Callable[[], None] | None, tickets: Tickets, renewals: list[int]) -> None:
    renewals.append(tickets.renewals)
    if befalls:
        befalls()


@DIALECTS
@pytest.mark.parametrize("how", ["is down", "hangs"])
def test_a_controller_that_is_gone_for_longer_than_the_tickets_last_loses_nothing(
    how: str, dialect: str, controller: Controller, tmp_path: Path
) -> None:
    """The run stops where its tickets end, between a claim and a document; the next one goes on from there."""
    goes, comes = fates(controller, how)
    url = f"sqlite:///{tmp_path}/l"
    with premises(tmp_path, controller, dialect, given=TICKETS) as it:
        with prepared(it, url) as wired:
            with_a_quick_clock(it, wired)
            it.application.befalls[19] = goes
            with pytest.raises(Interrupted, match=r"gp\.controller_unreachable"):
                run(wired, no_progress)
            assert 20 <= it.application.creates <= 24
            with pytest.raises(Interrupted, match=r"gp\.controller_unreachable"):
                run(wired, no_progress)
        comes()
        with opened(url, tmp_path) as wired:
            run(wired, no_progress)
            while wired.ledger.documents((InDoubt, Approved, Deferred), 1):
                wired.clock.sleep(0.3)
                run(wired, no_progress)
            assert_all_is_there_once(it, wired)


def test_a_run_that_finds_no_controller_enters_nothing_and_the_next_one_everything(
    controller: Controller, tmp_path: Path, nursery: Nursery
) -> None:
    """The domain is down when a schedule starts it: it says so and stops; when the domain is back all is entered once."""
    url = f"sqlite:///{tmp_path}/l"
    here = {"ML_CONNECTOR_DATA": str(tmp_path), "ML_CONNECTOR_DATABASE": url}
    with premises(tmp_path, controller, given=TICKETS) as it, prepared(it, url) as wired:
        controller.stop()
        command = nursery.start(["run", "trial", "--json"], here)
        assert command.wait() == FAILED
        assert command.told()["error"]["code"] == "gp.controller_unreachable"
        assert it.application.creates == 0
        controller.start()
        assert nursery.start(["run", "trial", "--json"], here).wait() == A_PERSON_IS_NEEDED
        assert_all_is_there_once(it, wired)


def no_progress(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""
