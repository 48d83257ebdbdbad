"""Ask GP to post a batch, where the site's service map names an action for it.

GP's own services post nothing. An action is a custom one of the site's SBA, or an add-on's own address, which a company
over the web services may have as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from ml_connector.books.outcomes import Posting
from ml_connector.books.period import Series
from ml_connector.gp.access import Access
from ml_connector.gp.sba import Sba
from ml_connector.gp.service_map import Action, ServiceMap


class Poster:
    """The posting action of one company, for its Windows account. Nothing is reached before it is used."""

    def __init__(
        self, access: Access, service_map: ServiceMap, action: Action, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._action, self._origins = _placed(action), service_map.origins
        server = _server(action.path) or access.server
        self._sba = Sba(replace(access, server=server), service_map, sleep)

    def close(self) -> None:
        self._sba.close()

    def post(self, series: Series, batch_id: str) -> Posting:
        """One request, never repeated; Held where GP certainly did nothing. Raises nothing that the trade foresees."""
        return self._sba.post(self._action, batch_id, self._origins.get(series, ""))


def _server(path: str) -> str:
    """Scheme, host and port of a whole address; "" of a mere path."""
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""


def _placed(action: Action) -> Action:
    """The action with its path as it stands on its own server."""
    server = _server(action.path)
    return replace(action, path=action.path.removeprefix(server) or "/") if server else action
