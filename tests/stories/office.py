"""The office that the stories play in: a tenant and a company in memory, and the real ledger on SQLite."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ml_connector.docket.people import Person
from ml_connector.docket.records import DocketRecord
from ml_connector.docket.review import Pin, Policy
from ml_connector.docket.sheet import Sheet
from ml_connector.docket.text import findings_of, headline
from ml_connector.field.snapshot import Source
from ml_connector.field.source import SourceKind
from ml_connector.mapping.reading import read
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.mapping.tables import Tables
from ml_connector.money import Currency, Money
from ml_connector.pipeline import release
from ml_connector.pipeline.intake import Sweeping
from ml_connector.pipeline.review import Approval, Approving, reject, waiting
from ml_connector.pipeline.road import Company as road_company
from ml_connector.pipeline.road import Road, RunResult
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from tests.builders import COMPANY, PREFIX, facts, sample_tables
from tests.doubles.clock import HandClock
from tests.doubles.company import Company
from tests.doubles.field import Tenant

PAUSE = 61.0  # longer than a run sits out


def _told(step: str, done: int, of: int | None) -> None:
    """Nobody watches a story's progress."""


@dataclass
class Office:
    ledger: Ledger
    tenant: Tenant = field(default_factory=Tenant)
    gp: Company = field(default_factory=lambda: Company(facts()))
    clock: HandClock = field(default_factory=HandClock)
    automatic: bool = True
    separate_duties: bool = False
    second_above: Money | None = None
    share: int = 100
    result: RunResult = field(default_factory=lambda: RunResult(0, False, 0))

    @classmethod
    def opened(cls, folder: Path) -> Office:
        database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
        database.migrate()
        clock = HandClock()
        database.connections("story", clock.now).add("story", {})
        office = cls(database.ledger("story", "story", clock.now), clock=clock)
        office.use(sample_tables())
        return office

    @property
    def policy(self) -> Policy:
        return Policy(self.automatic, self.separate_duties, self.second_above)

    def use(self, tables: Tables, author: str = "story") -> None:
        """Import a rulebook."""
        self.ledger.add_rulebook(tables, author, "")

    def run(self, dry: bool = False) -> None:
        """One run. A pause is sat out only by `later`."""
        run_id = self.ledger.start_run(dry)
        found = self.ledger.rulebook()
        assert found is not None
        rulebook = read(found[1])
        assert isinstance(rulebook, Rulebook)
        road = Road(
            field_service=self.tenant,
            companies={COMPANY: road_company(self.gp, PAUSE, self.share)},
            ledger=self.ledger,
            clock=self.clock,
            rulebook=rulebook,
            rulebook_version=found[0].version,
            prefix=PREFIX,
            currency=Currency.USD,
            run_id=run_id,
            policy=self.policy,
            dry=dry,
        )
        self.result = road.travel(_told)
        self.ledger.end_run(run_id, "finished", {})

    def sweep(self) -> int:
        """As far as a run comes that dies after its sweep. How many versions are new."""
        new = 0
        for kind in SourceKind:
            sweeping, more = Sweeping(kind, self.tenant, self.ledger, Currency.USD), True
            while more:
                swept, more = sweeping.page()
                new += swept.new
        return new

    def later(self) -> None:
        """The pause passes."""
        self.clock.sleep(PAUSE + 1)

    def look(self) -> list[Pin]:
        """What the plan shows to whoever looks at it now."""
        return Sheet.of(self.policy, waiting(self.ledger)).pins

    def approve(self, who: Person | str = "controller", seen: list[Pin] | None = None) -> Approval:
        """Somebody approves what they saw; without it, what stands there now."""
        person = who if isinstance(who, Person) else Person(who)
        authors = {it.version: it.author for it in self.ledger.rulebook_history()}
        approving = Approving(self.ledger, person, self.policy, authors)
        return approving.approve(self.look() if seen is None else seen, waiting(self.ledger))

    def approve_and_run(self) -> None:
        self.approve()
        self.run()

    def reject(self, number: str, who: str = "controller", why: str = "not ours") -> None:
        (document,) = self.docket(number).documents
        reject(document, Person(who), why, self.ledger)

    def sweep_and_run(self, *sources: Source) -> None:
        self.tenant.tells(*sources)
        self.run()

    def replay(self, number: str) -> None:
        release.replay([self.docket(number)], self.ledger)

    def docket(self, number: str) -> DocketRecord:
        """The newest version of the source with this number."""
        found = sorted(self.ledger.by_number(number), key=lambda it: it.version)
        newest = self.ledger.dockets_of(found[-1].kind, found[-1].source_id)
        return newest[-1]

    def stands(self, number: str) -> str:
        return headline(self.docket(number))

    def codes(self, number: str) -> list[str]:
        return [finding.code for finding in findings_of(self.docket(number))]

    def events(self, number: str) -> list[str]:
        return [entry.event.name for entry in self.ledger.trail(number=number, limit=1000)]
