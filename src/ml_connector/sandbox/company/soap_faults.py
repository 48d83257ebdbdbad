"""How the web services refuse: a SOAP fault that says little, and a log that says the rest.

    Wrong: answered with a fault
    ├── SYSTEM        the faultstring is all there is ("Business object not found.")
    ├── FORMAT        the message does not fit the contract, or names no operation; .NET's words
    └── VALIDATION    "A validation exception has occurred", and the id under which the reasons are logged

The contract declares no fault. The faultstrings follow what clients have matched; that the log id stands in the detail
is invented, as is every faultcode. The reasons are read with GetLoggedValidationResultByKey.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from enum import Enum

from lxml import etree  # type: ignore[import-untyped]

from ml_connector.sandbox.company.errors import Reason, Refusal
from ml_connector.sandbox.company.soap_contract import GP, SOAP, Members
from ml_connector.sandbox.company.soap_words import OBJECTS

NOT_FOUND = "Business object not found."
REFUSED = "A validation exception has occurred. See the exception log for the validation result."
_DISPATCHER = "http://schemas.microsoft.com/net/2005/12/windowscommunicationfoundation/dispatcher"
_ADDRESSING = "http://schemas.microsoft.com/ws/2005/05/addressing/none"
_XML = "{http://www.w3.org/XML/1998/namespace}"

_PROPERTIES: Mapping[Reason, str] = {
    Reason.NUMBER_TAKEN: "Key.Id",
    Reason.VENDOR_DOCUMENT_TAKEN: "VendorDocumentNumber",
    Reason.CUSTOMER_UNKNOWN: "CustomerKey.Id",
    Reason.CUSTOMER_INACTIVE: "CustomerKey.Id",
    Reason.VENDOR_UNKNOWN: "VendorKey.Id",
    Reason.VENDOR_INACTIVE: "VendorKey.Id",
    Reason.ACCOUNT_UNKNOWN: "Distributions.GLAccountKey.Id",
    Reason.ACCOUNT_INACTIVE: "Distributions.GLAccountKey.Id",
    Reason.ACCOUNT_REFUSES_ENTRY: "Distributions.GLAccountKey.Id",
    Reason.DISTRIBUTIONS_MISSING: "Distributions",
    Reason.DISTRIBUTIONS_UNBALANCED: "Distributions",
    Reason.DISTRIBUTIONS_DIFFER_FROM_AMOUNT: "Distributions",
    Reason.DISTRIBUTION_TYPE_INVALID: "Distributions.DistributionTypeKey.Id",
    Reason.PERIOD_CLOSED: "GeneralLedgerPostingDate",
    Reason.PERIOD_MISSING: "GeneralLedgerPostingDate",
    Reason.BATCH_LOCKED: "BatchKey.Id",
    Reason.BATCH_OF_OTHER_ORIGIN: "BatchKey.Id",
    Reason.AMOUNTS_DO_NOT_ADD_UP: "DocumentAmount",
    Reason.TAX_DETAIL_UNKNOWN: "Taxes.Key.TaxDetailKey.Id",
    Reason.TAXES_DIFFER: "TaxAmount",
    Reason.CURRENCY_UNKNOWN: "CurrencyKey.ISOCode",
    Reason.PARTY_TAKEN: "Key.Id",
    Reason.CLASS_UNKNOWN: "ClassKey.Id",
    Reason.TERMS_UNKNOWN: "PaymentTermsKey.Id",
    Reason.ADDRESS_WITHOUT_CODE: "DefaultAddressKey.Id",
}


class Code(Enum):
    """Who is to blame, as a faultcode: {namespace}name."""

    SERVER = f"{{{SOAP}}}Server"
    CLIENT = f"{{{SOAP}}}Client"
    FORMAT = f"{{{_DISPATCHER}}}DeserializationFailed"
    NO_SUCH_OPERATION = f"{{{_ADDRESSING}}}ActionNotSupported"


class Wrong(Exception):
    """The call is answered with a fault."""

    def __init__(self, says: str, code: Code = Code.SERVER, log_id: str = "") -> None:
        super().__init__(says)
        self.code, self.log_id = code, log_id


def not_found() -> Wrong:
    return Wrong(NOT_FOUND)


def fault(wrong: Wrong) -> bytes:
    """The envelope of a fault."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP})
    element = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    namespace, _, name = wrong.code.value[1:].partition("}")
    code = etree.SubElement(element, "faultcode", nsmap={"a": namespace} if namespace != SOAP else None)
    code.text = f"{'s' if namespace == SOAP else 'a'}:{name}"
    text = etree.SubElement(element, "faultstring")
    text.set(f"{_XML}lang", "en-US")
    text.text = str(wrong)
    if wrong.log_id:
        detail = etree.SubElement(element, "detail")
        etree.SubElement(detail, f"{{{GP}}}LogId", nsmap={None: GP}).text = wrong.log_id
    written: bytes = etree.tostring(envelope, encoding="utf-8")
    return written


class ValidationLog:
    """The logged results of validation, by the id that the fault carries. Safe for threads."""

    def __init__(self) -> None:
        self._results: dict[str, Members] = {}
        self._lock = threading.Lock()

    def keep(self, noun: str, refusals: Sequence[Refusal]) -> Wrong:
        """Log why a document or a card was refused; what the caller is told."""
        log_id = str(uuid.uuid4())
        result: Members = {"Errors": [_error(noun, refusal) for refusal in refusals], "Warnings": []}
        with self._lock:
            self._results[log_id] = result
        return Wrong(REFUSED, Code.CLIENT, log_id)

    def result(self, log_id: str) -> Members:
        """The logged result; `Wrong` where nothing is logged under this id."""
        with self._lock:
            found = self._results.get(log_id.lower())
        if found is None:
            raise not_found()
        return found


def _error(noun: str, refusal: Refusal) -> Members:
    name = _PROPERTIES.get(refusal.reason)
    return {
        "ObjectType": OBJECTS + noun,
        "PropertyNames": [name] if name else [],
        "Message": refusal.message,
        "Id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{GP}/{refusal.reason.name}")),
    }
