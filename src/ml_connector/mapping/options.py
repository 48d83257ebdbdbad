"""The rulebook's options: what a customer decides beside the mapping tables, with the values that each may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_connector.field.invoice import Configuration


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    values: tuple[str, ...]
    default: str
    meaning: str


_WHERE = ("nowhere", "in GP", "in ServiceTitan", "on both sides")
_OF_CONFIGURATION = ("enter", "hold", "skip")

OPTIONS: tuple[Option, ...] = (
    Option(
        "vendor_invoice_number",
        ("vendorNumber", "referenceNumber", "purchase order"),
        "vendorNumber",
        "which ServiceTitan field holds the vendor's own invoice number; a bill where it is blank is held",
    ),
    Option(
        "closed_period",
        ("hold", "first open day"),
        "hold",
        "a document dated in a closed period is held, or posted on the first open day after it",
    ),
    Option(
        "unreconciled_bills",
        ("hold", "enter"),
        "hold",
        "a bill that nobody has reconciled in ServiceTitan is held, or entered all the same",
    ),
    Option(
        "customer_policy",
        ("one customer each", "summary customer"),
        "one customer each",
        "each ServiceTitan customer is a GP customer, or each business unit has one summary customer",
    ),
    Option(
        "bind_certain",
        ("no", "yes"),
        "no",
        "two parties that could hardly be anybody else are bound by themselves, or a person confirms them too",
    ),
    Option(
        "create_customers",
        _WHERE,
        "nowhere",
        "where a customer is created that the other side alone has, and nobody there could be",
    ),
    Option("create_vendors", _WHERE, "nowhere", "likewise for vendors"),
    Option(
        "release_bound",
        ("offer", "by itself"),
        "offer",
        "what was held because its party was not bound is offered for replay, or planned again by itself",
    ),
    Option(
        "discounts",
        ("own account", "trade discount"),
        "own account",
        "discount lines lower sales on their own account, or become GP's trade discount",
    ),
    Option(
        "bill_tax",
        ("capitalise", "own account"),
        "capitalise",
        "tax on a bill is part of what was bought, as ServiceTitan allocates it, or has an account (purpose bill tax)",
    ),
    Option(
        "bill_freight",
        ("capitalise", "own account"),
        "capitalise",
        "shipping and other charges likewise (purpose freight)",
    ),
    Option(
        "eligible",
        ("Posted or Exported", "Exported"),
        "Posted or Exported",
        "the ServiceTitan states from which a source is entered; before, it waits",
    ),
    Option(Configuration.JOB, _OF_CONFIGURATION, "enter", "job invoices"),
    Option(Configuration.PROJECT, _OF_CONFIGURATION, "enter", "project invoices"),
    Option(Configuration.COUNTER_SALES, _OF_CONFIGURATION, "enter", "counter sales"),
    Option(Configuration.MEMBERSHIP, _OF_CONFIGURATION, "hold", "membership invoices, which are deferred revenue"),
    Option(Configuration.INTEREST_CHARGE, _OF_CONFIGURATION, "hold", "interest charged on overdue invoices"),
    Option(Configuration.IMPORTED_OPENING, ("skip",), "skip", "opening balances brought into ServiceTitan"),
)

OPTION_BY_NAME: Mapping[str, Option] = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Options:
    """The values in force, by (option, company); a value for one company goes before the one for all."""

    given: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __call__(self, name: str, company: str = "") -> str:
        for key in ((name, company), (name, "")):
            if key in self.given:
                return self.given[key]
        return OPTION_BY_NAME[name].default
