"""A docket as a person reads it: what was read, what is entered or why not, and how it came to stand so."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import assert_never

from ml_connector.books.text import text_of
from ml_connector.docket import stages
from ml_connector.docket.records import DocketRecord, DocumentRecord
from ml_connector.docket.stages import DocketStage, Stage
from ml_connector.docket.trail import TrailEntry
from ml_connector.findings import Finding

_WIDTH = 100


def explanation(docket: DocketRecord, trail: Iterable[TrailEntry], erased: bool = False) -> str:
    """The docket's documents as the books hold them, or what stopped it, then its source and its trail.

    `erased`: what was read of the source is no longer kept.
    """
    return "\n".join((*_documents(docket), *_source(docket, erased), *_trail(trail))) + "\n"


def headline(docket: DocketRecord) -> str:
    """Where a docket stands, in a few words: "entered", "held", "skipped"."""
    return stage_name(docket.document_stage or docket.stage)


def findings_of(docket: DocketRecord) -> tuple[Finding, ...]:
    """What holds a docket, document by document."""
    held = tuple(f for d in docket.documents if isinstance(d.stage, stages.Held) for f in d.stage.findings)
    return docket.stage.findings if isinstance(docket.stage, stages.HeldBeforePlan) else held


def stage_name(stage: Stage | DocketStage) -> str:
    match stage:
        case stages.HeldBeforePlan():
            return "held"
        case stages.InDoubt():
            return "in doubt"
        case stages.ClosedByHand():
            return "closed by hand"
        case stages.HasDocuments():
            return "planned"
        case _:
            return type(stage).__name__.lower()


def _documents(docket: DocketRecord) -> Iterator[str]:
    for it in docket.documents:
        yield from document_lines(it)
        yield ""
    if not docket.documents:
        yield f"{docket.kind.value.upper()} {docket.source_id}"
        yield from _standing(docket.stage)
        yield ""


def document_lines(it: DocumentRecord) -> Iterator[str]:
    """One document: as the books will hold it, the rule behind each line, and where it stands."""
    yield text_of(it.document, it.batch_id).rstrip()
    yield from _rules(it)
    yield ""
    yield from _standing(it.stage)


def _rules(it: DocumentRecord) -> Iterator[str]:
    chosen = dict.fromkeys(f"{d.origin}: {d.rule}" for d in it.document.distributions if d.rule)
    if chosen:
        yield from _wrapped(f"rulebook version {it.rulebook_version}:  " + ";  ".join(chosen))


def _standing(stage: Stage | DocketStage) -> Iterator[str]:
    match stage:
        case stages.Entered(batch):
            yield f"entered: GP holds it, unposted, in batch {batch}"
        case stages.Posted(batch, code):
            yield f"posted in GP, audit trail code {code or 'unknown'} (batch {batch})"
        case stages.Planned(warnings, first):
            yield (
                f"planned: {first} approved it, and it waits for another person"
                if first
                else "planned: it waits for approval"
            )
            for finding in warnings:
                yield from _finding(finding)
        case stages.Approved(by, first):
            yield f"approved by {f'{first} and {by}' if first else by}: the next run enters it"
        case stages.InDoubt(since, attempt, _, cause):
            yield f"in doubt since {since:%Y-%m-%d %H:%M:%S} UTC, attempt {attempt}: {cause}"
            yield "GP is asked for its number when the company's pause has passed; nothing is sent before that."
        case stages.Deferred(cause):
            yield f"deferred: {cause}; the next run sends it"
        case stages.Held(findings) | stages.HeldBeforePlan(findings):
            for finding in findings:
                yield from _finding(finding)
        case stages.Gone(how, seen):
            yield f"gone from GP ({how}), seen {seen:%Y-%m-%d %H:%M} UTC: run 'ml-connector reenter' or 'skip', with the reason"
        case stages.ClosedByHand(who, why):
            yield f"closed by hand by {who}: {why}"
        case stages.Skipped(code, reason):
            yield f"skipped ({code}): {reason}"
        case stages.Waiting(reason):
            yield f"waiting: {reason}"
        case stages.Superseded(by):
            yield f"superseded by version {by} of the source"
        case stages.Opened():
            yield "swept; the next run plans it"
        case stages.HasDocuments():
            yield "its documents were taken over by a newer version"
        case _:
            assert_never(stage)


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{'note' if finding.warns else 'held'}: {finding.code}"
    yield from _wrapped(f"{finding.where}: {finding.says}", "  ")
    yield from _wrapped(f"Remedy: {finding.remedy}", "  ")


def _source(docket: DocketRecord, erased: bool) -> Iterator[str]:
    amount = f"total {docket.amount}" if docket.amount is not None else "no total in whole cents"
    number = f" ({docket.number})" if docket.number else ""
    yield f"SOURCE  ServiceTitan {docket.kind.value} {docket.source_id}{number}, dated {docket.date or 'never'}, {amount}"
    yield f"        version {docket.version}, read {docket.opened:%Y-%m-%d %H:%M:%S} UTC"
    yield f"        evidence {docket.page}, row {docket.index + 1}"
    if erased:
        yield "        which retention has erased: its hash is all that is kept of it"


def _trail(trail: Iterable[TrailEntry]) -> Iterator[str]:
    yield "TRAIL"
    for it in trail:
        told = _told(it)
        yield f"  {it.seq:>6}  {it.at:%Y-%m-%d %H:%M:%S}  {it.actor:<12} {it.event.name}{told}"


def _told(entry: TrailEntry) -> str:
    shown = ("batch", "reason", "why", "cause", "by", "first", "audit_trail_code", "how", "attempt")
    detail = entry.event.detail
    words = [f"{name.replace('_', ' ')} {detail[name]}" for name in shown if name in detail]
    words += [f"{name} {str(detail[name])[:12]}" for name in ("request", "answer") if name in detail]
    return "  " + ", ".join(words) if words else ""


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)
