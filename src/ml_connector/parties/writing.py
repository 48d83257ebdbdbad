"""What comes of reading and writing parties: a page of what changed, and how a create and an update can end.

Closed sets: a new ending is a new class, and mypy finds every match.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ml_connector.books.outcomes import Deferred, Exchange, Held, InDoubt
from ml_connector.parties.party import Party


@dataclass(frozen=True, slots=True)
class PartyPage:
    """Parties that changed on one side. Once they are stored, `place` is where to go on from; None: it is not known yet,
    and a reader who stops here goes on from the place before."""

    parties: tuple[Party, ...]
    place: str | None
    gone: tuple[str, ...] = ()  # ids that the side has deleted, where it tells


@dataclass(frozen=True, slots=True)
class Made:
    """The side made the party under this id."""

    id: str
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The side has this very party, made before: by us, though the answer was lost, or by a person. Nothing was sent."""

    party: Party


@dataclass(frozen=True, slots=True)
class Changed:
    """The side took these fields of `Party`."""

    fields: tuple[str, ...]
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The side has the values already. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Somebody changed these fields there after they were read, so what we decided is out of date. Nothing was sent."""

    now: Party
    fields: tuple[str, ...]


Creation: TypeAlias = Made | AlreadyThere | Held | InDoubt | Deferred
Update: TypeAlias = Changed | Unchanged | Overtaken | Held | InDoubt | Deferred


def asked(before: Party, after: Party, wanted: Party, takes: Collection[str]) -> tuple[str, ...]:
    """The fields that an update is to write. `wanted` is `after` as the side would keep it.

    Raises ValueError where the two are not one party, or differ in what the side does not take: our own program's fault.
    """
    if (before.role, before.id) != (after.role, after.id):
        raise ValueError(f"{after.role.value} {after.id} is not {before.role.value} {before.id}")
    strange = differing(before, after, _FIELDS - frozenset(takes))
    if strange:
        raise ValueError(f"not written to this side: {', '.join(strange)}")
    return differing(before, wanted, takes)


def left(now: Party, before: Party, wanted: Party, fields: Collection[str]) -> tuple[str, ...] | Overtaken:
    """Those of the fields that the side does not have yet; Overtaken where one of them is not as it was read before."""
    missing = differing(now, wanted, fields)
    overtaken = differing(now, before, missing)
    return Overtaken(now, overtaken) if overtaken else missing


def differing(one: Party, other: Party, among: Collection[str]) -> tuple[str, ...]:
    """Those of these fields in which the two differ as a person sees it: blanks, the form of a telephone number and the
    case of an e-mail address make no difference."""
    return tuple(name for name in sorted(among) if seen(one, name) != seen(other, name))


def seen(party: Party, name: str) -> object:
    """A field without what makes no difference."""
    value = getattr(party, name)
    return _SEEN[name](value) if name in _SEEN else value


def telephone(text: str) -> str:
    """A telephone number as digits: "(303) 555-0142" and GP's "30355501420000" are the same, an extension stays."""
    number = re.sub(r"\D", "", text)
    if len(number) == 11 and number.startswith("1"):
        return number[1:]
    return number[:10] if len(number) == 14 and number.endswith("0000") else number


def _blanks(text: str) -> str:
    return " ".join(text.split())


_FIELDS = frozenset(it.name for it in dataclasses.fields(Party)) - {"role", "id", "modified"}
_SEEN: Mapping[str, Callable[..., object]] = {
    "name": _blanks,
    "phones": lambda phones: tuple(dict.fromkeys(telephone(it) for it in phones if telephone(it))),
    "emails": lambda emails: tuple(dict.fromkeys(it.strip().casefold() for it in emails if it.strip())),
    "address": lambda it: tuple(map(_blanks, (it.street, it.unit, it.city, it.state, it.zip, it.country))),
    "tax_id": _blanks,
    "terms": lambda terms: _blanks(terms).casefold(),
}
