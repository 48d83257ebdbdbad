"""What an installation has beside its ledger, and what a backup of the ledger therefore does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ml_connector.runtime import keys
from ml_connector.store.database import Database
from ml_connector.store.vault import Vault

_NAMING_FILES = ("calendar_file", "chart_file", "ca_bundle", "keytab")


def not_in_a_backup(database: Database, data: Path, actor: str) -> list[str]:
    """A sentence for each thing that stands elsewhere: the master key, credentials, files that settings name."""
    lines = list(_of_the_vault(database, data))
    for record in database.connections(actor).all() if database.is_current() else ():
        lines += [f"connection {record.name}: {it}" for it in sorted(set(_named(record.definition)))]
    return lines


def _of_the_vault(database: Database, data: Path) -> Iterator[str]:
    sealed = len(Vault(database, tuple, "").records()) if database.is_current() else 0
    place = keys.place(data)
    opens = f"{sealed} sealed credential{'' if sealed == 1 else 's'}" if sealed else "no credential yet"
    yield f"the master key, which opens {opens}: {place.name if place else f'file {keys.key_file(data)}'}"


def _named(definition: object, key: str = "") -> Iterable[str]:
    """The files and variables that a connection's settings name."""
    if isinstance(definition, Mapping):
        for name, value in definition.items():
            yield from _named(value, str(name))
    elif isinstance(definition, str) and definition:
        kind, _, place = definition.partition(":")
        if kind in ("file", "env") and place:
            yield f"{'file' if kind == 'file' else 'environment variable'} {place}"
        elif key in _NAMING_FILES or (key == "service_map" and definition.endswith(".toml")):
            yield f"file {definition}"
