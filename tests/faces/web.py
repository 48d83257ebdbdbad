"""The web application over a real ledger, served over real HTTP, and ServiceTitan on the other side."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa

from ml_connector.runtime.settings import from_values, to_values
from ml_connector.servicetitan.webhook import SignatureForm
from ml_connector.store.database import Database
from ml_connector.store.schema import connections, deliveries
from ml_connector.web.app import app
from ml_connector.web.serving import WebServer

HEADER = "X-ServiceTitan-Signature"
FORM = SignatureForm(HEADER)
KEY = "Kf3tN8xW2mQz7LrV5cYp0HsB6dGj9TaE"
NEXT_KEY = "Zr8uJ1oXw4eNq6MhC3vPk9LyTgB2sFd5"


def add_connection(url: str, folder: Path, name: str = "north", **webhooks: Any) -> None:
    """A connection whose key lies in a file; the settings of its webhooks are `webhooks`, or the usual ones."""
    database = Database(url)
    database.migrate()
    if "secrets" not in webhooks:
        webhooks["secrets"] = [a_key_file(folder)]
    known = database.connections("setup")
    change = known.change if name in {it.name for it in known.all()} else known.add
    change(name, a_definition(name, webhooks))
    database.close()


def a_key_file(folder: Path, key: str = KEY, name: str = "webhook-key") -> str:
    """The reference to a key."""
    (folder / name).write_text(key + "\n")
    return f"file:{(folder / name).as_posix()}"


def a_definition(name: str, webhooks: Mapping[str, object]) -> Mapping[str, object]:
    values = {
        "name": name,
        "prefix": "ST",
        "mode": "review",
        "servicetitan": {"tenant_id": 1, "client_id": "env:ID", "client_secret": "env:SECRET", "app_key": "env:KEY"},
        "gp": {"FRM": {"company": "FRM", "server": "https://gp", "username": "env:USER", "password": "env:PASSWORD"}},
        "webhooks": webhooks,
    }
    return to_values(from_values(values, name))


@dataclass(frozen=True, slots=True)
class Sender:
    """ServiceTitan, as far as it sends webhooks."""

    http: httpx2.Client
    form: SignatureForm = FORM
    key: str = KEY
    connection: str = "north"

    def __call__(self, body: bytes, signature: str | None = None, header: str = "", **also: Any) -> int:
        """The status of the answer. The signature is a genuine one unless another is given; "" is none."""
        given = self.form.write(self.key.encode(), body) if signature is None else signature
        headers = {header or self.form.header: given} if given else {}
        return self.http.post(
            f"/webhooks/servicetitan/{self.connection}", content=body, headers=headers, **also
        ).status_code


@contextlib.contextmanager
def serving(url: str, **options: Any) -> Iterator[httpx2.Client]:
    """The application over the ledger at `url`. What it believes is read anew each time; the ledger is waited for 0.5 s."""
    database = Database(url, patience=0.5)
    options = {"refresh": 0.0, "vault": _no_vault, **options}
    limits = httpx2.Limits(max_connections=250, max_keepalive_connections=250)
    with (
        WebServer(app(database, **options)) as server,
        httpx2.Client(base_url=server.url, limits=limits, timeout=60, trust_env=False) as http,
    ):
        yield http
    database.close()


def kept(url: str) -> Sequence[tuple[str, int, bool]]:
    """What the ledger holds, oldest first: connection, how often it came, whether it was answered."""
    database = Database(url)
    columns = (connections.c.name, deliveries.c.times, deliveries.c.answered_at)
    with database.reading() as sql:
        rows = sql.execute(sa.select(*columns).join_from(deliveries, connections).order_by(deliveries.c.id)).all()
    database.close()
    return [(name, times, answered_at is not None) for name, times, answered_at in rows]


def _no_vault(name: str) -> str:
    raise AssertionError(f"nothing is sealed as {name}")


def main(url: str) -> None:
    """Serve in a process of its own, which can be killed; says its address first."""
    database = Database(url)
    server = WebServer(app(database, _no_vault))
    print(server.url, flush=True)
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
