"""What must be so before anything is entered for a connection: the rulebook and the settings speak of the same companies."""

from __future__ import annotations

from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.runtime.settings import Settings


def company_missing(settings: Settings, rulebook: Rulebook) -> Finding | None:
    missing = sorted(set(rulebook.companies) - set(settings.gp))
    if not missing:
        return None
    return Finding(
        "connection.company_missing",
        f"connection {settings.name}",
        f"the rulebook names company {', '.join(missing)}, and the connection does not say how to reach it",
        "Add [gp.<company>] to the connection's settings, or correct the rulebook's Companies table.",
    )


def other_currency(settings: Settings, rulebook: Rulebook) -> Finding | None:
    other = [c for c, rule in rulebook.companies.items() if rule.currency is not settings.money]
    if not other:
        return None
    return Finding(
        "connection.currency",
        f"connection {settings.name}",
        f"company {', '.join(other)} keeps its books in another currency than the tenant's {settings.currency}",
        "Set the right currency in the connection's settings or in the rulebook's Companies table.",
    )


def cut_over_missing(settings: Settings, rulebook: Rulebook) -> Finding | None:
    """Nothing is asked of a sandbox."""
    if settings.sandbox or all(rule.cut_over for rule in rulebook.companies.values()):
        return None
    return Finding(
        "company.cut_over_missing",
        f"connection {settings.name}",
        "a company has no cut-over date, so history could be entered a second time",
        "In the rulebook's Companies table, fill cut_over; import the rulebook and make a dry run.",
    )
