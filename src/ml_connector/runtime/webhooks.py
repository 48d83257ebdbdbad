"""The door of each connection for webhooks: whom it lets in, found anew every few seconds so that a key is replaced
without a restart.

A door without a key that can be used is shut. What knocks at the door of a connection that is not there is judged like
everything else, by a key that nobody has, so that an answer tells no forger which connections there are.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.settings import Webhooks, from_ledger, secret
from ml_connector.servicetitan.webhook import SHORTEST_KEY, SignatureForm, genuine
from ml_connector.store.connections import ConnectionRecord
from ml_connector.store.database import Database

REFRESH = 10.0  # seconds that connections and keys are believed
_PATIENCE = 1.0  # seconds that a ledger which could not be read is not asked again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the webhooks of a connection come in. `connection` is "" where there is none of that name."""

    connection: str
    connection_id: int
    form: SignatureForm
    keys: tuple[bytes, ...] = field(repr=False)
    max_bytes: int
    findings: tuple[Finding, ...] = ()  # why a key of the settings cannot be used

    def refuses(self, signatures: Sequence[str], body: bytes) -> str:
        """Why this delivery is not let in, for our own log; "" for a genuine one. `signatures`: the header's values."""
        given = self.form.read(signatures[0]) if len(signatures) == 1 else None
        fits = genuine(self.keys or (_NOBODYS,), body, given or bytes(32))
        if not self.connection:
            return "there is no such connection"
        if not self.keys:
            return "the connection has no key"
        if len(signatures) != 1:
            return f"{len(signatures)} headers {self.form.header}"
        if given is None:
            return f"the header {self.form.header} holds no signature in {self.form.encoding}"
        return "" if fits else "the signature is another's"


_NOBODYS = os.urandom(32)


def keys_of(
    connection: str, webhooks: Webhooks, vault: Callable[[str], str]
) -> tuple[tuple[bytes, ...], tuple[Finding, ...]]:
    """The keys that can be used, and why others cannot. Raises Interrupted `store.unreachable` and its kin."""
    keys: list[bytes] = []
    findings: list[Finding] = []
    for n, reference in enumerate(webhooks.secrets, 1):
        where = f"connection {connection}, webhooks.secrets[{n}]"
        try:
            key = secret(reference, where, vault)
        except Interrupted as fault:
            if fault.finding.code.startswith("store."):
                raise
            findings += fault.findings
            continue
        if len(key) < SHORTEST_KEY:
            findings.append(_short(where))
        else:
            keys.append(key.encode())
    return tuple(keys), tuple(findings)


class Doors:
    """The doors of a ledger's connections. Safe to use from several threads. `vault` opens a sealed key by its name."""

    def __init__(self, database: Database, vault: Callable[[str], str], refresh: float = REFRESH) -> None:
        self._database, self._vault, self._refresh_after = database, vault, refresh
        self._lock = threading.Lock()
        self._known: Mapping[str, ConnectionRecord] = {}
        self._doors: dict[str, Door] = {}
        self._stale_at = 0.0
        self._away: Finding | None = None

    def at_hand(self, name: str) -> Door | None:
        """The door, where nothing need be read for it."""
        doors, known, stale_at = self._doors, self._known, self._stale_at
        if time.monotonic() >= stale_at or self._away:
            return None
        return doors.get(name) or (None if name in known else _STRANGER)

    def find(self, name: str) -> Door:
        """The door, whatever must be read for it. Raises Interrupted `store.unreachable` and its kin."""
        with self._lock:
            if time.monotonic() >= self._stale_at:
                self._refresh()
            if self._away:
                raise Interrupted(self._away)
            if name not in self._known:
                return _STRANGER
            if name not in self._doors:
                self._doors[name] = self._open(self._known[name])
            return self._doors[name]

    def _refresh(self) -> None:
        try:
            records = self._database.connections("webhooks").all()
        except Interrupted as fault:
            # Those who wait at the lock need not find it out one after the other.
            self._away, self._stale_at = fault.finding, time.monotonic() + _PATIENCE
        else:
            self._known, self._doors, self._away = {it.name: it for it in records}, {}, None
            self._stale_at = time.monotonic() + self._refresh_after

    def _open(self, record: ConnectionRecord) -> Door:
        wrong: tuple[Finding, ...] = ()
        try:
            webhooks = from_ledger(record.definition, record.name).webhooks
        except Interrupted as fault:  # settings that this version does not take
            webhooks, wrong = Webhooks(), fault.findings
        keys, findings = keys_of(record.name, webhooks, self._vault)
        for it in (*wrong, *findings):
            told = {"connection": record.name, "code": it.code, "where": it.where, "says": it.says, "remedy": it.remedy}
            log.error("a webhook key cannot be used", extra=told)
        form = SignatureForm(webhooks.header, webhooks.encoding, webhooks.prefix)
        return Door(record.name, record.id, form, keys, webhooks.max_bytes, (*wrong, *findings))


_STRANGER = Door("", 0, SignatureForm(Webhooks().header), (), Webhooks().max_bytes)


def _short(where: str) -> Finding:
    return Finding(
        "webhook.key_short",
        where,
        f"the key has fewer than {SHORTEST_KEY} characters, so that it could be guessed; it is not used",
        "In ServiceTitan's developer portal let the application make a key of 32 to 64 characters, and keep it where the "
        "setting points.",
    )
