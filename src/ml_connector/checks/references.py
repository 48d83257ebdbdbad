"""Does GP know what the document names: accounts, party, tax details, and nobody else's number?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ml_connector.books.distribution import PayablesType, ReceivablesType
from ml_connector.books.document import Document, DocumentKind, PayablesDocument, ReceivablesDocument
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.findings import Finding

# eConnect, taRMDistribution (RMDTYPAL 1 and 7) and taPMDistribution
ALLOWED_TYPES: Mapping[DocumentKind, frozenset[int]] = {
    DocumentKind.RECEIVABLES_INVOICE: frozenset({1, 2, 3, 5, *range(8, 16), 23, 24}),
    DocumentKind.RECEIVABLES_CREDIT_MEMO: frozenset({*range(1, 9), *range(10, 16), 19, 23, 24}),
    DocumentKind.PAYABLES_INVOICE: frozenset(range(1, 16)),
    DocumentKind.PAYABLES_CREDIT_MEMO: frozenset(range(1, 16)),
}
_CONTROL = (ReceivablesType.RECV, PayablesType.PAY)


def types_fit_the_kind(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    for distribution in document.distributions:
        if distribution.type.value not in ALLOWED_TYPES[document.kind]:
            yield Finding(
                "distribution.type",
                document.number,
                f"GP takes no {distribution.type.name} distribution on a {document.kind.value}",
                "This is a fault of ml-connector: run 'ml-connector explain', and report what it prints.",
            )


def every_account_can_be_used(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    first: dict[str, tuple[str, str]] = {}
    for distribution in document.distributions:
        first.setdefault(str(distribution.account), (distribution.origin, distribution.rule))
    for account, (origin, rule) in first.items():
        card, where = facts.accounts.get(account), _where(document, origin)
        chosen_by = f"{rule} of the rulebook" if rule else "the rulebook"
        if card is None:
            yield Finding(
                "account.missing",
                where,
                f"account {account} is not in GP's chart of accounts",
                f"In GP, create {account} (Cards > Financial > Account); or correct {chosen_by} and import it; then replay.",
            )
        elif not card.active:
            yield Finding(
                "account.inactive",
                where,
                f"account {account} ({card.description}) is inactive in GP",
                f"In GP, clear Inactive on {account} (Cards > Financial > Account); or name another account in "
                f"{chosen_by} and import it; then replay.",
            )
        elif not card.allows_entry:
            yield Finding(
                "account.no_entry",
                where,
                f"account {account} ({card.description}) does not allow account entry in GP",
                f"In GP, mark Allow Account Entry on {account} (Cards > Financial > Account); or name another account in "
                f"{chosen_by} and import it; then replay.",
            )


def control_accounts_stay_apart(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    """Only the receivable or payable itself may use a control account, or subledger and ledger drift apart."""
    cards = facts.customers if isinstance(document, ReceivablesDocument) else facts.vendors
    own = cards[document.party_id].control if document.party_id in cards else None
    control = facts.control_accounts | ({str(own)} if own else set())
    for distribution in document.distributions:
        if distribution.type not in _CONTROL and str(distribution.account) in control:
            yield Finding(
                "account.control",
                _where(document, distribution.origin),
                f"{distribution.account} is a control account, and {distribution.type.name} may not use it"
                + (f" ({distribution.rule})" if distribution.rule else ""),
                "In the rulebook, map the line to an account that no subledger controls; import it, then replay.",
            )


def _where(document: Document, origin: str) -> str:
    return f"{document.number}, {' '.join(origin.split())}" if origin else document.number


def party_can_be_used(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    noun = "customer" if isinstance(document, ReceivablesDocument) else "vendor"
    cards: Mapping[str, PartyCard] = facts.customers if noun == "customer" else facts.vendors
    module = "Sales" if noun == "customer" else "Purchasing"
    window = f"Cards > {module} > {noun.capitalize()}"
    card = cards.get(document.party_id)
    if card is None:
        yield Finding(
            f"{noun}.missing",
            document.number,
            f"GP has no {noun} {document.party_id}",
            f"In GP, create {noun} {document.party_id} ({window}); or correct the id in the rulebook's "
            f"{'Customers (or Business units)' if noun == 'customer' else 'Vendors'} table and import it; then replay.",
        )
        return
    if not card.active:
        yield Finding(
            f"{noun}.inactive",
            document.number,
            f"{noun} {card.id} ({card.name}) is inactive in GP",
            f"In GP, clear Inactive ({window}); or bind the ServiceTitan {noun} to another in the rulebook; then replay.",
        )
    if card.on_hold:
        yield Finding(
            f"{noun}.on_hold",
            document.number,
            f"{noun} {card.id} ({card.name}) is on hold in GP",
            f"Nothing is needed to enter it; GP may ask when it is posted or paid ({window}).",
            warns=True,
        )
    if card.over_limit:
        yield Finding(
            f"{noun}.over_limit",
            document.number,
            f"{noun} {card.id} ({card.name}) is over the credit limit in GP",
            f"Nothing is needed to enter it; look at the credit limit in GP ({window}).",
            warns=True,
        )


def tax_details_exist(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if isinstance(document, ReceivablesDocument):
        for detail in document.taxes:
            if detail.detail not in facts.tax_details:
                yield Finding(
                    "tax_detail.missing",
                    document.number,
                    f"GP has no tax detail {detail.detail}",
                    f"In GP, create {detail.detail} (Tools > Setup > Company > Tax Details); or correct the rulebook's "
                    "Taxes table and import it; then replay.",
                )


def vendor_invoice_is_new(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    """GP refuses a second copy of a vendor's invoice only where its set-up says so; we never enter one."""
    if not isinstance(document, PayablesDocument) or document.kind.is_credit:
        return
    other = facts.vendor_invoices.get((document.vendor_id, document.vendor_invoice_number))
    if other is not None and other != document.number:
        yield Finding(
            "vendor_invoice.duplicate",
            document.number,
            f"invoice {document.vendor_invoice_number} of vendor {document.vendor_id} stands already under {other}",
            f"Compare the two in GP: if {other} is the same invoice, run 'ml-connector skip' with the reason; if not, correct "
            "the vendor's invoice number in ServiceTitan, and the bill is read again by itself.",
        )
