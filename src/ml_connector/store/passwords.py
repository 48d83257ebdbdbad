"""Passwords: kept as argon2id, checked at the same cost whether or not there is one."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ml_connector.findings import Finding

SHORTEST = 12
_LONGEST = 1024  # characters: hashing is dear, and whoever signs in is a stranger still


@dataclass
class Passwords:
    """The hasher's parameters (RFC 9106, the recommendation for little memory) may grow; `is_outdated` tells who follows."""

    hasher: PasswordHasher = field(default_factory=PasswordHasher)

    def kept(self, password: str) -> str:
        """The hash to keep, with its salt and parameters in it."""
        return self.hasher.hash(_spelled(password))

    def fits(self, kept: str, password: str) -> bool:
        """Whether it is the password. Where there is none ("" is kept) it costs what a check costs, and is not."""
        try:
            return self.hasher.verify(kept or self._nobodys, _spelled(password)) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        return self.hasher.check_needs_rehash(kept)

    @cached_property
    def _nobodys(self) -> str:
        return self.hasher.hash(secrets.token_urlsafe(32))


def too_weak(name: str, password: str) -> Finding | None:
    """The length is what makes a password slow to guess; nothing else is asked of it."""
    if SHORTEST <= len(_spelled(password)) <= _LONGEST and password.casefold() != name:
        return None
    says = f"a password has {SHORTEST} to {_LONGEST} characters, and is not the name"
    remedy = f"Run 'ml-connector user password {name}' again, and type a longer one: four words are easy to remember."
    return Finding("user.password_weak", f"user {name}", says, remedy)


def _spelled(password: str) -> str:
    """The same letters however a keyboard composes them. Too long a one is cut: it fits nobody's."""
    return unicodedata.normalize("NFKC", password[: _LONGEST + 1])
