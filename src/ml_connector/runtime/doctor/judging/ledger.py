"""Does the ledger's database keep what it was told?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_connector.findings import Finding

GOOD: Mapping[str, tuple[str, ...]] = {  # by setting: the values that keep a commit through a power cut
    "journal_mode": ("wal",),
    "synchronous": ("2", "3"),  # FULL, EXTRA
    "foreign_keys": ("1",),
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write"),
    "server_encoding": ("UTF8",),
}
REMEDIES: Mapping[str, str] = {
    "journal_mode": "Put the ledger on a local disk (a network share has no write-ahead log), then run the check again.",
    "server_encoding": "Make a new database with ENCODING 'UTF8' and move the ledger there: names are kept in any letters.",
}
LITTLE = 500_000_000  # bytes


def settings(where: str, found: Mapping[str, str]) -> str | Sequence[Finding]:
    bad = {name: value for name, value in found.items() if value.lower() not in {it.lower() for it in GOOD[name]}}
    findings = [
        Finding(
            "store.unsafe",
            where,
            f"{name} is '{value}', and has to be {' or '.join(GOOD[name])}"
            + ("" if name == "server_encoding" else ": a power cut could take back what was entered"),
            REMEDIES.get(name, f"Set {name} to {GOOD[name][0]} in postgresql.conf and restart the server."),
        )
        for name, value in bad.items()
    ]
    return findings or ", ".join(f"{name} {value}" for name, value in found.items())


def space(where: str, free: int) -> str | Sequence[Finding]:
    told = f"{free / 1e9:.1f} GB are free on its disk"
    if free >= LITTLE:
        return told
    remedy = "Free space on the disk that holds the ledger: when it is full, a run stops."
    return [Finding("store.space", where, told, remedy, warns=True)]
