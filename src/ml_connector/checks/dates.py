"""Is the posting date in an open period, in the document's series and in Financial?"""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.books.document import Document
from ml_connector.books.facts import CompanyFacts
from ml_connector.books.period import Series, period_of
from ml_connector.findings import Finding


def posting_date_in_open_period(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    day, series = document.posting_date, document.kind.series
    period = period_of(day, facts.periods)
    if period is None:
        yield Finding(
            "period.unknown",
            document.number,
            f"no fiscal period of {facts.company} is known for posting date {day}",
            "In GP, set up the fiscal year (Tools > Setup > Company > Fiscal Periods); where the connection names a calendar "
            "file, add the period there too; then replay.",
        )
    elif not period.open_in(series):
        closed = [name for name in (series, Series.FINANCIAL) if name in period.closed]
        what = (
            f"year {period.year} is closed"
            if period.year_closed
            else f"{period} is closed in " + " and ".join(name.value for name in closed)
        )
        yield Finding(
            "period.closed",
            document.number,
            f"posting date {day}: {what}",
            "In GP, reopen the period (Tools > Setup > Company > Fiscal Periods, and Mass Close there); or set closed_period "
            "to 'first open day' in the rulebook's Options table and import it; then replay.",
        )


def posting_date_is_the_documents(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    """A document that the rulebook moves out of a closed period is never moved in silence."""
    if document.posting_date != document.document_date:
        period = period_of(document.document_date, facts.periods)
        yield Finding(
            "period.moved",
            document.number,
            f"it is dated {document.document_date}, in {period or 'no known period'}, and posts on "
            f"{document.posting_date}, the first open day",
            "Nothing is needed: closed_period in the rulebook's Options table says so.",
            warns=True,
        )


def due_not_before_document(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if document.due_date and document.due_date < document.document_date:
        yield Finding(
            "date.due_before_document",
            document.number,
            f"it is due on {document.due_date}, before its date {document.document_date}",
            "In ServiceTitan, look at the due date; GP keeps it as given.",
            warns=True,
        )
