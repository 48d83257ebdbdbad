"""Align the customers or the vendors of one GP company with ServiceTitan's: read both sides, bind who is who, create who is
missing, and carry edits across.

Every step may be walked again: what a side shows is stored with how far it was read; a create is claimed before it is sent
and looked for before it is sent again; an update is compared with what stands there. So a kill at any moment leaves
nothing that the next alignment does not end, and an alignment of what is aligned changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

import msgspec

from ml_connector.books import outcomes
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.alignment import Policy, for_gp, for_servicetitan, written
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.parties import writing
from ml_connector.parties.matching import Bucket, Proposal, propose
from ml_connector.parties.ownership import Changes, Conflict, Field, Value, changes, edited
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.records import Binding, Claim, How, Pair, Proposed, Ranked
from ml_connector.pipeline.ports import Clock, Crosswalk, PartyBook, Progress

FIELD = ""  # the place of ServiceTitan's parties
_CHUNK = 50  # parties that are created before they are read back
_TURNS = 5  # other ids that are tried where one is somebody else's


@dataclass
class Aligned:
    """What an alignment did, in numbers of parties; `findings` are those that a person must act on."""

    read: int = 0  # parties that were new or had changed, on both sides
    bound: int = 0
    created_in_gp: int = 0
    created_in_servicetitan: int = 0
    updated_in_gp: int = 0
    updated_in_servicetitan: int = 0
    likely: int = 0  # wait for a person
    alone: int = 0  # ServiceTitan's, that nobody in GP could be
    conflicts: int = 0
    in_doubt: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Aligning:
    """One role of one company. `company` is the rulebook's short name, `pause` how long a lost answer is left alone, in
    seconds; `taken` are pairs that the rulebook's own tables bind, which are left to them."""

    role: Role
    company: str
    servicetitan: PartyBook
    gp: PartyBook
    crosswalk: Crosswalk
    rulebook: Rulebook
    policy: Policy
    clock: Clock
    pause: float
    taken: Mapping[str, str]  # ServiceTitan's id: GP's id
    told: Aligned = field(default_factory=Aligned)

    def all(self, progress: Progress) -> Aligned:
        """Raises Interrupted where a side cannot be reached; what was done stands."""
        self.read(progress)
        self.follow_merges()
        self.match()
        self.create(progress)
        self.carry_across(progress)
        return self.told

    # Reading

    def read(self, progress: Progress) -> None:
        """What changed on either side since the last time."""
        for company, book in ((FIELD, self.servicetitan), (self.company, self.gp)):
            name = f"{self.role.value}s {company or Side.FIELD.value}"
            place = self.crosswalk.place(name)
            seen = 0
            for page in book.changed(self.role, place):
                place = page.place if page.place is not None else place
                self.told.read += self.crosswalk.take(company, page.parties, name, place, page.gone, self.role)
                seen += len(page.parties)
                progress(f"read {name}", seen, None)

    # Who is who

    def follow_merges(self) -> None:
        """Whom ServiceTitan merged into another: the other one is the same in GP, unless it is somebody else already."""
        ours = self._ours()
        bindings = self._bindings()
        theirs = self._theirs()
        for id, binding in bindings.items():
            into = _survivor(id, ours)
            if into is None or (there := theirs.get(binding.pair.gp_id)) is None:
                continue
            other = bindings.get(into.id)
            if other is None and into.id not in self.taken:
                pair = replace(binding.pair, field_id=into.id)
                self.told.bound += self.crosswalk.bind(pair, How.MERGED, "clock", into, there, {"merged": id})
            elif other is not None and other.pair.gp_id != binding.pair.gp_id:
                self._hold(binding, _merged(binding, into, other.pair.gp_id))

    def match(self) -> None:
        """Propose, and bind what is certain where the rulebook allows it."""
        ours, theirs, bindings = self._ours(), self._theirs(), self._bindings()
        refused = {it.field_id: it.refused for it in self.crosswalk.proposals(self.role, self.company)}
        to_gp, to_servicetitan = self._in_doubt(self.company), self._in_doubt(FIELD)
        settled = {*bindings, *self.taken, *to_gp}
        used = {*self._used(), *to_gp.values(), *to_servicetitan}
        alone = [it for it in _open(ours, settled) if it.counterpart not in to_servicetitan]
        free = [it for id, it in theirs.items() if id not in used]
        open_: list[Proposed] = []
        for proposal in propose(alone, free):
            made = self._proposed(proposal, refused.get(proposal.party.id, frozenset()))
            if made.bucket is Bucket.CERTAIN and self.policy.binds_certain:
                self._bind(made, ours, theirs)
            elif made.bucket is not Bucket.NONE:
                open_.append(made)
        self.crosswalk.propose(self.role, self.company, open_)
        self.told.likely = len(open_)

    def _in_doubt(self, where: str) -> dict[str, str]:
        """Who is being created there, and under which id; whether that was done is for `create` to find out."""
        claims = self.crosswalk.claims(self.role, where)
        return {it.source_id: it.target_id for it in claims if it.finding is None}

    def _proposed(self, proposal: Proposal, refused: frozenset[str]) -> Proposed:
        ranked = tuple(
            Ranked(it.party.id, it.score, tuple(sign.says for sign in it.signs))
            for it in proposal.candidates
            if it.party.id not in refused
        )
        bucket = proposal.bucket if len(ranked) == len(proposal.candidates) else Bucket.LIKELY
        return Proposed(self.role, self.company, proposal.party.id, bucket if ranked else Bucket.NONE, ranked, refused)

    def _bind(self, made: Proposed, ours: Mapping[str, Party], theirs: Mapping[str, Party]) -> None:
        best = made.candidates[0]
        pair = Pair(self.role, self.company, made.field_id, best.gp_id)
        detail = {"score": best.score, "signs": list(best.signs)}
        self.told.bound += self.crosswalk.bind(
            pair, How.CERTAIN, "clock", ours[made.field_id], theirs[best.gp_id], detail
        )

    # Creating

    def create(self, progress: Progress) -> None:
        """Make those whom the other side lacks, where the rulebook allows it."""
        proposals = self.crosswalk.proposals(self.role, self.company)
        waiting = {it.field_id for it in proposals if it.candidates}
        possible = {one.gp_id for it in proposals for one in it.candidates}
        self._end_claims()
        to_servicetitan = self._in_doubt(FIELD)
        settled = {*self._bindings(), *self.taken, *waiting}
        lacking = [it for it in _open(self._ours(), settled) if it.counterpart not in to_servicetitan]
        self.told.alone = len(lacking)
        if self.policy.creates_in_gp:
            self._create_all(lacking, self.company, progress)
        if self.policy.creates_in_servicetitan:
            being_made = self._in_doubt(self.company).values()
            used = {*self._used(), *possible, *being_made}
            self._create_all(_open(self._theirs(), used), FIELD, progress)

    def _end_claims(self) -> None:
        """Of those that a person, or an alignment that died, bound since."""
        for where, settled in ((self.company, {*self._bindings(), *self.taken}), (FIELD, self._used())):
            for claim in self.crosswalk.claims(self.role, where):
                if claim.source_id in settled:
                    self.crosswalk.end(claim)

    def _create_all(self, parties: Sequence[Party], where: str, progress: Progress) -> None:
        claims = {it.source_id: it for it in self.crosswalk.claims(self.role, where)}
        lacking: set[str] = set()
        for start in range(0, len(parties), _CHUNK):
            made: list[tuple[Claim, Party, str]] = []
            for party in parties[start : start + _CHUNK]:
                claim = self._wanted(party, where, claims.get(party.id), lacking)
                if claim is not None and (id := self._create(claim, party, where)):
                    made.append((claim, party, id))
            self._bind_created(made, where)
            progress(f"create in {where or Side.FIELD.value}", min(start + _CHUNK, len(parties)), len(parties))

    def _wanted(self, party: Party, where: str, before: Claim | None, lacking: set[str]) -> Claim | None:
        """The claim under which it may be created now; None where a person, or the pause, comes first."""
        wanted = for_gp(party, self.company, self.rulebook) if where else for_servicetitan(party)
        if isinstance(wanted, Finding):
            if wanted.says not in lacking:
                lacking.add(wanted.says)
                self.told.findings.append(wanted)
            return None
        claim = Claim(self.role, where, party.id, wanted.id, _digest(wanted), 1, self.clock.now())
        if before is None:
            return claim
        if before.finding is not None and before.digest == claim.digest:
            self.told.findings.append(before.finding)
            return None
        if before.finding is None and (self.clock.now() - before.since).total_seconds() < self.pause:
            self.told.in_doubt += 1
            return None
        return replace(claim, attempt=before.attempt + 1)

    def _create(self, claim: Claim, party: Party, where: str) -> str:
        """Its id on the other side, once it is there; "" where it is not. The claim stands until it is bound."""
        book = self.gp if where else self.servicetitan
        for turn in range(_TURNS):
            wanted = for_gp(party, self.company, self.rulebook, turn) if where else for_servicetitan(party)
            assert isinstance(wanted, Party), "it was made before"
            claim = self.crosswalk.claim(replace(claim, target_id=wanted.id))
            match book.create(wanted):
                case writing.Made(id):
                    return id
                case writing.AlreadyThere(standing):
                    return standing.id
                case outcomes.Held(findings) if where and {it.code for it in findings} == {"party.id_taken"}:
                    continue
                case outcomes.Held(findings):
                    self.crosswalk.end(claim, findings[0])
                    self.told.findings += findings
                    return ""
                case outcomes.InDoubt():
                    self.told.in_doubt += 1
                    return ""
                case outcomes.Deferred():
                    self.crosswalk.end(claim)
                    return ""
                case other:
                    assert_never(other)
        self.crosswalk.end(claim, _no_id(party, self.company))
        self.told.findings.append(_no_id(party, self.company))
        return ""

    def _bind_created(self, made: Sequence[tuple[Claim, Party, str]], where: str) -> None:
        """Bind them as the other side shows them now, and end their claims."""
        if not made:
            return
        book = self.gp if where else self.servicetitan
        standing = book.by_ids(self.role, [id for _, _, id in made])
        for claim, party, id in made:
            there = standing.get(id)
            if there is None:
                continue  # gone again already: the claim stands, and the next alignment looks
            here, over_there = (party, there) if where else (there, party)
            pair = Pair(self.role, self.company, here.id, over_there.id)
            if self.crosswalk.bind(pair, How.CREATED, "clock", here, over_there, {"attempt": claim.attempt}):
                self.told.created_in_gp += bool(where)
                self.told.created_in_servicetitan += not where
            self.crosswalk.keep(where, [there])
            self.crosswalk.end(claim)

    # Edits

    def carry_across(self, progress: Progress) -> None:
        """What was edited on one side goes to the other, as the rulebook says who owns what."""
        rules = self.policy.among(self.servicetitan.takes(self.role), self.gp.takes(self.role))
        ours, theirs = self._ours(), self._theirs()
        bindings = self._bindings()
        for done, (id, binding) in enumerate(bindings.items(), 1):
            here, there = ours.get(id), theirs.get(binding.pair.gp_id)
            if here is None or there is None:
                if binding.conflict is None:
                    self._hold(binding, _gone(binding, Side.FIELD if here is None else Side.BOOKS))
                continue
            if (here, there) != (binding.in_field, binding.in_books) and not here.merged_to:
                self._carry(binding, here, there, changes(binding.in_field, binding.in_books, here, there, rules))
            progress("edits", done, len(bindings))
        self.told.conflicts = sum(it.conflict is not None for it in self._bindings().values())

    def _carry(self, binding: Binding, here: Party, there: Party, wanted: Changes) -> None:
        if wanted.conflicts:
            conflict = _conflict(binding, wanted.conflicts)
            if conflict != binding.conflict:
                self._hold(binding, conflict)
            return
        detail: dict[str, object] = {}
        now_there = self._update(binding, self.gp, there, wanted.to_books)
        now_here = self._update(binding, self.servicetitan, here, wanted.to_field) if now_there else None
        if now_there is None or now_here is None:
            return
        for name, values, side in (
            ("to_gp", wanted.to_books, Side.BOOKS),
            ("to_servicetitan", wanted.to_field, Side.FIELD),
        ):
            if values:
                detail[name] = sorted(it.value for it in values)
                lost = edited(side, wanted.lost)
                if lost:
                    detail[f"gave_way_in_{side.name.lower()}"] = lost
        self.told.updated_in_gp += bool(wanted.to_books)
        self.told.updated_in_servicetitan += bool(wanted.to_field)
        self.crosswalk.made_equal(binding, now_here, now_there, detail)

    def _update(self, binding: Binding, book: PartyBook, stands: Party, values: Mapping[Field, Value]) -> Party | None:
        """The party as that side shows it from now on; None where it could not be changed this time."""
        if not values:
            return stands
        wanted = written(stands, values)
        match book.update(stands, wanted):
            case writing.Changed() | writing.Unchanged():
                shown = book.as_kept(wanted)
                self.crosswalk.keep(FIELD if book.side is Side.FIELD else self.company, [shown])
                return shown
            case writing.Overtaken(now, _):
                self.crosswalk.keep(FIELD if book.side is Side.FIELD else self.company, [now])
                return None  # the next alignment decides from what stands there now
            case outcomes.Held(findings):
                self._hold(binding, findings[0])
                return None
            case outcomes.InDoubt() | outcomes.Deferred():
                self.told.in_doubt += 1
                return None  # it may be repeated
            case other:
                assert_never(other)

    def _hold(self, binding: Binding, finding: Finding) -> None:
        if binding.conflict != finding:
            self.crosswalk.hold(binding, finding)
        self.told.findings.append(finding)

    # What is known

    def _used(self) -> set[str]:
        """GP's parties that are somebody of ServiceTitan's."""
        return {*(it.pair.gp_id for it in self._bindings().values()), *self.taken.values()}

    def _ours(self) -> dict[str, Party]:
        return self.crosswalk.parties(self.role, FIELD)

    def _theirs(self) -> dict[str, Party]:
        return self.crosswalk.parties(self.role, self.company)

    def _bindings(self) -> dict[str, Binding]:
        return {it.pair.field_id: it for it in self.crosswalk.bindings(self.role, self.company)}


def confirm(
    crosswalk: Crosswalk, role: Role, company: str, field_id: str, gp_id: str, who: str, books: PartyBook | None = None
) -> bool:
    """A person says that the two are one. False where ServiceTitan's is bound already.

    Raises Interrupted `party.taken`; `party.unknown` where one of them was never seen.
    """
    here = crosswalk.parties(role, FIELD, [field_id]).get(field_id)
    there = crosswalk.parties(role, company, [gp_id]).get(gp_id)
    if there is None and books is not None:
        there = books.by_ids(role, [gp_id]).get(gp_id)
    for party, id, side in ((here, field_id, Side.FIELD), (there, gp_id, Side.BOOKS)):
        if party is None:
            raise Interrupted(_unknown(role, id, side))
    assert here is not None
    assert there is not None
    return crosswalk.bind(Pair(role, company, field_id, gp_id), How.CONFIRMED, who, here, there, {})


def bound(crosswalk: Crosswalk) -> dict[tuple[Role, str, str], str]:
    """GP's ids by (role, company, ServiceTitan's id), for planning."""
    return {(it.pair.role, it.pair.company, it.pair.field_id): it.pair.gp_id for it in crosswalk.bindings()}


def _open(parties: Mapping[str, Party], settled: Collection[str]) -> list[Party]:
    """Those that are in use and nobody's yet, by id."""
    return [it for id, it in sorted(parties.items()) if id not in settled and it.active and not it.merged_to]


def _survivor(id: str, parties: Mapping[str, Party]) -> Party | None:
    """Who took the place of a party in the end; None where nobody did, or that is not told."""
    seen: set[str] = set()
    party = parties.get(id)
    while party is not None and party.merged_to and party.id not in seen:
        seen.add(party.id)
        party = parties.get(party.merged_to)
    return party if party is not None and party.id != id and not party.merged_to else None


def _digest(party: Party) -> str:
    return hashlib.sha256(msgspec.json.encode(replace(party, id=""), order="deterministic")).hexdigest()


def _conflict(binding: Binding, conflicts: Iterable[Conflict]) -> Finding:
    told = "; ".join(
        f"{it.field.value} is '{it.in_field}' in ServiceTitan and '{it.in_books}' in GP" for it in conflicts
    )
    pair = binding.pair
    return Finding(
        "party.conflict",
        f"{pair.role.value} {pair.field_id} = {pair.gp_id} in {pair.company}",
        f"both sides were edited: {told}",
        "Write the right value on both sides; or say in the rulebook's Party fields table which side wins. Then align again.",
    )


def _gone(binding: Binding, side: Side) -> Finding:
    pair = binding.pair
    return Finding(
        "party.gone",
        f"{pair.role.value} {pair.field_id} = {pair.gp_id} in {pair.company}",
        f"{side.value} does not have it any more",
        f"Find out who deleted it in {side.value}; then run 'ml-connector parties unbind' for {pair.field_id}, and bind it to "
        "another.",
    )


def _merged(binding: Binding, into: Party, gp_id: str) -> Finding:
    pair = binding.pair
    return Finding(
        "party.merged",
        f"{pair.role.value} {pair.field_id} = {pair.gp_id} in {pair.company}",
        f"ServiceTitan merged it into {into.id}, which is {gp_id} in GP: GP has two for one",
        f"In GP, combine {pair.gp_id} and {gp_id} (Professional Services Tools), or go on with both; what is entered from now on "
        f"is for {gp_id}. Then run 'ml-connector parties unbind' for {pair.field_id}.",
    )


def _no_id(party: Party, company: str) -> Finding:
    noun = party.role.value
    return Finding(
        "party.no_id",
        f"ServiceTitan {noun} {party.id}",
        f"every id that we would give it in {company} is somebody else's there",
        f"Create the {noun} in GP by hand, and run 'ml-connector parties bind' for {party.id}.",
    )


def _unknown(role: Role, id: str, side: Side) -> Finding:
    return Finding(
        "party.unknown",
        f"{side.value} {role.value} {id}",
        "no alignment has seen it yet",
        "See whether the id is right; then run 'ml-connector parties align', which reads both sides, and bind again.",
    )
