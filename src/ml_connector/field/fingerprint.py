"""The fingerprint of a source: what must change before the books are concerned.

ServiceTitan sends a record again for many reasons (a payment, a mail sent, a merged customer). Two readings with the
same fingerprint are one version; a change of eligibility (Pending to Posted) is a new one.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Invoice
from ml_connector.field.snapshot import Source
from ml_connector.field.source import GlAccount


def fingerprint(source: Source) -> str:
    """32 hexadecimal digits over the accounting fields; amounts count by value, so 1.0000 is 1."""
    values = _invoice(source) if isinstance(source, Invoice) else _bill(source)
    return hashlib.blake2b("\x1f".join(values).encode(), digest_size=16).hexdigest()


def _invoice(it: Invoice) -> list[str]:
    values = [
        f"invoice\x1f{it.id}\x1f{it.configuration}\x1f{it.status}\x1f{it.active}\x1f{it.invoice_date}\x1f{it.due_date}\x1f"
        f"{it.tax_zone_id}\x1f{it.project_id}\x1f{it.adjustment_to}\x1f{it.budget_code}",
        it.number,
        _exact(it.subtotal),
        _exact(it.tax),
        _exact(it.total),
        str(it.customer.id if it.customer else None),
        str(it.business_unit.id if it.business_unit else None),
        f"{it.job.id}\x1f{it.job.number}\x1f{it.job.type}" if it.job else "",
    ]
    for line in it.lines:
        values.append(
            f"{line.position}\x1f{line.item_code}\x1f{line.item_type}\x1f{line.taxable}\x1f{line.chargeable}\x1f{line.budget_code}\x1f"
            f"{line.business_unit.id if line.business_unit else None}"
        )
        values.append(_exact(line.total))
        values.append(_account(line.account))
    return values


def _bill(it: Bill) -> list[str]:
    values = [
        f"bill\x1f{it.id}\x1f{it.status}\x1f{it.active}\x1f{it.bill_date}\x1f{it.due_date}\x1f{it.job_id}\x1f{it.job_number}\x1f"
        f"{it.purchase_order_id}\x1f{it.reconciled}\x1f{it.budget_code}",
        it.reference_number,
        it.vendor_number,
        _exact(it.amount),
        _exact(it.tax),
        _exact(it.shipping),
        _exact(it.other),
        str(it.vendor.id if it.vendor else None),
        str(it.business_unit.id if it.business_unit else None),
    ]
    for line in it.lines:
        values.append(f"{line.position}\x1f{line.item_code}\x1f{line.item_type}\x1f{line.budget_code}")
        values += map(_exact, (line.quantity, line.cost))
        values += map(_exact, (line.allocated_tax, line.allocated_shipping, line.allocated_other))
        values.append(_account(line.cost_account))
        values.append(_account(line.asset_account))
    return values


def _exact(value: Decimal | None) -> str:
    return "" if value is None else str(value.normalize() + 0)


def _account(account: GlAccount | None) -> str:
    return "" if account is None else f"{account.id}\x1f{account.number}\x1f{account.name}"
