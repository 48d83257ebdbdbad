"""The contract of `Books` on the in-memory double, so that the stories told with it are true of a real company."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest

from ml_connector.books.account import AccountNumber
from ml_connector.books.document import Document
from ml_connector.books.facts import PartyCard
from ml_connector.books.period import FiscalPeriod, Series
from tests.builders import account, an_account, facts, periods
from tests.contract.books_contract import BooksContract
from tests.doubles.company import Company


@dataclass
class DoubleGp:
    books: Company

    def post(self, batch_id: str) -> None:
        for number in [it.number for it in self.books.held.values() if it.batch_id == batch_id]:
            self.books.post(number)

    def void(self, document: Document) -> None:
        self.books.void(document.number)

    def delete(self, document: Document) -> None:
        self.books.delete(document.number)

    def key_in(self, document: Document, batch_id: str) -> None:
        self.books.stand(document, batch_id)

    def close_period(self, year: int, number: int, series: Series) -> None:
        closed = [
            _closed(it, series) if (it.year, it.number) == (year, number) else it for it in self.books.facts.periods
        ]
        self.books.facts = replace(self.books.facts, periods=tuple(closed))

    def lock(self, batch_id: str, series: Series) -> None:
        self.books.locked.add(batch_id)

    def unlock(self, batch_id: str) -> None:
        self.books.locked.discard(batch_id)

    def deactivate(self, account: str) -> None:
        accounts = {**self.books.facts.accounts, account: an_account(account, active=False)}
        self.books.facts = replace(self.books.facts, accounts=accounts)


def _closed(period: FiscalPeriod, series: Series) -> FiscalPeriod:
    return replace(period, closed=period.closed | {series})


def _front_range() -> Company:
    """The town's company, with the parties and accounts that the contract names."""
    known = facts()
    receivable, payable = account("000-1200-00"), account("000-2100-00")
    own = {"CHERRYDENT001": account("000-1210-00")}
    customers = {id: _with_control(card, own.get(id, receivable)) for id, card in known.customers.items()}
    customers["OLDMILL001"] = PartyCard("OLDMILL001", "Old Mill", active=False)
    vendors = {id: _with_control(card, payable) for id, card in known.vendors.items()}
    vendors["DEFUNCT0001"] = PartyCard("DEFUNCT0001", "Defunct Supply", active=False)
    accounts = {
        **known.accounts,
        "000-2310-00": an_account("000-2310-00", allows_entry=False),
        "300-4910-02": an_account("300-4910-02", active=False),
    }
    last_year = [replace(it, year_closed=True) for it in periods(2025)]
    every_period = (*last_year, *known.periods)
    assert all(a.last + timedelta(1) == b.first for a, b in itertools.pairwise(every_period))
    assert every_period[0].first == date(2025, 1, 1)
    return Company(replace(known, customers=customers, vendors=vendors, accounts=accounts, periods=every_period))


def _with_control(card: PartyCard, control: AccountNumber) -> PartyCard:
    return replace(card, control=control)


class TestTheDouble(BooksContract):
    @pytest.fixture
    def gp(self) -> DoubleGp:
        return DoubleGp(_front_range())
