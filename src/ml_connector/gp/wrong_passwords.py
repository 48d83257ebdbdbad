"""Passwords that a domain refused, remembered by this process so that nothing tries them again and locks an account.

A run every ten minutes with a wrong password would lock most accounts within the hour. What is kept is a keyed digest
under a key of this process, for an hour: domains forget a wrong password sooner (Windows' own default is ten minutes).
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable

from ml_connector.gp.access import Secret

FORGOTTEN_AFTER = 3600.0  # seconds


class WrongPasswords:
    """Safe to use from several threads. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._since: dict[bytes, float] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def remember(self, domain: str, username: str, password: Secret) -> None:
        with self._lock:
            self._since[self._digest(domain, username, password)] = self._clock()

    def knows(self, domain: str, username: str, password: Secret) -> bool:
        with self._lock:
            now = self._clock()
            self._since = {digest: since for digest, since in self._since.items() if now - since < FORGOTTEN_AFTER}
            return self._digest(domain, username, password) in self._since

    def _digest(self, domain: str, username: str, password: Secret) -> bytes:
        text = "\0".join((domain.casefold(), username.casefold(), password.reveal()))
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()


KNOWN_WRONG = WrongPasswords()  # of this process
