"""Which party of one side may be which of the other: candidates with a score, the reasons for it, and a bucket.

Certain is only what could hardly be anybody else, on both sides: the very id, or the same tax id under a like name, or the
same name with two more things in common. One thing that speaks against it, or a second party for which as much speaks,
and a person decides. A score ranks candidates for that person; it binds nothing by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from rapidfuzz import fuzz

from ml_connector.parties.comparing import mail_key, name_words, phone_key, street_key, tax_key, zip_key
from ml_connector.parties.party import Party

MOST = 3  # candidates that a person is shown for a party
LIKELY = 40  # the least score of a candidate
_CROWD = 60  # parties that share a key before it says nothing any more
_LIKE_NAMES = 90  # of 100: a spelling, a middle initial


class Sign(Enum):
    """What speaks for two being one, or against it, and by how much."""

    SAME_ID = ("each side keeps the other's id", 100)
    SAME_TAX_ID = ("the same tax id", 60)
    SAME_NAME = ("the same name", 40)
    LIKE_NAME = ("a like name", 25)
    SAME_MAIL = ("the same mail address", 25)
    SAME_PHONE = ("the same telephone number", 20)
    SAME_ADDRESS = ("the same address", 25)
    OTHER_TAX_ID = ("another tax id", -80)
    OTHER_NAME = ("another name", -30)
    OTHER_ADDRESS = ("another address", -10)
    OTHER_ID = ("one is kept as somebody else's counterpart", -80)

    @property
    def says(self) -> str:
        return self.value[0]

    @property
    def weight(self) -> int:
        return self.value[1]


class Bucket(Enum):
    CERTAIN = "certain"
    LIKELY = "likely"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Candidate:
    party: Party  # of the other side
    score: int  # 0 to 100
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """For one party, the best of the other side first. `bucket` is that of the first."""

    party: Party
    bucket: Bucket
    candidates: tuple[Candidate, ...] = ()


def propose(parties: Sequence[Party], others: Sequence[Party]) -> list[Proposal]:
    """A proposal for each party, in their order. Both are of one role, active or not, and bound to nobody yet.

    Parties that were merged into another propose nothing. The same parties in any order give the same proposals.
    """
    theirs = _Index(others)
    found = {it.id: _candidates(_Looked(it), theirs) for it in parties if not it.merged_to}
    rivals = Counter(one.party.id for them in found.values() for one in them if _could_be_certain(one.signs))
    return [_proposal(it, found.get(it.id, ()), rivals) for it in parties]


def _proposal(party: Party, candidates: Sequence[Candidate], rivals: Mapping[str, int]) -> Proposal:
    if not candidates:
        return Proposal(party, Bucket.NONE)
    best = candidates[0]
    alone = sum(_could_be_certain(it.signs) for it in candidates) == 1 and rivals[best.party.id] == 1
    certain = _could_be_certain(best.signs) and alone
    return Proposal(party, Bucket.CERTAIN if certain else Bucket.LIKELY, tuple(candidates[:MOST]))


def _could_be(signs: Sequence[Sign]) -> bool:
    """A namesake who moved, or somebody with another name at the same door and number: renamed, or a neighbour. Too little to
    score, and too much to make a second one of."""
    if Sign.OTHER_TAX_ID in signs or Sign.OTHER_ID in signs:
        return False
    return Sign.SAME_NAME in signs or _beside(signs) >= 2


def _could_be_certain(signs: Sequence[Sign]) -> bool:
    if any(it.weight < 0 for it in signs):
        return False
    if Sign.SAME_ID in signs:
        return True
    if Sign.SAME_TAX_ID in signs:
        return Sign.SAME_NAME in signs or Sign.LIKE_NAME in signs
    return Sign.SAME_NAME in signs and _beside(signs) >= 2


def _beside(signs: Sequence[Sign]) -> int:
    """How many things beside the name and the ids are the same."""
    return sum(it in signs for it in (Sign.SAME_ADDRESS, Sign.SAME_MAIL, Sign.SAME_PHONE))


@dataclass(frozen=True)
class _Looked:
    """A party with its keys, made once."""

    party: Party

    @cached_property
    def words(self) -> tuple[str, ...]:
        return name_words(self.party.name)

    @cached_property
    def phones(self) -> frozenset[str]:
        return frozenset(filter(None, map(phone_key, self.party.phones)))

    @cached_property
    def mails(self) -> frozenset[str]:
        return frozenset(filter(None, map(mail_key, self.party.emails)))

    @cached_property
    def tax(self) -> str:
        return tax_key(self.party.tax_id)

    @cached_property
    def zip(self) -> str:
        return zip_key(self.party.address.zip)

    @cached_property
    def street(self) -> tuple[str, ...]:
        return street_key(self.party.address.street, self.party.address.unit)

    def marks(self) -> Iterator[tuple[str, object]]:
        """Whoever could be the same shares at least one of these."""
        yield from (("phone", it) for it in self.phones)
        yield from (("mail", it) for it in self.mails)
        if self.tax:
            yield "tax", self.tax
        if self.street and self.zip:
            yield "address", (self.street, self.zip)
        if self.words:
            yield "name", self.words
        yield from (("word", (it, self.zip)) for it in self.words if len(it) > 2 and self.zip)
        yield from (("pair", (one, two)) for one, two in zip(self.words, self.words[1:], strict=False))


class _Index:
    """One side's parties by everything that could show who they are."""

    def __init__(self, parties: Iterable[Party]) -> None:
        self._by_key: defaultdict[tuple[str, object], list[_Looked]] = defaultdict(list)
        self._by_id: dict[str, _Looked] = {}
        self._by_counterpart: dict[str, _Looked] = {}
        for party in sorted(parties, key=lambda it: it.id):
            if party.merged_to:
                continue
            looked = _Looked(party)
            self._by_id[party.id] = looked
            if party.counterpart:
                self._by_counterpart[party.counterpart] = looked
            for key in looked.marks():
                self._by_key[key].append(looked)

    def like(self, looked: _Looked) -> list[_Looked]:
        """Those that share a key which is no crowd's, by id."""
        found = {it.party.id: it for key in looked.marks() for it in self._few(key)}
        for known in (self._by_id.get(looked.party.counterpart), self._by_counterpart.get(looked.party.id)):
            if known is not None:
                found[known.party.id] = known
        return [found[id] for id in sorted(found)]

    def _few(self, key: tuple[str, object]) -> Sequence[_Looked]:
        there = self._by_key.get(key, ())
        return there if len(there) <= _CROWD else ()


def _candidates(looked: _Looked, theirs: _Index) -> list[Candidate]:
    scored = []
    for other in theirs.like(looked):
        signs = tuple(_signs(looked, other))
        score = max(0, min(100, sum(it.weight for it in signs)))
        if score >= LIKELY or _could_be(signs):
            scored.append(Candidate(other.party, score, signs))
    return sorted(scored, key=lambda it: (-it.score, it.party.id))


def _signs(one: _Looked, other: _Looked) -> Iterator[Sign]:
    ours, theirs = one.party, other.party
    if ours.counterpart == theirs.id or theirs.counterpart == ours.id:
        yield Sign.SAME_ID
    elif ours.counterpart or theirs.counterpart:
        yield Sign.OTHER_ID
    if one.tax and other.tax:
        yield Sign.SAME_TAX_ID if one.tax == other.tax else Sign.OTHER_TAX_ID
    yield from _name_sign(one.words, other.words)
    if one.mails & other.mails:
        yield Sign.SAME_MAIL
    if one.phones & other.phones:
        yield Sign.SAME_PHONE
    if one.street and other.street and one.zip and other.zip:
        yield Sign.SAME_ADDRESS if (one.street, one.zip) == (other.street, other.zip) else Sign.OTHER_ADDRESS


def _name_sign(ours: tuple[str, ...], theirs: tuple[str, ...]) -> Iterator[Sign]:
    if not ours or not theirs:
        return
    if ours == theirs:
        yield Sign.SAME_NAME
        return
    # A generation or a number is no spelling: Smith Jr is not Smith, Store 112 is not Store 113.
    telling = {it for it in {*ours} ^ {*theirs} if it.isdigit() or it in ("jr", "sr", "ii", "iii", "iv")}
    likeness = fuzz.token_sort_ratio(" ".join(ours), " ".join(theirs))
    if likeness >= _LIKE_NAMES and not telling:
        yield Sign.LIKE_NAME
    elif likeness < 60 or telling:
        yield Sign.OTHER_NAME
