"""What the web services' messages are made of and read by, against the official contract, without a server."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.books.document import Document, ReceivablesDocument
from ml_connector.findings import Interrupted
from ml_connector.gp.web_services import contract, documents
from ml_connector.gp.web_services.contract import COMMON, Contract, Value, load
from ml_connector.gp.web_services.faults import fault_of, reasons
from ml_connector.gp.wire import Unintelligible
from tests.contract.books_contract import ALL_KINDS, a_bill, an_invoice
from tests.wire import soap_schema

WSDL = soap_schema.CONTRACT / "legacy_subset.wsdl"
EXAMPLES = soap_schema.CONTRACT / "examples"
NAMES = (
    "legacy_gp_2006_01_subset.xsd",
    "legacy_common_2006_01.xsd",
    "legacy_security_2006_01.xsd",
    "legacy_ms_types.xsd",
)


@pytest.fixture(autouse=True)
def _contract_is_there() -> None:
    soap_schema.needs_the_contract()


@cache
def official() -> Contract:
    return load(str(WSDL), None, nowhere)


def nowhere(address: str) -> bytes:
    raise AssertionError(f"{address} is asked for")


def context(made: Contract) -> Value:
    company = made.make("CompanyKey", COMMON, Id=-1)
    return {"OrganizationKey": company, "CultureName": "en-US", "CurrencyType": "Transactional"}


def a_create(document: Document, batch: str = "STR260314-07") -> bytes:
    made = official()
    parts = {
        documents.part_of(document.kind): documents.members(document, batch, made, "-"),
        "policy": made.result("GetPolicyByOperation", example("GetPolicyByOperation.response.xml")),
        "context": context(made),
    }
    return made.request(documents.CREATES[document.kind], parts)


def example(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


# What we send


@pytest.mark.parametrize("document", ALL_KINDS, ids=lambda it: it.kind.value)
def test_each_kind_fits_the_official_contract(document: Document) -> None:
    """Order, xsi:nil and xsi:type are the schema's, and the policy goes back as it came."""
    sent = a_create(document)
    soap_schema.validate(sent)
    assert sent == a_create(document)
    assert b"Create New Batch If Batch Does Not Exist" in sent
    assert b":MoneyAmount" in sent
    assert b'nil="true"' in sent


TEXTS = st.text(max_size=40)


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_any_description_fits_the_official_contract(description: str, customer_po: str, reference: str) -> None:
    """Control characters, other alphabets, markup: the message stays one that GP can read."""
    invoice = an_invoice()
    lines = tuple(replace(line, reference=reference) for line in invoice.distributions)
    strange = replace(invoice, description=description, customer_po=customer_po, distributions=lines)
    soap_schema.validate(a_create(strange))


def test_amounts_are_exact_and_whole() -> None:
    """Both decimal places, digits only, whatever their size."""
    huge = replace(an_invoice(), sales=an_invoice().sales + an_invoice().sales)
    assert b"Value>220.00<" in a_create(huge)
    assert b"Value>0.00<" in a_create(huge)


def test_a_key_that_gp_could_not_keep_is_refused() -> None:
    """Sixteen characters of a number, a character that the database lacks: never shortened, never respelled."""
    for wrong in (an_invoice("STI1234567890123"), replace(a_bill(), vendor_invoice_number="№ 7")):
        with pytest.raises(ValueError, match="GP cannot keep"):
            a_create(wrong)


def test_accounts_are_written_with_the_companys_separator() -> None:
    """The company's own, between the segments."""
    told = documents.members(an_invoice(), "B", official(), ".")
    lines = told["Distributions"]["ReceivablesDistribution"]
    assert lines[0]["GLAccountKey"]["Id"] == "000.1200.00"


def test_taxes_come_with_what_they_were_taken_from() -> None:
    """Tax, taxable amount and sales of each detail."""
    invoice = an_invoice()
    assert isinstance(invoice, ReceivablesDocument)
    (tax,) = documents.members(invoice, "B", official(), "-")["Taxes"]["ReceivablesTax"]
    amounts = [str(tax[name]["Value"]) for name in ("TaxAmount", "TaxableAmount", "TotalAmount")]
    assert amounts == ["8.25", "100.00", "100.00"]


def test_no_addressing_is_sent_where_the_wsdl_names_actions(tmp_path: Path) -> None:
    """The real WSDL carries wsaw:Action, and a basicHttp endpoint speaks no WS-Addressing."""
    text = WSDL.read_text("utf-8").replace(
        "<wsdl:input message=",
        '<wsdl:input xmlns:wsaw="http://www.w3.org/2006/05/addressing/wsdl" wsaw:Action="urn:x" message=',
    )
    made = load(str(copied(tmp_path, text)), None, nowhere)
    parts = {"operation": "CreatePayablesInvoice", "context": context(made)}
    assert b"Header" not in made.request("GetPolicyByOperation", parts)


def test_a_literal_that_the_installation_does_not_know_is_not_sent() -> None:
    """zeep would let it through."""
    assert official().word("VendorScope", "Return All") == "Return All"
    with pytest.raises(ValueError, match="ReturnAll"):
        official().word("VendorScope", "ReturnAll")


# The contract


def copied(folder: Path, wsdl: str, **schemas: str) -> Path:
    """The official WSDL in a folder of its own, changed."""
    for name in NAMES:
        (folder / name).write_bytes((soap_schema.CONTRACT / name).read_bytes())
    path = folder / "own.wsdl"
    path.write_text(wsdl, "utf-8")
    return path


def test_a_contract_that_lacks_an_operation_is_told(tmp_path: Path) -> None:
    """All that is missing, at once."""
    text = WSDL.read_text("utf-8").replace('name="GetBatchList"', 'name="GetBatches"')
    text = text.replace('name="GetVendorByKey"', 'name="GetVendorByName"')
    with pytest.raises(Interrupted) as stop:
        load(str(copied(tmp_path, text)), None, nowhere)
    assert stop.value.finding.code == "gp.contract"
    assert "lacks GetBatchList, GetVendorByKey" in stop.value.finding.says


def test_a_contract_with_other_words_is_told(tmp_path: Path) -> None:
    """A literal that we send is not in this installation's schema."""
    path = copied(tmp_path, WSDL.read_text("utf-8"))
    schema = tmp_path / NAMES[0]
    schema.write_text(schema.read_text("utf-8").replace('value="Return All"', 'value="Alles"'), "utf-8")
    with pytest.raises(Interrupted) as stop:
        load(str(path), None, nowhere)
    assert "VendorScope 'Return All'" in stop.value.finding.says


@pytest.mark.parametrize("content", [b"", b"<html>Sign in</html>", b"<wsdl:definitions/>", b"\xff\xfe"])
def test_what_is_no_wsdl_is_told(tmp_path: Path, content: bytes) -> None:
    """A page, half a file, nothing."""
    path = tmp_path / "own.wsdl"
    path.write_bytes(content)
    with pytest.raises(Interrupted) as stop:
        load(str(path), None, nowhere)
    assert stop.value.finding.code == "gp.contract"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as stop:
        load(str(tmp_path / "none.wsdl"), None, nowhere)
    assert stop.value.finding.code == "gp.contract"


def test_every_document_is_read_from_the_server_that_we_know(tmp_path: Path) -> None:
    """An installation that calls itself by another name: our login goes nowhere else, and no file is taken for one."""
    inner = "http://inner-name.example.test:48620/x/"
    asked: list[str] = []

    def fetch(address: str) -> bytes:
        asked.append(address)
        name = address.rpartition("/")[2].partition("?")[0]
        content = (soap_schema.CONTRACT / (name if name.endswith(".xsd") else WSDL.name)).read_text("utf-8")
        return content.replace('schemaLocation="', f'schemaLocation="{inner}').encode()

    load("http://gp.example.test:48620/x/Service.asmx?wsdl", tmp_path / "kept", fetch)
    assert len(asked) == 5
    assert all(address.startswith("http://gp.example.test:48620/x/") for address in asked)
    load("http://gp.example.test:48620/x/Service.asmx?wsdl", tmp_path / "kept", nowhere)


def test_a_file_sends_nobody_to_a_server(tmp_path: Path) -> None:
    """A WSDL in a file names schemas of a server: it is asked for them beside it."""
    text = WSDL.read_text("utf-8").replace('schemaLocation="', 'schemaLocation="http://gp.example.test/')
    with pytest.raises(Interrupted) as stop:
        load(str(copied(tmp_path, text)), None, nowhere)
    assert "gp.example.test" in stop.value.finding.says


# What GP answers


def test_every_official_answer_is_read() -> None:
    """Each example of an operation that we use, by the strict reader."""
    read = [name for name in sorted(contract.NEEDED) if (EXAMPLES / f"{name}.response.xml").exists()]
    assert len(read) >= 15
    for name in read:
        official().result(name, example(f"{name}.response.xml"))


@pytest.mark.parametrize(
    "change",
    [
        (
            b"<IsOnHold>false</IsOnHold><IsActive>true</IsActive>",
            b"<IsActive>true</IsActive><IsOnHold>false</IsOnHold>",
        ),
        (b"<IsOneTime>", b"<Novelty>1</Novelty><IsOneTime>"),
        (b"GetVendorListResponse", b"GetCustomerListResponse"),
        (b"</s:Envelope>", b""),
        (b"<s:Envelope", b"<!DOCTYPE s:Envelope><s:Envelope"),
        (b"s:Body", b"s:Nobody"),
    ],
    ids=["order", "new member", "another answer", "cut off", "DTD", "no body"],
)
def test_an_answer_that_does_not_fit_is_unintelligible(change: tuple[bytes, bytes]) -> None:
    """zeep, less strict, would lose values without a word, or find nothing where there is something."""
    content = example("GetVendorList.response.xml")
    assert change[0] in content
    with pytest.raises(Unintelligible):
        official().result("GetVendorList", content.replace(*change))


def test_an_empty_list_is_nothing() -> None:
    """Both forms in which .NET writes it."""
    whole = example("GetVendorList.response.xml")
    start, end = whole.index(b"<GetVendorListResult>"), whole.index(b"</GetVendorListResponse>")
    for empty in (b"<GetVendorListResult/>", b""):
        assert official().result("GetVendorList", whole[:start] + empty + whole[end:]) is None


# Faults


def test_the_log_id_is_found_wherever_it_stands() -> None:
    """Nobody documents its place: in the detail, or in the text."""
    fault = fault_of(example("validation-fault.INFERRED.xml"))
    assert fault is not None
    assert fault.log_ids == ("4f3c2f6e-0000-0000-0000-000000000000",)
    assert fault.is_validation
    in_text = example("validation-fault.INFERRED.xml").replace(b"PM Keys", b"4F3C2F6E-0000-0000-0000-00000000000A")
    again = fault_of(in_text)
    assert again is not None
    assert set(again.log_ids) == {"4f3c2f6e-0000-0000-0000-00000000000a", *fault.log_ids}


def test_an_answer_without_a_fault_has_none() -> None:
    assert fault_of(example("GetVendorList.response.xml")) is None
    assert fault_of(b"<html>Runtime Error</html>") is None
    assert fault_of(b"") is None


def test_the_logged_reasons_are_the_errors() -> None:
    """Message and id of each; without errors there is no reason."""
    result = official().result("GetLoggedValidationResultByKey", example("GetLoggedValidationResultByKey.response.xml"))
    (said,) = reasons(result)
    assert said.text == "Key already exists in PM Keys Master"
    result.Errors = None
    assert reasons(result) == []
    assert reasons(None) == []
