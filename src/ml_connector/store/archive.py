"""A backup's file: a ZIP with a manifest and, for each table, its rows as lines of JSON.

The same file for SQLite and PostgreSQL, and anybody can read it with an unzip program: bytes are base64, moments and
dates ISO 8601. The manifest says of each member how many rows and which SHA-256 it has.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import msgspec

from ml_connector.findings import Finding, Interrupted

MANIFEST = "manifest.json"
PYTHON_TYPES: dict[str, type] = {
    "integer": int,
    "text": str,
    "bytes": bytes,
    "boolean": bool,
    "moment": datetime,
    "date": date,
}
"""What a column may hold, as the manifest says it. NULL is allowed everywhere; the tables themselves refuse it."""

Row: TypeAlias = tuple[Any, ...]
Progress: TypeAlias = Callable[[str, int, int | None], None]

_FORMAT = 1
_PRODUCT = "ml-connector ledger"
_FASTEST = 1  # of deflate's levels: a higher one takes twice the time for a tenth of the size
_BUFFER = 1 << 20  # bytes
# What Python's zipfile raises for a file that is none, or is damaged, depending on where.
_NO_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, KeyError, ValueError)


class Stored(msgspec.Struct, frozen=True):
    """One table. `last_id` is the highest id that it ever gave, 0 where its rows have none."""

    name: str
    columns: tuple[tuple[str, str], ...]  # name and kind
    rows: int
    sha256: str  # of the member, unpacked
    last_id: int

    @property
    def member(self) -> str:
        return f"tables/{self.name}.jsonl"


class Chain(msgspec.Struct, frozen=True):
    """Where a connection's trail ended when the backup was taken."""

    connection: str
    entries: int
    hash: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. `tables` are in an order in which they can be filled."""

    revision: str  # of the tables
    version: str  # of the program that wrote it
    taken_at: datetime
    database: str  # sqlite | postgresql
    tables: tuple[Stored, ...]
    trails: tuple[Chain, ...]
    product: str = _PRODUCT
    format: int = _FORMAT

    @property
    def rows(self) -> int:
        return sum(it.rows for it in self.tables)


class Writer:
    """An archive that is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FASTEST)

    def table(
        self, name: str, columns: Sequence[tuple[str, str]], chunks: Iterable[Sequence[Row]], last_id: int
    ) -> Stored:
        encode, digest, rows = msgspec.json.Encoder().encode_lines, hashlib.sha256(), 0
        stored = Stored(name, tuple(columns), 0, "", last_id)
        with self._zip.open(stored.member, "w", force_zip64=True) as member:
            for chunk in chunks:
                lines = encode(chunk)
                digest.update(lines)
                member.write(lines)
                rows += len(chunk)
        return msgspec.structs.replace(stored, rows=rows, sha256=digest.hexdigest())

    def manifest(self, manifest: Manifest) -> None:
        self._zip.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))

    def end(self) -> None:
        """Without its manifest, it is no archive."""
        self._zip.close()


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """Write an archive beside its place, and put it there whole when the block has ended well; else nothing is left.

    Only its owner may read it. Raises Interrupted `backup.exists`, `backup.unwritable`.
    """
    if path.exists():
        remedy = "Name a file that is not there yet, with the day in its name; a backup is never overwritten."
        raise Interrupted(Finding("backup.exists", str(path), "there is such a file already", remedy))
    beside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
        beside = Path(name)
        with os.fdopen(handle, "wb") as file:
            writer = Writer(file)
            try:
                yield writer
            finally:
                writer.end()
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _settle(path.parent)
    except OSError as fault:
        remedy = (
            "Name a folder that is there, where this account may write, and whose disk has room; then run it again."
        )
        says = f"the backup cannot be written: {fault.strerror or fault}"
        raise Interrupted(Finding("backup.unwritable", str(path), says, remedy)) from fault
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Have the new name survive a power cut too, where the system lets a folder be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Reader:
    """An archive that is there. Nothing of it is unpacked to the disk."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._zip = path, archive
        self.manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
        if (self.manifest.product, self.manifest.format) != (_PRODUCT, _FORMAT):
            raise ValueError(f"format {self.manifest.format} of {self.manifest.product}")

    def verify(self, progress: Progress) -> None:
        """Read all of it, and compare it with its manifest. Raises Interrupted `restore.damaged`."""
        there, named = set(self._zip.namelist()), {it.member for it in self.manifest.tables}
        if there != named | {MANIFEST} or len(there) < len(self._zip.namelist()):
            raise self._damaged(
                f"its members are not those that its manifest names: {', '.join(sorted(there ^ named))}"
            )
        done = 0
        for table in self.manifest.tables:
            digest, rows = hashlib.sha256(), 0
            with self._opened(table) as lines:
                while part := lines.read(_BUFFER):
                    digest.update(part)
                    rows += part.count(b"\n")
            if digest.hexdigest() != table.sha256 or rows != table.rows:
                raise self._damaged(
                    f"{table.member} is not what was written: {rows} rows, SHA-256 {digest.hexdigest()}"
                )
            progress("verify", done := done + rows, self.manifest.rows)

    def rows(self, table: Stored) -> Iterator[Row]:
        """The rows as they were. Raises Interrupted `restore.damaged` for one that its columns cannot hold."""
        shape: Any = tuple
        decode = msgspec.json.Decoder(shape[tuple(PYTHON_TYPES[kind] | None for _, kind in table.columns)]).decode
        with self._opened(table) as lines:
            for n, line in enumerate(lines, 1):
                try:
                    yield decode(line)
                except msgspec.DecodeError as fault:
                    raise self._damaged(f"{table.member}, line {n}: {fault}") from None

    @contextmanager
    def _opened(self, table: Stored) -> Iterator[io.BufferedReader]:
        try:
            member: Any = self._zip.open(table.member)
            with member, io.BufferedReader(member, _BUFFER) as lines:
                yield lines
        except _NO_ZIP as fault:
            raise self._damaged(f"{table.member} cannot be unpacked: {fault}") from None

    def _damaged(self, says: str) -> Interrupted:
        remedy = "Take another backup: an older one, or another copy of this one. Nothing was written."
        return Interrupted(Finding("restore.damaged", str(self._path), says, remedy))


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Raises Interrupted `restore.unreadable` where the file is no archive of ours, or cannot be read."""
    try:
        archive = zipfile.ZipFile(path)
    except _NO_ZIP as fault:
        raise _unreadable(path, fault) from None
    with archive:
        try:
            reader = Reader(path, archive)
        except _NO_ZIP as fault:
            raise _unreadable(path, fault) from None
        yield reader


def _unreadable(path: Path, fault: Exception) -> Interrupted:
    says = f"it is no backup of this program that can be read: {fault}"
    remedy = "Name the file that 'ml-connector backup' wrote; if it is that one, take another copy of it."
    return Interrupted(Finding("restore.unreadable", str(path), says, remedy))
