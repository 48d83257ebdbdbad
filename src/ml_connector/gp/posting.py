"""Ask GP to post a batch, where the site's service map names an action for it.

GP's own services post nothing. An action is a custom one of the site's SBA, or an add-on's own address, which a company
over the web services may have as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import assert_never
from urllib.parse import quote, urlsplit

from ml_connector.books.outcomes import Asked, Deferred, Exchange, Held, InDoubt, Posting
from ml_connector.books.period import Series
from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access
from ml_connector.gp.sba import Sba
from ml_connector.gp.service_map import Action, ServiceMap
from ml_connector.gp.told import Refusal, Taken, Told


class Poster:
    """The posting action of one company, for its Windows account. Nothing is reached before it is used."""

    def __init__(
        self, access: Access, service_map: ServiceMap, action: Action, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._action, self._origins = action, service_map.origins
        self._sba = Sba(replace(access, server=_server(action.path) or access.server), service_map, sleep)

    def close(self) -> None:
        self._sba.close()

    def post(self, series: Series, batch_id: str) -> Posting:
        """One request, never repeated; Held where GP certainly did nothing. Raises nothing that the trade foresees."""
        action, sba = self._action, self._sba
        source = self._origins.get(series, "")
        path = action.path.format(batch=quote(batch_id, safe=""), source=quote(source, safe=""))
        place = sba.access.server.rstrip("/") + path if path.startswith("/") else path
        headers = {action.header: action.value} if action.header else {}
        asked = f"{action.verb} {place}\n" + "".join(f"{name}: {value}\n" for name, value in headers.items())
        try:
            told = sba.tell("post", action.verb, place, b"", headers)
        except Interrupted as stop:  # turned away at the door
            return Held(stop.findings, Exchange(asked.encode()))
        return replace(_ended(told, batch_id), wire=Exchange(asked.encode(), told.wire.answer))


def _ended(told: Told, batch_id: str) -> Asked | Held | InDoubt:
    match told:
        case Taken():
            return Asked()
        case Refusal(said):
            return Held((errors.posting_refused(batch_id, errors.listing(said)),))
        case Deferred(cause):
            return Held((errors.posting_refused(batch_id, cause),))
        case InDoubt():
            return told
        case _:
            assert_never(told)


def _server(path: str) -> str:
    """Scheme, host and port of a whole address; "" of a mere path."""
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""
