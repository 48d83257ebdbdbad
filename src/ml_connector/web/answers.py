"""What every handler answers with."""

from __future__ import annotations

import msgspec
from starlette.responses import Response


def as_json(value: object, status: int = 200) -> Response:
    """Never kept by a cache in between."""
    return Response(
        msgspec.json.encode(value), status, {"Cache-Control": "no-store"}, media_type="application/json; charset=utf-8"
    )
