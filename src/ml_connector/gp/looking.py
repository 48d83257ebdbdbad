"""What doctor asks one company over SBA. Each deed says in words what is good, or raises Interrupted.

Nothing is written, so the right to create shows with the first document only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TypeAlias, TypeVar

from ml_connector.books.account import AccountFormat
from ml_connector.books.period import SUBLEDGERS, Series
from ml_connector.books.posting import LedgerPosting, PostingSetup
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import errors
from ml_connector.gp.row import Row, fold
from ml_connector.gp.sba import Sba
from ml_connector.gp.service_map import PostingRows, Resource, Word

Deed: TypeAlias = Callable[[], str]
E = TypeVar("E", bound=Enum)
ANSWERED = frozenset({"gp.service_map", "gp.answer", "gp.truncated"})  # GP let us in, whatever else is wrong


@dataclass(frozen=True, slots=True)
class CompanyTold:
    """What GP says of the company; "" or None where it does not say."""

    name: str = ""
    database: str = ""
    currency: str = ""
    account_format: AccountFormat | None = None


class Looking:
    """One visit to one company: a resource is asked for one row, once; those of `idle` not at all."""

    def __init__(self, sba: Sba, idle: Collection[str] = ()) -> None:
        self._sba, self._map, self._idle = sba, sba.map, idle
        self._asked = [it for it in self._map.mapped if it.name not in idle]
        self._found: dict[str, Finding | None] = {}

    @property
    def address(self) -> str:
        """Where a login can be tried."""
        return self._sba.access.address("")

    @property
    def doors(self) -> Mapping[str, Deed]:
        """What must be open before anything can be asked, in order."""
        return {"company": self._company, "role": self._role}

    @property
    def probes(self) -> Mapping[str, Deed]:
        """Everything that we read, one row each."""
        probes: dict[str, Deed] = {it.name: partial(self._one_row, it) for it in self._asked}
        return probes if "distributions" in self._idle else {**probes, "distributions": self._distributions}

    def company(self) -> CompanyTold:
        """Raises Interrupted where a service tells it and cannot be understood."""
        record = self._map.company
        if record is None:
            return CompanyTold()
        try:
            row = self._sba.single(record.resource)
        except Interrupted as stop:
            raise _absent(stop, "company") from None
        told = {noun: row.text(noun) for noun in ("name", "database", "currency") if row.has(noun)}
        form = None
        if record.segments:
            form = _format(self._sba.within(row, record.segments))
        return CompanyTold(**told, account_format=form)

    def posting_setup(self) -> Mapping[Series, PostingSetup]:
        """By series; empty where no service tells it. Raises Interrupted."""
        rows = self._map.posting_setup
        if rows is None:
            return {}
        found = {}
        try:
            told = self._sba.rows(rows.resource)
        except Interrupted as stop:
            raise _absent(stop, "posting_setup") from None
        for row in told:
            series = _meant(rows.origins, row.word("origin"))
            if series is not None:
                found[series] = _posting(rows, row)
        lacking = [str(rows.origins[series][0]) for series in SUBLEDGERS if series not in found]
        if lacking:
            where, says = f"{rows.resource.name}.origins", f"GP's rows have no origin '{lacking[0]}'"
            raise Interrupted(errors.misfit(where, says))
        return found

    # How it is done

    def _company(self) -> str:
        """The company is not there only where none of the map's resources is."""
        return self._door("gp.missing", {*ANSWERED, "gp.forbidden"}, self._sba.access.company)

    def _role(self) -> str:
        return self._door("gp.forbidden", ANSWERED, "it has one, and may enter the company")

    def _door(self, shut: str, open_: Collection[str], good: str) -> str:
        """Whether any resource answers; where all are `shut`, the first of these."""
        refusals = []
        for resource in self._asked:
            found = self._ask(resource)
            if found is None or found.code in open_:
                return good
            if found.code not in ("gp.missing", "gp.forbidden"):
                raise Interrupted(found)
            refusals.append(found)
        raise Interrupted(next(it for it in refusals if it.code == shut))

    def _one_row(self, resource: Resource) -> str:
        found = self._ask(resource)
        if found is not None:
            raise Interrupted(found)
        return f"{resource.path} was read"

    def _ask(self, resource: Resource) -> Finding | None:
        """What is wrong with a resource. One without a row passes: there is nothing to hold the map's names against."""
        if resource.name not in self._found:
            try:
                self._found[resource.name] = _names_missing(resource, self._sba.probe(resource))
            except Interrupted as stop:
                self._found[resource.name] = stop.finding
        return self._found[resource.name]

    def _distributions(self) -> str:
        unread = [it for it in SUBLEDGERS if not self._map.documents(it).distributions.readable]
        if unread:
            raise Interrupted(_distributions_unread([it.value for it in unread]))
        return "they can be read back"


def _names_missing(resource: Resource, cells: Mapping[str, object] | None) -> Finding | None:
    """What the map names and the row has not."""
    if cells is None:
        return None
    lacking = [f"{noun} = '{wire}'" for noun, wire in resource.fields.items() if wire.removeprefix("!") not in cells]
    if not lacking:
        return None
    has = ", ".join(sorted(cells))
    return errors.misfit(f"{resource.name}.fields", f"GP's rows lack {', '.join(lacking)}; they have {has}")


def _absent(stop: Interrupted, section: str) -> Interrupted:
    """Only doctor asks these, so an installation without them lacks nothing that is needed: a note, not a fault."""
    if stop.finding.code != "gp.missing":
        return stop
    return Interrupted(_service_absent(section, stop.finding.says))


def _format(segments: Iterable[Row]) -> AccountFormat | None:
    """The segments of the company's accounts; None where none of them is the main one."""
    ordered = sorted(segments, key=lambda row: row.whole("position"))
    names = tuple(row.text("name") for row in ordered)
    main = next((row.text("name") for row in ordered if row.flag("main")), None)
    return None if main is None else AccountFormat(names, tuple(row.whole("length") for row in ordered), main)


def _posting(rows: PostingRows, row: Row) -> PostingSetup:
    source = _meant(rows.dates, row.word("date_from"))
    if source is None:
        where, says = f"{rows.resource.name}.dates", f"'{row.word('date_from')}' is no word that the map knows"
        raise Interrupted(errors.misfit(where, says))
    through, to = row.flag("through_ledger"), row.flag("to_ledger")
    controls = [row.flag(noun) for noun in ("control_count", "control_total") if row.has(noun)]
    return PostingSetup(
        date_from=source,
        ledger=LedgerPosting.THROUGH if through else LedgerPosting.TO if to else LedgerPosting.NEITHER,
        control_totals=any(controls) if controls else None,
        transaction_posting=row.flag("transaction_posting") if row.has("transaction_posting") else None,
    )


def _meant(words: Mapping[E, tuple[Word, ...]], word: Word) -> E | None:
    """Which of ours a word of GP's means; numbers may come as text."""
    return next((ours for ours, theirs in words.items() if fold(str(word)) in {fold(str(one)) for one in theirs}), None)


def _distributions_unread(series: Sequence[str]) -> Finding:
    return Finding(
        "gp.distributions_unread",
        ", ".join(series),
        "the service map names no way to read distributions back, so nobody here sees whether GP keeps the accounts that "
        "were sent",
        "In the company's service map, give the documents' distributions an 'expand' or a 'path'; until then compare the "
        "first documents in GP by hand.",
        warns=True,
    )


def _service_absent(section: str, says: str) -> Finding:
    return Finding(
        "gp.service_absent",
        section,
        f"{says}: this installation has no such service, which only doctor asks",
        f"In the company's service map, write '{section} = false', or the path where it is; for the posting set-up the "
        "connection's answers (posting_setup) stand in.",
        warns=True,
    )
