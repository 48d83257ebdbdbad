"""The JSON that GP answers with: decoded, and what stands where in it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

import httpx2
import msgspec

from ml_connector.gp.wire import Unintelligible

Json: TypeAlias = object
Cells: TypeAlias = Mapping[str, object]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def decode(response: httpx2.Response) -> Json:
    try:
        return _DECODER.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        kind = response.headers.get("content-type", "no type").partition(";")[0]
        raise Unintelligible(f"the answer ({response.status_code}, {kind}) is not JSON") from None


def member(answer: Json, path: str) -> Json:
    """What stands at a dotted path; None where nothing does. The empty path is the answer itself."""
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def record(answer: Json, path: str) -> Cells:
    record = member(answer, path)
    if not isinstance(record, dict):
        raise Unintelligible(f"the answer has no record at '{path}'" if path else "the answer is no record")
    return record
