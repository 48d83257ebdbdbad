"""What the doctor makes of what it saw: each verdict by itself, and the walk through the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ml_connector.books.account import AccountFormat, AccountNumber
from ml_connector.books.facts import AccountCard
from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.books.posting import LedgerPosting, PostingDateSource, PostingSetup
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.looking import CompanyTold
from ml_connector.runtime.doctor.judging import accounts, company, ledger, network, posting, servicetitan
from ml_connector.runtime.doctor.judging.network import Certificate, Server, System
from ml_connector.runtime.doctor.judging.periods import periods as judge_periods
from ml_connector.runtime.doctor.lines import CannotTry, Mark, Seen, Step, walk
from tests import builders
from tests.builders import COMPANY, SAMPLE_RULEBOOK

RULE = SAMPLE_RULEBOOK.companies[COMPANY]
CHART = builders.facts().accounts
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
OURS, THEIRS = Server(System.GP, "gp.FRM.server"), Server(System.SERVICETITAN, "servicetitan.api_url")


def codes(seen: str | Sequence[Finding]) -> list[str]:
    return [] if isinstance(seen, str) else [finding.code for finding in seen]


def only(seen: str | Sequence[Finding]) -> Finding:
    assert not isinstance(seen, str)
    (finding,) = seen
    return finding


# The walk


def good() -> Seen:
    return "as it should be"


def bad() -> Seen:
    return [builders.a_finding(code="one.wrong"), builders.a_finding(code="two.noted", warns=True)]


def noted() -> Seen:
    return [builders.a_finding(code="two.noted", warns=True)]


def test_what_stands_behind_a_shut_door_is_skipped_and_never_good() -> None:
    """The reason is the door."""
    lines = list(walk("GP", [Step("a", good), Step("b", bad, opens=True), Step("c", good), Step("d", bad)]))
    assert [(it.what, it.mark) for it in lines] == [
        ("a", Mark.GOOD),
        ("b", Mark.WRONG),
        ("b", Mark.NOTE),
        ("c", Mark.SKIPPED),
        ("d", Mark.SKIPPED),
    ]
    assert {it.says for it in lines if it.mark is Mark.SKIPPED} == {"b comes first"}


def test_a_note_shuts_no_door_and_neither_does_what_opens_nothing() -> None:
    """A certificate that ends in a month is no reason to look no further."""
    lines = list(walk("GP", [Step("a", noted, opens=True), Step("b", bad), Step("c", good)]))
    assert lines[-1].mark is Mark.GOOD


def test_a_door_that_could_not_be_tried_is_shut_for_its_own_reason() -> None:
    """The credential was not there, so nobody knows about the login."""

    def cannot() -> Seen:
        raise CannotTry("credential gp.FRM.password comes first")

    lines = list(walk("GP", [Step("login", cannot, opens=True), Step("role", good)]))
    assert [(it.mark, it.says) for it in lines] == [(Mark.SKIPPED, "credential gp.FRM.password comes first")] * 2


def test_every_finding_of_an_interruption_is_a_line() -> None:
    """A file with two mistakes has two lines, not one."""

    def refused() -> Seen:
        raise Interrupted(builders.a_finding(code="one.wrong"), builders.a_finding(code="two.wrong"))

    lines = list(walk("rulebook", [Step("tables", refused)]))
    assert [it.finding and it.finding.code for it in lines] == ["one.wrong", "two.wrong"]


# The way to a server


SHOWN = Certificate(("gp.example.test",), "Front Range CA", NOON - timedelta(days=1), NOON + timedelta(days=30))


@pytest.mark.parametrize(("days", "expected"), [(30, []), (29, ["network.certificate_ends"])])
def test_a_certificate_is_noted_below_thirty_days(days: int, expected: list[str]) -> None:
    """Thirty days are enough to have a new one issued."""
    found = network.ends(OURS, replace(SHOWN, ends=NOON + timedelta(days=days)), NOON)
    assert ([found.code] if found else []) == expected
    assert found is None or found.warns


@pytest.mark.parametrize(
    ("apart", "expected"),
    [(0.0, None), (60.0, None), (-61.0, True), (300.0, True), (301.0, False), (-3600.0, False)],
)
def test_clocks_are_noted_after_a_minute_and_wrong_after_five(apart: float, expected: bool | None) -> None:
    """Kerberos allows five minutes; a machine that drifts is seen before."""
    found = network.clock(OURS, apart)
    assert (found.warns if found else None) is expected
    assert found is None or ("behind" if apart > 0 else "ahead") in found.says


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (10, "ended on 2026-04-13"),
        (9, "begins on 2026-03-13"),
        (62, "is for gp.example.test, not for gp"),
        (64, "is for gp.example.test, not for gp"),
        (20, "signed by 'Front Range CA'"),
        (23, "the words of OpenSSL"),
    ],
)
def test_a_certificate_that_does_not_pass_is_told_by_its_reason(code: int, says: str) -> None:
    """Time, name, or an authority that is not known: each has its own remedy."""
    found = network.refused(OURS, "gp", SHOWN, code, "the words of OpenSSL")
    assert found.code == "network.certificate"
    assert says in found.says


def test_plain_http_to_another_machine_is_noted() -> None:
    """Usual for web services inside a network, and not to be passed over."""
    assert network.plain("127.0.0.1") is None
    found = network.plain("gp.example.test")
    assert found is not None
    assert found.warns


def test_a_proxy_is_named_in_place_of_the_server() -> None:
    """What has to be mended is the proxy, or the variable that names it."""
    assert "HTTPS_PROXY" in network.unknown_host(THEIRS, "proxy", "proxy:3128", "no address").remedy
    assert "proxy:3128" in network.no_connection(THEIRS, "refused", "proxy:3128").remedy


# Accounts


def chart(*numbers: str, active: bool = True) -> dict[str, AccountCard]:
    return {number: AccountCard(AccountNumber.parse(number), "Account", active, True) for number in numbers}


def test_the_sample_rulebook_fits_its_own_town() -> None:
    """Format, accounts and tax details, as good words."""
    assert codes(accounts.form(RULE, RULE.account_format, {})) == []
    assert codes(accounts.form(RULE, None, CHART)) == []
    assert codes(accounts.named(SAMPLE_RULEBOOK, RULE, CHART)) == []
    assert codes(accounts.tax_details(SAMPLE_RULEBOOK, builders.facts().tax_details, alone=True)) == []


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (AccountFormat(("Division", "Main"), (3, 4), "Main"), ["account.format"]),
        (AccountFormat(("Division", "Main", "Department"), (3, 5, 2), "Main"), ["account.format"]),
        (AccountFormat(("Division", "Main", "Department"), (3, 4, 2), "Division"), ["account.format"]),
        (AccountFormat(("Branch", "Main", "Department"), (3, 4, 2), "Main"), ["account.segment_names"]),
        (AccountFormat(("DIVISION", "main", "Department"), (3, 4, 2), "main"), []),
    ],
    ids=["fewer", "longer", "another main", "another name", "another case"],
)
def test_a_format_is_held_against_what_gp_tells(told: AccountFormat, expected: list[str]) -> None:
    """Number, lengths, the main one's place; names alone are noted, for two of one length could be swapped."""
    seen = accounts.form(RULE, told, {})
    assert codes(seen) == expected
    assert isinstance(seen, str) or only(seen).warns is (expected == ["account.segment_names"])


def test_without_a_told_format_the_chart_shows_it() -> None:
    """None of its accounts fits: wrong. Some do not: a note. There is none: said."""
    wrong = only(accounts.form(RULE, None, chart("4110", "4120")))
    assert (wrong.code, wrong.warns) == ("account.format", False)
    assert "segments of 4 characters" in wrong.says
    some = only(accounts.form(RULE, None, chart("000-1200-00", "UNITS")))
    assert (some.code, some.warns) == ("account.format", True)
    assert codes(accounts.form(RULE, None, {})) == ["account.chart_empty"]


def test_an_account_of_several_companies_is_only_perhaps_missing() -> None:
    """The Accounts table has no company: a row may be meant for the other one, unless its business unit says."""
    tables = builders.sample_tables()
    rows = [dict(row.cells) for row in tables["Companies"].rows]
    second = builders.a_rulebook(Companies=[*rows, {**rows[0], "company": "SOUTH", "gp_company": "SOUTH"}])
    lacking = {number: card for number, card in CHART.items() if number != "000-1310-00"}
    alone, shared = (accounts.named(book, RULE, lacking) for book in (SAMPLE_RULEBOOK, second))
    assert (only(alone).code, only(alone).warns) == ("account.missing", False)
    assert (only(shared).code, only(shared).warns) == ("account.missing", True)
    assert "may be meant for another company" in only(shared).says


def test_a_main_account_that_no_account_has_is_told_with_its_row() -> None:
    """The row gives a main segment, and the business unit the rest."""
    without = {number: card for number, card in CHART.items() if "-4910-" not in number}
    found = only(accounts.named(SAMPLE_RULEBOOK, RULE, without))
    assert (found.code, found.where) == ("account.segment_unknown", "table Accounts, row 7, column main")


# Periods


def a_period(month: int, *closed: Series, year_closed: bool = False) -> FiscalPeriod:
    first = date(2026, month, 1)
    return FiscalPeriod(2026, month, first, first + timedelta(days=27), frozenset(closed), year_closed)


MARCH, DAY = a_period(3), date(2026, 3, 14)


@pytest.mark.parametrize(
    ("known", "cut_over", "moves", "expected"),
    [
        ([MARCH], None, False, []),
        ([MARCH], DAY, False, []),
        ([MARCH], date(2026, 3, 2), False, []),
        ([], None, False, [("period.unknown", False)]),
        ([a_period(2)], None, False, [("period.unknown", False)]),
        ([a_period(3, Series.SALES)], None, False, [("period.closed", False)]),
        ([a_period(3, Series.FINANCIAL)], None, True, [("period.closed", True)]),
        ([a_period(3, year_closed=True)], None, False, [("period.closed", False)]),
        ([a_period(2, Series.SALES), MARCH], date(2026, 2, 2), False, [("period.closed", True)]),
        ([MARCH, a_period(4, Series.SALES)], date(2026, 4, 2), False, [("period.closed", False)]),
        ([MARCH], date(2026, 2, 2), False, [("period.unknown", False)]),
    ],
)
def test_today_and_the_cut_over_date_have_to_be_in_open_periods(
    known: list[FiscalPeriod], cut_over: date | None, moves: bool, expected: list[tuple[str, bool]]
) -> None:
    """A closed period is only noted where the rulebook moves documents, or where the cut-over's month is over."""
    seen = judge_periods("GP's services", known, DAY, cut_over, moves)
    told = [] if isinstance(seen, str) else [(it.code, it.warns) for it in seen]
    assert told == expected


# Posting


ANSWERED = PostingSetup(PostingDateSource.TRANSACTION, LedgerPosting.THROUGH, False, True)
ORIGIN = posting.Origin("FRM", Series.SALES, None, ANSWERED, PostingDateSource.TRANSACTION, True)
FROM_BATCH = replace(ANSWERED, date_from=PostingDateSource.BATCH)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"told": ANSWERED, "answered": PostingSetup()}, []),
        ({"answered": FROM_BATCH}, ["posting.date_differs"]),
        ({"rulebook": PostingDateSource.BATCH}, ["posting.date_differs"]),
        ({"answered": FROM_BATCH, "rulebook": PostingDateSource.BATCH}, ["company.posting_date_of_batch"]),
        ({"rulebook": None}, ["company.posting_date_undecided"]),
        ({"rulebook": None, "has_rulebook": False}, []),
        ({"answered": replace(ANSWERED, ledger=LedgerPosting.NEITHER)}, ["posting.not_to_ledger"]),
        ({"answered": replace(ANSWERED, ledger=LedgerPosting.TO)}, []),
        ({"answered": replace(ANSWERED, control_totals=True)}, ["posting.control_totals"]),
        ({"answered": PostingSetup()}, ["posting.unanswered"]),
        ({"told": ANSWERED, "answered": FROM_BATCH}, ["posting.answer_differs"]),
        ({"told": replace(ANSWERED, control_totals=None)}, []),
    ],
)
def test_the_posting_set_up_is_held_against_the_rulebook(changes: dict[str, object], expected: list[str]) -> None:
    """GP's own word goes before an administrator's answer, and both before nothing."""
    assert codes(posting.posting(replace(ORIGIN, **changes))) == expected  # type: ignore[arg-type]


# The company, ServiceTitan's pace, the ledger


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (CompanyTold("Front Range", "FRMEC", "USD"), []),
        (CompanyTold("Front Range", " frmec "), []),
        (CompanyTold("Front Range"), []),
        (CompanyTold("Front Range", "TSTCO", "USD"), ["gp.company_other"]),
        (CompanyTold("Front Range", "FRMEC", "CAD"), ["connection.currency"]),
    ],
)
def test_a_company_is_the_one_that_the_rulebook_means(told: CompanyTold, expected: list[str]) -> None:
    """By its database and its currency, where a service tells them."""
    assert codes(company.identity(told, RULE)) == expected


def test_a_module_is_noted_where_it_is_used_and_asked_for_where_nobody_looked() -> None:
    """What is not used needs no word."""
    answers = {"analytical_accounting": True, "project_accounting": None, "job_cost": False}
    assert codes(company.modules("FRM", answers)) == ["module.not_sent", "module.unanswered"]
    assert codes(company.modules("FRM", dict.fromkeys(answers, False))) == []


def test_too_many_calls_are_somebody_elses() -> None:
    """We keep to the pace."""
    assert codes(servicetitan.rate(14, 0.4, 0)) == []
    assert codes(servicetitan.rate(14, 3.0, 2)) == ["servicetitan.rate"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}, 0),
        ({"journal_mode": "delete", "synchronous": "1", "foreign_keys": "1"}, 2),
        ({"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "server_encoding": "UTF8"}, 0),
        ({"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "server_encoding": "SQL_ASCII"}, 4),
    ],
)
def test_a_database_that_may_forget_is_told_setting_by_setting(found: dict[str, str], expected: int) -> None:
    """A power cut could take back what was entered, and it would be entered again."""
    assert codes(ledger.settings("the ledger", found)) == ["store.unsafe"] * expected


def test_a_disk_that_is_nearly_full_is_noted() -> None:
    """Before a run stops of it."""
    assert codes(ledger.space("the ledger", 10**10)) == []
    assert codes(ledger.space("the ledger", 10**8)) == ["store.space"]


def test_every_remedy_is_a_sentence() -> None:
    """It begins with a capital letter, and ends with a full stop."""
    seen = [
        accounts.form(RULE, None, chart("4110")),
        accounts.named(SAMPLE_RULEBOOK, RULE, chart("000-1200-00", active=False)),
        judge_periods("GP's services", [], DAY, None, False),
        posting.posting(replace(ORIGIN, answered=PostingSetup(), rulebook=None)),
        company.modules("FRM", {"job_cost": None}),
        ledger.settings("the ledger", {"fsync": "off"}),
    ]
    remedies = [finding.remedy for findings in seen if not isinstance(findings, str) for finding in findings]
    assert len(remedies) > 10
    assert all(it[0].isupper() and it.endswith(".") for it in remedies)
