"""Where every source stands, with the money in it: counted and summed by the database, in whole minor units."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from ml_connector.docket.records import Ending, Group
from ml_connector.docket.stages import WORST_FIRST, HasDocuments
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency, Money
from ml_connector.store.dockets import is_newest
from ml_connector.store.forms import name_of
from ml_connector.store.schema import dockets, documents

WITHOUT_AMOUNT = " without amount"


def endings(sql: sa.Connection, connection_id: int) -> list[Ending]:
    """One for each kind, the newest version of each source counted once.

    A group is named by the stage that people see: the worst of the docket's documents, else the docket's own. Sources
    that ServiceTitan gives no amount for are groups of their own ("held without amount", with a total of zero), and
    where a kind comes in several currencies, so is each currency ("held CAD").
    """
    rows = sql.execute(_question(connection_id)).all()
    currencies: dict[str, set[str]] = {}
    for kind, _, currency, _, _ in rows:
        currencies.setdefault(kind, set()).update(() if currency is None else (currency,))
    groups: dict[str, dict[str, Group]] = {}
    for kind, stage, currency, count, minor in rows:
        of_kind = sorted(currencies[kind]) or [Currency.USD.value]
        suffix = WITHOUT_AMOUNT if currency is None else f" {currency}" if len(of_kind) > 1 else ""
        total = Money.of_minor(int(minor or 0), Currency(currency or of_kind[0]))
        groups.setdefault(kind, {})[stage + suffix] = Group(count, total)
    return [Ending(kind, groups[kind.value]) for kind in SourceKind if kind.value in groups]


def _question(connection_id: int) -> sa.Select[str, str, str | None, int, int | None]:
    worst = (
        sa.select(documents.c.docket_id, sa.func.min(sa.case(_rank(), value=documents.c.stage)).label("rank"))
        .where(documents.c.connection_id == connection_id)
        .group_by(documents.c.docket_id)
        .subquery("worst")
    )
    names = {rank: name for name, rank in _rank().items()}
    seen = sa.case(
        (dockets.c.stage == name_of(HasDocuments), sa.case(names, value=worst.c.rank, else_=dockets.c.stage)),
        else_=dockets.c.stage,
    )
    return (
        sa.select(dockets.c.kind, seen, dockets.c.currency, sa.func.count(), sa.func.sum(dockets.c.amount_minor))
        .outerjoin(worst, worst.c.docket_id == dockets.c.id)
        .where(dockets.c.connection_id == connection_id, is_newest())
        .group_by(dockets.c.kind, seen, dockets.c.currency)
    )


def _rank() -> Mapping[str, int]:
    return {name_of(stage): rank for rank, stage in enumerate(WORST_FIRST)}
