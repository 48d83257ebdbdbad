"""Numbers, characters, canonical bytes, comparison, periods and text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books import compare
from ml_connector.books.account import AccountFormat
from ml_connector.books.batch import batch_id, key_of
from ml_connector.books.canonical import digest, from_bytes, to_bytes
from ml_connector.books.characters import fit, holds, known
from ml_connector.books.distribution import Distribution, ReceivablesType, credit, debit
from ml_connector.books.document import Document, DocumentKind, signed
from ml_connector.books.number import LONGEST, number_of
from ml_connector.books.period import FiscalPeriod, Series, first_open_day, period_of
from ml_connector.books.text import text_of
from tests.builders import (
    DAY,
    a_document,
    a_standing,
    a_voucher,
    account,
    periods,
    standing_distributions,
    usd,
)

kinds = st.sampled_from(DocumentKind)
ids = st.integers(1, 10**15)
keys = st.tuples(kinds, ids, st.integers(1, 99))


class TestNumbers:
    @given(kinds, ids)
    def test_every_id_fits_behind_a_prefix_of_two_letters(self, kind: DocumentKind, id: int) -> None:
        """Prefix, kind and id, in the fifteen characters of GP's narrowest key, upper case."""
        number = number_of("ST", kind, id)
        assert len(number) <= LONGEST
        assert number == number.upper()
        assert number.isalnum()

    @given(keys, keys)
    def test_no_two_documents_share_a_number(
        self, one: tuple[DocumentKind, int, int], other: tuple[DocumentKind, int, int]
    ) -> None:
        """The number is GP's key and ours: two that are equal would be one document."""
        numbers = [_number(key) for key in (one, other)]
        assert one == other or None in numbers or numbers[0] != numbers[1]

    def test_near_numbers_differ(self) -> None:
        """Where decimal ends and base 36 begins, with and without a revision, all are told apart."""
        near = [*range(1, 200), *range(10**9 - 100, 10**9 + 100), *range(36**6 - 50, 36**6 + 50)]
        made = [number_of("ST", kind, id, revision) for kind in DocumentKind for id in near for revision in (1, 2, 11)]
        assert len(set(made)) == len(made)

    def test_the_revision_is_seen(self) -> None:
        """A document that is entered again says so."""
        assert number_of("ST", DocumentKind.RECEIVABLES_INVOICE, 10482) == "STI10482"
        assert number_of("ST", DocumentKind.RECEIVABLES_INVOICE, 10482, 2) == "STI10482-2"

    def test_a_number_that_cannot_be_made_is_refused(self) -> None:
        """Too long, nothing to make it from, or a prefix that another connection could end with."""
        with pytest.raises(ValueError, match="GP holds 15"):
            number_of("STX", DocumentKind.PAYABLES_INVOICE, 10**15, 2)
        for prefix, id in (("ST", 0), ("ST", -5), ("", 1), ("St", 1), ("ABCD", 1), ("S1", 1)):
            with pytest.raises(ValueError, match="must be"):
                number_of(prefix, DocumentKind.PAYABLES_INVOICE, id)


def _number(key: tuple[DocumentKind, int, int]) -> str | None:
    try:
        return number_of("ST", *key)
    except ValueError:
        return None


class TestCharacters:
    @given(st.text(), st.integers(1, 40))
    def test_what_is_fitted_is_held(self, text: str, length: int) -> None:
        """Whatever people write in ServiceTitan, GP's char column keeps what we send, and fitting again changes nothing."""
        fitted = fit(text, length)
        assert len(fitted) <= length
        assert holds(fitted)
        assert fitted.encode("cp1252").decode("cp1252") == fitted
        assert fit(fitted, length) == fitted

    @given(st.text(st.characters(codec="cp1252", categories=["L", "N", "P", "Zs"]), max_size=20))
    def test_what_gp_can_write_is_kept(self, text: str) -> None:
        """A name with an umlaut stays as it is."""
        assert known(text).replace("\xa0", " ") == text.replace("\xa0", " ")

    @pytest.mark.parametrize(
        ("text", "fitted"),
        [
            ("Łukasz Żółtowski", "Lukasz Zóltowski"),
            ("Café Zürich", "Café Zürich"),
            ("Z\u0307o", "Zo"),
            ("R-410A\n\t refrigerant ", "R-410A refrigerant"),
            ("\x00 tab", "tab"),
            ("東京 Sushi", "?? Sushi"),
            ("“smart” – ½", "“smart” – ½"),
        ],
    )
    def test_letters_that_gp_lacks_are_spelled(self, text: str, fitted: str) -> None:
        """By the nearest letter, or by a question mark that somebody will see."""
        assert fit(text, 30) == fitted

    @pytest.mark.parametrize("text", [" A", "A ", "A\n", "Ż1", "A\x00B"])
    def test_a_key_is_not_spelled_but_refused(self, text: str) -> None:
        """A key that GP would keep otherwise than we sent it would never be found again."""
        assert not holds(text)


class TestCanonical:
    @pytest.mark.parametrize("document", [a_document(), a_voucher()])
    def test_bytes_come_back_as_the_document(self, document: Document) -> None:
        """What is stored before the send is the very document that is compared after it."""
        assert from_bytes(to_bytes(document)) == document

    def test_the_digest_is_of_what_gp_holds(self) -> None:
        """The reader's notes do not count; everything else does."""
        document = a_document()
        renamed = tuple(replace(it, origin="elsewhere", rule="Accounts row 99") for it in document.distributions)
        assert digest(replace(document, distributions=renamed)) == digest(document)
        changed = [
            replace(document, description="other"),
            replace(document, posting_date=DAY + timedelta(1)),
            replace(document, distributions=document.distributions[::-1]),
            replace(document, customer_id="JONES001"),
            replace(document, sales=usd("100.01")),
        ]
        assert digest(document) not in {digest(it) for it in changed}

    @pytest.mark.parametrize("data", [b"", b"{}", b'{"kind": "journal"}', b'{"kind": "receivables invoice"}'])
    def test_other_bytes_are_refused(self, data: bytes) -> None:
        """Nothing is guessed from a damaged row."""
        with pytest.raises((msgspec.DecodeError, ValueError)):
            from_bytes(data)


class TestCompare:
    def test_the_same_document_is_the_same(self) -> None:
        """Also where GP names the party in its own capitals."""
        assert compare.same(a_document(), a_standing())
        assert compare.same(a_document(customer_id="Smith001"), a_standing(party_id="SMITH001"))

    @pytest.mark.parametrize(
        ("differing", "said"),
        [
            ({"amount": usd("100.00")}, "amount 108.25, GP holds 100.00"),
            ({"party_id": "JONES001"}, "party SMITH001, GP holds JONES001"),
            ({"document_date": date(2026, 3, 15)}, "date 2026-03-14, GP holds 2026-03-15"),
            (
                {"kind": DocumentKind.RECEIVABLES_CREDIT_MEMO},
                "kind receivables invoice, GP holds receivables credit memo",
            ),
        ],
    )
    def test_another_document_is_told_with_both_values(self, differing: dict[str, Any], said: str) -> None:
        """The finding says what clashes, so that a person can decide whose is right."""
        standing = a_standing(**differing)
        assert compare.differences(a_document(), standing) == (said,)
        assert said in compare.differs(a_document(), standing).says

    def test_gps_own_defaults_are_told_apart(self) -> None:
        """A tax or a posting date that GP filled in by itself; what it does not report is not judged."""
        assert compare.side_differences(a_document(), a_standing(tax=None, posting_date=None)) == ()
        assert compare.side_differences(a_document(), a_standing(tax=usd("0"))) == ("tax 8.25, GP holds 0.00",)

    def test_joined_distributions_are_the_same(self) -> None:
        """GP may keep two lines of one account and type as one."""
        recv, sales, tax = a_document().distributions
        half = replace(sales, credit=usd("50.00"))
        document = a_document(distributions=(recv, half, half, tax))
        assert compare.distribution_differences(document, standing_distributions()) == ()

    def test_replaced_distributions_are_found(self) -> None:
        """GP's policy booked all sales to its default account, and said nothing."""
        standing = standing_distributions()
        standing[1] = replace(standing[1], account=account("000-4000-00"))
        assert compare.distribution_differences(a_document(), standing) == (
            "000-4000-00 type 9: sent nothing, GP holds credit 100.00",
            "100-4110-02 type 9: sent credit 100.00, GP holds nothing",
        )

    def test_doubled_distributions_are_found(self) -> None:
        """GP added its own to ours: every account says twice what was sent."""
        doubled = standing_distributions() * 2
        assert len(compare.distribution_differences(a_document(), doubled)) == 3


class TestPeriods:
    def test_a_period_is_open_only_with_financial(self) -> None:
        """Sales may be open, and the general ledger closed: nothing posts."""
        march = periods(closed=[3], series=frozenset({Series.FINANCIAL}))[2]
        assert not march.open_in(Series.SALES)
        assert periods(closed=[3], series=frozenset({Series.PURCHASING}))[2].open_in(Series.SALES)
        assert not replace(periods()[2], year_closed=True).open_in(Series.SALES)

    @given(
        st.dates(date(2025, 12, 1), date(2027, 2, 1)),
        st.sets(st.integers(1, 12)),
        st.sets(st.integers(1, 12), max_size=3),
        st.randoms(),
    )
    def test_the_first_open_day_is_the_first(
        self, day: date, closed: set[int], unknown: set[int], order: object
    ) -> None:
        """Not before the day, in an open period, past closed ones alone; in whatever order GP lists them."""
        known = [it for it in periods(closed=closed) if it.number not in unknown]
        order.shuffle(known)  # type: ignore[attr-defined]
        days = [day + timedelta(n) for n in range(430)]
        first = next(it for it in days if (p := period_of(it, known)) is None or p.open_in(Series.SALES))
        expected = first if period_of(first, known) else None
        assert first_open_day(day, Series.SALES, known) == expected

    def test_a_day_of_an_unknown_period_is_not_moved_into_the_next_open_one(self) -> None:
        """The source of the periods has a hole: the day's own period may well be open, and somebody has to look."""
        assert first_open_day(DAY, Series.SALES, [it for it in periods() if it.number != 3]) is None


class TestDocuments:
    def test_a_credit_counts_as_negative(self) -> None:
        """In totals, and nowhere else: the document's own amounts are positive."""
        assert signed(a_document()) == usd("108.25")
        assert signed(a_document(kind=DocumentKind.RECEIVABLES_CREDIT_MEMO)) == usd("-108.25")

    @pytest.mark.parametrize("sides", [("0", "0"), ("1", "1"), ("-1", "0"), ("0", "-1")])
    def test_a_distribution_has_one_side(self, sides: tuple[str, str]) -> None:
        """Both, none, or less than nothing is no line of a journal."""
        with pytest.raises(ValueError, match="exactly one"):
            Distribution(account("000-1200-00"), ReceivablesType.RECV, usd(sides[0]), usd(sides[1]))

    def test_a_negative_debit_is_a_credit(self) -> None:
        """Amounts keep their sign until they are booked."""
        where = account("000-1200-00"), ReceivablesType.RECV
        assert debit(*where, usd("-5"), "", "", "") == credit(*where, usd("5"), "", "", "")

    def test_batches_are_named_after_run_and_day(self) -> None:
        """STR260314-07: receivables, the seventh of that day."""
        assert batch_id("ST", True, DAY, 7) == "STR260314-07"
        assert len(batch_id("STX", False, DAY, 999)) <= 15
        with pytest.raises(ValueError, match="GP holds 15"):
            batch_id("STX", False, DAY, 10_000)

    def test_kinds_that_close_apart_are_batched_apart(self) -> None:
        """Receivables and payables, and each period, have batches of their own; a credit memo goes with the invoices."""
        documents = (a_document(), a_voucher(), a_document(posting_date=date(2026, 4, 1)))
        assert len({key_of(it, periods()) for it in documents}) == 3
        credit = a_document(kind=DocumentKind.RECEIVABLES_CREDIT_MEMO, number="STC1")
        assert key_of(credit, periods()) == key_of(a_document(), periods())

    def test_a_batch_never_spans_two_periods_of_a_4_4_5_calendar(self) -> None:
        """Periods need not be months: the 28th and the 29th of March may be two of them."""
        fiscal = [
            FiscalPeriod(2026, 3, date(2026, 3, 1), date(2026, 3, 28), frozenset()),
            FiscalPeriod(2026, 4, date(2026, 3, 29), date(2026, 4, 25), frozenset()),
        ]
        keys = [key_of(a_document(posting_date=date(2026, 3, day)), fiscal) for day in (28, 29)]
        assert [(key.year, key.period) for key in keys] == [(2026, 3), (2026, 4)]

    def test_the_text_is_a_page_of_a_journal(self) -> None:
        """What `explain` prints and a bookkeeper reads."""
        assert text_of(a_document(), "STR260314-07") == (
            "RECEIVABLES INVOICE STI10482                     batch STR260314-07\n"
            "customer SMITH001    document 2026-03-14    posting 2026-03-14\n"
            "  000-1200-00   RECV         108.25                control account\n"
            "  100-4110-02   SALES                    100.00    line 1  AC-TUNE\n"
            "  000-2212-00   TAXES                      8.25    CO-DENVER\n"
            "                             108.25      108.25\n"
        )

    @pytest.mark.parametrize(
        ("text", "misfit"),
        [
            ("100-4110-02", None),
            ("4110-02", "4110-02 has 2 segments, the format has 3: Division 3, Main 4, Department 2"),
            ("100-411-02", "segment Main of 100-411-02 is '411', the format wants 4 characters"),
            ("100-41_0-02", "segment Main of 100-41_0-02 is '41_0', the format wants 4 characters"),
        ],
    )
    def test_an_account_that_does_not_fit_says_where(self, text: str, misfit: str | None) -> None:
        """The rulebook is refused with the segment's name."""
        form = AccountFormat(("Division", "Main", "Department"), (3, 4, 2), "Main")
        assert form.misfit(account(text)) == misfit
