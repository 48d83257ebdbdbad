"""A neighbourhood that both systems know: thousands of customers and hundreds of vendors, kept in each by its own people.

Most are written down alike. The others are planted, and the truth is kept: who of ServiceTitan is who of GP, and which
story each planted one belongs to. Nothing is drawn before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from ml_connector.sandbox.neighbours import Neighbour, a_firm, a_household, a_supplier, accented, plain

FIRST_CUSTOMER, FIRST_VENDOR = 6_000_001, 1_800_001  # ServiceTitan's ids
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One party as one of the systems keeps it. "" and () are what it does not know."""

    id: str  # ServiceTitan's number, or GP's id
    name: str
    type: str  # ServiceTitan: Residential | Commercial, "" of a vendor; GP: the class
    street: str = ""
    unit: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    tax_id: str = ""
    terms: str = ""
    counterpart: str = ""  # the id that the other system has for it, as this one was told
    merged_to: str = ""
    active: bool = True
    since: int = 0  # days after 2024-01-01 on which it was last changed


@dataclass(frozen=True, slots=True)
class Population:
    """The customers, or the vendors, of both systems."""

    field: tuple[Card, ...]
    books: tuple[Card, ...]
    truth: Mapping[str, str]  # ServiceTitan's id: the GP id of the same party, NOBODY where GP does not have it
    stories: Mapping[str, tuple[str, ...]]  # what was planted: the ids of ServiceTitan that it concerns


@dataclass(frozen=True, slots=True)
class _Pair:
    field: Card
    books: Card
    same: str = NOBODY  # the GP id of who `field` is


@dataclass(frozen=True, slots=True)
class _Row:
    """The makers of one row of neighbours: somebody by their place, and how each system writes them down."""

    who: Callable[[int], Neighbour]
    first_id: int
    of_vendors: bool

    def id(self, place: int) -> str:
        return str(self.first_id + place)

    def gp_id(self, who: Neighbour) -> str:
        stem = "".join(it for it in plain(who.last).upper() if it.isalnum())
        return f"{stem[:8]}{who.place:05d}"

    def in_field(self, who: Neighbour, **changes: object) -> Card:
        """ServiceTitan's: typed by a dispatcher, phones as people say them."""
        form = "({}) {}-{}" if who.place % 3 else "{}{}{}"
        phones = tuple(form.format(it[:3], it[3:6], it[6:]) for it in (who.phone, who.mobile) if it)
        card = Card(
            id=self.id(who.place),
            name=who.name,
            type="" if self.of_vendors else "Commercial" if who.is_firm else "Residential",
            street=f"{who.street} {who.way[who.place % 2]}",
            unit=who.unit,
            city=who.city,
            state="CO",
            zip=who.zip,
            phones=phones[:1] if self.of_vendors else phones,
            emails=(who.email,) if who.email else (),
            terms="Net 30" if who.is_firm and not self.of_vendors else "",
            since=who.founded,
        )
        return replace(card, **changes) if changes else card  # type: ignore[arg-type]

    def in_books(self, who: Neighbour, **changes: object) -> Card:
        """GP's: fourteen digits of a phone, street in capitals here and there."""
        firm = self.of_vendors or who.is_firm
        street = f"{who.street} {who.way[1]}"
        card = Card(
            id=self.gp_id(who),
            name=who.name[:64],
            type="TRADE" if self.of_vendors else "COMMERCIAL" if who.is_firm else "RESIDENTIAL",
            street=street.upper() if who.place % 4 == 0 else street,
            unit=who.unit,
            city=who.city,
            state="CO",
            zip=f"{who.zip}-{1000 + who.place % 9000}" if who.place % 5 == 0 else who.zip,
            phones=tuple(f"{it}0000" for it in (who.phone, who.mobile) if it),
            emails=(who.email,) if who.email else (),
            tax_id=f"84-{1_000_000 + who.place:07d}" if self.of_vendors else "",
            terms="Net 30" if firm else "Due on receipt",
            since=who.founded,
        )
        return replace(card, **changes) if changes else card  # type: ignore[arg-type]

    def plain(self, who: Neighbour) -> _Pair:
        return _Pair(self.in_field(who), self.in_books(who), self.gp_id(who))

    def stranger(self, place: int) -> Neighbour:
        """Somebody whom only GP knows."""
        return self.who(place + 5_000_000)


# ---- the stories: each makes the pair at one place; the one before it in the row is plain


def _strangers(row: _Row, place: int) -> _Pair:
    """One whom only ServiceTitan knows, one whom only GP knows."""
    return _Pair(row.in_field(row.who(place)), row.in_books(row.stranger(place)))


def _renamed(row: _Row, place: int) -> _Pair:
    """Married, or sold: another name in GP, the same address and telephone."""
    who = row.who(place)
    other = row.stranger(place)
    name = other.name if who.is_firm else f"{who.first} {other.last}"
    return _Pair(row.in_field(who, name=name), row.in_books(who), row.gp_id(who))


def _accents(row: _Row, place: int) -> _Pair:
    """A name that GP's keyboard did not have."""
    who = row.who(place)
    right, typed = accented(place)
    name = who.last.split(" ", 1)
    shop = f"{who.first} {right}" if who.first else f"{right} {name[-1]}"
    books = f"{who.first} {typed}" if who.first else f"{typed} {name[-1]}"
    return _Pair(row.in_field(who, name=shop), row.in_books(who, name=books), row.gp_id(who))


def _abbreviated(row: _Row, place: int) -> _Pair:
    """Company for Co., & for and, the street's kind in full."""
    who = row.who(place)
    short = who.name.replace(" and ", " & ").replace("Company", "Co").replace(", LLC", "").replace(" Inc.", "")
    books = row.in_books(who, name=short, street=f"{who.street} {who.way[0]}")
    return _Pair(row.in_field(who), books, row.gp_id(who))


def _twin_in_field(row: _Row, place: int) -> _Pair:
    """A dispatcher made the one before a second time, with a slip of the pen."""
    who = row.who(place - 1)
    slip = who.name.replace("l", "ll", 1) if "l" in who.name else f"{who.name} "
    return _Pair(row.in_field(who, id=row.id(place), name=slip), row.in_books(row.stranger(place)), row.gp_id(who))


def _twin_in_books(row: _Row, place: int) -> _Pair:
    """GP has the one before twice, alike in everything; which of them is the one, a person must say."""
    who = row.who(place - 1)
    twin = row.in_books(who, id=f"{row.gp_id(who)[:13]}-2")
    return _Pair(row.in_field(row.stranger(place), id=row.id(place)), twin)


def _merged(row: _Row, place: int) -> _Pair:
    """A duplicate of the one before that ServiceTitan has merged into it; vendors cannot be merged, and are set inactive."""
    who = row.who(place - 1)
    into = "" if row.of_vendors else row.id(place - 1)
    card = row.in_field(who, id=row.id(place), name=who.name.upper(), merged_to=into, active=False)
    return _Pair(card, row.in_books(row.stranger(place)), row.gp_id(who))


def _shared_phone(row: _Row, place: int) -> _Pair:
    """The one before and this one are reached through one office: the number says nothing of who they are."""
    who, before = row.who(place), row.who(place - 1)
    return row.plain(replace(who, phone=before.phone, mobile=before.mobile))


def _namesakes(row: _Row, place: int) -> _Pair:
    """The same name as the one before, and somebody else: another address, another telephone."""
    who, before = row.who(place), row.who(place - 1)
    return row.plain(replace(who, first=before.first, last=before.last))


def _father_and_son(row: _Row, place: int) -> _Pair:
    """The son of the one before, in the same house with the same telephone; a firm's second branch."""
    before = row.who(place - 1)
    last = f"{before.last} #2" if before.is_firm else f"{before.last} Jr."
    return row.plain(replace(before, place=place, last=last, email=row.who(place).email))


def _both_edited(row: _Row, place: int) -> _Pair:
    """Moved in ServiceTitan, a new telephone in GP: each system knows half of it."""
    who, new = row.who(place), row.stranger(place)
    field = row.in_field(who, street=f"{new.street} {new.way[1]}", city=new.city, zip=new.zip, since=who.founded + 40)
    books = row.in_books(who, phones=(f"7195{place:06d}0000",), since=who.founded + 41)
    return _Pair(field, books, row.gp_id(who))


def _moved(row: _Row, place: int) -> _Pair:
    """A new address and a new telephone, and only the mail is the old one."""
    who, new = row.who(place), row.stranger(place)
    mail = who.email or f"moved{place}@example.com"
    gone = replace(who, email=mail)
    here = replace(new, place=place, first=who.first, last=who.last, email=mail)
    return _Pair(row.in_field(here), row.in_books(gone), row.gp_id(who))


def _bare_in_books(row: _Row, place: int) -> _Pair:
    """GP has a name and nothing else."""
    who = row.who(place)
    bare = row.in_books(who, street="", unit="", city="", state="", zip="", phones=(), emails=(), tax_id="")
    return _Pair(row.in_field(who), bare, row.gp_id(who))


def _kept_in_field(row: _Row, place: int) -> _Pair:
    """ServiceTitan keeps the GP id of a firm that has nothing else in common with the old one."""
    who, new = row.who(place), row.stranger(place)
    here = replace(new, place=place)
    return _Pair(row.in_field(here, counterpart=row.gp_id(who)), row.in_books(who), row.gp_id(who))


def _kept_in_books(row: _Row, place: int) -> _Pair:
    """GP keeps the ServiceTitan id, in a field that the site uses for it."""
    who, new = row.who(place), row.stranger(place)
    here = replace(new, place=place)
    return _Pair(row.in_field(here), row.in_books(who, counterpart=row.id(place)), row.gp_id(who))


def _kept_stale(row: _Row, place: int) -> _Pair:
    """ServiceTitan keeps a GP id that GP has deleted."""
    card = row.in_field(row.who(place), counterpart=f"GONE{place:06d}")
    return _Pair(card, row.in_books(row.stranger(place)))


def _last_name_first(row: _Row, place: int) -> _Pair:
    """LAST, FIRST in capitals, as bookkeepers sort them."""
    who = row.who(place)
    name = f"{who.last}, {who.first}".upper() if who.first else who.last.upper()
    return _Pair(row.in_field(who), row.in_books(who, name=name), row.gp_id(who))


def _inactive(row: _Row, place: int) -> _Pair:
    """Moved away: inactive on both sides."""
    who = row.who(place)
    return _Pair(row.in_field(who, active=False), row.in_books(who, active=False), row.gp_id(who))


def _stray_blanks(row: _Row, place: int) -> _Pair:
    """Blanks where nobody sees them."""
    who = row.who(place)
    return _Pair(row.in_field(who, name=f"  {who.name.replace(' ', '  ')} "), row.in_books(who), row.gp_id(who))


def _number_of_another(row: _Row, place: int) -> _Pair:
    """The telephone company gave this one the old number of the one before, which GP still has for that one."""
    who, before = row.who(place), row.who(place - 1)
    return _Pair(row.in_field(replace(who, phone=before.phone)), row.in_books(who), row.gp_id(who))


Story = Callable[[_Row, int], _Pair]
_PLANTED: Mapping[int, Story] = {  # by the place within each hundred; every other place is plain
    3: _strangers,
    5: _strangers,
    7: _strangers,
    11: _renamed,
    13: _accents,
    15: _abbreviated,
    17: _twin_in_field,
    19: _twin_in_books,
    21: _merged,
    24: _shared_phone,
    27: _namesakes,
    30: _father_and_son,
    32: _both_edited,
    34: _moved,
    36: _bare_in_books,
    38: _kept_in_field,
    40: _kept_in_books,
    42: _kept_stale,
    44: _last_name_first,
    46: _inactive,
    48: _stray_blanks,
    51: _number_of_another,
}
STORIES = tuple(dict.fromkeys(story.__name__.lstrip("_") for story in _PLANTED.values()))


class Neighbourhood:
    """So many customers and vendors on each side. The same numbers and the same seed give the same neighbourhood."""

    def __init__(self, customers: int = 5000, vendors: int = 500, seed: int = 2026) -> None:
        self._customers, self._vendors, self._seed = customers, vendors, seed

    @cached_property
    def customers(self) -> Population:
        seed = self._seed

        def who(place: int) -> Neighbour:
            return a_firm(seed, place) if place // 100 % 5 == 4 else a_household(seed, place)

        return _populate(_Row(who, FIRST_CUSTOMER, of_vendors=False), self._customers)

    @cached_property
    def vendors(self) -> Population:
        seed = self._seed
        return _populate(_Row(lambda place: a_supplier(seed, place), FIRST_VENDOR, of_vendors=True), self._vendors)


def _populate(row: _Row, number: int) -> Population:
    truth: dict[str, str] = {}
    stories: dict[str, list[str]] = {story: [] for story in STORIES}
    field: list[Card] = []
    books: list[Card] = []
    for place, story, pair in _pairs(row, number):
        field.append(pair.field)
        books.append(pair.books)
        truth[row.id(place)] = pair.same
        if story:
            stories[story].append(row.id(place))
    return Population(tuple(field), tuple(books), truth, {story: tuple(ids) for story, ids in stories.items()})


def _pairs(row: _Row, number: int) -> Iterator[tuple[int, str, _Pair]]:
    for place in range(number):
        story = _PLANTED.get(place % 100)
        if story is None:
            yield place, "", row.plain(row.who(place))
        else:
            yield place, story.__name__.lstrip("_"), story(row, place)
