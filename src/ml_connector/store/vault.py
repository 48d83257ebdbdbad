"""The vault: credentials encrypted at rest, AES-256-GCM, each bound to its name and to the key that sealed it.

The master keys come from outside (`runtime.keys`), newest first: the newest seals, any of them opens. So a key can be
replaced while processes that know only the older one, or both, go on reading.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_connector.findings import Finding, Interrupted
from ml_connector.store.database import Database, utc_now
from ml_connector.store.schema import vault_secrets

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
    """The secrets of one database. `keys` are newest first, and may be empty as long as nothing is sealed or opened."""

    def __init__(
        self, database: Database, keys: Sequence[MasterKey], actor: str, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database, self._keys, self._actor, self._now = database, tuple(keys), actor, now

    def put(self, name: str, secret: str) -> None:
        """Seal a secret under its name, in place of one that is there."""
        sealed = self._seal(name, secret.encode())
        with self._database.writing() as sql:
            sql.execute(sa.delete(vault_secrets).where(vault_secrets.c.name == name))
            sql.execute(sa.insert(vault_secrets).values(name=name, **sealed))

    def get(self, name: str) -> str:
        """Raises Interrupted `vault.unknown`, `vault.key_missing`, `vault.key_wrong` or `vault.damaged`."""
        with self._database.reading() as sql:
            row = sql.execute(sa.select(vault_secrets).where(vault_secrets.c.name == name)).mappings().one_or_none()
        if row is None:
            says, remedy = (
                "the vault holds no secret of this name",
                f"Run 'ml-connector vault put {name}', and type it.",
            )
            raise Interrupted(Finding("vault.unknown", f"vault:{name}", says, remedy))
        return self._open(row).decode()

    def forget(self, name: str) -> bool:
        with self._database.writing() as sql:
            return sql.execute(sa.delete(vault_secrets).where(vault_secrets.c.name == name)).rowcount == 1

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
        with self._database.writing() as sql:
            rows = sql.execute(sa.select(vault_secrets)).mappings().all()
            for row in rows:
                sealed = self._seal(row["name"], self._open(row))
                here = sa.update(vault_secrets).where(vault_secrets.c.name == row["name"])
                sql.execute(here.values(key_id=sealed["key_id"], nonce=sealed["nonce"], sealed=sealed["sealed"]))
        return len(rows)

    def _seal(self, name: str, secret: bytes) -> dict[str, object]:
        if not self._keys:
            raise Interrupted(_no_key(f"vault:{name}"))
        key, nonce = self._keys[0], os.urandom(_NONCE_BYTES)
        sealed = AESGCM(key.raw).encrypt(nonce, secret, _bound(name, key.id))
        row = {"key_id": key.id, "nonce": nonce, "sealed": sealed}
        return row | {"updated_at": self._now(), "updated_by": self._actor}

    def _open(self, row: sa.RowMapping) -> bytes:
        name, key_id = row["name"], row["key_id"]
        if not self._keys:
            raise Interrupted(_no_key(f"vault:{name}"))
        key = next((key for key in self._keys if key.id == key_id), None)
        if key is None:
            says = f"it was sealed with master key {key_id}, and the keys at hand are {', '.join(k.id for k in self._keys)}"
            remedy = "Give ml-connector the key file or environment that it had; nothing was destroyed."
            raise Interrupted(Finding("vault.key_wrong", f"vault:{name}", says, remedy))
        try:
            return AESGCM(key.raw).decrypt(row["nonce"], row["sealed"], _bound(name, key_id))
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
