"""The crosswalk as the ledger keeps it: what each side showed of its parties, and who is whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.parties.matching import Bucket
from ml_connector.parties.party import Party, Role
from ml_connector.parties.records import Binding, Claim, How, Pair, Proposed, Ranked
from ml_connector.store.database import Database
from ml_connector.store.forms import text
from ml_connector.store.schema import bindings, cursors, parties, party_claims, proposals
from ml_connector.store.trail import Writing

FIELD = ""  # the place of ServiceTitan's own parties; a company's short name is never empty
_CHUNK = 500


class Crosswalk:
    """The parties of one connection. `writing` opens a durable transaction of its ledger, under the lease if there is one.

    Every method raises Interrupted as the ledger's do.
    """

    def __init__(
        self, database: Database, connection_id: int, writing: Callable[[], AbstractContextManager[Writing]]
    ) -> None:
        self._database, self._id, self._writing = database, connection_id, writing

    # What each side showed

    def place(self, name: str) -> str | None:
        """How far a side has been read, in its own words; None before the first time."""
        here = (cursors.c.connection_id == self._id, cursors.c.kind == f"parties {name}")
        with self._database.reading() as sql:
            token: str | None = sql.execute(sa.select(cursors.c.token).where(*here)).scalar_one_or_none()
        return token

    def take(
        self,
        company: str,
        shown: Sequence[Party],
        name: str,
        place: str | None,
        gone: Sequence[str] = (),
        role: Role = Role.CUSTOMER,
    ) -> int:
        """Keep what a side shows of these parties, forget those of this role that are gone there, and keep how far it has
        been read where that is known, all or nothing. How many were news."""
        with self._writing() as w:
            news = self._keep_all(w, company, shown)
            for part in _chunks(gone):
                there = (
                    parties.c.connection_id == self._id,
                    parties.c.role == role.value,
                    parties.c.company == company,
                )
                w.sql.execute(sa.delete(parties).where(*there, parties.c.party_id.in_(part or ())))
            if place is not None:
                self._move(w, f"parties {name}", place)
            return news

    def keep(self, company: str, shown: Sequence[Party]) -> None:
        """Keep what a side shows of these parties, wherever its reading stands."""
        with self._writing() as w:
            self._keep_all(w, company, shown)

    def parties(self, role: Role, company: str, ids: Iterable[str] | None = None) -> dict[str, Party]:
        """As they were last seen, by id; `company` "" for ServiceTitan's."""
        wanted = sa.select(parties.c.body).where(
            parties.c.connection_id == self._id, parties.c.role == role.value, parties.c.company == company
        )
        found: dict[str, Party] = {}
        with self._database.reading() as sql:
            for part in _chunks(ids):
                question = wanted if part is None else wanted.where(parties.c.party_id.in_(part))
                for (body,) in sql.execute(question):
                    party = msgspec.json.decode(body, type=Party)
                    found[party.id] = party
        return found

    # Who is whom

    def bindings(self, role: Role | None = None, company: str | None = None) -> list[Binding]:
        """Those that hold, by company and ServiceTitan's id."""
        wanted = sa.select(bindings).where(bindings.c.connection_id == self._id, bindings.c.ended_at.is_(None))
        if role is not None:
            wanted = wanted.where(bindings.c.role == role.value)
        if company is not None:
            wanted = wanted.where(bindings.c.company == company)
        ordered = wanted.order_by(bindings.c.company, bindings.c.role, bindings.c.field_id)
        with self._database.reading() as sql:
            return [_binding(row) for row in sql.execute(ordered).mappings()]

    def bind(
        self, pair: Pair, how: How, by: str, in_field: Party, in_books: Party, detail: Mapping[str, object]
    ) -> bool:
        """Say that two are one. False where ServiceTitan's party is bound already; Raises Interrupted `party.taken`
        where GP's is, unless by a merge."""
        with self._writing() as w:
            holder = self._holder(w, pair)
            if holder is not None and holder != pair.field_id and how is not How.MERGED:
                raise Interrupted(_taken(pair, holder))
            row = {"connection_id": self._id, "how": how.value, "bound_by": by, "bound_at": w.at, "conflict": ""}
            row |= {"role": pair.role.value, "company": pair.company, "field_id": pair.field_id, "gp_id": pair.gp_id}
            row |= {"field_base": text(in_field), "books_base": text(in_books)}
            try:
                with w.sql.begin_nested():
                    w.sql.execute(sa.insert(bindings).values(row))
            except IntegrityError:
                return False
            self._forget_proposal(w, pair)
            w.append(Event("party.bound", {**_told(pair), "how": how.value, **detail}))
        return True

    def unbind(self, binding: Binding, why: str, refuse: bool) -> bool:
        """End a binding; with `refuse`, the two are never proposed to each other again. False where it had ended."""
        with self._writing() as w:
            here = sa.update(bindings).where(bindings.c.id == binding.id, bindings.c.ended_at.is_(None))
            if w.sql.execute(here.values(ended_at=w.at)).rowcount != 1:
                return False
            if refuse:
                self._refuse(w, binding.pair)
            w.append(Event("party.unbound", {**_told(binding.pair), "why": why}))
        return True

    def made_equal(self, binding: Binding, in_field: Party, in_books: Party, detail: Mapping[str, object]) -> bool:
        """Keep what the two show now that they are equal; `detail` is what was written, and what gave way."""
        return self._settle(
            binding, in_field, in_books, None, Event("party.aligned", {**_told(binding.pair), **detail})
        )

    def hold(self, binding: Binding, conflict: Finding) -> bool:
        """A person must decide what the two are to read."""
        event = Event("party.conflict", {**_told(binding.pair), "says": conflict.says})
        return self._settle(binding, binding.in_field, binding.in_books, conflict, event)

    # Who may be whom

    def proposals(self, role: Role | None = None, company: str | None = None) -> list[Proposed]:
        wanted = sa.select(proposals).where(proposals.c.connection_id == self._id)
        if role is not None:
            wanted = wanted.where(proposals.c.role == role.value)
        if company is not None:
            wanted = wanted.where(proposals.c.company == company)
        ordered = wanted.order_by(proposals.c.company, proposals.c.role, proposals.c.field_id)
        with self._database.reading() as sql:
            return [_proposed(row) for row in sql.execute(ordered).mappings()]

    def propose(self, role: Role, company: str, made: Sequence[Proposed]) -> None:
        """Take the place of all proposals of this role and company; what a person refused stays refused."""
        with self._writing() as w:
            here = (
                proposals.c.connection_id == self._id,
                proposals.c.role == role.value,
                proposals.c.company == company,
            )
            refused = {
                row["field_id"]: row["refused"] for row in w.sql.execute(sa.select(proposals).where(*here)).mappings()
            }
            kept = {it.field_id for it in made}
            w.sql.execute(sa.delete(proposals).where(*here))
            rows = [_row(it) | {"refused": refused.get(it.field_id, "[]")} for it in made]
            rows += [
                _row(Proposed(role, company, id, Bucket.NONE)) | {"refused": no}
                for id, no in refused.items()
                if id not in kept and no != "[]"
            ]
            if rows:
                stamp = {"connection_id": self._id, "made_at": w.at}
                w.sql.execute(sa.insert(proposals), [row | stamp for row in rows])

    def refuse(self, pair: Pair) -> None:
        """A person says that the two are not one."""
        with self._writing() as w:
            self._refuse(w, pair)
            w.append(Event("party.refused", _told(pair)))

    # What is being created

    def claims(self, role: Role, company: str) -> list[Claim]:
        here = (
            party_claims.c.connection_id == self._id,
            party_claims.c.role == role.value,
            party_claims.c.company == company,
        )
        with self._database.reading() as sql:
            rows = sql.execute(sa.select(party_claims).where(*here).order_by(party_claims.c.source_id)).mappings()
            return [_claim(row) for row in rows]

    def claim(self, wanted: Claim) -> Claim:
        """Keep it, durably, before anything is sent: the next attempt of the one that is there."""
        with self._writing() as w:
            made = replace(wanted, since=w.at, finding=None)
            self._drop(w, wanted)
            w.sql.execute(sa.insert(party_claims).values(_claim_row(self._id, made)))
            w.append(Event("party.claimed", {"role": made.role.value, "company": made.company, **_what(made)}))
        return made

    def end(self, claim: Claim, finding: Finding | None = None) -> None:
        """It is done; or, with a finding, held."""
        with self._writing() as w:
            self._drop(w, claim)
            if finding is not None:
                held = replace(claim, finding=finding)
                w.sql.execute(sa.insert(party_claims).values(_claim_row(self._id, held)))
                w.append(
                    Event(
                        "party.held",
                        {"company": claim.company, "code": finding.code, "says": finding.says, **_what(claim)},
                    )
                )

    # How it is done

    def _keep_all(self, w: Writing, company: str, shown: Sequence[Party]) -> int:
        news = 0
        for role in Role:
            newest = {it.id: it for it in shown if it.role is role}
            for part in _chunks(newest):
                news += self._keep(w, role, company, {id: newest[id] for id in part or ()})
        return news

    def _keep(self, w: Writing, role: Role, company: str, shown: Mapping[str, Party]) -> int:
        here = (
            parties.c.connection_id == self._id,
            parties.c.role == role.value,
            parties.c.company == company,
            parties.c.party_id.in_(shown),
        )
        seen = sa.select(parties.c.party_id, parties.c.body).where(*here)
        known = {row.party_id: row.body for row in w.sql.execute(seen)}
        bodies = {id: text(it) for id, it in shown.items()}
        news = [id for id, body in bodies.items() if known.get(id) != body]
        if news:
            w.sql.execute(sa.delete(parties).where(*here[:3], parties.c.party_id.in_(news)))
            shared = {"connection_id": self._id, "role": role.value, "company": company, "seen_at": w.at}
            rows = [{**shared, "party_id": id, "name": shown[id].name, "body": bodies[id]} for id in news]
            w.sql.execute(sa.insert(parties), rows)
        return len(news)

    def _move(self, w: Writing, kind: str, token: str) -> None:
        here = (cursors.c.connection_id == self._id, cursors.c.kind == kind)
        w.sql.execute(sa.delete(cursors).where(*here))
        w.sql.execute(sa.insert(cursors).values(connection_id=self._id, kind=kind, token=token, moved_at=w.at))

    def _holder(self, w: Writing, pair: Pair) -> str | None:
        here = sa.select(bindings.c.field_id).where(
            bindings.c.connection_id == self._id,
            bindings.c.role == pair.role.value,
            bindings.c.company == pair.company,
            bindings.c.gp_id == pair.gp_id,
            bindings.c.ended_at.is_(None),
        )
        return w.sql.execute(here.limit(1)).scalar_one_or_none()

    def _settle(
        self, binding: Binding, in_field: Party, in_books: Party, conflict: Finding | None, event: Event | None
    ) -> bool:
        with self._writing() as w:
            here = sa.update(bindings).where(bindings.c.id == binding.id, bindings.c.ended_at.is_(None))
            values = {"field_base": text(in_field), "books_base": text(in_books)}
            values["conflict"] = text(conflict) if conflict else ""
            if w.sql.execute(here.values(values)).rowcount != 1:
                return False
            if event is not None:
                w.append(event)
        return True

    def _refuse(self, w: Writing, pair: Pair) -> None:
        here = self._proposal_of(pair)
        was = w.sql.execute(sa.select(proposals.c.refused).where(*here)).scalar_one_or_none()
        refused = sorted({*msgspec.json.decode(was or "[]"), pair.gp_id})
        w.sql.execute(sa.delete(proposals).where(*here))
        row = _row(Proposed(pair.role, pair.company, pair.field_id, Bucket.NONE)) | {"refused": text(refused)}
        w.sql.execute(sa.insert(proposals).values({**row, "connection_id": self._id, "made_at": w.at}))

    def _forget_proposal(self, w: Writing, pair: Pair) -> None:
        w.sql.execute(sa.delete(proposals).where(*self._proposal_of(pair), proposals.c.refused == "[]"))

    def _proposal_of(self, pair: Pair) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            proposals.c.connection_id == self._id,
            proposals.c.role == pair.role.value,
            proposals.c.company == pair.company,
            proposals.c.field_id == pair.field_id,
        )

    def _drop(self, w: Writing, claim: Claim) -> None:
        w.sql.execute(
            sa.delete(party_claims).where(
                party_claims.c.connection_id == self._id,
                party_claims.c.role == claim.role.value,
                party_claims.c.company == claim.company,
                party_claims.c.source_id == claim.source_id,
            )
        )


def _chunks(ids: Iterable[str] | None) -> list[list[str] | None]:
    if ids is None:
        return [None]
    ordered = sorted(set(ids))
    return [ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK)]


def _binding(row: sa.RowMapping) -> Binding:
    pair = Pair(Role(row["role"]), row["company"], row["field_id"], row["gp_id"])
    return Binding(
        id=row["id"],
        pair=pair,
        how=How(row["how"]),
        by=row["bound_by"],
        at=row["bound_at"],
        in_field=msgspec.json.decode(row["field_base"], type=Party),
        in_books=msgspec.json.decode(row["books_base"], type=Party),
        conflict=msgspec.json.decode(row["conflict"], type=Finding) if row["conflict"] else None,
    )


def _proposed(row: sa.RowMapping) -> Proposed:
    candidates = msgspec.json.decode(row["candidates"], type=tuple[Ranked, ...])
    refused = msgspec.json.decode(row["refused"], type=frozenset[str])
    return Proposed(Role(row["role"]), row["company"], row["field_id"], Bucket(row["bucket"]), candidates, refused)


def _row(it: Proposed) -> dict[str, Any]:
    row = {"role": it.role.value, "company": it.company, "field_id": it.field_id, "bucket": it.bucket.value}
    return row | {"candidates": text(it.candidates), "refused": text(sorted(it.refused))}


def _claim(row: sa.RowMapping) -> Claim:
    finding = msgspec.json.decode(row["finding"], type=Finding) if row["finding"] else None
    what = (row["source_id"], row["target_id"], row["digest"], row["attempt"], row["since"])
    return Claim(Role(row["role"]), row["company"], *what, finding)


def _claim_row(connection_id: int, claim: Claim) -> dict[str, Any]:
    row = {"connection_id": connection_id, "role": claim.role.value, "company": claim.company, "since": claim.since}
    row |= {"source_id": claim.source_id, "target_id": claim.target_id, "digest": claim.digest}
    return row | {"attempt": claim.attempt, "finding": text(claim.finding) if claim.finding else ""}


def _what(claim: Claim) -> dict[str, object]:
    return {"party": claim.source_id, "id": claim.target_id, "attempt": claim.attempt}


def _told(pair: Pair) -> dict[str, object]:
    return {"role": pair.role.value, "company": pair.company, "servicetitan": pair.field_id, "gp": pair.gp_id}


def _taken(pair: Pair, holder: str) -> Finding:
    noun = pair.role.value
    return Finding(
        "party.taken",
        f"GP {noun} {pair.gp_id} in {pair.company}",
        f"it is bound to ServiceTitan {noun} {holder} already, and {pair.field_id} would be a second one",
        f"Run 'ml-connector parties unbind' for {noun} {holder} first, or bind {pair.field_id} to another GP {noun}.",
    )
