"""How much the tenant has released: counts of what was posted or exported, one row and one small call for each kind.

No event and no list of batches is documented: the batch stands on its invoices and bills. Their number by status is
(OpenAPI documents, accounting v2: `statuses`, `syncStatuses`, `includeTotal`), and it moves when a batch is posted.
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_connector.field.source import SourceKind
from ml_connector.servicetitan import errors, wire
from ml_connector.servicetitan.client import Client, Query
from ml_connector.servicetitan.errors import Unintelligible
from ml_connector.servicetitan.wire import Listing, Stood

_ONE_ROW: Query = {"includeTotal": "true", "page": 1, "pageSize": 1}
_ASKED: Mapping[SourceKind, tuple[Listing[Stood], Query]] = {
    SourceKind.INVOICE: (wire.INVOICES, {"statuses": ("Posted", "Exported"), "activeState": "All"}),
    SourceKind.BILL: (wire.BILLS, {"syncStatuses": ("Posted", "Exported", "PostedAndExported")}),
}


def count(client: Client, kind: SourceKind) -> int:
    """Raises Interrupted as `Client.get` does, and where ServiceTitan does not heed the filter."""
    listing, query = _ASKED[kind]
    total, rows = client.get(listing, {**query, **_ONE_ROW}, lambda raw: _counted(listing, raw))
    strangers = [row.id for row in rows if row.sync_status == "Pending"]
    if strangers:
        raise errors.filter_ignored(client.place(listing), "what is posted or exported", strangers[0])
    return total


def _counted(listing: Listing[Stood], raw: bytes) -> tuple[int, list[Stood]]:
    answer = wire.decode(listing.decoder, raw, listing.path)
    if answer.total_count is None:
        raise Unintelligible("a total was asked for, and there is none in it")
    return answer.total_count, answer.data
