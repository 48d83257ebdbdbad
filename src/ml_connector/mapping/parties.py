"""Which company a source belongs to, and which GP customer or vendor it is entered for."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.books.period import Series
from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Invoice
from ml_connector.field.snapshot import Source, title
from ml_connector.field.source import Named
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import BusinessUnitRule, CompanyRule, Rulebook, VendorRule
from ml_connector.parties.party import Role


@dataclass(frozen=True, slots=True)
class Home:
    """The company and the business unit's rule that a source, or a line of it, belongs to."""

    company: CompanyRule
    unit: BusinessUnitRule


def home(unit: Named | None, rulebook: Rulebook, where: str) -> Home | Finding:
    if unit is None:
        return Finding(
            "business_unit.missing",
            where,
            "it has no business unit in ServiceTitan, so neither its company nor its department is known",
            "In ServiceTitan, set the business unit; it is read again by itself.",
        )
    rule = rulebook.business_unit(unit)
    if rule is None:
        return Finding(
            "business_unit.unmapped",
            where,
            f"business unit '{unit.name}' (id {unit.id}) is not in the rulebook",
            "In the rulebook's Business units table, add a row for it; import the rulebook, then replay.",
        )
    return Home(rulebook.companies[rule.company], rule)


def gp_customer(invoice: Invoice, at: Home, rulebook: Rulebook) -> str | Finding:
    if rulebook.options("customer_policy", at.company.company) == "summary customer":
        return at.unit.summary_customer or Finding(
            "customer.summary_missing",
            title(invoice),
            f"the policy is one summary customer, and business unit {at.unit.business_unit} names none",
            "In the rulebook's Business units table, fill summary_customer; import the rulebook, then replay.",
        )
    if invoice.customer is None:
        return Finding(
            "customer.absent",
            title(invoice),
            "it has no customer in ServiceTitan",
            "In ServiceTitan, set the invoice's customer; it is read again by itself.",
        )
    rule = rulebook.customers.get(invoice.customer.id)
    bound = rulebook.bound.get((Role.CUSTOMER, at.company.company, str(invoice.customer.id)))
    return (rule.gp_customer if rule else bound) or _unmapped("customer", invoice.customer, title(invoice))


def gp_vendor(bill: Bill, at: Home, rulebook: Rulebook) -> VendorRule | Finding:
    if bill.vendor is None:
        return Finding(
            "vendor.absent",
            title(bill),
            "it has no vendor in ServiceTitan",
            "In ServiceTitan, set the bill's vendor; it is read again by itself.",
        )
    rule = rulebook.vendors.get(bill.vendor.id)
    bound = rulebook.bound.get((Role.VENDOR, at.company.company, str(bill.vendor.id)))
    if rule is None and bound is not None:
        return VendorRule(0, bound, None)
    return rule or _unmapped("vendor", bill.vendor, title(bill))


def party_of(source: Source, rulebook: Rulebook) -> tuple[str, Series, str] | None:
    """Company, series and GP id of the party that a source will be entered for, to gather the party's card."""
    at = home(source.business_unit, rulebook, title(source))
    if isinstance(at, Finding):
        return None
    if isinstance(source, Invoice):
        customer = gp_customer(source, at, rulebook)
        return None if isinstance(customer, Finding) else (at.company.company, Series.SALES, customer)
    vendor = gp_vendor(source, at, rulebook)
    return None if isinstance(vendor, Finding) else (at.company.company, Series.PURCHASING, vendor.gp_vendor)


def _unmapped(noun: str, party: Named, where: str) -> Finding:
    table = f"{noun.capitalize()}s"
    return Finding(
        f"{noun}.unmapped",
        where,
        f"ServiceTitan {noun} '{party.name}' (id {party.id}) is bound to no GP {noun}",
        f"Run 'ml-connector parties bind' with {noun} {party.id} and its GP {noun} id, or add a row to the rulebook's "
        f"{table} table and import it (create the {noun} in GP first if there is none); then replay.",
    )
