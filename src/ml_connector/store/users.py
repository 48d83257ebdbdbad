"""The users of an installation. Every change of them stands in the installation's own trail, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from ml_connector.docket.people import Role, User, last_administrator, no_administrator, not_the_first, wrong_user
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store.database import Database, utc_now
from ml_connector.store.forms import text
from ml_connector.store.schema import INSTALLATION, users
from ml_connector.store.trail import Writing

if TYPE_CHECKING:
    from ml_connector.store.passwords import Passwords

_EVERY = sa.select(users).order_by(users.c.name)


class Users:
    """Add, list, change, sign in. A user is never deleted: the trail goes on naming them.

    `actor` is who does it: a user's name, or the operating-system account as long as there is no user. Whatever changes
    users raises Interrupted `user.not_allowed` unless the actor is an active administrator in that very moment; their own
    password is everybody's to change.
    """

    def __init__(self, database: Database, actor: str, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._actor = actor
        self._now = now

    def all(self) -> list[User]:
        """By name."""
        with self._database.reading() as sql:
            return _read(sql)

    def add(self, name: str, full_name: str, os_account: str | None, roles: Collection[Role]) -> User:
        """Raises Interrupted `user.name`, `user.no_role`, `user.exists`, `user.account_taken`, `user.first_administrator`."""
        _refuse(wrong_user(name, roles))
        with self._changing() as (w, known):
            _refuse(no_administrator(self._actor, known))
            if not known:
                _refuse(not_the_first(name, os_account, roles, self._actor))
            if any(it.name == name for it in known):
                remedy = "Choose another name, or change the one that is there with 'ml-connector user change'."
                raise Interrupted(Finding("user.exists", f"user {name}", "there is a user of that name", remedy))
            _refuse(_account_taken(os_account, name, known))
            added = User(name, full_name, os_account, frozenset(roles), True, False, w.at, self._actor)
            w.sql.execute(sa.insert(users).values(password_hash="", **_row(added)))
            w.append(Event("user.added", {"name": name, **_told(added)}))
        return added

    def change(
        self,
        name: str,
        *,
        full_name: str | None = None,
        os_account: str | None = None,
        roles: Collection[Role] | None = None,
        active: bool | None = None,
    ) -> User:
        """Change what is given; an `os_account` of "" takes it away. Raises Interrupted as `add`, `user.last_administrator`."""
        with self._changing() as (w, known):
            _refuse(no_administrator(self._actor, known))
            before = _named(name, known)
            wanted = replace(
                before,
                full_name=before.full_name if full_name is None else full_name,
                os_account=before.os_account if os_account is None else os_account or None,
                roles=before.roles if roles is None else frozenset(roles),
                active=before.active if active is None else active,
            )
            others = [it for it in known if it.name != name]
            _refuse(wrong_user(name, wanted.roles))
            _refuse(_account_taken(wanted.os_account, name, others))
            _refuse(last_administrator(before, wanted, others))
            if wanted == before:
                return before
            after = replace(wanted, changed=w.at, changed_by=self._actor)
            w.sql.execute(sa.update(users).where(users.c.name == name).values(**_row(after)))
            detail = {"name": name, "before": _told(before), "after": _told(after)}
            w.append(Event("user.changed" if after.active == before.active else _TURNED[after.active], detail))
        return after

    def set_password(self, name: str, password: str, passwords: Passwords) -> None:
        """Raises Interrupted `user.unknown`, `user.password_weak`."""
        from ml_connector.store.passwords import too_weak

        _refuse(too_weak(name, password))
        kept = passwords.kept(password)
        with self._changing() as (w, known):
            _refuse(None if name == self._actor else no_administrator(self._actor, known))
            _named(name, known)
            set_by = {"changed_at": w.at, "changed_by": self._actor}
            w.sql.execute(sa.update(users).where(users.c.name == name).values(password_hash=kept, **set_by))
            w.append(Event("user.password_set", {"name": name}))

    def sign_in(self, name: str, password: str, passwords: Passwords) -> User | None:
        """The user, if it is their password and they are active. Every refusal is the same, and costs the same.

        A hash whose parameters have grown since is made anew while the password is at hand.
        """
        name = name.strip().lower()
        with self._database.reading() as sql:
            row = sql.execute(sa.select(users).where(users.c.name == name)).mappings().one_or_none()
        kept = row["password_hash"] if row is not None and row["active"] else ""
        if not passwords.fits(kept, password) or row is None:
            return None
        if passwords.is_outdated(kept):
            anew = passwords.kept(password)
            there = sa.update(users).where(users.c.name == name, users.c.password_hash == kept)
            with self._changing() as (w, _):
                if w.sql.execute(there.values(password_hash=anew)).rowcount:  # else it was changed meanwhile
                    w.append(Event("user.password_rehashed", {"name": name}))
        return _user(row)

    @contextmanager
    def _changing(self) -> Iterator[tuple[Writing, list[User]]]:
        """One change at a time, with the users as they stand: the end of the installation's trail is locked first."""
        with self._database.writing() as sql:
            w = Writing(sql, INSTALLATION, self._actor, self._now())
            yield w, _read(sql)
            w.seal()


_TURNED = {True: "user.activated", False: "user.deactivated"}


def _read(sql: sa.Connection) -> list[User]:
    return [_user(row) for row in sql.execute(_EVERY).mappings()]


def _user(row: sa.RowMapping) -> User:
    return User(
        name=row["name"],
        full_name=row["full_name"],
        os_account=row["os_account"],
        roles=frozenset(msgspec.json.decode(row["roles"], type=list[Role])),
        active=row["active"],
        signs_in=bool(row["password_hash"]),
        changed=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _row(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "full_name": user.full_name,
        "os_account": user.os_account,
        "roles": text(_roles(user)),
        "active": user.active,
        "changed_at": user.changed,
        "changed_by": user.changed_by,
    }


def _told(user: User) -> Mapping[str, object]:
    return {
        "full_name": user.full_name,
        "os_account": user.os_account,
        "roles": _roles(user),
        "active": user.active,
    }


def _roles(user: User) -> list[str]:
    return [role.value for role in Role if role in user.roles]


def _named(name: str, known: Sequence[User]) -> User:
    for user in known:
        if user.name == name:
            return user
    there = ", ".join(it.name for it in known) or "none"
    says = f"there is no user of that name; there is: {there}"
    raise Interrupted(
        Finding("user.unknown", f"user {name}", says, "Give one of these, or 'ml-connector user add' it.")
    )


def _account_taken(os_account: str | None, name: str, others: Sequence[User]) -> Finding | None:
    owner = next((it.name for it in others if os_account is not None and it.os_account == os_account), None)
    if owner is None:
        return None
    says = f"the operating-system account '{os_account}' is {owner} already"
    remedy = f"Give another account, or take it from {owner}: 'ml-connector user change {owner} --os-account \"\"'."
    return Finding("user.account_taken", f"user {name}", says, remedy)


def _refuse(finding: Finding | None) -> None:
    if finding is not None:
        raise Interrupted(finding)
