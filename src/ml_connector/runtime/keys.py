"""The master keys of the vault: from a file or the environment, newest first."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from pathlib import Path

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.redaction import keep_out
from ml_connector.store.vault import KEY_BYTES, MasterKey

VARIABLE = "ML_CONNECTOR_KEY"  # keys in base64, newest first, separated by commas
FILE_VARIABLE = "ML_CONNECTOR_KEY_FILE"  # a file with one key in base64 a line, newest first


def master_keys(data: Path) -> tuple[MasterKey, ...]:
    """The keys at hand: of the environment, else of the file it names, else of `master.key` in the data folder.

    None of these is no error until a secret is needed. Raises Interrupted `vault.key_unreadable`.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return _parsed(given.split(","), f"environment {VARIABLE}")
    path = key_file(data)
    if not path.exists() and FILE_VARIABLE not in os.environ:
        return ()
    try:
        return _parsed(path.read_text("ascii").split(), str(path))
    except (OSError, UnicodeDecodeError):
        raise Interrupted(_unreadable(str(path))) from None


def key_file(data: Path) -> Path:
    return Path(os.environ.get(FILE_VARIABLE) or data / "master.key")


def new_key() -> MasterKey:
    return MasterKey(os.urandom(KEY_BYTES))


def write_keys(path: Path, keys: Sequence[MasterKey]) -> None:
    """Replace the key file at once, readable by its owner alone."""
    text = "".join(base64.b64encode(key.raw).decode() + "\n" for key in keys)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


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
