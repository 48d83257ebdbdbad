"""What the web services answer, read by our nouns: trimmed, ids in upper case, exact, and refused where it makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from ml_connector.books.account import AccountNumber
from ml_connector.books.document import DocumentKind, Standing, StandingDistribution, StandingState
from ml_connector.books.period import Series
from ml_connector.findings import Interrupted
from ml_connector.gp.row import EMPTY_DAY, fold
from ml_connector.gp.web_services import errors
from ml_connector.gp.web_services.contract import Value
from ml_connector.money import Currency, Money

# Every type of document that takes a number in the same subledger counts as ours of the same sign; receipts, payments and
# opening balances have numbers and batches of their own, and are passed over.
KINDS: Mapping[Series, Mapping[str, DocumentKind]] = MappingProxyType(
    {
        Series.SALES: {
            **dict.fromkeys(
                ("Invoice", "Scheduled Payment", "Debit Memo", "Finance Charge", "Service Repair", "Warranty"),
                DocumentKind.RECEIVABLES_INVOICE,
            ),
            **dict.fromkeys(("Credit Memo", "Return"), DocumentKind.RECEIVABLES_CREDIT_MEMO),
        },
        Series.PURCHASING: {
            **dict.fromkeys(("Invoice", "Finance Charge", "Miscellaneous Charge"), DocumentKind.PAYABLES_INVOICE),
            **dict.fromkeys(("Credit Memo", "Return"), DocumentKind.PAYABLES_CREDIT_MEMO),
        },
    }
)
PASSED_OVER = frozenset({"Cash Receipt", "Payment", "Balance Brought Forward"})
PLAIN = frozenset({"Invoice", "Credit Memo"})  # those that we enter ourselves, and can read by their key


def text(value: object) -> str:
    return str(value or "").strip()


def key(value: Value) -> str:
    """The id of a key, as GP compares it; "" where there is none."""
    return fold(text(value.Id)) if value is not None else ""


def money(value: Value, currency: Currency, where: str) -> Money:
    """An amount. Raises Interrupted where there is none, or it is in another currency or finer than a cent."""
    exact = value.Value if value is not None else None
    if not isinstance(exact, Decimal):
        raise wrong(where, "there is no amount")
    if fold(text(value.Currency)) not in ("", currency.value):
        raise wrong(
            where, f"the amount is in {text(value.Currency)}, and the company's books are kept in {currency.value}"
        )
    try:
        return Money(exact, currency)
    except ArithmeticError:
        raise wrong(where, f"{exact} is no amount") from None
    except ValueError:
        raise wrong(where, f"{exact} is finer than a cent") from None


def day(value: object) -> date | None:
    """A date without its meaningless time; None where nobody filled it in."""
    found = value.date() if isinstance(value, datetime) else value
    return found if isinstance(found, date) and found > EMPTY_DAY else None


def is_passed_over(row: Value) -> bool:
    return text(row.Type) in PASSED_OVER


def standing(
    series: Series, row: Value, currency: Currency, whole: Value | None = None, kind: DocumentKind | None = None
) -> Standing:
    """A document from a row of a list, which tells neither its posting date nor whether it is voided; from the `whole`
    document, where that was read too."""
    told = row if whole is None else whole
    number = key(row.Key)
    found = kind or KINDS[series].get(text(row.Type))
    if found is None:
        raise wrong(number, f"'{text(row.Type)}' is no type of document that we know")
    document_date = day(told.Date)
    if document_date is None:
        raise wrong(number, "it has no date")
    return Standing(
        kind=found,
        number=number,
        party_id=key(told.CustomerKey if series is Series.SALES else told.VendorKey),
        document_date=document_date,
        posting_date=None if whole is None else day(whole.GeneralLedgerPostingDate),
        amount=money(told.DocumentAmount, currency, f"{number}, DocumentAmount"),
        tax=None if told.TaxAmount is None else money(told.TaxAmount, currency, f"{number}, TaxAmount"),
        batch_id=key(told.BatchKey),
        state=state(told, number),
        voided=whole is not None and bool(whole.IsVoided),
        audit_trail_code="" if whole is None else fold(text(whole.AuditTrailCode)),
    )


def state(told: Value, where: str) -> StandingState:
    try:
        return StandingState(text(told.TransactionState))
    except ValueError:
        raise wrong(where, f"'{text(told.TransactionState)}' is no state that we know") from None


def distributions(series: Series, whole: Value, currency: Currency, separator: str) -> tuple[StandingDistribution, ...]:
    """The lines of a document that was read by its key."""
    held = whole.Distributions
    lines: Iterable[Value] = (
        () if held is None else held.ReceivablesDistribution if series is Series.SALES else held.PayablesDistribution
    ) or ()
    number = key(whole.Key)
    found = []
    for line in lines:
        number_of_account, type_key = key(line.GLAccountKey), line.DistributionTypeKey
        if not number_of_account or type_key is None:
            raise wrong(number, "GP keeps a distribution without an account or a type")
        debit, credit = (
            money(it, currency, f"{number}, distributions") for it in (line.DebitAmount, line.CreditAmount)
        )
        account = AccountNumber.parse(number_of_account, separator)
        found.append(StandingDistribution(account, int(type_key.Id), debit, credit))
    return tuple(found)


def wrong(where: str, says: str) -> Interrupted:
    return Interrupted(errors.answer(where, says))
