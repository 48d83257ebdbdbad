"""The master keys of the vault, newest first: from the environment, a file, or the system's keyring.

In place of the keys, the variable or the file may say `keyring:NAME`: then they are in the keyring of the account that
runs ml-connector (Windows' Credential Manager, a Secret Service on Linux), under that name. Who chose no keyring is
never asked to unlock one.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.redaction import keep_out
from ml_connector.store.vault import KEY_BYTES, MasterKey

VARIABLE = "ML_CONNECTOR_KEY"  # keys in base64, newest first, separated by commas
FILE_VARIABLE = "ML_CONNECTOR_KEY_FILE"  # a file with one key in base64 a line, newest first
KEYRING = "keyring:"
SERVICE = "ml-connector"  # what a keyring files the keys under, beside their name


class Place(Protocol):
    """Where keys are. `name` is for people. Raises Interrupted: `vault.key_unreadable`, `vault.keyring`."""

    @property
    def name(self) -> str: ...

    def read(self) -> tuple[MasterKey, ...]: ...

    def write(self, keys: Sequence[MasterKey]) -> None:
        """Put these in place of what is there, at once or not at all."""


def place(data: Path) -> Place | None:
    """Where the keys are: in the environment, else in the file that it names, else in `master.key` of the data folder;
    or in the keyring, where that says so. None: nobody has made any."""
    given = os.environ.get(VARIABLE)
    if given:
        return Keyring(given.removeprefix(KEYRING), VARIABLE) if given.startswith(KEYRING) else Environment()
    path = key_file(data)
    if not path.exists() and FILE_VARIABLE not in os.environ:
        return None
    said = _text(path).strip()
    return Keyring(said.removeprefix(KEYRING), str(path)) if said.startswith(KEYRING) else KeyFile(path)


def master_keys(data: Path) -> tuple[MasterKey, ...]:
    """The keys at hand. None of these is no error until a secret is needed. Raises Interrupted as a place does."""
    there = place(data)
    return () if there is None else there.read()


def key_file(data: Path) -> Path:
    return Path(os.environ.get(FILE_VARIABLE) or data / "master.key")


def new_key() -> MasterKey:
    return MasterKey(os.urandom(KEY_BYTES))


def begin(data: Path, key: MasterKey, in_keyring: bool) -> Place:
    """Keep the first key: in the key file, or in the keyring, of which the key file then tells."""
    path = key_file(data)
    if not in_keyring:
        KeyFile(path).write([key])
        return KeyFile(path)
    kept = Keyring(secrets.token_hex(4), str(path))
    kept.write([key])
    _replace(path, f"{KEYRING}{kept.entry}\n")
    return kept


@dataclass(frozen=True, slots=True)
class Environment:
    @property
    def name(self) -> str:
        return f"environment {VARIABLE}"

    def read(self) -> tuple[MasterKey, ...]:
        return _parsed(os.environ.get(VARIABLE, "").split(","), self.name)

    def write(self, keys: Sequence[MasterKey]) -> None:  # noqa: ARG002 - it is written nowhere
        says = f"the keys come from the environment ({VARIABLE}), which this program cannot change"
        remedy = "Put a new key before the old one there, run 'ml-connector vault reseal', then take the old one out."
        raise Interrupted(Finding("vault.key_in_environment", "vault", says, remedy))


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Readable by its owner alone."""

    path: Path

    @property
    def name(self) -> str:
        return f"file {self.path}"

    def read(self) -> tuple[MasterKey, ...]:
        return _parsed(_text(self.path).split(), str(self.path))

    def write(self, keys: Sequence[MasterKey]) -> None:
        _replace(self.path, "".join(_line(key) + "\n" for key in keys))


@dataclass(frozen=True, slots=True)
class Keyring:
    """An entry of the system's keyring. `told_by` is the variable or the file that names it."""

    entry: str
    told_by: str

    @property
    def name(self) -> str:
        return f"the system's keyring, entry {SERVICE}/{self.entry} (as {self.told_by} says)"

    def read(self) -> tuple[MasterKey, ...]:
        text = self._ask(None)
        if text is None:
            raise Interrupted(_no_keyring(self.told_by, f"it holds no entry {SERVICE}/{self.entry}"))
        return _parsed(text.split(","), self.name)

    def write(self, keys: Sequence[MasterKey]) -> None:
        text = ",".join(map(_line, keys))
        if self._ask(text) != text:  # there are backends that take everything and keep nothing
            raise Interrupted(_no_keyring(self.told_by, "it does not give back what it was given"))

    def _ask(self, text: str | None) -> str | None:
        """What the keyring has for the entry, after putting `text` there."""
        try:
            import keyring

            if text is not None:
                keyring.set_password(SERVICE, self.entry, text)
            return keyring.get_password(SERVICE, self.entry)
        except Exception as error:  # a backend is anybody's code, and raises what it likes
            said = " ".join(str(error).split()) or type(error).__name__
            raise Interrupted(_no_keyring(self.told_by, said.partition(". ")[0].rstrip("."))) from None


def _line(key: MasterKey) -> str:
    return base64.b64encode(key.raw).decode()


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        raise Interrupted(_unreadable(str(path))) from None


def _replace(path: Path, text: str) -> None:
    """Replace a file at once; after a power cut the new one or the old one is there, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _parsed(texts: Sequence[str], where: str) -> tuple[MasterKey, ...]:
    for text in texts:
        keep_out(text)
    try:
        keys = tuple(MasterKey(base64.b64decode(text, validate=True)) for text in texts if text.strip())
    except (binascii.Error, ValueError):
        raise Interrupted(_unreadable(where)) from None
    if not keys:
        raise Interrupted(_unreadable(where))
    return keys


def _unreadable(where: str) -> Finding:
    return Finding(
        "vault.key_unreadable",
        where,
        f"it holds no master key: {KEY_BYTES} bytes in base64, one key a line",
        "Restore the key from where you keep it apart from the backups; without it no sealed credential opens.",
    )


def _no_keyring(where: str, cause: str) -> Finding:
    return Finding(
        "vault.keyring",
        where,
        f"the system's keyring does not serve: {cause}",
        "Run ml-connector as the account in whose keyring the key is, with that keyring unlocked (Windows: Credential "
        "Manager; Linux: a Secret Service such as GNOME Keyring), or give the key by ML_CONNECTOR_KEY_FILE.",
    )
