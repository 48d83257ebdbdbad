"""The vault: credentials encrypted at rest, AES-256-GCM, each bound to its name and to the key that sealed it.

The master keys come from outside (`runtime.keys`), newest first: the newest seals, any of them opens. They are asked for
again where none fits, so that a key can be replaced while processes that know only the older one go on reading. Who
writes locks the end of the installation's trail first: writers come one after the other, and each is told of there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store import trail
from ml_connector.store.database import Database, utc_now
from ml_connector.store.schema import INSTALLATION, vault_secrets

KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class MasterKey:
    """Its text shows its id and never the key."""

    raw: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes")

    @property
    def id(self) -> str:
        return hashlib.sha256(b"ml-connector master key" + self.raw).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """What may be told of a secret."""

    name: str
    key_id: str
    updated: datetime
    by: str


class Vault:
    """The secrets of one database. `keys` gives the master keys as they are now, newest first; there may be none as
    long as nothing is sealed or opened."""

    def __init__(
        self,
        database: Database,
        keys: Callable[[], Sequence[MasterKey]],
        actor: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._keys, self._actor, self._now = database, keys, actor, now
        self._known: Sequence[MasterKey] = ()

    def put(self, name: str, secret: str) -> None:
        """Seal a secret under its name, in place of one that is there."""
        with self._writing() as told:
            key = self._newest(name)
            told.sql.execute(sa.delete(vault_secrets).where(vault_secrets.c.name == name))
            row = {"name": name, "updated_at": told.at, "updated_by": self._actor}
            told.sql.execute(sa.insert(vault_secrets).values(**row, **_sealed(name, secret.encode(), key)))
            told.append(Event("vault.sealed", {"name": name, "key": key.id}))

    def get(self, name: str) -> str:
        """Raises Interrupted `vault.unknown`, `vault.key_missing`, `vault.key_wrong` or `vault.damaged`."""
        row = self._row(name)
        while True:
            key = self._key(row)
            if key is not None:
                return _opened(row, key).decode()
            sealed_with, row = row["key_id"], self._row(name)
            if row["key_id"] == sealed_with:
                raise Interrupted(self._unopened(row))
            # The master key was replaced while we looked.

    def forget(self, name: str) -> bool:
        with self._writing() as told:
            gone = told.sql.execute(sa.delete(vault_secrets).where(vault_secrets.c.name == name)).rowcount == 1
            if gone:
                told.append(Event("vault.forgotten", {"name": name}))
        return gone

    def records(self) -> list[SecretRecord]:
        with self._database.reading() as sql:
            rows = sql.execute(sa.select(vault_secrets).order_by(vault_secrets.c.name)).mappings().all()
        return [SecretRecord(row["name"], row["key_id"], row["updated_at"], row["updated_by"]) for row in rows]

    def check(self) -> list[tuple[str, Finding | None]]:
        """Open every secret, and say of each whether it opens; nothing is changed."""
        checked: list[tuple[str, Finding | None]] = []
        for record in self.records():
            try:
                self.get(record.name)
            except Interrupted as fault:
                checked.append((record.name, fault.finding))
            else:
                checked.append((record.name, None))
        return checked

    def reseal(self) -> int:
        """Seal every secret with the newest key, all in one transaction; how many. One that does not open stops it."""
        with self._writing() as told:
            return self._reseal(told, self._newest())

    def rotate(self, new: MasterKey, write: Callable[[Sequence[MasterKey]], None]) -> int:
        """Seal every secret with a new key; how many.

        `write` keeps the keys where `keys` reads them: the new one beside the old ones before anything is sealed with
        it, and in the end those that still seal something. A process that dies in between leaves what opens everything.
        """
        with self._writing() as told:
            write([new, *self._keys()])
            count = self._reseal(told, new)
        with self._writing() as told:
            keys = self._keys()
            needed = {keys[0].id, *told.sql.scalars(sa.select(vault_secrets.c.key_id).distinct())}
            write([key for key in keys if key.id in needed])
        return count

    def _reseal(self, told: trail.Writing, key: MasterKey) -> int:
        self._known = ()
        rows = told.sql.execute(sa.select(vault_secrets)).mappings().all()
        for row in rows:
            opens = self._key(row)
            if opens is None:
                raise Interrupted(self._unopened(row))
            here = sa.update(vault_secrets).where(vault_secrets.c.name == row["name"])
            told.sql.execute(here.values(**_sealed(row["name"], _opened(row, opens), key)))
        told.append(Event("vault.resealed", {"key": key.id, "count": len(rows)}))
        return len(rows)

    @contextmanager
    def _writing(self) -> Iterator[trail.Writing]:
        with self._database.writing() as sql:
            told = trail.Writing(sql, INSTALLATION, self._actor, self._now())
            yield told
            told.seal()

    def _row(self, name: str) -> sa.RowMapping:
        with self._database.reading() as sql:
            row = sql.execute(sa.select(vault_secrets).where(vault_secrets.c.name == name)).mappings().one_or_none()
        if row is None:
            says, remedy = (
                "the vault holds no secret of this name",
                f"Run 'ml-connector vault put {name}', and type it.",
            )
            raise Interrupted(Finding("vault.unknown", f"vault:{name}", says, remedy))
        return row

    def _newest(self, name: str = "") -> MasterKey:
        keys = self._keys()
        if not keys:
            raise Interrupted(_no_key(f"vault:{name}" if name else "vault"))
        return keys[0]

    def _key(self, row: sa.RowMapping) -> MasterKey | None:
        """The key that sealed a row; asked for anew where it is none of those that we know."""
        for fresh in (False, True):
            if fresh:
                self._known = self._keys()
            found = next((key for key in self._known if key.id == row["key_id"]), None)
            if found is not None:
                return found
        return None

    def _unopened(self, row: sa.RowMapping) -> Finding:
        where = f"vault:{row['name']}"
        if not self._known:
            return _no_key(where)
        at_hand = ", ".join(key.id for key in self._known)
        says = f"it was sealed with master key {row['key_id']}, and the keys at hand are {at_hand}"
        remedy = "Give ml-connector the key file or environment that it had; nothing was destroyed."
        return Finding("vault.key_wrong", where, says, remedy)


def _sealed(name: str, secret: bytes, key: MasterKey) -> dict[str, object]:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key.raw).encrypt(nonce, secret, _bound(name, key.id))
    return {"key_id": key.id, "nonce": nonce, "sealed": sealed}


def _opened(row: sa.RowMapping, key: MasterKey) -> bytes:
    name = row["name"]
    try:
        return AESGCM(key.raw).decrypt(row["nonce"], row["sealed"], _bound(name, row["key_id"]))
    except InvalidTag:
        says = "it was changed or moved since it was sealed: its seal no longer fits"
        remedy = f"Run 'ml-connector vault put {name}', and find out who could write to the database."
        raise Interrupted(Finding("vault.damaged", f"vault:{name}", says, remedy)) from None


def _bound(name: str, key_id: str) -> bytes:
    """What a seal is bound to beside the secret: a sealed row copied over another one does not open."""
    return f"ml-connector vault\x00{name}\x00{key_id}".encode()


def _no_key(where: str) -> Finding:
    return Finding(
        "vault.key_missing",
        where,
        "there is no master key to seal or open it with",
        "Set ML_CONNECTOR_KEY_FILE to the key file, or ML_CONNECTOR_KEY to the key; 'ml-connector vault new-key' makes one.",
    )
