"""Look at every part of a connection and say, a line each, what is good or what is wrong and who mends it where."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.wiring import Wired


def checkup(wired: Wired) -> Iterator[tuple[str, Finding | None]]:
    yield "rulebook", _caught(lambda: wired.rulebook())
    if wired.settings.webhooks.secrets:
        for finding in wired.webhook_findings or (None,):
            yield "webhook keys", finding
    yield from _each("ServiceTitan", wired.field_service.check)
    for company, books in wired.books.items():
        yield from _each(f"GP {company}", books.check)


def _each(what: str, check: Callable[[], list[tuple[str, Finding | None]]]) -> Iterator[tuple[str, Finding | None]]:
    try:
        lines = check()
    except Interrupted as fault:
        lines = [("reachable", fault.finding)]
    for name, finding in lines:
        yield f"{what}: {name}", finding


def _caught(deed: Callable[[], object]) -> Finding | None:
    try:
        deed()
    except Interrupted as fault:
        return fault.finding
    return None
