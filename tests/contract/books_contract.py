"""What every `Books` must do: the same claims for the in-memory double, for SBA, and for the web services.

Written to what the poorest of them can do: a create may answer nothing, a list may end at the first 1000 rows without
a word, a batch has no status, and distributions may be unreadable. A subclass gives the fixture `gp`: a GP company as
the town has it (`sandbox.company.Company.front_range`, or the like), its `Books`, and a person who works in GP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Protocol

import pytest

from ml_connector.books.account import AccountNumber
from ml_connector.books.compare import differences, distribution_differences, same
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import (
    Document,
    DocumentKind,
    PayablesDocument,
    ReceivablesDocument,
    StandingState,
    TaxDetail,
)
from ml_connector.books.outcomes import Deferred, Entered, Held, InDoubt
from ml_connector.books.period import Series, period_of
from ml_connector.findings import Finding, Interrupted
from ml_connector.money import Currency, Money
from ml_connector.pipeline.ports import Books

USD = Currency.USD
MARCH = date(2026, 3, 14)
RECEIVABLE, SALES, RTD = "000-1200-00", "100-4110-02", "000-2211-00"
PAYABLE, COST, FREIGHT = "000-2100-00", "100-5110-02", "100-5900-02"


class Gp(Protocol):
    """A GP company under test. Everything but `books` is done by a person, and seen by nobody else."""

    books: Books

    def post(self, batch_id: str) -> None: ...

    def void(self, document: Document) -> None: ...

    def delete(self, document: Document) -> None:
        """Delete an unposted document."""

    def key_in(self, document: Document, batch_id: str) -> None:
        """Enter another document by hand: number, kind, party, date and amount are this one's, the rest is GP's."""

    def close_period(self, year: int, number: int, series: Series) -> None: ...

    def lock(self, batch_id: str, series: Series) -> None:
        """Open the batch on another screen; it need not exist yet."""

    def unlock(self, batch_id: str) -> None: ...

    def deactivate(self, account: str) -> None: ...


class Visited(Protocol):
    """A visit of doctor's: doors and probes by name; each raises Interrupted where something is wrong."""

    @property
    def doors(self) -> Mapping[str, Callable[[], str]]: ...

    @property
    def probes(self) -> Mapping[str, Callable[[], str]]: ...


def asked(visit: Visited) -> dict[str, Finding | None]:
    """Every deed of a visit, with what was wrong; it ends at a door that is shut."""
    told: dict[str, Finding | None] = {}
    for name, deed in (*visit.doors.items(), *visit.probes.items()):
        try:
            deed()
        except Interrupted as stop:
            told[name] = stop.finding
            if name in visit.doors:
                break
        else:
            told[name] = None
    return told


def usd(text: str) -> Money:
    return Money(Decimal(text), USD)


def line(
    account: str, type: ReceivablesType, debit: str = "0", credit: str = "0", reference: str = "2026-118"
) -> Distribution[ReceivablesType]:
    return Distribution(AccountNumber.parse(account), type, usd(debit), usd(credit), reference)


def bill_line(
    account: str, type: PayablesType, debit: str = "0", credit: str = "0", reference: str = "2026-118"
) -> Distribution[PayablesType]:
    return Distribution(AccountNumber.parse(account), type, usd(debit), usd(credit), reference)


def an_invoice(number: str = "STI10482", customer: str = "SMITH001", day: date = MARCH) -> ReceivablesDocument:
    return ReceivablesDocument(
        kind=DocumentKind.RECEIVABLES_INVOICE,
        number=number,
        company="North",
        customer_id=customer,
        document_date=day,
        posting_date=day,
        due_date=date(2026, 4, 13),
        description="ST invoice 10482",
        customer_po="10482",
        sales=usd("110.00"),
        trade_discount=usd("10.00"),
        taxes=(TaxDetail("CO-RTD", usd("8.25"), usd("100.00"), usd("100.00")),),
        distributions=(
            line(RECEIVABLE, ReceivablesType.RECV, debit="108.25"),
            line(SALES, ReceivablesType.TRADE, debit="10.00"),
            line(SALES, ReceivablesType.SALES, credit="110.00"),
            line(RTD, ReceivablesType.TAXES, credit="8.25"),
        ),
    )


def a_credit_memo(number: str = "STC10482") -> ReceivablesDocument:
    return replace(
        an_invoice(number),
        kind=DocumentKind.RECEIVABLES_CREDIT_MEMO,
        due_date=None,
        sales=usd("40.00"),
        trade_discount=usd("0"),
        taxes=(),
        distributions=(
            line(RECEIVABLE, ReceivablesType.RECV, credit="40.00"),
            line(SALES, ReceivablesType.CRMEMO, debit="40.00"),
        ),
    )


def a_bill(number: str = "STB7781", vendor: str = "FERGUSON0001", invoice: str = "FS-88121") -> PayablesDocument:
    return PayablesDocument(
        kind=DocumentKind.PAYABLES_INVOICE,
        number=number,
        company="North",
        vendor_id=vendor,
        vendor_invoice_number=invoice,
        document_date=MARCH,
        posting_date=MARCH,
        due_date=date(2026, 4, 13),
        description="PO 2026-118",
        purchases=usd("240.10"),
        freight=usd("9.90"),
        income_1099=usd("0"),
        distributions=(
            bill_line(COST, PayablesType.PURCH, debit="240.10"),
            bill_line(FREIGHT, PayablesType.FREIGHT, debit="9.90"),
            bill_line(PAYABLE, PayablesType.PAY, credit="250.00"),
        ),
    )


def a_vendor_credit(number: str = "STD7781", invoice: str = "FS-88121") -> PayablesDocument:
    return replace(
        a_bill(number, invoice=invoice),
        kind=DocumentKind.PAYABLES_CREDIT_MEMO,
        due_date=None,
        freight=usd("0"),
        distributions=(
            bill_line(COST, PayablesType.PURCH, credit="240.10"),
            bill_line(PAYABLE, PayablesType.PAY, debit="240.10"),
        ),
    )


ALL_KINDS = (an_invoice(), a_credit_memo(), a_bill(), a_vendor_credit())
SR, SP = Series.SALES, Series.PURCHASING
BATCH, BILLS = "STR260314-07", "STP260314-07"


def batch_for(document: Document) -> str:
    return BATCH if document.kind.series is SR else BILLS


class BooksContract:
    """Inherit from this, and give the fixture `gp`."""

    @pytest.mark.parametrize("document", ALL_KINDS, ids=lambda it: it.kind.value)
    def test_an_entered_document_stands_as_it_was_sent(self, gp: Gp, document: Document) -> None:
        """Each kind is entered once, and the books report number, kind, party, dates, amount, batch and state."""
        batch = batch_for(document)
        assert gp.books.enter(document, batch) == Entered(document.number, batch)
        standing = gp.books.find(document.kind.series, [document.number])[document.number]
        assert differences(document, standing) == ()
        assert (standing.batch_id, standing.state, standing.voided) == (batch, StandingState.WORK, False)
        assert standing.posting_date in (None, document.posting_date)
        assert standing.tax in (None, document.tax)

    @pytest.mark.parametrize("document", ALL_KINDS, ids=lambda it: it.kind.value)
    def test_distributions_read_back_as_they_were_sent(self, gp: Gp, document: Document) -> None:
        """Totals cannot see accounts; where the transport can read distributions, they are what we sent."""
        gp.books.enter(document, batch_for(document))
        read = gp.books.distributions(document.kind.series, [document.number, "STI999"])
        if not gp.books.can_read_distributions:
            assert read == {}
            return
        assert list(read) == [document.number]
        assert distribution_differences(document, read[document.number]) == ()

    def test_only_what_exists_is_found(self, gp: Gp) -> None:
        """A hundred and fifty numbers are asked for, three exist, and those three come back in few calls."""
        for number in ("STI1", "STI77", "STI149"):
            gp.books.enter(an_invoice(number), BATCH)
        before = gp.books.calls
        found = gp.books.find(SR, [f"STI{i}" for i in range(150)])
        assert sorted(found) == ["STI1", "STI149", "STI77"]
        assert gp.books.calls - before <= 8
        assert gp.books.find(SP, ["STI1"]) == {}
        assert gp.books.find(SR, []) == {}

    def test_a_posted_document_is_found_in_open(self, gp: Gp) -> None:
        """A person posts the batch: the documents leave it, and are found in Open."""
        gp.books.enter(an_invoice(), BATCH)
        gp.post(BATCH)
        assert gp.books.find(SR, ["STI10482"])["STI10482"].state is StandingState.OPEN
        assert gp.books.batches(SR, [BATCH]) == {}

    def test_a_voided_document_keeps_its_number(self, gp: Gp) -> None:
        """A person posts and voids it; it is found, and found voided."""
        gp.books.enter(an_invoice(), BATCH)
        gp.post(BATCH)
        gp.void(an_invoice())
        assert gp.books.find(SR, ["STI10482"])["STI10482"].voided

    def test_a_deleted_document_is_gone(self, gp: Gp) -> None:
        """A person deletes it from its unposted batch: the books hold nothing under the number."""
        gp.books.enter(an_invoice(), BATCH)
        gp.delete(an_invoice())
        assert gp.books.find(SR, ["STI10482"]) == {}

    def test_the_same_number_is_never_taken_twice(self, gp: Gp) -> None:
        """GP's own key refuses the second copy; as the first may be ours, it is in doubt and not refused."""
        gp.books.enter(an_invoice(), BATCH)
        second = gp.books.enter(an_invoice(), BATCH)
        assert isinstance(second, InDoubt)
        assert len(gp.books.in_batch(SR, BATCH)) == 1

    def test_another_document_under_our_number_shows_as_another(self, gp: Gp) -> None:
        """Somebody keyed our number by hand, for another customer."""
        gp.key_in(an_invoice(customer="JONES001"), "BYHAND")
        assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
        assert not same(an_invoice(), gp.books.find(SR, ["STI10482"])["STI10482"])

    def test_a_batch_counts_what_stands_in_it(self, gp: Gp) -> None:
        """Number and total are GP's own count; what a person adds to our batch is listed with ours."""
        gp.books.enter(an_invoice("STI1"), BATCH)
        gp.books.enter(an_invoice("STI2"), BATCH)
        gp.key_in(an_invoice("HAND1"), BATCH)
        batch = gp.books.batches(SR, [BATCH, "NOSUCH"])
        assert list(batch) == [BATCH]
        assert batch[BATCH].transactions == 3
        assert batch[BATCH].total == usd("324.75")
        assert sorted(it.number for it in gp.books.in_batch(SR, BATCH)) == ["HAND1", "STI1", "STI2"]
        assert gp.books.in_batch(SR, "NOSUCH") == ()

    def test_the_company_tells_its_accounts_periods_and_tax_details(self, gp: Gp) -> None:
        """Everything the checks are made against, trimmed, in one reading."""
        gp.deactivate("100-4120-02")
        facts = gp.books.company_facts()
        assert facts.accounts[SALES].active
        assert facts.accounts[SALES].number == AccountNumber(("100", "4110", "02"))
        assert not facts.accounts["100-4120-02"].active
        assert not facts.accounts["000-2310-00"].allows_entry
        assert {"CO-STATE", "CO-RTD", "CO-DENVER", "CO-AURORA"} <= facts.tax_details
        march, december = period_of(MARCH, facts.periods), period_of(date(2025, 12, 31), facts.periods)
        assert march is not None
        assert december is not None
        assert march.open_in(SR)
        assert march.open_in(SP)
        assert not december.open_in(SR)

    def test_a_closed_series_is_seen_and_the_others_stay_open(self, gp: Gp) -> None:
        """A person closes March for Sales alone."""
        gp.close_period(2026, 3, SR)
        march = period_of(MARCH, gp.books.company_facts().periods)
        assert march is not None
        assert not march.open_in(SR)
        assert march.open_in(SP)

    def test_parties_come_with_what_the_checks_need(self, gp: Gp) -> None:
        """Those that exist, by id; the control account is the card's, else its class's."""
        cards = gp.books.parties(SR, ["SMITH001", "CHERRYDENT001", "OLDMILL001", "NOBODY"])
        assert sorted(cards) == ["CHERRYDENT001", "OLDMILL001", "SMITH001"]
        assert cards["SMITH001"].active
        assert not cards["OLDMILL001"].active
        assert str(cards["SMITH001"].control) == RECEIVABLE
        assert str(cards["CHERRYDENT001"].control) == "000-1210-00"
        vendors = gp.books.parties(SP, ["FERGUSON0001", "MARTINEZ0001"])
        assert not vendors["FERGUSON0001"].is_1099
        assert vendors["MARTINEZ0001"].is_1099
        assert str(vendors["FERGUSON0001"].control) == PAYABLE

    def test_a_vendors_invoice_number_is_looked_up_under_that_vendor(self, gp: Gp) -> None:
        """The number belongs to the vendor: another vendor may use the same, and a credit memo takes it back."""
        gp.books.enter(a_bill(), BILLS)
        gp.books.enter(a_vendor_credit("STD1", invoice="FS-99"), BILLS)
        asked = [("FERGUSON0001", "FS-88121"), ("REXEL0001", "FS-88121"), ("FERGUSON0001", "FS-99")]
        assert gp.books.vendor_invoices(asked) == {("FERGUSON0001", "FS-88121"): "STB7781"}
        assert gp.books.vendor_invoices([]) == {}

    def test_a_second_copy_of_a_vendors_invoice_is_held(self, gp: Gp) -> None:
        """GP is set up to refuse duplicates; a person compares the two."""
        gp.books.enter(a_bill("STB1"), BILLS)
        assert codes(gp.books.enter(a_bill("STB2"), BILLS)) == {"vendor_invoice.duplicate"}

    def test_a_locked_batch_is_tried_again_later(self, gp: Gp) -> None:
        """Somebody has the batch open: nothing was taken, and it passes by itself."""
        gp.lock(BATCH, SR)
        assert isinstance(gp.books.enter(an_invoice(), BATCH), Deferred)
        gp.unlock(BATCH)
        assert gp.books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)

    def test_a_closed_period_is_held_with_the_window_that_opens_it(self, gp: Gp) -> None:
        """Somebody closed the period after our check."""
        gp.close_period(2026, 3, SR)
        entry = gp.books.enter(an_invoice(), BATCH)
        assert codes(entry) == {"period.closed"}
        assert isinstance(entry, Held)
        assert "Fiscal Periods" in entry.findings[0].remedy
        assert gp.books.find(SR, ["STI10482"]) == {}

    @pytest.mark.parametrize(
        ("document", "code"),
        [
            (an_invoice(customer="NOBODY"), "customer.missing"),
            (an_invoice(customer="OLDMILL001"), "customer.inactive"),
            (a_bill(vendor="NOBODY"), "vendor.missing"),
            (a_bill(vendor="DEFUNCT0001"), "vendor.inactive"),
            (
                replace(
                    a_credit_memo(),
                    distributions=(
                        line(RECEIVABLE, ReceivablesType.RECV, credit="40.00"),
                        line("100-9999-02", ReceivablesType.CRMEMO, debit="40.00"),
                    ),
                ),
                "account.missing",
            ),
            (
                replace(
                    a_credit_memo(),
                    distributions=(
                        line(RECEIVABLE, ReceivablesType.RECV, credit="40.00"),
                        line("300-4910-02", ReceivablesType.CRMEMO, debit="40.00"),
                    ),
                ),
                "account.inactive",
            ),
            (
                replace(
                    a_credit_memo(),
                    distributions=(
                        line(RECEIVABLE, ReceivablesType.RECV, credit="40.00"),
                        line("000-2310-00", ReceivablesType.CRMEMO, debit="40.00"),
                    ),
                ),
                "account.no_entry",
            ),
            (
                replace(
                    a_credit_memo(),
                    distributions=(
                        line(RECEIVABLE, ReceivablesType.RECV, credit="40.00"),
                        line(SALES, ReceivablesType.CRMEMO, debit="39.99"),
                    ),
                ),
                "distribution.unbalanced",
            ),
            (
                replace(an_invoice(), taxes=(TaxDetail("NOSUCHTAX", usd("8.25"), usd("100.00"), usd("100.00")),)),
                "tax_detail.missing",
            ),
        ],
        ids=lambda it: it if isinstance(it, str) else "",
    )
    def test_a_refusal_becomes_a_finding_and_nothing_is_entered(self, gp: Gp, document: Document, code: str) -> None:
        """GP refuses for a reason that a person mends: the finding quotes GP and names the window."""
        entry = gp.books.enter(document, batch_for(document))
        assert code in codes(entry)
        assert isinstance(entry, Held)
        assert all(finding.says and finding.remedy.endswith(".") for finding in entry.findings)
        assert gp.books.find(document.kind.series, [document.number]) == {}


def codes(entry: object) -> set[str]:
    """The codes that a document is held for."""
    assert isinstance(entry, Held), entry
    return {finding.code for finding in entry.findings}
