"""The web application: webhooks, health and metrics. What a person sees in a browser is mounted beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from ml_connector.runtime.pulse import Engine, Pulse
from ml_connector.runtime.webhooks import REFRESH, Doors
from ml_connector.store.database import Database, utc_now
from ml_connector.store.deliveries import Deliveries
from ml_connector.web.guard import Guard
from ml_connector.web.health import Health
from ml_connector.web.inbox import Inbox
from ml_connector.web.metrics import Metrics
from ml_connector.web.receiver import BODY_SECONDS, LEDGER_SECONDS, Receiver

WEBHOOKS = "/webhooks/servicetitan/"


def app(
    database: Database,
    vault: Callable[[str], str],
    *,
    token: str = "",
    engine: Engine | None = None,
    pages: Sequence[BaseRoute] = (),
    now: Callable[[], datetime] = utc_now,
    refresh: float = REFRESH,
    body_seconds: float = BODY_SECONDS,
    ledger_seconds: float = LEDGER_SECONDS,
) -> Starlette:
    """The application over a ledger.

    `vault` opens a sealed credential by its name; `token` guards the figures (`web.guard`); `engine` is that of this
    process, if it has one; `pages` come after our own routes; `refresh` is how many seconds connections, keys and figures
    are believed, `body_seconds` how long a body may take to come, `ledger_seconds` how long its sender waits for the ledger.
    """
    doors = Doors(database, vault, refresh)
    inbox = Inbox(Deliveries(database))
    pulse, guard = Pulse(database, engine, now, refresh), Guard(token)
    health = Health(pulse, doors, guard)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        inbox.start()
        try:
            yield
        finally:
            inbox.close()

    routes = [
        Route(
            WEBHOOKS + "{connection}",
            Receiver(doors, inbox, now, body_seconds, ledger_seconds).receive,
            methods=["POST"],
        ),
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
        Route("/health", health.whole),
        Route("/metrics", Metrics(pulse, guard).show),
    ]
    application = Starlette(routes=[*routes, *pages], lifespan=lifespan)
    application.router.redirect_slashes = False  # an address is right or wrong
    return application
