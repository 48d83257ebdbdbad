"""The sandbox's Dynamics GP, asked over real HTTP by a client that knows nothing but the description of the dialects."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import spnego

from ml_connector.sandbox import town
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication, Settings, WindowsUser
from ml_connector.sandbox.company.dialect import Dialect, Resource, Style
from ml_connector.sandbox.company.records import Kind, Module
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Server

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
CUSTOMER, VENDOR = "SMITH001", "FERGUSON0001"


class Ntlm(httpx2.Auth):
    """Sign a connection in when the server asks for it."""

    requires_response_body = True

    def __init__(self, user: WindowsUser) -> None:
        self.user = user

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        response = yield request
        if response.status_code != 401:
            return
        context = spnego.client(
            self.user.name, self.user.password, protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm
        )
        token = context.step()
        while token:
            request.headers["Authorization"] = f"NTLM {base64.b64encode(token).decode()}"
            response = yield request
            challenge = response.headers.get("WWW-Authenticate", "").partition(" ")[2]
            token = context.step(base64.b64decode(challenge)) if response.status_code == 401 and challenge else None


@dataclass
class Gp:
    """A raw client of one dialect, over one connection, and the company behind it."""

    company: Company
    dialect: Dialect
    server: Server
    http: httpx2.Client

    def address(self, path: str) -> str:
        segment = town.COMPANY_NAME if self.dialect.company_by_display_name else town.COMPANY_DATABASE
        return f"{self.server.url}/GPService/Tenants(DefaultTenant)/Companies({quote(segment)})/{path}"

    def resource(self, name: str) -> Resource:
        return self.dialect.resources[name]

    def ask(self, name: str, **query: str) -> Any:
        response = self.http.get(self.address(self.resource(name).path), params=query)
        assert response.status_code == 200, response.text
        return json.loads(response.content, parse_float=Decimal)

    def rows(self, name: str, **query: str) -> list[dict[str, Any]]:
        """The rows of a list, by our own names."""
        wire = {wire: attribute for attribute, wire in self.resource(name).fields.items()}
        return [{wire.get(k, k): v for k, v in row.items()} for row in self.ask(name, **query)[self.dialect.rows]]

    def find(self, module: Module, *numbers: str) -> list[dict[str, Any]]:
        if self.dialect.style is Style.PLAIN:
            return self.rows(module.value, numbers=";".join(numbers))
        field = self.resource(module.value).fields["number"]
        return self.rows(module.value, **{"$filter": f"{field} in ({','.join(repr(n) for n in numbers)})"})

    def distributions(self, module: Module, number: str) -> list[tuple[int, str, Decimal, Decimal]]:
        """Type, account, debit and credit of each line, as the dialect gives them back."""
        resource = self.resource(module.value)
        nested = resource.nested["distributions"]
        path = f"{resource.path}({number})"
        if self.dialect.style is Style.PLAIN:
            body = self.http.get(self.address(f"{path}/{nested.name}")).json()["value"]
        else:
            body = self.http.get(self.address(path)).json()["Payload"][nested.name]
        names = [nested.fields[a] for a in ("type", "account", "debit", "credit")]
        return [
            (row[names[0]], row[names[1]], Decimal(str(row[names[2]])), Decimal(str(row[names[3]]))) for row in body
        ]

    def create(self, kind: Kind, **changes: Any) -> httpx2.Response:
        resource = self.resource(kind.module.value)
        document = a_document(kind, **changes)
        payload: dict[str, Any] = {}
        for attribute, nested in resource.nested.items():
            payload[nested.name] = [
                {nested.fields[name]: self.wire(value) for name, value in line.items()}
                for line in document.pop(attribute)
            ]
        payload |= {resource.fields[name]: self.wire(value) for name, value in document.items()}
        path = next(path for path, of_path in resource.create.items() if of_path in (kind, None))
        if resource.create[path] is None:
            payload["DocumentType"] = "Credit Memo" if kind.is_credit else "Invoice"
        return self.http.post(self.address(path), json={"Payload": payload})

    def wire(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return str(value) if self.dialect.amounts_as_text else float(value)
        if isinstance(value, datetime):
            return value.strftime(self.dialect.date_format)
        return value

    def control(self, deed: str, **how: Any) -> Any:
        response = httpx2.post(f"{self.server.url}/__sandbox/{deed}", json=how)
        assert response.status_code == 200, response.text
        return response.json()

    def documents(self) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = httpx2.get(f"{self.server.url}/__sandbox/records").json()["documents"]
        return documents


def a_document(kind: Kind, **changes: Any) -> dict[str, Any]:
    """A plausible document of 100.00 and 8.81 tax (receivables), or of 100.00 (payables), by our own names."""
    day = datetime(2026, 3, 14, tzinfo=UTC)
    cents = {name: Decimal(text) for name, text in {"base": "100.00", "tax": "8.81", "whole": "108.81"}.items()}
    receivable = kind.module is Module.RECEIVABLES
    document: dict[str, Any] = {
        "number": "STX1",
        "party": CUSTOMER if receivable else VENDOR,
        "document_date": day,
        "posting_date": day,
        "due_date": day,
        "description": "Invoice 10482",
        "batch": "STR260314-01" if receivable else "STP260314-01",
        "base_amount": cents["base"],
    }
    if receivable:
        main = [(3, "000-1200-00", cents["whole"]), (19 if kind.is_credit else 9, "100-4110-02", -cents["base"])]
        lines = [*main, (13, "000-2210-00", -cents["tax"])]
        tax = {"detail": "CO-STATE", "taxable": cents["base"], "total": cents["base"], "tax": cents["tax"]}
        document |= {"document_amount": cents["whole"], "tax": cents["tax"], "customer_po": "10482", "taxes": [tax]}
    else:
        lines = [(2, "000-2100-00", -cents["base"]), (6, "100-5110-02", cents["base"])]
        document |= {"document_amount": cents["base"], "vendor_document": "FS-88123", "taxes": []}
    sign = -1 if kind.is_credit else 1
    document["distributions"] = [
        {
            "type": number,
            "account": account,
            "debit": max(sign * amount, Decimal(0)),
            "credit": max(-sign * amount, Decimal(0)),
            "reference": "Job 99",
        }
        for number, account, amount in lines
    ]
    return document | changes


@contextmanager
def serving(dialect: str, user: WindowsUser = GPCONNECT, **settings: Any) -> Iterator[Gp]:
    company = Company.front_range(Settings(**settings), clock=lambda: NOON)
    with Server(SbaApplication(company, DIALECTS[dialect])) as server, client(user) as http:
        yield Gp(company, DIALECTS[dialect], server, http)


def client(user: WindowsUser = GPCONNECT) -> httpx2.Client:
    return httpx2.Client(auth=Ntlm(user), limits=httpx2.Limits(max_connections=1), trust_env=False)


@pytest.fixture(params=["one", "two"])
def gp(request: pytest.FixtureRequest) -> Iterator[Gp]:
    with serving(request.param) as gp:
        yield gp


def is_refused(response: httpx2.Response) -> bool:
    """What a client must look at: the status in one dialect, the body as well in the other."""
    return response.status_code >= 400 or (b"Success" in response.content and response.json()["Success"] is False)


# Signing in


def test_a_connection_is_signed_in_once(gp: Gp) -> None:
    """Three messages open the door, and the next request of the same connection needs none."""
    history = []
    gp.http.event_hooks = {"response": [lambda response: history.append(response.status_code)]}
    gp.rows("tax_details")
    gp.rows("tax_details")
    assert history == [401, 401, 200, 200]


def test_nobody_enters_without_signing_in(gp: Gp) -> None:
    """A request without credentials is told that NTLM is spoken here, and nothing else."""
    response = httpx2.get(gp.address(gp.resource("accounts").path))
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "NTLM")


def test_a_wrong_password_is_not_explained(gp: Gp) -> None:
    """NTLM cannot say why: the third message is answered like the first."""
    with client(WindowsUser(GPCONNECT.name, "guess")) as stranger:
        response = stranger.get(gp.address(gp.resource("accounts").path))
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "NTLM")


@pytest.mark.parametrize("says", ["NTLM", "NTLM !", "NTLM TlRMTVNTUAADAAAA", "NTLM TlRMTVNTUAABAAAA", "Basic YTpi"])
def test_nonsense_does_not_sign_in(gp: Gp, says: str) -> None:
    """Broken, premature and foreign messages are answered like no message."""
    response = httpx2.get(gp.address(gp.resource("accounts").path), headers={"Authorization": says})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "NTLM")


def test_two_servers_of_one_process_know_different_users() -> None:
    """The same name has another password at another company."""
    other = WindowsUser(GPCONNECT.name, "Other-Pass-2")
    with (
        serving("one") as ours,
        Server(SbaApplication(Company.front_range(), DIALECTS["one"], users=[other])) as theirs,
    ):
        path = ours.address("Sales/Customers").removeprefix(ours.server.url)
        assert ours.http.get(ours.server.url + path).status_code == 200
        with client() as us, client(other) as them:
            assert us.get(theirs.url + path).status_code == 401
            assert them.get(theirs.url + path).status_code == 200


def test_another_connection_is_not_signed_in_by_the_first(gp: Gp) -> None:
    """The server authenticates connections, so a second one starts from nothing."""
    gp.rows("tax_details")
    with httpx2.Client() as other:
        assert other.get(gp.address(gp.resource("accounts").path)).status_code == 401


@pytest.mark.parametrize(
    "user",
    [
        WindowsUser("FRONTRANGE\\intern", "Pass-2", roles=frozenset()),
        WindowsUser("FRONTRANGE\\elsewhere", "Pass-3", companies=frozenset({"TWO"})),
    ],
)
def test_a_user_without_role_or_company_is_forbidden(user: WindowsUser) -> None:
    """Signed in is not let in: GP wants a role, and access to this company."""
    application = SbaApplication(Company.front_range(), DIALECTS["one"], users=[GPCONNECT, user])
    with Server(application) as server, client(user) as http:
        url = f"{server.url}/GPService/Tenants(DefaultTenant)/Companies(FRMEC)/Sales/Customers"
        assert http.get(url).status_code == 403


def test_an_unknown_company_is_not_found(gp: Gp) -> None:
    """Each dialect knows the company under one of its two names only."""
    other = town.COMPANY_DATABASE if gp.dialect.company_by_display_name else quote(town.COMPANY_NAME)
    url = f"{gp.server.url}/GPService/Tenants(DefaultTenant)/Companies({other})/{gp.resource('accounts').path}"
    assert gp.http.get(url).status_code == 404


# Reading


def test_the_chart_of_accounts_is_the_towns(gp: Gp) -> None:
    """Every account of the town can be read, with its segments, and the inactive one says so."""
    accounts = {row["number"]: row for row in gp.rows("accounts")}
    assert accounts["000-1200-00"]["posting_type"] == "BalanceSheet"
    assert accounts["200-4210-03"]["description"] == "Service Sales - Plumbing"
    assert [n for n, row in accounts.items() if not row["active"]] == [town.INACTIVE_ACCOUNT]
    assert [n for n, row in accounts.items() if not row["allows_entry"]] == ["000-2310-00"]


def test_the_company_tells_its_account_format(gp: Gp) -> None:
    """Segments, separator and currency stand in the company's own record."""
    body = json.loads(gp.http.get(gp.address(gp.resource("company").path)).content)
    company = body.get("Payload", body)
    fields, segments = gp.resource("company").fields, gp.resource("company").nested["segments"]
    assert (company[fields["separator"]], company[fields["currency"]], company[fields["id"]]) == ("-", "USD", 7)
    assert [row[segments.fields["length"]] for row in company[segments.name]] == [3, 4, 2]


def test_january_and_february_are_closed(gp: Gp) -> None:
    """2025 is history, two months of 2026 are closed for three series, March is open."""
    periods = {(row["year"], row["number"]): row for row in gp.rows("periods")}
    assert len(periods) == 24
    assert periods[2025, 12]["historical"]
    assert [periods[2026, month]["closed_sales"] for month in (1, 2, 3)] == [True, True, False]
    assert not periods[2026, 1]["closed_inventory"]
    assert periods[2026, 3]["first"].startswith("2026-03-01")


def test_parties_are_padded_and_cut_to_what_gp_holds(gp: Gp) -> None:
    """Ids come back 15 wide, names at most 64 long, and letters outside the code page as question marks."""
    customers = {row["id"].strip(): row for row in gp.rows("customers")}
    assert set(customers) >= {customer.gp_id for customer in town.CUSTOMERS}
    assert all(len(row["id"]) == 15 for row in customers.values())
    assert max(len(row["name"].rstrip()) for row in customers.values()) == 64
    assert customers["ZOLTOWSKI001"]["name"].startswith("?ukasz ?ó?towski")
    assert customers["CAFEZURICH001"]["name"].startswith("Café Zürich")
    assert customers["CHERRYDENT001"]["account"] == "000-1210-00"
    assert sum(row["on_hold"] for row in customers.values()) == 1
    vendors = {row["id"].strip(): row for row in gp.rows("vendors")}
    assert vendors["MARTINEZ0001"]["is_1099"]
    assert vendors["OBRIENCRN001"]["is_1099"]


def test_one_record_is_read_by_its_key(gp: Gp) -> None:
    """A key is compared as GP compares, and a missing one is 404."""
    path = gp.resource("vendors").path
    assert gp.http.get(gp.address(f"{path}(ferguson0001)")).status_code == 200
    assert gp.http.get(gp.address(f"{path}(NOBODY)")).status_code == 404
    assert gp.http.get(gp.address(f"{gp.resource('periods').path}(2026;3)")).status_code == 200


def test_lists_are_read_page_by_page(gp: Gp) -> None:
    """Pages do not overlap, and together they are the list."""
    everyone = [row["id"] for row in gp.rows("customers")]
    paged: list[str] = []
    for page in itertools.count():
        if gp.dialect.style is Style.PLAIN:
            query = {"page": str(page + 1), "pageSize": "50"}
        else:
            query = {"$skip": str(page * 50), "$top": "50"}
        rows = gp.rows("customers", **query)
        paged += [row["id"] for row in rows]
        if len(rows) < 50:
            break
    assert paged == everyone


def test_what_is_asked_wrongly_is_refused(gp: Gp) -> None:
    """An unknown parameter or filter does not quietly return everything."""
    bad = {"modifiedSince": "2026-03-01"} if gp.dialect.style is Style.PLAIN else {"$filter": "Nothing eq 1"}
    response = gp.http.get(gp.address(gp.resource("receivables").path), params=bad)
    assert response.status_code == 400


def test_documents_are_found_by_batch_and_by_day(gp: Gp) -> None:
    """A batch names its documents; the modified date is a day."""
    gp.create(Kind.RECEIVABLES_INVOICE, number="STX1")
    gp.create(Kind.RECEIVABLES_INVOICE, number="STX2", batch="OTHER")

    def numbers(plain: dict[str, str], query: str) -> list[str]:
        asked = plain if gp.dialect.style is Style.PLAIN else {"$filter": query}
        return [row["number"].strip() for row in gp.rows("receivables", **asked)]

    assert numbers({"batch": "other"}, "BatchNumber eq 'other'") == ["STX2"]
    assert numbers({"modifiedFrom": "2026-03-20"}, "ModifiedDate ge 2026-03-20") == ["STX1", "STX2"]
    assert numbers({"modifiedFrom": "2026-03-21"}, "ModifiedDate ge 2026-03-21") == []
    window = "DocumentNumber ge 'STX2' and DocumentDate le 2026-03-14T00:00:00"
    assert numbers({"numberFrom": "STX2", "docDateTo": "2026-03-14"}, window) == ["STX2"]


@pytest.mark.parametrize("dialect", ["one", "two"])
def test_a_list_ends_at_a_thousand_rows_without_a_word(dialect: str) -> None:
    """With 1005 documents in the books, a list gives 1000; dialect two even says that there are no more."""
    with serving(dialect) as gp:
        for i in range(1005):
            told = gp.company.do_enter_by_hand("receivables-invoice", f"HAND{i:05d}", CUSTOMER, "1.00", "2026-03-02")
            assert told == {"number": f"HAND{i:05d}"}
        if gp.dialect.style is Style.PLAIN:
            last = gp.ask("receivables", page="5", pageSize="200")
            assert (len(last["value"]), last["HasMore"]) == (200, False)
            assert gp.ask("receivables", page="6", pageSize="200") == {"value": [], "HasMore": False}
        else:
            assert len(gp.rows("receivables", **{"$top": "5000"})) == 1000
            assert len(gp.rows("receivables", **{"$skip": "1000"})) == 5


# Entering


@pytest.mark.parametrize("kind", list(Kind))
def test_a_document_is_entered_and_found(gp: Gp, kind: Kind) -> None:
    """What was sent stands in Work, in its batch, with its distributions; numbers and ids in upper case, padded."""
    response = gp.create(kind, number="stx1", batch="str-1")
    if gp.dialect.style is Style.PLAIN:
        assert (response.status_code, response.content) == (200, b"")
    else:
        key_field = gp.resource(kind.module.value).fields["number"]
        assert (response.status_code, response.json()) == (201, {"Payload": {key_field: "STX1".ljust(21)}})
    (found,) = gp.find(kind.module, "Stx1", "STX2")
    receivable = kind.module is Module.RECEIVABLES
    assert found["number"] == "STX1".ljust(21)
    assert found["batch"] == "STR-1".ljust(15)
    assert found["party"].strip() == (CUSTOMER if receivable else VENDOR)
    assert Decimal(found["document_amount"]) == Decimal("108.81" if receivable else "100.00")
    assert found["state"] in ("Work", 1)
    assert found["audit_trail_code"] == ""
    assert not found["voided"]
    sent = [
        (line["type"], line["account"], line["debit"], line["credit"]) for line in a_document(kind)["distributions"]
    ]
    assert gp.distributions(kind.module, "STX1") == sent
    (batch,) = [row for row in gp.rows("batches") if row["id"].strip() == "STR-1"]
    assert (batch["transactions"], batch["status_number"]) == (1, 0)
    assert batch["origin"] == ("RM_Sales" if receivable else "PM_Trxent")


def test_amounts_and_dates_wear_the_dialects_clothes(gp: Gp) -> None:
    """One dialect writes numbers and midnights, the other texts of five decimals and days."""
    gp.create(Kind.PAYABLES_INVOICE)
    raw = gp.http.get(gp.address(f"{gp.resource('payables').path}(STX1)")).text
    if gp.dialect.amounts_as_text:
        assert '"DocAmt":"100.00000"' in raw
        assert '"DocDate":"2026-03-14"' in raw
    else:
        assert '"DocumentAmount":100.00' in raw
        assert '"DocumentDate":"2026-03-14T00:00:00"' in raw


def test_distributions_of_many_are_read_in_one_list_only_in_dialect_one() -> None:
    """$expand brings distributions and taxes with a batch; dialect two has them document by document."""
    with serving("one") as gp:
        gp.create(Kind.RECEIVABLES_INVOICE)
        plain = gp.rows("receivables")
        expanded = gp.rows("receivables", **{"$expand": "Distributions,Taxes"})
    assert "Distributions" not in plain[0]
    assert len(expanded[0]["Distributions"]) == 3
    assert expanded[0]["Taxes"][0]["TaxDetailId"] == "CO-STATE".ljust(15)


def test_dates_left_out_become_the_system_date_and_an_empty_batch_the_hours(gp: Gp) -> None:
    """The traps of the defaults: today's date, and a batch named by the hour."""
    gp.create(Kind.PAYABLES_INVOICE, document_date=None, posting_date=None, due_date=None, batch="")
    (document,) = gp.documents()
    assert (document["document_date"], document["posting_date"]) == ("2026-03-20", "2026-03-20")
    assert document["batch"] == "20260320H12"


def test_a_credit_memo_has_no_due_date(gp: Gp) -> None:
    """GP's empty date is 1900-01-01."""
    gp.create(Kind.RECEIVABLES_CREDIT_MEMO, due_date=None)
    (found,) = gp.find(Module.RECEIVABLES, "STX1")
    assert found["due_date"].startswith("1900-01-01")


def test_a_vendors_own_number_can_be_looked_up(gp: Gp) -> None:
    """A bill is found by the number on the vendor's paper, whatever its case."""
    gp.create(Kind.PAYABLES_INVOICE)
    if gp.dialect.style is Style.PLAIN:
        rows = gp.rows("payables", vendorDocuments="other;fs-88123", vendorIds=VENDOR)
    else:
        rows = gp.rows("payables", **{"$filter": "VendorDocumentNumber in ('other', 'fs-88123')"})
    assert [row["number"].strip() for row in rows] == ["STX1"]


# Refusals


def _lines(kind: Kind, **changes: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = a_document(kind)["distributions"]
    return [*lines[:-1], lines[-1] | changes]


RM, PM = Kind.RECEIVABLES_INVOICE, Kind.PAYABLES_INVOICE
TAX = a_document(RM)["taxes"][0]
REFUSALS: dict[str, tuple[Kind, dict[str, Any], str]] = {
    "number of a receivable": (RM, {"number": "taken"}, "already exists in RM Keys Master"),
    "number of a credit memo": (Kind.RECEIVABLES_CREDIT_MEMO, {"number": "TAKEN"}, "already exists in RM Keys Master"),
    "number of a payable": (PM, {"number": "Taken "}, "already exists in PM Keys Master"),
    "vendor document": (PM, {"vendor_document": " paper 1 "}, "VendorDocumentNumber already exists"),
    "unknown customer": (RM, {"party": "NOBODY"}, "Customer does not exist"),
    "unknown vendor": (PM, {"party": "NOBODY"}, "Vendor does not exist"),
    "inactive customer": (RM, {"party": "OLDMILL001"}, "Customer is inactive"),
    "inactive vendor": (PM, {"party": "DEFUNCT0001"}, "Vendor is inactive"),
    "unknown account": (RM, {"distributions": _lines(RM, account="999-9999-99")}, "Account number does not exist"),
    "inactive account": (RM, {"distributions": _lines(RM, account=town.INACTIVE_ACCOUNT)}, "Account is inactive"),
    "account without entry": (RM, {"distributions": _lines(RM, account="000-2310-00")}, "does not allow account entry"),
    "no distributions": (RM, {"distributions": []}, "No distributions"),
    "unbalanced": (RM, {"distributions": _lines(RM, credit=Decimal("8.82"))}, "out of balance"),
    "party side": (PM, {"distributions": _lines(PM, type=2)}, "are not the document amount"),
    "type of a kind": (Kind.RECEIVABLES_CREDIT_MEMO, {"distributions": a_document(RM)["distributions"]}, "type 9"),
    "closed period": (RM, {"posting_date": datetime(2026, 2, 28, tzinfo=UTC)}, "period 2 of 2026, Sales"),
    "historical year": (PM, {"posting_date": datetime(2025, 12, 31, tzinfo=UTC)}, "historical year"),
    "year not set up": (PM, {"posting_date": datetime(2031, 1, 1, tzinfo=UTC)}, "No fiscal period is set up"),
    "locked batch": (RM, {"batch": "locked"}, "currently being posted or edited"),
    "batch of another origin": (PM, {"batch": "LOCKED"}, "already exists with origin RM_Sales"),
    "no number": (RM, {"number": " "}, "number is missing"),
    "no vendor document": (PM, {"vendor_document": ""}, "vendor_document is missing"),
    "number too long": (RM, {"number": "X" * 18}, "longer than 17"),
    "description too long": (RM, {"description": "X" * 31}, "longer than 30"),
    "batch too long": (PM, {"batch": "X" * 16}, "longer than 15"),
    "vendor document too long": (PM, {"vendor_document": "X" * 21}, "longer than 20"),
    "reference too long": (PM, {"distributions": _lines(PM, reference="X" * 31)}, "longer than 30"),
    "sum": (RM, {"document_amount": Decimal("108.80")}, "not the sum of its parts"),
    "too fine": (RM, {"freight": Decimal("0.005")}, "Amount is not valid"),
    "negative": (RM, {"freight": Decimal("-1.00")}, "Amount is not valid"),
    "unknown tax detail": (RM, {"taxes": [TAX | {"detail": "NV-STATE"}]}, "Tax detail does not exist"),
    "tax of the details": (RM, {"taxes": [TAX | {"tax": Decimal("8.80")}]}, "not the sum of the tax details"),
    "currency": (RM, {"currency": "EUR"}, "Currency is not set up"),
}


@pytest.mark.parametrize("dialect", ["one", "two"])
def test_gp_refuses_what_it_must_and_keeps_nothing(dialect: str) -> None:
    """Each reason has its message, and after all of them the books hold what they held before."""
    with serving(dialect) as gp:
        gp.control("enter_by_hand", kind=RM.value, number="TAKEN", party=CUSTOMER, amount="5.00", date="2026-03-03")
        theirs = {"number": "TAKEN", "party": VENDOR, "amount": "5.00", "date": "2026-03-03"}
        gp.control("enter_by_hand", kind=PM.value, vendor_document="Paper 1", **theirs)
        gp.control("lock_batch", batch="LOCKED")
        before = gp.documents()
        missed = {}
        for story, (kind, changes, message) in REFUSALS.items():
            response = gp.create(kind, **changes)
            says_so = message in response.text or gp.dialect.style is Style.PLAIN  # which tells the first reason only
            if not is_refused(response) or not says_so:
                missed[story] = response.text
        assert not missed
        assert gp.documents() == before


def test_dialect_one_tells_every_reason_and_marks_conflicts() -> None:
    """A bookkeeper sees all that is wrong at once; a taken number is a conflict."""
    with serving("one") as gp:
        response = gp.create(RM, party="NOBODY", description="X" * 31)
        assert response.status_code == 400
        assert [error["Code"] for error in response.json()["Errors"]] == [4771, 371]
        gp.create(RM)
        taken = gp.create(RM)
        assert (taken.status_code, taken.json()["Status"]) == (409, "Error")


def test_dialect_two_calls_a_closed_period_200() -> None:
    """The status says yes, the body says no."""
    with serving("two") as gp:
        response = gp.create(RM, posting_date=datetime(2026, 1, 5, tzinfo=UTC))
        assert (response.status_code, response.json()["Success"]) == (200, False)
        assert gp.create(RM, party="NOBODY").status_code == 400
        assert gp.documents() == []


def test_a_payload_that_is_not_understood_is_refused(gp: Gp) -> None:
    """No envelope, no JSON, or a field of the wrong form: 400, and nothing is entered."""
    path = next(iter(gp.resource("receivables").create))
    url = gp.address(path)
    number = gp.resource("receivables").fields["number"]
    amount = gp.resource("receivables").fields["base_amount"]
    wrong_form = 1.0 if gp.dialect.amounts_as_text else "1.00"
    kind = {"DocumentType": "Invoice"} if gp.dialect.style is Style.QUERY else {}
    assert gp.http.post(url, json={number: "X"}).status_code == 400
    assert gp.http.post(url, content=b"{").status_code == 400
    assert gp.http.post(url, json={"Payload": kind | {"Colour": "red"}}).status_code == 400
    assert gp.http.post(url, json={"Payload": kind | {amount: wrong_form}}).status_code == 400
    assert gp.http.delete(gp.address(gp.resource("receivables").path)).status_code == 405
    assert gp.documents() == []


def test_a_setting_lets_a_vendor_number_come_twice() -> None:
    """Payables setup may allow duplicate vendor numbers; the voucher number stays unique."""
    with serving("one", allow_duplicate_vendor_documents=True) as gp:
        assert gp.create(PM, number="A").status_code == 201
        assert gp.create(PM, number="B").status_code == 201
        assert gp.create(PM, number="B").status_code == 409


# What a person does


def test_posting_moves_a_batch_to_open(gp: Gp) -> None:
    """The batch is gone, its documents are Open with an audit trail code, and the number stays taken."""
    gp.create(RM)
    assert gp.control("post_batch", batch="STR260314-01") == {"posted": ["STX1"], "errors": []}
    (found,) = gp.find(Module.RECEIVABLES, "STX1")
    assert found["state"] in ("Open", 2)
    assert found["audit_trail_code"] == "RMSLS00000001"
    assert gp.rows("batches") == []
    assert is_refused(gp.create(RM))


def test_a_locked_batch_is_not_posted_and_takes_nothing_until_it_is_free(gp: Gp) -> None:
    """Someone has it open; when they are done, the same document is entered."""
    gp.create(RM)
    gp.control("lock_batch", batch="STR260314-01")
    assert "refused" in gp.control("post_batch", batch="STR260314-01")
    assert is_refused(gp.create(RM, number="STX2"))
    gp.control("unlock_batch", batch="STR260314-01")
    assert not is_refused(gp.create(RM, number="STX2"))


def test_a_closed_period_may_surface_only_at_posting() -> None:
    """With the check at entry off, the document stays behind in its batch when the rest is posted."""
    with serving("one", refuses_closed_period=False) as gp:
        gp.create(RM, number="GOOD")
        assert gp.create(RM, number="LATE", posting_date=datetime(2026, 1, 5, tzinfo=UTC)).status_code == 201
        told = gp.control("post_batch", batch="STR260314-01")
        assert told["posted"] == ["GOOD"]
        assert "LATE" in told["errors"][0]
        assert [row["transactions"] for row in gp.rows("batches")] == [1]


def test_the_posting_set_up_is_told_by_origin_and_does_what_it_says() -> None:
    """Dialect one serves it, a row for each origin. With the date from the batch, GP posts on the batch's own day."""
    with serving("one") as gp:
        gp.control("set", posting_date_from="Batch", posts_through_ledger=False)
        rows = {row["origin"]: row for row in gp.rows("posting_origins")}
        assert set(rows) == {"Receivables Sales Entry", "Receivables Cash Receipts", "Payables Trx Entry"}
        told = rows["Payables Trx Entry"]
        assert (told["date_from"], told["to_ledger"], told["through_ledger"]) == ("Batch", True, False)
        gp.create(RM, posting_date=datetime(2026, 3, 2, tzinfo=UTC))
        gp.control("post_batch", batch="STR260314-01")
        assert [document["posting_date"] for document in gp.documents()] == [NOON.date().isoformat()]
    with serving("two") as gp:
        assert "posting_origins" not in gp.dialect.resources


def test_a_batch_without_its_control_totals_is_not_posted() -> None:
    """The set-up asks for them, and nobody has typed any."""
    with serving("one", control_totals=True) as gp:
        gp.create(RM)
        assert "control totals" in gp.control("post_batch", batch="STR260314-01")["refused"][0]
        assert [document["state"] for document in gp.documents()] == ["Work"]


def test_a_voided_document_keeps_its_number_and_frees_the_vendors(gp: Gp) -> None:
    """The voucher number is spent; the vendor's paper may be entered again."""
    gp.create(PM)
    gp.control("post_batch", batch="STP260314-01")
    gp.control("void", number="STX1", kind=PM.value)
    (found,) = gp.find(Module.PAYABLES, "STX1")
    assert found["voided"]
    assert found["state"] in ("History", 3)
    assert is_refused(gp.create(PM))
    assert not is_refused(gp.create(PM, number="STX2"))


def test_a_deleted_document_frees_its_number_and_leaves_the_batch(gp: Gp) -> None:
    """Only Work can be deleted; then GP knows nothing of it."""
    gp.create(RM)
    gp.control("delete", number="STX1", kind=RM.value)
    assert gp.find(Module.RECEIVABLES, "STX1") == []
    assert [row["transactions"] for row in gp.rows("batches")] == [0]
    gp.create(RM)
    gp.control("post_batch", batch="STR260314-01")
    assert "refused" in gp.control("delete", number="STX1", kind=RM.value)


def test_history_is_found_until_it_is_purged(gp: Gp) -> None:
    """Settled documents are still in the lists; removed history is not, and its number is free."""
    gp.create(RM)
    gp.control("post_batch", batch="STR260314-01")
    gp.control("move_to_history", number="STX1", kind=RM.value)
    assert len(gp.find(Module.RECEIVABLES, "STX1")) == 1
    gp.control("purge", number="STX1", kind=RM.value)
    assert gp.find(Module.RECEIVABLES, "STX1") == []


def test_a_person_closes_opens_activates_and_adds(gp: Gp) -> None:
    """Each remedy that a finding names can be carried out, and then the document is entered."""
    newcomer = [line | {"account": town.INACTIVE_ACCOUNT} for line in _lines(RM)[1:2]]
    lines = [*_lines(RM)[:1], *newcomer, *_lines(RM)[2:]]
    january = datetime(2026, 1, 5, tzinfo=UTC)
    changes = {"party": "YOGA01", "distributions": lines, "posting_date": january, "batch": "B"}
    assert is_refused(gp.create(RM, **changes))
    gp.control("add_customer", id="yoga01", name="Newcomer Yoga Studio")
    assert is_refused(gp.create(RM, **changes))
    gp.control("activate_account", number=town.INACTIVE_ACCOUNT)
    assert is_refused(gp.create(RM, **changes))
    gp.control("open_period", year=2026, period=1, series=["Sales", "Financial"])
    assert not is_refused(gp.create(RM, **changes))
    gp.control("close_period", year=2026, period=1)
    assert is_refused(gp.create(RM, **(changes | {"number": "STX2"})))
    gp.control("add_vendor", id="BOBS01", name="Bob's Surplus Pipe", is_1099=True)
    gp.control("put_on_hold", party="BOBS01")
    assert not is_refused(gp.create(PM, party="BOBS01"))


def test_a_person_edits_distributions(gp: Gp) -> None:
    """What stands in Work can be changed by hand, and the change is read back."""
    gp.create(PM)
    lines = [
        {"type": 2, "account": "000-2100-00", "credit": "100.00"},
        {"type": 6, "account": "000-1310-00", "debit": "100.00"},
    ]
    gp.control("edit_distributions", number="STX1", kind=PM.value, distributions=lines)
    assert gp.distributions(Module.PAYABLES, "STX1")[1] == (6, "000-1310-00", Decimal(100), Decimal(0))


def test_records_count_credits_negative_and_what_was_entered_by_hand_apart(gp: Gp) -> None:
    """The truth that the connector's own sums are held against."""
    gp.create(RM)
    gp.create(Kind.RECEIVABLES_CREDIT_MEMO, number="STX2", base_amount=Decimal("100.00"))
    gp.create(RM, number="STX3")
    gp.control("enter_by_hand", kind=RM.value, number="FOREIGN", party=CUSTOMER, amount="7.00", date="2026-03-03")
    gp.control("void", number="STX3", kind=RM.value)
    records = httpx2.get(f"{gp.server.url}/__sandbox/records").json()
    assert records["receivables"]["by_service"] == {"count": 2, "total": "0.00"}
    assert records["receivables"]["by_hand"] == {"count": 1, "total": "7.00"}
    assert records["receivables"]["voided"] == {"count": 1, "total": "108.81"}
    assert (records["receivables"]["count"], records["receivables"]["total"]) == (3, "7.00")
    assert records["calls"]["create receivables"] == 3


def test_the_order_of_entry_stays_when_documents_change(gp: Gp) -> None:
    """Pages would tear if a posted document moved to the end of the list."""
    gp.create(RM, number="B", batch="ONE")
    gp.create(RM, number="A", batch="TWO")
    gp.control("post_batch", batch="ONE")
    assert [row["number"].strip() for row in gp.rows("receivables")] == ["B", "A"]


# Trouble


def test_gp_may_keep_its_own_distributions_without_a_word(gp: Gp) -> None:
    """The fault strikes one document: it balances, and it is not what was sent."""
    gp.control("faults", fault="distributions-replaced", method="POST")
    assert not is_refused(gp.create(RM, number="A"))
    assert not is_refused(gp.create(RM, number="B"))
    replaced = gp.distributions(Module.RECEIVABLES, "A")
    assert [(n, account) for n, account, _, _ in replaced] == [
        *((3, "000-1200-00"), (9, "100-4110-02"), (13, "000-2210-00"))
    ]
    assert sum(debit - credit for _, _, debit, credit in replaced) == 0
    assert gp.distributions(Module.RECEIVABLES, "B")[0] == (3, "000-1200-00", Decimal("108.81"), Decimal(0))


@pytest.mark.parametrize("kind", list(Kind))
def test_the_policy_replaces_the_distributions_of_every_document(kind: Kind) -> None:
    """Where GP makes distributions by itself, departments are lost, and the answer says nothing."""
    with serving("one", creates_distributions=True) as gp:
        lines = [line | {"account": "300-5310-02"} for line in a_document(kind)["distributions"]]
        assert gp.create(kind, distributions=lines).status_code == 201
        kept = gp.distributions(kind.module, "STX1")
        assert not any(account == "300-5310-02" for _, account, _, _ in kept)
        assert sum(debit - credit for _, _, debit, credit in kept) == 0


def test_a_period_closed_in_mid_run_is_closed_for_everybody(gp: Gp) -> None:
    """The fault closes the period in the books: the calendar says so too, until a person opens it."""
    gp.control("faults", fault="period-closed", method="POST", skip=1)
    assert not is_refused(gp.create(RM, number="A"))
    assert is_refused(gp.create(RM, number="B"))
    assert is_refused(gp.create(RM, number="C"))
    (march,) = [row for row in gp.rows("periods") if (row["year"], row["number"]) == (2026, 3)]
    assert (march["closed_sales"], march["closed_purchasing"]) == (True, False)


def test_a_batch_locked_for_a_moment_is_free_again(gp: Gp) -> None:
    """The fault refuses one document, and the next one into the same batch is entered."""
    gp.control("faults", fault="batch-locked", method="POST")
    assert is_refused(gp.create(RM, number="A"))
    assert not is_refused(gp.create(RM, number="A"))


@pytest.mark.parametrize(("fault", "entered"), [(Fault.ANSWER_LOST_AFTER, 1), (Fault.ANSWER_LOST_BEFORE, 0)])
def test_a_lost_answer_does_not_say_what_was_done(gp: Gp, fault: Fault, entered: int) -> None:
    """On a signed-in connection the client sees the same reset, and only GP's books know."""
    gp.rows("tax_details")
    gp.control("faults", fault=fault.value, method="POST")
    with pytest.raises(httpx2.TransportError):
        gp.create(RM)
    assert len(gp.documents()) == entered


def test_gp_may_still_be_working_when_it_is_asked(gp: Gp) -> None:
    """The answer is lost at once, GP is asked and knows nothing, and then the document stands there after all."""
    gp.rows("tax_details")
    gp.control("faults", fault="still-working", method="POST", seconds=1.5)
    with pytest.raises(httpx2.TransportError):
        gp.create(RM)
    assert gp.find(Module.RECEIVABLES, "STX1") == []
    patience = time.monotonic() + 30
    while not gp.find(Module.RECEIVABLES, "STX1") and time.monotonic() < patience:
        time.sleep(0.05)
    assert len(gp.find(Module.RECEIVABLES, "STX1")) == 1


def test_of_many_who_send_one_number_one_succeeds() -> None:
    """GP's key is the last wall: eight connections, one document."""
    with serving("one") as gp:
        answers: list[int] = []

        def send() -> None:
            with client() as http:
                answers.append(Gp(gp.company, gp.dialect, gp.server, http).create(RM).status_code)

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [201, *[409] * 7]
        assert len(gp.documents()) == 1
