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
        f"invoice {it.id} {it.configuration} {it.status} {it.active} {it.invoice_date} {it.due_date} "
        f"{it.tax_zone_id} {it.project_id} {it.adjustment_to} {it.budget_code}",
        it.number,
        _exact(it.subtotal),
        _exact(it.tax),
        _exact(it.total),
        str(it.customer.id if it.customer else None),
        str(it.business_unit.id if it.business_unit else None),
        f"{it.job.id} {it.job.number} {it.job.type}" if it.job else "",
    ]
    for line in it.lines:
        values.append(
            f"{line.position} {line.item_code} {line.item_type} {line.taxable} {line.chargeable} {line.budget_code} "
            f"{line.business_unit.id if line.business_unit else None}"
        )
        values.append(_exact(line.total))
        values.append(_account(line.account))
    return values


def _bill(it: Bill) -> list[str]:
    values = [
        f"bill {it.id} {it.status} {it.active} {it.bill_date} {it.due_date} {it.job_id} {it.job_number} "
        f"{it.purchase_order_id} {it.reconciled} {it.budget_code}",
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
        values.append(f"{line.position} {line.item_code} {line.item_type} {line.budget_code}")
        values += map(_exact, (line.quantity, line.cost))
        values += map(_exact, (line.allocated_tax, line.allocated_shipping, line.allocated_other))
        values.append(_account(line.cost_account))
        values.append(_account(line.asset_account))
    return values


def _exact(value: Decimal | None) -> str:
    return "" if value is None else str(value.normalize() + 0)


def _account(account: GlAccount | None) -> str:
    return "" if account is None else f"{account.id} {account.number} {account.name}"
