"""Evidence: raw answers, compressed, each addressed by the SHA-256 of what was received."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import sqlalchemy as sa

from ml_connector.findings import Finding, Interrupted
from ml_connector.store.schema import evidence

_LEVEL = 1  # a page of invoices shrinks twentyfold already; higher levels cost more than the sweep itself


_PACKER = ThreadPoolExecutor(1, "evidence")  # zlib works beside the database, not before it
_WHOLE, _SHORTEST = 64, 12  # digits of a hash, and of one that is written short
_AT_ONCE = 500
_SMALL = 1 << 16  # bytes; below, handing over costs more than packing


class Blob:
    """An answer on its way into the ledger; its hash is known at once, its compressed form when it is needed."""

    def __init__(self, raw: bytes) -> None:
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.raw_size = len(raw)
        self._body = _PACKER.submit(zlib.compress, raw, _LEVEL) if len(raw) > _SMALL else zlib.compress(raw, _LEVEL)

    @property
    def body(self) -> bytes:
        return self._body if isinstance(self._body, bytes) else self._body.result()


def keep(sql: sa.Connection, connection_id: int, blob: Blob, at: datetime) -> None:
    """Store the blob, unless it is there; one that was erased and is received again is kept again."""
    here = (evidence.c.connection_id == connection_id, evidence.c.sha256 == blob.sha256)
    kept = sql.execute(sa.select(evidence.c.body.is_not(None)).where(*here)).scalar_one_or_none()
    if kept is None:
        row = {"connection_id": connection_id, "sha256": blob.sha256, "body": blob.body}
        sql.execute(sa.insert(evidence), [row | {"raw_size": blob.raw_size, "kept_at": at}])
    elif not kept:
        sql.execute(sa.update(evidence).where(*here).values(body=blob.body, kept_at=at))


def erased(sql: sa.Connection, connection_id: int, hashes: Iterable[str]) -> set[str]:
    """Those of these that were kept once, and are no longer."""
    ordered, found = sorted(set(hashes)), set[str]()
    for start in range(0, len(ordered), _AT_ONCE):
        here = (evidence.c.connection_id == connection_id, evidence.c.sha256.in_(ordered[start : start + _AT_ONCE]))
        found.update(sql.scalars(sa.select(evidence.c.sha256).where(*here, evidence.c.body.is_(None))))
    return found


def read(sql: sa.Connection, connection_id: int, sha256: str) -> bytes:
    """What was received, by its hash or the hash's first twelve digits or more.

    Raises Interrupted `evidence.erased`, or `evidence.differs` where its hash no longer fits.
    """
    named = (
        evidence.c.sha256 == sha256 if len(sha256) == _WHOLE else evidence.c.sha256.startswith(sha256, autoescape=True)
    )
    wanted = sa.select(evidence.c.sha256, evidence.c.body).where(evidence.c.connection_id == connection_id, named)
    found = sql.execute(wanted.limit(2)).all() if len(sha256) >= _SHORTEST else []
    if len(found) != 1 or found[0].body is None:
        says = f"The answer {sha256} is not kept: this is not the ledger that received it, or the hash is another."
        remedy = "Look up its hash with 'ml-connector explain' or 'trail', and give its first twelve digits or more."
        if len(found) == 1:
            says = f"The answer {sha256} was erased by retention; its hash is all that is kept."
            remedy = "Look at the record in ServiceTitan or GP, or restore a backup from before the erasure elsewhere."
        raise Interrupted(Finding("evidence.erased", f"evidence {sha256[:12]}", says, remedy))
    try:
        raw = zlib.decompress(found[0].body)
    except zlib.error:
        raw = b""
    if hashlib.sha256(raw).hexdigest() != found[0].sha256:
        says = f"The stored answer {sha256} is not what was received: its hash is another."
        remedy = "Restore the ledger from its backup, and find out who changed it."
        raise Interrupted(Finding("evidence.differs", f"evidence {sha256[:12]}", says, remedy))
    return raw
