"""How GP posts what we enter, against what the rulebook says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ml_connector.books.period import Series
from ml_connector.books.posting import LedgerPosting, PostingDateSource, PostingSetup
from ml_connector.findings import Finding

T = TypeVar("T")

NOUNS = {Series.SALES: "receivables", Series.PURCHASING: "payables"}
ORIGINS = {Series.SALES: "Receivables Sales Entry", Series.PURCHASING: "Payables Trx Entry"}
QUESTIONS = {  # by our noun: what the window calls it
    "date_from": "Posting Date From",
    "ledger": "Post to General Ledger, Post Through General Ledger Files",
    "control_totals": "Verify Number of Trx, Verify Batch Amounts",
    "transaction_posting": "Allow Transaction Posting",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """One origin: what GP tells, what an administrator answered, what the rulebook says. None: nothing, or no rulebook."""

    company: str
    series: Series
    told: PostingSetup | None
    answered: PostingSetup
    rulebook: PostingDateSource | None
    has_rulebook: bool

    @property
    def where(self) -> str:
        return f"company {self.company}, {NOUNS[self.series]}"

    @property
    def window(self) -> str:
        return f"Tools > Setup > Posting > Posting, series {self.series.value}, origin {ORIGINS[self.series]}"

    @property
    def setting(self) -> str:
        return f"[gp.{self.company}.posting_setup.{NOUNS[self.series]}]"

    @property
    def column(self) -> str:
        return f"{NOUNS[self.series]}_posting_date"

    @property
    def known(self) -> PostingSetup:
        """GP's own word first."""
        if self.told is None:
            return self.answered
        told, answered = self.told, self.answered
        return PostingSetup(
            date_from=_first(told.date_from, answered.date_from),
            ledger=_first(told.ledger, answered.ledger),
            control_totals=_first(told.control_totals, answered.control_totals),
            transaction_posting=_first(told.transaction_posting, answered.transaction_posting),
        )


def posting(it: Origin) -> str | Sequence[Finding]:
    findings = [*_date(it), *_ledger(it), *_controls(it), *_unanswered(it), *_differing(it)]
    if findings:
        return findings
    known = it.known
    by_itself = "a document may be posted by itself" if known.transaction_posting else "batches alone are posted"
    ledger = "through" if known.ledger is LedgerPosting.THROUGH else "to"
    source = "GP" if it.told else "the connection's answers"
    return f"date from the transaction, {ledger} the general ledger, no control totals, {by_itself}: from {source}"


def _date(it: Origin) -> Iterator[Finding]:
    """The general-ledger date. The rulebook has to say what GP does, and GP has to take ours."""
    found, ours = it.known.date_from, it.rulebook
    if it.has_rulebook and ours is None:
        answer = f"GP has {found.value}" if found else f"look at Posting Date From in GP ({it.window})"
        yield Finding(
            "company.posting_date_undecided",
            it.where,
            "the rulebook does not say where GP takes the posting date from, so everything is held",
            f"Fill {it.column} in the rulebook's Companies table ({answer}); import it, then run the check again.",
        )
    elif found and ours and found is not ours:
        yield Finding(
            "posting.date_differs",
            it.where,
            f"GP takes the posting date from the {found.value}, and the rulebook's {it.column} says {ours.value}",
            f"In GP, set Posting Date From to Transaction ({it.window}), and {it.column} to transaction in the rulebook's "
            "Companies table; import it, then run the check again.",
        )
    elif (found or ours) is PostingDateSource.BATCH:
        yield Finding(
            "company.posting_date_of_batch",
            it.where,
            "GP takes the posting date from the batch, and the batches that we open carry none, so everything is held",
            f"In GP, set Posting Date From to Transaction ({it.window}), and {it.column} to transaction in the rulebook's "
            "Companies table; import it, then run the check again.",
        )


def _ledger(it: Origin) -> Iterator[Finding]:
    if it.known.ledger is LedgerPosting.NEITHER:
        yield Finding(
            "posting.not_to_ledger",
            it.where,
            "posting a batch does not reach the general ledger, so subledger and ledger drift apart",
            f"In GP, mark Post to General Ledger or Post Through General Ledger Files ({it.window}), unless this is meant.",
            warns=True,
        )


def _controls(it: Origin) -> Iterator[Finding]:
    if it.known.control_totals:
        yield Finding(
            "posting.control_totals",
            it.where,
            "GP posts a batch only with the control number and total that a person typed, and ours carry none",
            "Nothing is needed to enter. Before posting, type in GP's batch window the count and total that "
            "'ml-connector status' shows for the batch.",
            warns=True,
        )


def _unanswered(it: Origin) -> Iterator[Finding]:
    open_ = [noun for noun in QUESTIONS if getattr(it.known, noun) is None]
    if open_:
        asked = "; ".join(QUESTIONS[noun] for noun in open_)
        yield Finding(
            "posting.unanswered",
            it.where,
            f"not answered, and no service tells it: {', '.join(open_)}",
            f"Ask the GP administrator to look in GP ({it.window}: {asked}); write the answers in the connection's "
            f"{it.setting}, and add the connection again with --replace.",
            warns=True,
        )


def _differing(it: Origin) -> Iterator[Finding]:
    """An answer that GP contradicts has grown old."""
    if it.told is None:
        return
    old = [
        noun
        for noun in QUESTIONS
        if None not in (getattr(it.told, noun), getattr(it.answered, noun))
        and getattr(it.told, noun) != getattr(it.answered, noun)
    ]
    if old:
        yield Finding(
            "posting.answer_differs",
            it.where,
            f"the connection's answers say otherwise than GP: {', '.join(old)}; GP's word counts",
            f"Take them out of the connection's {it.setting}: GP tells them itself; add the connection again with --replace.",
            warns=True,
        )


def _first(told: T | None, answered: T | None) -> T | None:
    return answered if told is None else told
