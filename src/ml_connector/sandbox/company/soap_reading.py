"""Values out of a message that is known to fit the contract: by path, trimmed, nothing where it is left out or nil."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from ml_connector.sandbox.company.soap_contract import XSI, Node, NotWellFormed

_NIL = f"{{{XSI}}}nil"


def name_of(element: Node) -> str:
    """The name of an element, without its namespace."""
    local: str = element.tag.rpartition("}")[2]
    return local


def find(element: Node | None, path: str) -> Node | None:
    """What stands at `path` ("Key/Id"); None where it does not, and where it is nil."""
    for step in path.split("/"):
        if element is None:
            return None
        element = next((child for child in element if name_of(child) == step), None)
    return None if element is None or element.get(_NIL) in ("true", "1") else element


def rows(element: Node | None, path: str) -> Iterator[Node]:
    """The rows of an ArrayOf member, without those that are nil."""
    array = find(element, path)
    for row in array if array is not None else ():
        if row.get(_NIL) not in ("true", "1"):
            yield row


def text(element: Node | None, path: str) -> str:
    found = find(element, path)
    return "" if found is None else (found.text or "").strip()


def number(element: Node | None, path: str) -> int | None:
    said = text(element, path)
    return int(said) if said else None


def money(element: Node | None, path: str) -> Decimal | None:
    """The value of a MoneyAmount."""
    said = text(element, f"{path}/Value")
    return Decimal(said) if said else None


def moment(said: str) -> datetime:
    """A date and time as GP sees it: without a zone."""
    try:
        return datetime.fromisoformat(said).replace(tzinfo=None)
    except ValueError:
        raise NotWellFormed(f"The string '{said}' is not a valid AllXsd value.") from None


def day(element: Node | None, path: str) -> date | None:
    said = text(element, path)
    return moment(said).date() if said else None
