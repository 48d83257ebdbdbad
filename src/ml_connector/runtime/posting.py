"""May an approver ask GP to post this batch? Then ask, while no run of the tenant goes on."""

from __future__ import annotations

from ml_connector.docket.records import OpenedBatch
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.posting import Poster
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.posting import Posting, Seen
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.run import busy, tenant_of
from ml_connector.runtime.wiring import Wired


def post(wired: Wired, batch_id: str, why: str) -> Seen:
    """Ask GP to post one of our batches; where it was asked before, look what became of it.

    Raises Interrupted `posting.not_ours`, `posting.not_allowed`, `posting.no_action`, `run.busy`, and as
    `pipeline.posting.Posting.ask` does; then GP did nothing.
    """
    batch = wired.ledger.opened_batch(batch_id.strip().upper())
    if batch is None:
        raise Interrupted(_not_ours(batch_id, wired.settings.name))
    poster = _poster(wired, batch)
    company = batch.key.company
    lease = wired.ledger.hold(tenant_of(wired.settings), wired.settings.lease)
    if lease is None:
        raise Interrupted(busy(wired.settings.name))
    with Heartbeat(lease):
        ledger = wired.under(lease).ledger
        share = wired.settings.gp[company].read_back_percent
        confirming = Confirming(company, wired.books[company], ledger, wired.clock, share)
        return Posting(batch, confirming, ledger).ask(poster, why)


def _poster(wired: Wired, batch: OpenedBatch) -> Poster:
    company = batch.key.company
    settings = wired.settings.gp.get(company)
    if settings is None or not settings.allow_posting:
        raise Interrupted(
            Finding(
                "posting.not_allowed",
                f"company {company}",
                "this connection does not let us ask GP to post",
                f"Post {batch.batch_id} in GP (Transactions > Sales or Purchasing > Batches); or, where an approver is to ask "
                f"for it here, set allow_posting = true in [gp.{company}] of the connection.",
            )
        )
    poster = wired.posters.get(company)
    if poster is None:
        raise Interrupted(
            Finding(
                "posting.no_action",
                f"company {company}",
                "the service map names no action that posts a batch, and GP's own services have none",
                f"Post {batch.batch_id} in GP (Transactions > Sales or Purchasing > Batches); or add [post] to the company's "
                "service map, where the site has such an action.",
            )
        )
    return poster


def _not_ours(batch_id: str, connection: str) -> Finding:
    return Finding(
        "posting.not_ours",
        f"batch {batch_id}",
        f"connection {connection} has opened no such batch",
        f"Run 'ml-connector status {connection}' for the batches that it has in GP; another batch is posted in GP.",
    )
