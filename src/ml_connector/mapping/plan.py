"""From one source to the documents that GP should hold: the whole mapping, in one pure function."""

from __future__ import annotations

from ml_connector.books.outcomes import Held, Plan
from ml_connector.field.snapshot import InvoiceSnapshot, Snapshot, title
from ml_connector.findings import Finding
from ml_connector.mapping.bills import plan_bill
from ml_connector.mapping.eligible import not_entered, not_released
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.invoices import plan_invoice
from ml_connector.mapping.parties import home


def plan(snapshot: Snapshot, frame: Frame, revision: int = 1) -> Plan:
    """What to enter, or why nothing: held with every finding, skipped with its reason, or waiting for ServiceTitan.

    The same snapshot, rulebook and facts always give the same plan. `revision` counts re-entries of one source.
    """
    released = not_released(snapshot, frame.rulebook)
    if released:
        return released
    source = snapshot.source
    at = home(source.business_unit, frame.rulebook, title(source))
    if isinstance(at, Finding):
        return Held((at,))
    not_now = not_entered(snapshot, at, frame.rulebook)
    if not_now:
        return not_now
    if isinstance(snapshot, InvoiceSnapshot):
        return plan_invoice(snapshot, at, frame, revision)
    return plan_bill(snapshot, at, frame, revision)
