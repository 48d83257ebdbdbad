"""The sandbox's web services, asked over real HTTP by zeep, which knows nothing but the WSDL that they serve."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
import zeep
from lxml import etree  # type: ignore[import-untyped]
from zeep.exceptions import Fault as SoapFault
from zeep.helpers import serialize_object
from zeep.transports import Transport

from ml_connector.sandbox import town
from ml_connector.sandbox.company import GPCONNECT, Company, Kind, Module, Settings, WindowsUser
from ml_connector.sandbox.company.soap import PATH, SoapApplication
from ml_connector.sandbox.company.soap_contract import FOLDER
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.neighbourhood import Neighbourhood
from ml_connector.sandbox.serving import Server
from tests.contract.test_company_sandbox import Ntlm
from tests.wire import soap_schema

GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"
COMMON = "http://schemas.microsoft.com/dynamics/2006/01"
NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


def day(text: str) -> datetime:
    """A day as zeep reads and writes it: a midnight without a zone."""
    return datetime.fromisoformat(text)


MARCH_14 = day("2026-03-14")
CUSTOMER, VENDOR = "SMITH001", "FERGUSON0001"


class Checked(Transport):
    """HTTP for zeep, over httpx2; every request and every answer is held against the legacy contract."""

    def __init__(self, http: httpx2.Client) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.http = http
        self.spoken: list[tuple[bytes, bytes]] = []

    def load(self, url: str) -> bytes:
        response = self.http.get(url)
        assert response.status_code == 200, response.text
        return bytes(response.content)

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> Any:
        soap_schema.validate(message)
        response = self.http.post(address, content=message, headers=dict(headers))
        if response.status_code in (200, 500) and response.headers["content-type"].startswith("text/xml"):
            soap_schema.validate(response.content)
        self.spoken.append((message, response.content))
        return response


@dataclass
class Gp:
    """zeep before one company."""

    company: Company
    application: SoapApplication
    server: Server
    http: httpx2.Client
    transport: Checked
    client: Any

    def make(self, name: str, **members: Any) -> Any:
        namespace = COMMON if name == "CompanyKey" else GP
        return self.client.get_type(f"{{{namespace}}}{name}")(**members)

    def money(self, value: str) -> Any:
        return self.make("MoneyAmount", Currency="USD", Value=Decimal(value), DecimalDigits=2)

    def context(self, company: int | None = town.COMPANY_NUMBER) -> dict[str, Any]:
        key = {} if company is None else {"OrganizationKey": self.make("CompanyKey", Id=company)}
        return {"CurrencyType": "Transactional", "CultureName": "en-US", **key}

    def call(self, asked: str, /, company: int | None = town.COMPANY_NUMBER, **arguments: Any) -> Any:
        return getattr(self.client.service, asked)(context=self.context(company), **arguments)

    def refusal(self, asked: str, /, **arguments: Any) -> SoapFault:
        with pytest.raises(SoapFault) as caught:
            self.call(asked, **arguments)
        return caught.value

    def create(self, kind: str, document: dict[str, Any]) -> Any:
        policy = self.call("GetPolicyByOperation", operation=f"Create{kind}")
        sent: dict[str, Any] = {kind[0].lower() + kind[1:]: document}
        return self.call(f"Create{kind}", policy=policy, **sent)

    def logged(self, fault: SoapFault) -> list[Any]:
        log_id = fault.detail.findtext(f"{{{GP}}}LogId")
        result = self.call("GetLoggedValidationResultByKey", logId=log_id)
        return list(result.Errors.ValidationError)

    def refused(self, kind: str, document: dict[str, Any]) -> list[Any]:
        """The logged errors of a document that may not be entered."""
        with pytest.raises(SoapFault, match="A validation exception has occurred") as caught:
            self.create(kind, document)
        return self.logged(caught.value)

    def distribution(self, type_number: int, account: str, debit: str = "0", credit: str = "0") -> dict[str, Any]:
        return {
            "Key": {"SequenceNumber": 0},
            "DistributionTypeKey": {"Id": type_number},
            "GLAccountKey": {"Id": account, "IsEncrypted": False},
            "DebitAmount": self.money(debit),
            "CreditAmount": self.money(credit),
            "Reference": "Job 4711",
        }

    def receivable(self, number: str = "STI100", credit: bool = False, **members: Any) -> dict[str, Any]:
        party, base = ("CreditAmount", "DebitAmount") if credit else ("DebitAmount", "CreditAmount")
        lines = [
            self.distribution(3, "000-1200-00") | {party: self.money("108.25")},
            self.distribution(19 if credit else 9, "100-4110-02") | {base: self.money("100.00")},
            self.distribution(13, "000-2210-00") | {base: self.money("8.25")},
        ]
        tax = {
            "Key": {"TaxDetailKey": {"Id": town.TAX_ZONES[0].authorities[0].detail}},
            "TaxAmount": self.money("8.25"),
            "TotalAmount": self.money("100.00"),
            "TaxableAmount": self.money("100.00"),
        }
        return {
            "Key": {"Id": number},
            "Date": MARCH_14,
            "GeneralLedgerPostingDate": MARCH_14,
            "SalesAmount": self.money("100.00"),
            "TaxAmount": self.money("8.25"),
            "DocumentAmount": self.money("108.25"),
            "Description": "Tune-up",
            "CustomerPONumber": "10482",
            "BatchKey": {"Id": "STR260314-01", "CreatedDateTime": MARCH_14},
            "CustomerKey": {"Id": CUSTOMER},
            "Taxes": {"ReceivablesTax": [tax]},
            "Distributions": {"ReceivablesDistribution": lines},
            **members,
        }

    def payable(self, number: str = "STB200", credit: bool = False, **members: Any) -> dict[str, Any]:
        party, base = ("DebitAmount", "CreditAmount") if credit else ("CreditAmount", "DebitAmount")
        lines = [
            self.distribution(2, "000-2100-00") | {party: self.money("64.10")},
            self.distribution(6, "100-5110-02") | {base: self.money("64.10")},
        ]
        return {
            "Key": {"Id": number},
            "VendorDocumentNumber": f"F-{number}",
            "Date": MARCH_14,
            "GeneralLedgerPostingDate": MARCH_14,
            "PurchasesAmount": self.money("64.10"),
            "BatchKey": {"Id": "STP260314-01", "CreatedDateTime": MARCH_14},
            "VendorKey": {"Id": VENDOR},
            "Distributions": {"PayablesDistribution": lines},
            **members,
        }


@contextmanager
def serving(
    users: tuple[WindowsUser, ...] = (GPCONNECT,),
    signed_in: bool = False,
    around: Neighbourhood | None = None,
    **settings: Any,
) -> Iterator[Gp]:
    company = Company.front_range(Settings(**settings), lambda: NOON, around)
    application = SoapApplication(company, users, authentication="ntlm" if signed_in else "none")
    with Server(application) as server, httpx2.Client(auth=Ntlm(users[0]) if signed_in else None) as http:
        transport = Checked(http)
        client: Any = zeep.Client(f"{server.url}{PATH}?wsdl", transport=transport)  # type: ignore[no-untyped-call]
        yield Gp(company, application, server, http, transport, client)


@pytest.fixture
def gp() -> Iterator[Gp]:
    with serving() as it:
        yield it


def members(value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = serialize_object(value)  # type: ignore[no-untyped-call]
    return plain


def ids(rows: Any) -> list[str]:
    return [row.Key.Id for row in rows or ()]


# The contract


def test_every_served_type_is_the_one_of_the_legacy_contract() -> None:
    """Member names, their order, their types and what may be left out or nil are those of the legacy schema."""
    soap_schema.needs_the_contract()
    ours, theirs = soap_schema.types(FOLDER), soap_schema.types(soap_schema.CONTRACT)
    assert len(ours) > 250
    assert {name: theirs.get(name) for name in ours} == ours


def test_every_served_operation_is_the_one_of_the_legacy_contract() -> None:
    """SOAPAction, request and answer are those of the legacy WSDL."""
    soap_schema.needs_the_contract()
    ours = soap_schema.operations(FOLDER / "DynamicsGP.wsdl")
    theirs = soap_schema.operations(soap_schema.CONTRACT / "legacy_subset.wsdl")
    assert len(ours) == 36
    assert {name: theirs.get(name) for name in ours} == ours


def test_the_helper_itself_refuses_what_the_contract_does_not_have(gp: Gp) -> None:
    """A check that lets everything through would prove nothing."""
    gp.call("GetVendorByKey", key={"Id": VENDOR})
    request, answer = gp.transport.spoken[-1]
    soap_schema.validate(request)
    for broken in (request.replace(b"CurrencyType", b"Currency"), answer.replace(b"IsOnHold", b"OnHold")):
        with pytest.raises(soap_schema.NotInContract):
            soap_schema.validate(broken)


# Every operation


def test_zeep_drives_every_operation(gp: Gp) -> None:
    """Each served operation is asked for once, and what goes out and what comes back are in the contract."""
    for kind in Kind:
        noun = "".join(word.capitalize() for word in kind.value.split("-"))
        module = noun.removesuffix("Invoice").removesuffix("CreditMemo")
        build = gp.receivable if module == "Receivables" else gp.payable
        number = f"N{kind.type_number}{module[0]}"
        gp.create(noun, build(number, credit=kind.is_credit))
        scope = {"Scope": "Return All"} if module == "Receivables" else {}
        assert gp.call(f"Get{noun}ByKey", key={"Id": number}).Key.Id == number
        assert ids(gp.call(f"Get{noun}List", criteria=scope)) == [number]
        assert number in ids(gp.call(f"Get{module}DocumentList", criteria=scope))
    for noun in ("Customer", "Vendor"):
        listed = gp.call(f"Get{noun}List", criteria={"Scope": "Return All"})
        card = gp.call(f"Get{noun}ByKey", key={"Id": ids(listed)[0]})
        assert card.Name == listed[0].Name
        for verb in ("Update", "Create"):
            card.Key.Id = card.Key.Id if verb == "Update" else f"NEW{noun}"
            policy = gp.call("GetPolicyByOperation", operation=f"{verb}{noun}")
            assert gp.call(f"{verb}{noun}", policy=policy, **{noun.lower(): card}) is None
    assert [it.Id for it in gp.call("GetChangedCustomerKeyList", criteria={})][-1] == "NEWCUSTOMER"
    for noun in ("GLAccount", "GLPostingAccount"):
        listed = gp.call(f"Get{noun}List", criteria={})
        key = {"Id": ids(listed)[0], "IsEncrypted": False}
        assert gp.call(f"Get{noun}ByKey", key=key).Description == listed[0].Description
    batch = gp.call("GetBatchList", criteria={})[0]
    assert gp.call("GetBatchByKey", key=members(batch.Key)).NumberOfTransactions == 2
    detail = gp.call("GetTaxDetailList", criteria={})[0]
    assert gp.call("GetTaxDetailByKey", key={"Id": detail.TaxDetailKey.Id}).TaxDetailPercent == detail.TaxDetailPercent
    assert [it.SegmentLength for it in gp.call("GetGLAccountFormatList", criteria={})] == [3, 4, 2]
    assert [it.Name for it in gp.call("GetCompanyList", company=None)] == [town.COMPANY_NAME]
    assert [it.Key.Id for it in gp.call("GetWSEnabledCompanyForUserList", company=None)] == [town.COMPANY_NUMBER]
    assert gp.refusal("GetLoggedValidationResultByKey", logId=str(uuid.uuid4())).message == "Business object not found."
    calls = gp.server.application.records()["calls"]  # type: ignore[index]
    assert set(calls) == set(soap_schema.operations(FOLDER / "DynamicsGP.wsdl"))


def test_a_create_answers_with_an_empty_element(gp: Gp) -> None:
    """Not even the key comes back, so that a client has to ask for what it entered."""
    assert gp.create("ReceivablesInvoice", gp.receivable()) is None
    answer = etree.fromstring(gp.transport.spoken[-1][1])
    response = answer[0][0]
    assert response.tag == f"{{{GP}}}CreateReceivablesInvoiceResponse"
    assert (len(response), response.text) == (0, None)


def test_a_document_comes_back_as_it_was_sent(gp: Gp) -> None:
    """Trimmed, in upper case, in Work, with the distributions in their order and the numbers GP gave them."""
    gp.create("ReceivablesInvoice", gp.receivable("sti100", Terms={"DueDate": day("2026-04-13")}))
    kept = gp.call("GetReceivablesInvoiceByKey", key={"Id": "STI100"})
    assert (kept.Key.Id, kept.CustomerKey.Id, kept.BatchKey.Id) == ("STI100", CUSTOMER, "STR260314-01")
    assert (kept.TransactionState, kept.Type, kept.IsVoided) == ("Work", "Invoice", False)
    assert (kept.Description, kept.CustomerPONumber) == ("Tune-up", "10482")
    assert (kept.Date, kept.GeneralLedgerPostingDate) == (MARCH_14, MARCH_14)
    assert kept.Terms.DueDate == day("2026-04-13")
    assert (kept.SalesAmount.Value, kept.TaxAmount.Value) == (Decimal("100.00"), Decimal("8.25"))
    assert kept.DocumentAmount.Value == Decimal("108.25")
    lines = kept.Distributions.ReceivablesDistribution
    assert [(it.DistributionTypeKey.Id, it.GLAccountKey.Id, it.Key.SequenceNumber) for it in lines] == [
        (3, "000-1200-00", 16384),
        (9, "100-4110-02", 32768),
        (13, "000-2210-00", 49152),
    ]
    assert [(it.DebitAmount.Value, it.CreditAmount.Value) for it in lines] == [
        (Decimal("108.25"), 0),
        (0, Decimal("100.00")),
        (0, Decimal("8.25")),
    ]
    assert kept.Taxes.ReceivablesTax[0].TaxAmount.Value == Decimal("8.25")


def test_what_is_left_out_is_calculated(gp: Gp) -> None:
    """Without dates, tax and document amount, GP takes its own day and adds up."""
    document = gp.receivable()
    for member in ("Date", "GeneralLedgerPostingDate", "TaxAmount", "DocumentAmount"):
        del document[member]
    gp.create("ReceivablesInvoice", document)
    kept = gp.call("GetReceivablesInvoiceByKey", key={"Id": "STI100"})
    assert (kept.Date.date(), kept.GeneralLedgerPostingDate.date()) == (NOON.date(), NOON.date())
    assert (kept.TaxAmount.Value, kept.DocumentAmount.Value) == (Decimal("8.25"), Decimal("108.25"))


def test_texts_come_back_without_their_padding(gp: Gp) -> None:
    """The tables pad with spaces; the web services trim, unlike SBA."""
    assert next(it for it in gp.company.customers() if it.id.strip() == CUSTOMER).name.endswith(" ")
    customer = gp.call("GetCustomerByKey", key={"Id": f" {CUSTOMER.lower()} "})
    assert (customer.Key.Id, customer.Name) == (CUSTOMER, customer.Name.strip())


def test_an_account_of_any_kind_says_which_it_is(gp: Gp) -> None:
    """The declared type of GetGLAccountByKey is abstract, so the answer carries xsi:type."""
    account = gp.call("GetGLAccountByKey", key={"Id": "100-4110-02", "IsEncrypted": False})
    assert b'xsi:type="GLPostingAccount"' in gp.transport.spoken[-1][1]
    assert (account.AllowAccountEntry, account.PostingType) == (True, "ProfitLoss")
    inactive = gp.call("GetGLPostingAccountByKey", key={"Id": town.INACTIVE_ACCOUNT, "IsEncrypted": False})
    assert inactive.IsActive is False


def test_a_card_says_its_own_account_its_limit_and_its_1099(gp: Gp) -> None:
    """Control account, credit limit and tax type stand on the card, and not in the list."""
    own = gp.call("GetCustomerByKey", key={"Id": "CHERRYDENT001"})
    assert own.AccountsReceivableGLAccountKey.Id == "000-1210-00"
    assert own.CreditLimit.SpecialAmount == "Unlimited Credit"
    limited = gp.call("GetCustomerByKey", key={"Id": town.CUSTOMERS[7].gp_id})
    assert (limited.CreditLimit.Amount.Value, limited.AccountsReceivableGLAccountKey) == (Decimal("500.00"), None)
    marked = {it.gp_id: "Miscellaneous" if it.is_1099 else "None" for it in town.VENDORS}
    assert {id: gp.call("GetVendorByKey", key={"Id": id}).Tax1099Type for id in marked} == marked


def test_a_batch_has_no_status(gp: Gp) -> None:
    """The contract has the number of transactions and the total, and nothing that says whether the batch is locked."""
    gp.create("PayablesInvoice", gp.payable())
    gp.company.do_lock_batch("STP260314-01")
    batch = gp.call("GetBatchByKey", key={"Id": "STP260314-01", "CreatedDateTime": MARCH_14})
    assert (batch.Key.Source, batch.NumberOfTransactions, batch.Total.Value) == ("PM_Trxent", 1, Decimal("64.10"))
    assert not [member for member in members(batch) if "Status" in member]


# Lists


def test_a_list_stops_at_1000_rows_and_does_not_say_so(gp: Gp) -> None:
    """The first thousand in the order of their keys: the only sign of more is that it is exactly a thousand."""
    for number in range(1200):
        gp.company.do_add_vendor(f"ZZ{number:05d}", f"Vendor {number}")
    listed = gp.call("GetVendorList", criteria={"Scope": "Return All", "Id": {"From": "ZZ00000", "To": "ZZ99999"}})
    assert ids(listed) == [f"ZZ{number:05d}" for number in range(1000)]
    rest = gp.call("GetVendorList", criteria={"Scope": "Return All", "Id": {"GreaterThan": "ZZ00999"}})
    assert ids(rest) == [f"ZZ{number:05d}" for number in range(1000, 1200)]


def test_a_list_of_nothing_is_empty(gp: Gp) -> None:
    """zeep reads an empty list as None."""
    assert gp.call("GetReceivablesInvoiceList", criteria={"Scope": "Return All"}) is None


@pytest.mark.parametrize(
    ("restriction", "found"),
    [
        ({"EqualValue": "a1 "}, ["A1"]),
        ({"NotEqualValue": "A1"}, ["A2", "A3", "B1"]),
        ({"Items": {"string": ["A3", "B1", "C9"]}}, ["A3", "B1"]),
        ({"From": "A2", "To": "B1"}, ["A2", "A3", "B1"]),
        ({"GreaterThan": "A1", "LessThan": "B1"}, ["A2", "A3"]),
        ({"Like": "a%"}, ["A1", "A2", "A3"]),
        ({"Like": "_[1-2]"}, ["A1", "A2", "B1"]),
        ({"Like": "%[^1]"}, ["A2", "A3"]),
        ({"Like": "."}, []),
    ],
    ids=str,
)
def test_a_number_is_restricted_by_value_set_range_and_pattern(
    gp: Gp, restriction: dict[str, Any], found: list[str]
) -> None:
    """Without case and padding, and with the wildcards of SQL Server."""
    for number in ("B1", "A1", "A3", "A2"):
        gp.company.do_enter_by_hand("receivables-invoice", number, CUSTOMER, "10.00", "2026-03-14")
    criteria = {"Scope": "Return All", "DocumentId": restriction}
    assert ids(gp.call("GetReceivablesInvoiceList", criteria=criteria)) == found


def test_documents_are_restricted_by_state_batch_party_type_and_day(gp: Gp) -> None:
    """The restrictions of a criteria hold together."""
    gp.company.do_enter_by_hand("payables-invoice", "P1", VENDOR, "10.00", "2026-03-14", batch="B1")
    gp.company.do_enter_by_hand("payables-invoice", "P2", VENDOR, "10.00", "2026-03-16", batch="B2")
    gp.company.do_enter_by_hand("payables-credit-memo", "P3", VENDOR, "10.00", "2026-03-14", batch="B1")
    gp.company.do_post_batch("B2")

    def found(**criteria: Any) -> list[str]:
        return ids(gp.call("GetPayablesDocumentList", criteria=criteria))

    assert found() == ["P1", "P2", "P3"]
    assert found(TransactionState={"EqualValue": "Open"}) == ["P2"]
    assert found(TransactionState={"Items": {"PayablesTransactionState": ["Work", "History"]}}) == ["P1", "P3"]
    assert found(BatchId={"EqualValue": "B1"}, Type={"EqualValue": "Invoice"}) == ["P1"]
    assert found(VendorId={"EqualValue": "NOBODY"}) == []
    assert found(Date={"From": MARCH_14, "To": MARCH_14}) == ["P1", "P3"]
    assert found(ModifiedDate={"GreaterThan": day("2026-03-20")}) == []
    assert found(ModifiedDate={"From": day("2026-03-20")}) == ["P1", "P2", "P3"]
    assert ids(gp.call("GetPayablesCreditMemoList", criteria={})) == ["P3"]


def test_accounts_and_parties_are_restricted_too(gp: Gp) -> None:
    """Active or not, and which: enough to fetch a chart of accounts in parts."""
    inactive = gp.call("GetGLPostingAccountList", criteria={"IsActive": {"EqualValue": False}})
    assert ids(inactive) == [town.INACTIVE_ACCOUNT]
    main = gp.call("GetGLPostingAccountList", criteria={"GLAccountId": {"Like": "%-4110-%"}})
    assert ids(main)
    assert all("-4110-" in account for account in ids(main))
    on_hold = gp.call("GetCustomerList", criteria={"Scope": "Return All", "IsOnHold": {"EqualValue": True}})
    assert ids(on_hold) == [town.CUSTOMERS[3].gp_id]
    assert gp.call("GetCompanyList", criteria={"Id": {"EqualValue": 99}}) is None


# What a person does at GP shows


def test_a_document_is_found_in_work_open_and_history(gp: Gp) -> None:
    """Posting moves it to Open, voiding a payable to History; its number still finds it."""
    gp.create("PayablesInvoice", gp.payable())
    gp.company.do_post_batch("STP260314-01")
    kept = gp.call("GetPayablesInvoiceByKey", key={"Id": "STB200"})
    assert (kept.TransactionState, bool(kept.AuditTrailCode)) == ("Open", True)
    assert all(line.IsPosted for line in kept.Distributions.PayablesDistribution)
    gp.company.do_void("STB200", "payables-invoice")
    kept = gp.call("GetPayablesInvoiceByKey", key={"Id": "STB200"})
    assert (kept.TransactionState, kept.IsVoided) == ("History", True)
    assert gp.refusal("GetBatchByKey", key={"Id": "STP260314-01", "CreatedDateTime": MARCH_14}).message == (
        "Business object not found."
    )


def test_a_key_of_another_kind_is_not_found(gp: Gp) -> None:
    """A credit memo is no invoice, though both draw on one set of numbers."""
    gp.create("ReceivablesCreditMemo", gp.receivable("STC1", credit=True))
    assert gp.refusal("GetReceivablesInvoiceByKey", key={"Id": "STC1"}).message == "Business object not found."
    errors = gp.refused("ReceivablesInvoice", gp.receivable("STC1"))
    assert [it.Message for it in errors] == ["Key already exists in RM Keys Master: STC1"]


# Refusals


def test_a_refusal_says_why_only_in_the_log(gp: Gp) -> None:
    """The fault is generic and carries an id; under it stand object, properties, message and id of each error."""
    gp.create("PayablesInvoice", gp.payable())
    errors = gp.refused("PayablesInvoice", gp.payable())
    fault = gp.transport.spoken[-2][1].decode()
    assert "Keys Master" not in fault
    assert [(it.ObjectType, it.PropertyNames.string, it.Message) for it in errors] == [
        ("Microsoft.Dynamics.GP.PayablesInvoice", ["Key.Id"], "Key already exists in PM Keys Master: STB200"),
        (
            "Microsoft.Dynamics.GP.PayablesInvoice",
            ["VendorDocumentNumber"],
            f"VendorDocumentNumber already exists: F-STB200 for vendor {VENDOR}",
        ),
    ]
    assert len({uuid.UUID(it.Id) for it in errors}) == 2


def test_all_refusals_of_a_document_are_logged_at_once(gp: Gp) -> None:
    """Unknown customer, closed period, unknown account: one fault, one log entry, three errors; nothing is entered."""
    document = gp.receivable(CustomerKey={"Id": "NOBODY"}, GeneralLedgerPostingDate=day("2026-02-03"))
    document["Distributions"]["ReceivablesDistribution"][1]["GLAccountKey"]["Id"] = "999-9999-99"
    errors = gp.refused("ReceivablesInvoice", document)
    told = {it.PropertyNames.string[0] for it in errors}
    assert told == {"CustomerKey.Id", "GeneralLedgerPostingDate", "Distributions.GLAccountKey.Id"}
    assert gp.call("GetReceivablesInvoiceList", criteria={"Scope": "Return All"}) is None


def test_an_empty_create_is_refused(gp: Gp) -> None:
    """The argument may be left out by the contract, but not by GP."""
    policy = gp.call("GetPolicyByOperation", operation="CreatePayablesInvoice")
    errors = gp.logged(gp.refusal("CreatePayablesInvoice", policy=policy))
    assert len([it for it in errors if "missing" in it.Message]) == 3


def test_a_locked_batch_refuses(gp: Gp) -> None:
    """Somebody posts it: the reason is in the log, under the batch key."""
    gp.company.do_lock_batch("STR260314-01")
    (error,) = gp.refused("ReceivablesInvoice", gp.receivable())
    assert error.PropertyNames.string == ["BatchKey.Id"]
    assert "currently being posted" in error.Message


# Policies


def test_the_policy_says_who_makes_the_distributions(gp: Gp) -> None:
    """An internal behaviour, which the administrator sets and a client cannot."""

    def behavior() -> Any:
        policy = gp.call("GetPolicyByOperation", operation="CreatePayablesInvoice")
        return next(it for it in policy.Behaviors.Behavior if it.Name == "Create GL Account Distributions")

    assert behavior().Internal is True
    assert [(it.Key.Id, it.Name) for it in behavior().Options.BehaviorOption] == [
        (0, "Distributions Will Be Provided"),
        (1, "Automatically Create Distributions"),
    ]
    assert behavior().SelectedOption.Key.Id == 0
    gp.company.do_set(creates_distributions=True)
    assert behavior().SelectedOption.Key.Id == 1


def test_where_gp_makes_the_distributions_those_sent_are_lost(gp: Gp) -> None:
    """No error, no warning: only the read-back shows it, whatever option the client sent back."""
    policy = gp.call("GetPolicyByOperation", operation="CreatePayablesInvoice")
    gp.company.do_set(creates_distributions=True)
    document = gp.payable()
    document["Distributions"]["PayablesDistribution"][1]["GLAccountKey"]["Id"] = "200-5110-02"
    gp.call("CreatePayablesInvoice", payablesInvoice=document, policy=policy)
    kept = gp.call("GetPayablesInvoiceByKey", key={"Id": "STB200"})
    assert [it.GLAccountKey.Id for it in kept.Distributions.PayablesDistribution] == ["000-2100-00", "100-5110-02"]


def test_a_create_without_its_policy_is_refused(gp: Gp) -> None:
    """Every create is sent with the policy of its operation."""
    other = gp.call("GetPolicyByOperation", operation="CreatePayablesCreditMemo")
    for policy in (None, other):
        assert "policy" in gp.refusal("CreatePayablesInvoice", payablesInvoice=gp.payable(), policy=policy).message
    assert gp.refusal("GetPolicyByOperation", operation="CreateNothing").message == "Business object not found."


# Messages that are no good


def post(gp: Gp, message: bytes, operation: str = "GetVendorByKey", content_type: str = "text/xml") -> Any:
    headers = {"Content-Type": content_type, "SOAPAction": f'"{GP}/{operation}"'}
    return gp.http.post(f"{gp.server.url}{PATH}", content=message, headers=headers)


def test_order_and_nil_are_enforced(gp: Gp) -> None:
    """Members out of order, or a required one left out, are an error in the XML document."""
    gp.create("PayablesInvoice", gp.payable())
    for remains in (False, True):
        envelope = etree.fromstring(gp.transport.spoken[-1][0])
        date = envelope.find(f".//{{{GP}}}GeneralLedgerPostingDate")
        parent = date.getparent()
        parent.remove(date)
        if remains:
            parent.append(date)
        response = post(gp, etree.tostring(envelope), "CreatePayablesInvoice")
        assert response.status_code == 500
        assert "There is an error in XML document" in response.text
    assert len(gp.company.documents(Module.PAYABLES)) == 1


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"<not xml", "error in XML document"),
        (b'<!DOCTYPE x [<!ENTITY e "x">]><x>&e;</x>', "DTD is prohibited"),
        (b"<x/>", "envelope version"),
        (b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>', "no body"),
        (
            b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><Other/></s:Body></s:Envelope>',
            "ContractFilter mismatch",
        ),
    ],
    ids=["not-xml", "doctype", "no-envelope", "no-body", "unknown-element"],
)
def test_what_is_no_message_is_a_fault(gp: Gp, message: bytes, says: str) -> None:
    """Never a broken connection, never an HTML page."""
    response = post(gp, message)
    assert response.status_code == 500
    assert says in response.text
    soap_schema.validate(response.content)


def test_what_is_not_the_service_is_not_answered_as_one(gp: Gp) -> None:
    """Another path, another verb, SOAP 1.2, an operation of the contract that the sandbox lacks."""
    assert post(gp, b"<x/>", content_type="application/soap+xml").status_code == 415
    assert gp.http.put(f"{gp.server.url}{PATH}").status_code == 405
    assert gp.http.get(f"{gp.server.url}/Elsewhere").status_code == 404
    assert gp.http.get(f"{gp.server.url}{PATH}").status_code == 200
    gp.call("GetVendorByKey", key={"Id": VENDOR})
    assert "ContractFilter mismatch" in post(gp, gp.transport.spoken[-1][0], "CreateGLTransaction").text


# Who may ask


@pytest.mark.parametrize("company", [None, 99])
def test_a_call_names_its_company_by_its_number(gp: Gp, company: int | None) -> None:
    """A wrong or missing organization key is a fault."""
    with pytest.raises(SoapFault, match="company"):
        gp.call("GetVendorByKey", company=company, key={"Id": VENDOR})


def test_a_user_signs_in_once_a_connection() -> None:
    """NTLM, as for SBA; the description too is behind the door."""
    with serving(signed_in=True) as gp:
        gp.create("PayablesInvoice", gp.payable())
        assert gp.call("GetPayablesInvoiceByKey", key={"Id": "STB200"}).ModifiedBy == "gpconnect"
        with httpx2.Client() as stranger:
            answer = stranger.get(f"{gp.server.url}{PATH}?wsdl")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "NTLM")


def test_a_user_without_a_role_reads_nothing() -> None:
    """Signed in and known to Windows, but to GP nobody."""
    nobody = WindowsUser("FRONTRANGE\\nobody", "Pass-2", roles=frozenset())
    with serving((nobody,)) as gp:
        assert "no role" in gp.refusal("GetVendorByKey", key={"Id": VENDOR}).message


def test_a_user_enters_only_the_companies_given_to_them() -> None:
    """The company is not in the user's list, and refuses them."""
    elsewhere = WindowsUser("FRONTRANGE\\elsewhere", "Pass-3", companies=frozenset({"TWO"}))
    with serving((elsewhere,)) as gp:
        assert gp.call("GetWSEnabledCompanyForUserList", company=None) is None
        assert "does not have access to company" in gp.refusal("GetVendorByKey", key={"Id": VENDOR}).message


# Faults on order


@pytest.mark.parametrize(("fault", "entered"), [(Fault.ANSWER_LOST_AFTER, 1), (Fault.ANSWER_LOST_BEFORE, 0)])
def test_an_answer_is_lost_after_the_deed_or_before(gp: Gp, fault: Fault, entered: int) -> None:
    """Ordered for creates alone, though every call goes to one path."""
    gp.application.faults.order(fault, path="Create")
    with pytest.raises(httpx2.TransportError):
        gp.create("PayablesInvoice", gp.payable())
    assert len(gp.company.documents(Module.PAYABLES)) == entered


def test_a_fault_in_the_books_is_a_refusal_or_silent(gp: Gp) -> None:
    """A locked batch is told; replaced distributions are not."""
    gp.application.faults.order(Fault.BATCH_LOCKED, path="CreatePayablesInvoice")
    (error,) = gp.refused("PayablesInvoice", gp.payable())
    assert "currently being posted" in error.Message
    gp.application.faults.order(Fault.DISTRIBUTIONS_REPLACED, path="CreateReceivablesInvoice")
    gp.create("ReceivablesInvoice", gp.receivable())
    kept = gp.call("GetReceivablesInvoiceByKey", key={"Id": "STI100"})
    assert {it.Reference for it in kept.Distributions.ReceivablesDistribution} == {None}


@pytest.mark.parametrize(("fault", "status"), [(Fault.SERVER_ERROR, 503), (Fault.HTML_WITH_200, 200)])
def test_a_proxys_page_is_no_answer(gp: Gp, fault: Fault, status: int) -> None:
    """HTML in place of an envelope, whatever the status: nothing of GP's in it, and nothing was done."""
    gp.create("PayablesInvoice", gp.payable())
    message = gp.transport.spoken[-1][0]
    gp.application.faults.order(fault, path="CreatePayablesInvoice")
    response = post(gp, message.replace(b"STB200", b"STB201"), "CreatePayablesInvoice")
    assert (response.status_code, response.headers["content-type"]) == (status, "text/html")
    assert len(gp.company.documents(Module.PAYABLES)) == 1
