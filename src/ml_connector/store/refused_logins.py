"""Passwords that a Windows domain refused, remembered for every process at this database, so that no account is locked.

A run every ten minutes is a process of its own, and so would try a wrong password again each time. What is kept of a
password is an argon2id digest (RFC 9106, its second recommended choice), because it may be last month's good one: each
guess at it costs 64 MiB of memory and some tenths of a second. All refused passwords of an account share its salt.

What is refused, and what a person lets be tried again, is told in the trail of the installation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from typing import Protocol

import sqlalchemy as sa
from argon2.low_level import Type, hash_secret_raw

from ml_connector.docket.trail import Event
from ml_connector.store import lease, trail
from ml_connector.store.database import Database, utc_now
from ml_connector.store.schema import INSTALLATION, refused_logins

SALT, DIGEST = 16, 32  # bytes
PASSES, MEMORY, LANES = 3, 1 << 16, 4  # MEMORY in KiB
POLL = 0.05  # seconds between two looks at whether it is our turn
AFTERWARDS = 30.0  # seconds beyond the patience of others after which the turn of a process that died is taken over


class Secret(Protocol):
    """A password or the bytes of a keytab, as text."""

    def reveal(self) -> str: ...


class RefusedLogins:
    """Names in any case. Safe to use from several threads. Raises Interrupted `store.unreachable` and its kin."""

    def __init__(self, database: Database, actor: str, now: Callable[[], datetime] = utc_now) -> None:
        self._database, self._actor, self._now = database, actor, now

    def turn(self, domain: str, username: str, patience: float) -> AbstractContextManager[object] | None:
        """The right to try a password of this account, one process at a time; None where it does not come within
        `patience` seconds."""
        tenant = "login " + "\\".join(_names(domain, username))
        deadline = time.monotonic() + patience
        while True:
            held = lease.hold(self._database, self._now, tenant, self._actor, patience + AFTERWARDS)
            if held is not None:
                turn = ExitStack()
                turn.callback(held.release)
                return turn
            if time.monotonic() >= deadline:
                return None
            time.sleep(POLL)

    def knows(self, domain: str, username: str, password: Secret) -> bool:
        """Whether this very password was refused. Quick where none ever was."""
        with self._database.reading() as sql:
            row = sql.execute(sa.select(refused_logins).where(*_here(domain, username))).mappings().one_or_none()
        return row is not None and _digest(password, row["salt"]) in _split(row["digest"])

    def remember(self, domain: str, username: str, password: Secret) -> None:
        """It was refused."""
        with self._database.writing() as sql:
            told = trail.Writing(sql, INSTALLATION, self._actor, self._now())  # others who remember wait here
            row = sql.execute(sa.select(refused_logins).where(*_here(domain, username))).mappings().one_or_none()
            salt = os.urandom(SALT) if row is None else row["salt"]
            digests = [] if row is None else _split(row["digest"])
            digest = _digest(password, salt)
            if digest in digests:
                return
            named = dict(zip(("domain", "username"), _names(domain, username), strict=True))
            values = {"salt": salt, "digest": b"".join([*digests, digest]), "refused_at": told.at}
            if row is None:
                sql.execute(sa.insert(refused_logins).values(**named, **values))
            else:
                sql.execute(sa.update(refused_logins).where(*_here(domain, username)).values(**values))
            told.append(Event("login.refused", named))
            told.seal()

    def forget(self, domain: str, username: str) -> bool:
        """Let the passwords of an account be tried again; whether any was refused."""
        with self._database.writing() as sql:
            told = trail.Writing(sql, INSTALLATION, self._actor, self._now())
            gone = sql.execute(sa.delete(refused_logins).where(*_here(domain, username))).rowcount == 1
            if gone:
                named = dict(zip(("domain", "username"), _names(domain, username), strict=True))
                told.append(Event("login.allowed", named))
                told.seal()
        return gone


def _names(domain: str, username: str) -> tuple[str, str]:
    return domain.casefold(), username.casefold()


def _here(domain: str, username: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    domain, username = _names(domain, username)
    return refused_logins.c.domain == domain, refused_logins.c.username == username


def _digest(password: Secret, salt: bytes) -> bytes:
    text = password.reveal().encode("utf-8", "surrogatepass")
    return hash_secret_raw(text, salt, PASSES, MEMORY, LANES, DIGEST, Type.ID)


def _split(digests: bytes) -> list[bytes]:
    return [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)]
