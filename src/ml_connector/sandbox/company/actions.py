"""Custom actions: the product `PostingServices`, which some sites have beside GP's own, as public clients of it show.

POST to PostingServices/System/Batches(SOURCE;BATCH) with the header `GP-Custom-Action: POST` and no body posts the batch;
the answer is empty. What GP cannot post stays behind in the batch, and the answer is the same.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from ml_connector.sandbox.company.books import Company
from ml_connector.sandbox.company.records import key
from ml_connector.sandbox.serving import Request

PRODUCT = "PostingServices/"
_BATCH = re.compile(r"PostingServices/System/Batches\((?P<source>[^;()]*);(?P<batch>[^;()]*)\)")

Refusal: TypeAlias = tuple[int, list[tuple[int, str]]]  # status; numbers and messages


def act(company: Company, request: Request, path: str) -> Refusal | None:
    """Do what is asked; None where it was done."""
    named = _BATCH.fullmatch(path)
    if named is None:
        return 404, [(0, f"The resource does not exist: {path}")]
    if request.method != "POST":
        return 405, [(0, f"{request.method} is not available for {path}.")]
    action = request.headers.get("gp-custom-action", "")
    if action != "POST":
        return 400, [(0, f"The custom action '{action}' is not available.")]
    if request.headers.get("content-length") != "0":
        return 411, [(0, "The request must be of a known length, and have no body.")]
    row = next((it for it in company.batches() if key(it.id) == key(named["batch"])), None)
    if row is None or key(row.origin) != key(named["source"]):
        return 404, [(0, f"Batch {key(named['batch'])} does not exist.")]
    told = company.do_post_batch(named["batch"])
    return (400, [(0, text) for text in told["refused"]]) if "refused" in told else None
