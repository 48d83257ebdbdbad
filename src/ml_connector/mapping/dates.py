"""The posting date: the document's own, unless its period is closed and the rulebook says to go on."""

from __future__ import annotations

from datetime import date

from ml_connector.books.period import Series, first_open_day
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.rulebook import CompanyRule


def posting_date(document_date: date, series: Series, company: CompanyRule, frame: Frame) -> date:
    """A closed period that is not moved out of is for the checks to find, with the period's name."""
    facts = frame.facts.get(company.company)
    if facts is None or frame.rulebook.options("closed_period", company.company) == "hold":
        return document_date
    return first_open_day(document_date, series, facts.periods) or document_date
