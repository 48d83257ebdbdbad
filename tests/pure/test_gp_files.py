"""The calendar and chart-of-accounts files that stand in where GP's services do not tell."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ml_connector.books.period import Series
from ml_connector.findings import Interrupted
from ml_connector.gp.errors import Refused
from ml_connector.gp.periods import calendar, chart, read_calendar, read_chart

CALENDAR = """year,period,first_day,last_day,closed,year_closed
2026,1,2025-12-29,2026-01-25,all,no
2026,2,2026-01-26,2026-02-22,Sales; Financial,no
2026,3,2026-02-23,2026-03-29,,
"""


def test_a_calendar_of_four_and_five_weeks_is_read() -> None:
    """Periods need not be months, and close by series."""
    january, february, march = calendar(CALENDAR, "calendar.csv")
    assert (january.first, january.last) == (date(2025, 12, 29), date(2026, 1, 25))
    assert january.closed == frozenset(Series)
    assert february.closed == {Series.SALES, Series.FINANCIAL}
    assert march.open_in(Series.SALES)


def test_semicolons_blank_rows_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    """As a European spreadsheet saves it."""
    path = tmp_path / "calendar.csv"
    path.write_text(CALENDAR.replace("Sales; Financial", "sales").replace(",", ";") + ";;;;;\n", "utf-8-sig")
    assert [period.number for period in read_calendar(path)] == [1, 2, 3]


def test_every_mistake_of_a_calendar_is_told_with_its_row_and_column() -> None:
    """One wrong cell and the whole file is refused; all wrong cells are told."""
    text = """year,period,first_day,last_day,closed,year_closed
2026,one,2026-01-01,31.01.2026,Sale,maybe
2026,2,2026-02-28,2026-02-01,,no
2026,3,2026-03-01,2026-03-31,,no
2026,4,2026-03-31,2026-04-30,,no,extra
"""
    assert places(text, calendar) == {
        "row 2, column period",
        "row 2, column last_day",
        "row 2, column closed",
        "row 2, column year_closed",
        "row 3, column last_day",
        "row 5, column year_closed",
        "row 5, column first_day",
    }


def test_a_wrong_header_is_told_and_nothing_is_read() -> None:
    """A missing column and one that nobody knows."""
    assert places("year,period,first_day,last_day,shut\n2026,1,x,y,z\n", calendar) == {
        "row 1, column closed",
        "row 1, column shut",
    }


@pytest.mark.parametrize(("text", "read"), [("", calendar), (CALENDAR.splitlines()[0], calendar)])
def test_an_empty_calendar_is_refused(text: str, read: object) -> None:
    """No periods would mean that nothing may be entered: said at once."""
    assert places(text, calendar)


def test_a_chart_of_accounts_is_read() -> None:
    """Accounts by number, in upper case."""
    cards = chart(
        "account,description,active,allows_entry\n000-1200-00,Accounts Receivable,yes,yes\n10a-4110-02,,No,no\n", "a"
    )
    assert list(cards) == ["000-1200-00", "10A-4110-02"]
    assert cards["000-1200-00"].description == "Accounts Receivable"
    assert not cards["10A-4110-02"].active
    assert not cards["10A-4110-02"].allows_entry


def test_an_account_that_stands_twice_is_told() -> None:
    """Which of the two would count?"""
    text = "account,description,active,allows_entry\n1-1,a,yes,yes\n1-1,b,no,yes\n,c,yes,perhaps\n"
    assert places(text, chart) == {"row 3, column account", "row 4, column account", "row 4, column allows_entry"}


def test_a_file_that_cannot_be_read_stops_with_its_path(tmp_path: Path) -> None:
    """It is not there, or is no text."""
    (tmp_path / "chart.csv").write_bytes(b"account\xff\xfe")
    for read, name in ((read_chart, "chart.csv"), (read_calendar, "nowhere.csv")):
        with pytest.raises(Interrupted) as stop:
            read(tmp_path / name)
        assert name in stop.value.finding.where


def places(text: str, read: object) -> set[str]:
    assert callable(read)
    with pytest.raises(Refused) as refused:
        read(text, "file.csv")
    assert all(finding.where.startswith("file.csv, ") and finding.remedy for finding in refused.value.findings)
    return {finding.where.removeprefix("file.csv, ") for finding in refused.value.findings}
