"""One GP company: the way there, each step of the login, what the account may do, and how the company is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from ml_connector.books.facts import AccountCard
from ml_connector.books.period import SUBLEDGERS, FiscalPeriod, Series
from ml_connector.books.posting import PostingSetup
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.access import Scheme, trust
from ml_connector.gp.looking import CompanyTold, Deed
from ml_connector.gp.periods import CALENDAR_FILE as CALENDAR
from ml_connector.gp.wire import Wire
from ml_connector.mapping.rulebook import CompanyRule, Rulebook
from ml_connector.runtime.doctor.judging import accounts, company, periods, posting
from ml_connector.runtime.doctor.judging.network import Server, System
from ml_connector.runtime.doctor.lines import CannotTry, Line, Mark, Seen, Step, walk
from ml_connector.runtime.doctor.login import Login
from ml_connector.runtime.doctor.network import Visit
from ml_connector.runtime.settings import Gp, Posting

T = TypeVar("T")
_NAMES = {"sba": "SBA", "soap": "the web services"}

FILES_FIRST = "service map and files come first"


class Looking(Protocol):
    """What a transport lets us ask of the company; each deed raises Interrupted where something is wrong."""

    @property
    def address(self) -> str: ...

    @property
    def doors(self) -> Mapping[str, Deed]: ...

    @property
    def probes(self) -> Mapping[str, Deed]: ...

    def company(self) -> CompanyTold: ...

    def posting_setup(self) -> Mapping[Series, PostingSetup]: ...


class Part(Protocol):
    """The books of one company over one transport."""

    @property
    def wire(self) -> Wire: ...

    def looking(self) -> Looking: ...


class Books(Protocol):
    """The books of one company, as far as the doctor looks into them; `parts` by transport."""

    @property
    def parts(self) -> Mapping[str, Part]: ...

    def one_company(self) -> str:
        """What shows that all parts reach one company. Raises Interrupted where they do not."""

    def chart(self) -> Mapping[str, AccountCard]: ...

    @property
    def period_source(self) -> str: ...

    def fiscal_periods(self) -> tuple[FiscalPeriod, ...]: ...

    def tax_details(self) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Room:
    """One company as the connection and the rulebook mean it. `rulebook` None: there is none that can be read."""

    company: str
    settings: Gp
    rulebook: Rulebook | None
    today: date
    now: Callable[[], datetime]

    @property
    def rule(self) -> CompanyRule | None:
        return self.rulebook.companies.get(self.company) if self.rulebook else None


def examine(room: Room, books: Callable[[], Books], lacking: str) -> Iterator[Line]:
    """`books` raises Interrupted where the service map or a file is wrong; `lacking` says which credential is not there."""
    whole = f"GP {room.company}"
    transports = list(dict.fromkeys([room.settings.transport, *room.settings.routes.values()]))
    once = cache(books)
    ways = [_Way(room, transport, once, lacking) for transport in transports]
    company = _Company(room, ways)
    try:
        if len(ways) == 1:
            yield from walk(whole, chain(ways[0].steps(), company.steps()))
            return
        for way in ways:
            part = f"{whole} over {_NAMES[way.transport]}"
            for line in walk(part, way.steps()):
                if line.mark is Mark.SKIPPED:
                    way.shut = f"{part} comes first"
                yield line
        yield from walk(whole, chain([Step("one company", company.one)], company.steps()))
    finally:
        for way in ways:
            way.visit.close()


class _Way:
    """One transport of the company. `shut` says why what lies behind it cannot be looked at."""

    def __init__(self, room: Room, transport: str, make: Callable[[], Books], lacking: str) -> None:
        settings, sba = room.settings, transport == "sba"
        setting = f"gp.{room.company}.{'server' if sba else 'endpoint'}"
        bundle = Path(settings.ca_bundle) if settings.ca_bundle else None
        url = settings.server if sba else settings.endpoint
        self.visit = Visit(
            Server(System.GP, setting), url, lambda: trust(settings.verify_tls, bundle), room.now, direct=True
        )
        self.transport, self.shut = transport, ""
        self._scheme, self._make, self._lacking = Scheme(settings.authentication), make, lacking
        self._books: Books | None = None
        self._looking: Looking | None = None

    def steps(self) -> Iterator[Step]:
        """What a transport has is known once its books are open, so the steps are given one by one."""
        yield Step("service map and files", self.open)
        yield from self.visit.steps()
        yield from Login(self._scheme, self.visit, lambda: self._part.wire, lambda: self.looking.address).steps()
        if self._looking is None:
            yield Step("company, role and resources", self._not_opened, opens=True)
        else:
            for name, deed in self._looking.doors.items():
                yield Step(name, deed, opens=True)
            for name, deed in self._looking.probes.items():
                yield Step(name, deed)

    def open(self) -> Seen:
        if self._lacking:
            raise CannotTry(self._lacking)
        self._books = self._make()
        self._looking = self._part.looking()
        return "they can be read"

    @property
    def books(self) -> Books:
        if self._books is None or self.shut:
            raise CannotTry(self.shut or self._lacking or FILES_FIRST)
        return self._books

    @property
    def looking(self) -> Looking:
        if self._looking is None or self.shut:
            raise CannotTry(self.shut or self._lacking or FILES_FIRST)
        return self._looking

    @property
    def _part(self) -> Part:
        return self.books.parts[self.transport]

    def _not_opened(self) -> Seen:
        raise CannotTry(self.shut or self._lacking or FILES_FIRST)


class _Company:
    """How the company is set up, whatever it is reached over."""

    def __init__(self, room: Room, ways: Sequence[_Way]) -> None:
        self._room, self._ways = room, ways
        self._told = CompanyTold()
        self._chart: Mapping[str, AccountCard] | None = None
        self._posting: Mapping[Series, PostingSetup] = {}
        self._has_asked_posting = self._has_asked_chart = False

    def steps(self) -> Iterator[Step]:
        yield Step("identity", self.identity)
        yield Step("account format", self.account_format)
        yield Step("accounts of the rulebook", self.accounts)
        yield Step("tax details of the rulebook", self.tax_details)
        yield Step("fiscal periods", self.periods)
        for series in SUBLEDGERS:
            yield Step(f"posting set-up of {posting.NOUNS[series]}", partial(self.posting_setup, series))
        yield Step("modules", self.modules)

    def one(self) -> Seen:
        for way in self._ways:
            _ = way.books
        return self._opened.one_company()

    # How the company is set up

    def identity(self) -> Seen:
        for way in self._ways:
            told, absent = self._if_there(way.looking.company, CompanyTold())
            if absent:
                return absent
            self._told = _filled(self._told, told)
        if not any((self._told.name, self._told.database, self._told.currency)):
            raise CannotTry("no service tells what the company is")
        return company.identity(self._told, self._rule)

    def account_format(self) -> Seen:
        told = self._told.account_format
        return accounts.form(self._rule, told, self._read_chart() if told is None else {})

    def accounts(self) -> Seen:
        return accounts.named(self._rulebook, self._rule, self._read_chart())

    def tax_details(self) -> Seen:
        rulebook = self._rulebook
        return accounts.tax_details(rulebook, self._opened.tax_details(), alone=len(rulebook.companies) == 1)

    def periods(self) -> Seen:
        known, rule, rulebook = self._opened.fiscal_periods(), self._room.rule, self._room.rulebook
        moves = rulebook is not None and rulebook.options("closed_period", self._room.company) == "first open day"
        return periods.periods(self._period_source(), known, self._room.today, rule.cut_over if rule else None, moves)

    def posting_setup(self, series: Series) -> Seen:
        rule, answers = self._room.rule, self._room.settings.posting_setup
        sold = series is Series.SALES
        ours = (rule.receivables_posting_date if sold else rule.payables_posting_date) if rule else None
        absent: list[Finding] = []
        if not self._has_asked_posting:
            for way in self._ways:
                nothing: Mapping[Series, PostingSetup] = {}
                told, missing = self._if_there(way.looking.posting_setup, nothing)
                self._posting, absent = {**told, **self._posting}, [*absent, *missing]
            self._has_asked_posting = True
        seen = posting.posting(
            posting.Origin(
                company=self._room.company,
                series=series,
                told=self._posting.get(series),
                answered=answers.get("receivables" if sold else "payables", Posting()).setup(),
                rulebook=ours,
                has_rulebook=rule is not None,
            )
        )
        return [*absent, *([] if isinstance(seen, str) else seen)] or seen

    def modules(self) -> Seen:
        return company.modules(self._room.company, msgspec.structs.asdict(self._room.settings.modules))

    # What has been seen already

    @property
    def _opened(self) -> Books:
        return self._ways[0].books

    @staticmethod
    def _if_there(ask: Callable[[], T], otherwise: T) -> tuple[T, list[Finding]]:
        """What a service tells that an installation may lack; and a note where this one does."""
        try:
            return ask(), []
        except Interrupted as stop:
            if not stop.finding.warns:
                raise
            return otherwise, [stop.finding]

    def _read_chart(self) -> Mapping[str, AccountCard]:
        """Read once, whatever comes of it: one cause is told once."""
        if self._chart is None and self._has_asked_chart:
            raise CannotTry("the chart of accounts comes first")
        if self._chart is None:
            self._has_asked_chart = True
            self._chart = self._opened.chart()
        return self._chart

    @property
    def _rulebook(self) -> Rulebook:
        if self._room.rulebook is None:
            raise CannotTry("the rulebook comes first")
        return self._room.rulebook

    @property
    def _rule(self) -> CompanyRule:
        rule = self._rulebook.companies.get(self._room.company)
        if rule is None:
            raise CannotTry(f"the rulebook's Companies table does not name {self._room.company}")
        return rule

    def _period_source(self) -> str:
        source, file = self._opened.period_source, self._room.settings.calendar_file
        if source != CALENDAR or not file:
            return source
        written = datetime.fromtimestamp(Path(file).stat().st_mtime, self._room.now().tzinfo)
        return f"{source} {file}, written on {written:%Y-%m-%d}"


def _filled(told: CompanyTold, more: CompanyTold) -> CompanyTold:
    """What the first transport says, and what only another does."""
    return CompanyTold(
        told.name or more.name,
        told.database or more.database,
        told.currency or more.currency,
        told.account_format or more.account_format,
    )
