"""Floors: the least that Python must do for the same end, written by hand, without the product.

They take shortcuts that no connector may take (no checks, no trail, no second thought about an answer), and that is
their use: what the product needs beyond them is the price of being right.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import httpx2
import msgspec
import psycopg


class _Reference(msgspec.Struct):
    id: int = 0
    name: str | None = None


class _Account(msgspec.Struct):
    number: str | None = None
    name: str | None = None


class _Item(msgspec.Struct, rename="camel"):
    id: int
    sku_name: str | None = None
    type: str | None = None
    description: str | None = None
    total: str | None = None
    taxable: bool | None = None
    general_ledger_account: _Account | None = None


class _Invoice(msgspec.Struct, rename="camel"):
    """The fields that accounting needs, money left as the text that it came in."""

    id: int
    modified_on: str | None = None
    reference_number: str | None = None
    sync_status: str | None = None
    invoice_date: str | None = None
    due_date: str | None = None
    sub_total: str | None = None
    sales_tax: str | None = None
    total: str | None = None
    customer: _Reference | None = None
    business_unit: _Reference | None = None
    items: list[_Item] | None = None


class _Page(msgspec.Struct, rename="camel"):
    data: list[_Invoice]


class _RawPage(msgspec.Struct, rename="camel"):
    data: list[msgspec.Raw]
    has_more: bool
    continue_from: str


_PAGE = msgspec.json.Decoder(_Page, strict=False)
_RAW_PAGE = msgspec.json.Decoder(_RawPage)
_INVOICE = msgspec.json.Decoder(_Invoice, strict=False)


def decode(pages: Iterable[bytes]) -> int:
    """Decode pages of invoices, typed, and forget them. How many there were."""
    return sum(len(_PAGE.decode(page).data) for page in pages)


def sweep(url: str, tenant: int, folder: Path, credentials: dict[str, str]) -> int:
    """Read the invoice feed of the server at `url` to its end, each page durable in SQLite with its rows and its token.

    `credentials` are client_id, client_secret and app_key. How many rows came.
    """
    sql = _open(folder / "floor.sqlite")
    sql.execute("CREATE TABLE invoice (id INTEGER PRIMARY KEY, modified TEXT, raw BLOB)")
    sql.execute("CREATE TABLE cursor (feed TEXT PRIMARY KEY, token TEXT)")
    upsert = (
        "INSERT INTO invoice VALUES (?,?,?) ON CONFLICT (id) DO UPDATE SET modified=excluded.modified, raw=excluded.raw"
    )
    rows, token, more = 0, "", True
    with httpx2.Client(timeout=100) as http:
        app_key = credentials["app_key"]
        form = {"grant_type": "client_credentials", **{k: v for k, v in credentials.items() if k != "app_key"}}
        bearer = http.post(f"{url}/connect/token", data=form).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {bearer}", "ST-App-Key": app_key}
        feed = f"{url}/accounting/v2/tenant/{tenant}/export/invoices"
        while more:
            answer = http.get(feed, params={"from": token} if token else {}, headers=headers).raise_for_status()
            page = _RAW_PAGE.decode(answer.content)
            kept = [(it.id, it.modified_on, bytes(raw)) for raw in page.data for it in (_INVOICE.decode(raw),)]
            token, more = page.continue_from, page.has_more
            sql.execute("BEGIN IMMEDIATE")
            sql.executemany(upsert, kept)
            sql.execute("INSERT OR REPLACE INTO cursor VALUES ('invoice', ?)", (token,))
            sql.execute("COMMIT")
            rows += len(kept)
    sql.close()
    return rows


def two_commits(documents: int, folder: Path) -> float:
    """Before each document a durable commit, and one after it. How many seconds all of them took."""
    sql = _open(folder / "commits.sqlite")
    sql.execute("CREATE TABLE document (number TEXT PRIMARY KEY, stage TEXT, body TEXT)")
    body = json.dumps({"lines": ["x" * 280] * 5})  # a document of five lines takes about this much
    started = time.perf_counter()
    for n in range(documents):
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("INSERT INTO document VALUES (?, 'claimed', ?)", (f"STI{n}", body))
        sql.execute("COMMIT")
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("UPDATE document SET stage='entered' WHERE number=?", (f"STI{n}",))
        sql.execute("COMMIT")
    seconds = time.perf_counter() - started
    sql.close()
    return seconds


def one_commit_each(url: str, bodies: Sequence[bytes], a_second: float = 0.0) -> tuple[float, list[float]]:
    """Each body in a durable commit of its own, on SQLite or PostgreSQL, as fast as it goes or at an even pace.

    How many seconds all of them took, and each from when it was due.
    """
    if url.startswith("sqlite"):
        sql: sqlite3.Connection | psycopg.Connection = _open(Path(url.removeprefix("sqlite:///")))
        place, binary = "?", "BLOB"
    else:
        sql = psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on")
        place, binary = "%s", "BYTEA"
    sql.execute(f"CREATE TABLE floor (digest TEXT PRIMARY KEY, body {binary})")
    insert = f"INSERT INTO floor VALUES ({place}, {place})"
    waits = []
    started = time.perf_counter()
    for n, body in enumerate(bodies):
        due = started + n / a_second if a_second else time.perf_counter()
        time.sleep(max(0.0, due - time.perf_counter()))
        sql.execute(insert, (hashlib.sha256(body).hexdigest(), body))
        waits.append(time.perf_counter() - due)
    seconds = time.perf_counter() - started
    sql.execute("DROP TABLE floor")
    sql.close()
    return seconds, waits


def _open(path: Path) -> sqlite3.Connection:
    sql = sqlite3.connect(path, isolation_level=None)
    sql.execute("PRAGMA journal_mode=WAL")
    sql.execute("PRAGMA synchronous=FULL")
    return sql


def main(url: str, tenant: str, folder: str, credentials: str) -> None:
    """The sweep, as a process of its own that prints its rows and seconds as JSON."""
    started = time.perf_counter()
    rows = sweep(url, int(tenant), Path(folder), json.loads(credentials))
    print(json.dumps({"rows": rows, "sec": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
