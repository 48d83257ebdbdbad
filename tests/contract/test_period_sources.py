"""Where fiscal periods come from, from the settings to GP: the service, else SQL Server, else a file; never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_connector.docket.text import findings_of
from ml_connector.findings import Interrupted
from ml_connector.pipeline.road import RunResult
from ml_connector.runtime import settings as form
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.runtime.doctor.lines import Line
from ml_connector.runtime.run import run
from ml_connector.runtime.tieout import tie_out
from ml_connector.runtime.trial import Trial, trial, write_trial
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.sandbox.company import Company
from ml_connector.sandbox.company.records import Series as GpSeries
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read as read_workbook
from tests.gp_tables import GpTables, gp_tables
from tests.postgres import Server

NOWHERE = "postgresql://127.0.0.1:1"


@pytest.fixture
def tables(postgresql: Server) -> Iterator[GpTables]:
    """GP's own tables of the town's company."""
    books = Company.front_range()
    with gp_tables(postgresql) as made:
        made.set_up(books.periods(), books.accounts())
        yield made


@dataclass
class Desk:
    """A connection that enters twenty invoices and their bills in one of the sandbox's companies."""

    trial: Trial
    folder: Path

    @contextmanager
    def connection(self, settings: str) -> Iterator[Wired]:
        """Wired with these settings of the company in place of the calendar file, over one ledger."""
        file = self.folder / "trial.toml"
        if not file.exists():
            write_trial(self.trial, self.folder, "automatic")
        lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("calendar_file")]
        text = "\n".join(lines).partition("[gp.FRM.sql]")[0] + settings
        file.write_text(text, "utf-8")
        database = Database(f"sqlite:///{self.folder / 'ledger.sqlite'}")
        database.migrate()
        known = database.connections("maria")
        values = form.to_values(form.from_toml(file))
        (known.change if known.all() else known.add)("trial", values)
        wired = open_connection(database, "trial", "maria")
        if wired.ledger.rulebook() is None:
            rulebook = read_workbook(self.folder / "rulebook")
            assert not isinstance(rulebook, tuple)
            wired.ledger.add_rulebook(rulebook, "maria", "the sample")
        yield wired
        wired.close()

    def run(self, settings: str) -> RunResult:
        with self.connection(settings) as wired:
            return run(wired, lambda *_: None)

    def examined(self, settings: str, what: str) -> list[Line]:
        """The lines of that step of the doctor."""
        with self.connection(settings) as wired:
            doctor = Doctor(wired.database, "maria", tuple, self.folder / "contracts")
            return [line for line in doctor.connection("trial") if line.what == what]

    def held(self, settings: str) -> Counter[str]:
        """How many dockets each finding holds."""
        with self.connection(settings) as wired:
            return Counter(it.code for docket in wired.ledger.holds() for it in findings_of(docket))

    @property
    def in_gp(self) -> set[str]:
        """The numbers that came in by the service, from GP's own records."""
        records = self.trial.company.application.records()
        assert isinstance(records, dict)
        return {it["number"] for it in records["documents"] if it["entered_by"] != "sa"}


def sql(tables: GpTables, url: str = "", **more: str) -> str:
    secrets = {"username": tables.reader, "password": "not asked for"}
    for name, text in secrets.items():
        (Path(more["folder"]) / name).write_text(text)
    lines = [
        "[gp.FRM.sql]",
        f'url = "{url or tables.url}"',
        f'database = "{tables.database}"',
        *(f'{name} = "file:{more["folder"]}/{name}"' for name in secrets),
    ]
    return "\n" + "\n".join(lines) + "\n"


@pytest.fixture(params=["soap", "one"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Over the web services, and over SBA with a service map that has neither periods nor accounts."""
    with trial(request.param, invoices=20) as served:
        made = Desk(served, tmp_path / "desk")
        if request.param == "one":
            write_trial(served, made.folder, "automatic")
            own = tmp_path / "own.toml"
            own.write_text('based_on = "default"\nperiods = false\naccounts = false\n')
            file = made.folder / "trial.toml"
            file.write_text(file.read_text().replace('"default"', f'"{own.as_posix()}"'))
        yield made


def test_a_month_is_entered_by_what_sql_server_says(desk: Desk, tables: GpTables, tmp_path: Path) -> None:
    """The tables of the company stand in: the month ties out to the cent, and what is dated in February alone is held."""
    settings = sql(tables, folder=str(tmp_path))
    result = desk.run(settings)
    assert result.entered == len(desk.in_gp) > 20
    assert not result.findings
    held = desk.held(settings)
    assert (held["period.closed"], held["period.unknown"], held["account.missing"]) == (1, 0, 0)
    with desk.connection(settings) as wired:
        assert tie_out(desk.trial, wired.ledger.newest_versions()).difference == 0


def test_an_origin_closed_in_mass_close_holds_its_subledger_alone(desk: Desk, tables: GpTables, tmp_path: Path) -> None:
    """Somebody has closed payables entry for March; invoices go on."""
    tables.mass_close(2026, 3, "Payables Trx Entry")
    settings = sql(tables, folder=str(tmp_path))
    desk.run(settings)
    assert desk.held(settings)["period.closed"] > 0
    letters = {number[2] for number in desk.in_gp}
    assert "I" in letters
    assert letters.isdisjoint("BD")


def test_a_period_that_nobody_knows_is_held_and_not_assumed(desk: Desk, tables: GpTables, tmp_path: Path) -> None:
    """The tables have no March. When it is set up, the replay enters what was held."""
    tables.run('DELETE FROM dbo."SY40100" WHERE "YEAR1" = 2026 AND "PERIODID" = 3')
    settings = sql(tables, folder=str(tmp_path))
    assert desk.run(settings).entered == 0
    assert desk.in_gp == set()
    assert desk.held(settings)["period.unknown"] > 20


def test_a_server_that_does_not_answer_stops_the_run_and_nothing_is_entered(
    desk: Desk, tables: GpTables, tmp_path: Path
) -> None:
    """Not even what was swept is planned against a calendar of nothing; when it answers, the month goes in."""
    with pytest.raises(Interrupted) as stop:
        desk.run(sql(tables, NOWHERE, folder=str(tmp_path)))
    assert stop.value.finding.code == "gp.sql_unreachable"
    assert desk.in_gp == set()
    settings = sql(tables, folder=str(tmp_path))
    with desk.connection(settings) as wired:
        assert wired.ledger.runs(1)[0].outcome == "interrupted: gp.sql_unreachable"
        assert wired.ledger.count_opened() > 20
    assert desk.run(settings).entered > 20


def test_the_check_of_a_connection_reads_the_tables_too(desk: Desk, tables: GpTables, tmp_path: Path) -> None:
    """Before the first run, where a login without rights is cheap; the good line says where the periods are from."""
    settings = sql(tables, folder=str(tmp_path))
    (line,) = desk.examined(settings, "fiscal periods")
    assert tables.database in line.says or (line.finding is not None and tables.database in line.finding.where)
    tables.run(f'REVOKE SELECT ON dbo."SY40101" FROM {tables.reader}')
    (line,) = desk.examined(settings, "fiscal periods")
    assert line.finding is not None
    assert line.finding.code == "gp.sql_refused"


def test_the_service_that_knows_the_periods_is_asked_before_sql_server(tmp_path: Path, tables: GpTables) -> None:
    """The shipped map has a resource for them, so a SQL Server out of order stops nobody."""
    tables.close(2026, 3, GpSeries.SALES)
    with trial("one", invoices=20) as served:
        desk = Desk(served, tmp_path / "desk")
        assert desk.run(sql(tables, NOWHERE, folder=str(tmp_path))).entered > 20
