"""Passwords that a domain refused, remembered so that nothing tries them again and locks an account.

A run every ten minutes with a wrong password would lock most accounts within the hour. So whoever is about to try a
password takes the account's turn, asks whether it is known to be wrong, tries it, and remembers a refusal before the
turn passes on. Where a ledger remembers (`Access.refusals`), that holds for every process at the same ledger; without
one it holds for this process.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ml_connector.gp.access import Secret


class Refusals(Protocol):
    """What became of the passwords (or the keys) of Windows accounts. Names in any case. Safe to use from several threads."""

    def turn(self, domain: str, username: str, patience: float) -> AbstractContextManager[object] | None:
        """The right to try a password of this account, one at a time; None where it does not come within `patience`
        seconds. It may be given back by another thread."""
        ...

    def knows(self, domain: str, username: str, password: Secret) -> bool:
        """Whether this very password was refused."""
        ...

    def remember(self, domain: str, username: str, password: Secret) -> None:
        """It was refused."""
        ...


class OfThisProcess:
    """Refusals that are forgotten when the process ends. What is kept is a digest under a key of this process."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._refused: set[bytes] = set()
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def turn(self, domain: str, username: str, patience: float) -> AbstractContextManager[object] | None:
        with self._lock:
            turn = self._turns.setdefault(_name(domain, username), threading.Lock())
        if not turn.acquire(timeout=patience):
            return None
        held = ExitStack()
        held.callback(turn.release)
        return held

    def knows(self, domain: str, username: str, password: Secret) -> bool:
        return self._digest(domain, username, password) in self._refused

    def remember(self, domain: str, username: str, password: Secret) -> None:
        self._refused.add(self._digest(domain, username, password))

    def _digest(self, domain: str, username: str, password: Secret) -> bytes:
        text = f"{_name(domain, username)}\0{password.reveal()}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()


def _name(domain: str, username: str) -> str:
    return f"{domain}\\{username}".casefold()


KNOWN_WRONG = OfThisProcess()
