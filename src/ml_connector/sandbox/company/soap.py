"""The company's web services: the legacy SOAP 1.1 face over `Company`, for the operations that `wsdl/` describes.

Its messages are as the contract has them, to the order of the members; a message that does not fit is refused, where
.NET would overlook much. Creates answer with an empty element. Lists give the first 1000 rows, in the order of their
keys, and do not say that there were more. It enters and reads, and makes and changes cards; nothing here posts, deletes,
or changes a document.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, Literal, Protocol, TypeAlias

from ml_connector.sandbox.company import soap_criteria as criteria
from ml_connector.sandbox.company.books import IN_THE_BOOKS, Company
from ml_connector.sandbox.company.card_records import Card, Customer, Vendor
from ml_connector.sandbox.company.errors import Refused
from ml_connector.sandbox.company.ntlm import GPCONNECT, Door, WindowsUser
from ml_connector.sandbox.company.records import Document, Kind, Module, key
from ml_connector.sandbox.company.soap_cards import CardRows
from ml_connector.sandbox.company.soap_cards import values as card_values
from ml_connector.sandbox.company.soap_contract import GP, SOAP, Members, Node, NotWellFormed, Value, contract, parse
from ml_connector.sandbox.company.soap_criteria import Columns, select
from ml_connector.sandbox.company.soap_drafts import draft
from ml_connector.sandbox.company.soap_faults import Code, ValidationLog, Wrong, fault, not_found
from ml_connector.sandbox.company.soap_policies import CARD_CHANGES, CREATES, policy, policy_id
from ml_connector.sandbox.company.soap_reading import find, number, text
from ml_connector.sandbox.company.soap_rows import Rows
from ml_connector.sandbox.company.soap_words import NOUNS
from ml_connector.sandbox.faults import Fault, Faults, Ordered
from ml_connector.sandbox.serving import Request, Response

PATH = "/DynamicsGPWebServices"
_PATHS = frozenset({PATH.lower(), f"{PATH}/DynamicsGPService.asmx".lower()})
_XML = "text/xml; charset=utf-8"
_CARDS: Mapping[str, type[Card]] = {"Customer": Customer, "Vendor": Vendor}
_OF_THE_SYSTEM = frozenset({"GetCompanyList", "GetWSEnabledCompanyForUserList"})  # asked without a company

Operation: TypeAlias = Callable[["Call"], Value]


class Doorkeeper(Protocol):
    """Who lets callers in: `ntlm.Door`, or another that knows Windows users."""

    def admit(self, request: Request) -> WindowsUser | Response: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its operation, what was sent with it, who asks, and the rows as the contract has them."""

    operation: str
    arguments: Node
    user: WindowsUser
    rows: CardRows


@dataclass(frozen=True, slots=True)
class Shelf:
    """Business objects of one noun: where they are read, what names them, and how they are written, one or in a list."""

    noun: str
    read: Callable[[], Sequence[Any]]
    id_of: Callable[[Any], str]
    columns: Columns
    one: Callable[[CardRows, Any], Value]
    summary: Callable[[CardRows, Any], Members]
    found: Callable[[Sequence[str]], Sequence[Any]] | None = None  # those of these ids, without reading all


class Addressed(Faults):
    """The faults of a server where every call goes to one path: the name of the operation counts as part of it.

    So `order(fault, path="Create")` strikes creates alone. The operation is that of the thread's present request.
    """

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults
        self._present = threading.local()

    def now_asked(self, operation: str) -> None:
        self._present.operation = operation

    def order(self, fault: Fault, **how: object) -> None:
        self._faults.order(fault, **how)

    def clear(self) -> None:
        self._faults.clear()

    def strike(self, method: str, path: str, among: Collection[Fault]) -> Ordered | None:
        return self._faults.strike(method, f"{path}/{getattr(self._present, 'operation', '')}", among)


class SoapApplication:
    """The web services of one company.

    `authentication="none"` lets everybody in, as the first of `users`; a `door` decides instead of NTLM.
    """

    def __init__(
        self,
        company: Company,
        users: Sequence[WindowsUser] = (GPCONNECT,),
        authentication: Literal["ntlm", "none"] = "ntlm",
        faults: Faults | None = None,
        door: Doorkeeper | None = None,
    ) -> None:
        self.company = company
        self._addressed = Addressed(faults or Faults())
        self.faults: Faults = self._addressed
        self._users = users
        self._door = door or (Door(users) if authentication == "ntlm" else None)
        self._log = ValidationLog()
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._operations = self._served()

    def __getattr__(self, name: str) -> Any:
        """A person's deeds, `do_...`, are the company's."""
        if name.startswith("do_"):
            return getattr(self.company, name)
        raise AttributeError(name)

    def greet(self, request: Request) -> Response | None:
        """The legs of a handshake; a request on a signed-in connection is let in."""
        user = self._door.admit(request) if self._door else self._users[0]
        if isinstance(user, Response):
            return user
        request.connection["user"] = user
        self._addressed.now_asked(_action(request))
        return None

    def answer(self, request: Request) -> Response:
        if request.path.rstrip("/").lower() not in _PATHS:
            return Response(404, b"<html><body>The resource cannot be found.</body></html>", (), "text/html")
        if request.method == "GET":
            return self._describe(request)
        if request.method != "POST":
            return Response(405, b"", (("Allow", "GET, POST"),), "text/html")
        if not request.headers.get("content-type", "").lower().startswith("text/xml"):
            return Response(415, b"", (), "text/html")  # as to SOAP 1.2
        time.sleep(self.company.settings.latency)
        self._addressed.now_asked(_action(request))  # the answer to a lost call is another thread's
        try:
            call = self._call(request)
            self._count(call.operation)
            answer = contract().result(call.operation, self._operations[call.operation](call))
        except NotWellFormed as error:
            says = (
                "The formatter threw an exception while trying to deserialize the message: "
                f"There is an error in XML document (line {error.line}). {error}"
            )
            return Response(500, fault(Wrong(says, Code.FORMAT)), (), _XML)
        except Wrong as wrong:
            return Response(500, fault(wrong), (), _XML)
        return Response(200, answer, (), _XML)

    def records(self) -> object:
        """The company's records, and `calls`: how often each operation was asked for, signed in and well formed."""
        with self._lock:
            calls = dict(self._calls)
        return {**self.company.records(), "calls": calls}

    def _describe(self, request: Request) -> Response:
        """The description at `?wsdl`, its schemas at `?xsd=`, and a page for a person."""
        host = request.headers.get("host", "localhost")
        names = request.query.get("xsd") or [""]
        if not request.query:
            page = f"<html><body>DynamicsGP Service: see http://{host}{PATH}?wsdl</body></html>"
            return Response(200, page.encode(), (), "text/html")
        document = contract().document(names[0], f"http://{host}{PATH}")
        return Response(200, document, (), _XML) if document else Response(404, b"", (), "text/html")

    # What a call must be before it is heard

    def _call(self, request: Request) -> Call:
        envelope = parse(request.body)
        if envelope.tag != f"{{{SOAP}}}Envelope":
            raise Wrong("The envelope version of the incoming message does not match that of the encoder.", Code.CLIENT)
        body = next(envelope.iterchildren(f"{{{SOAP}}}Body"), None)
        arguments = None if body is None else next(iter(body), None)
        if arguments is None:
            raise NotWellFormed("The message has no body.")
        operation = _action(request)
        if operation not in self._operations or arguments.tag != f"{{{GP}}}{operation}":
            says = (
                f"The message with Action '{request.headers.get('soapaction', '')}' cannot be processed at the "
                "receiver, due to a ContractFilter mismatch at the EndpointDispatcher."
            )
            raise Wrong(says, Code.NO_SUCH_OPERATION)
        contract().validate(arguments)
        user: WindowsUser = request.connection["user"]
        self._admit(operation, arguments, user)
        return Call(operation, arguments, user, CardRows(self.company))

    def _admit(self, operation: str, arguments: Node, user: WindowsUser) -> None:
        """The caller's role, and the company that the context names."""
        setup = self.company.setup
        if not user.roles:
            raise Wrong(f"User {user.name} does not have access to the operation {operation}: no role is assigned.")
        if find(arguments, "context") is None:
            raise Wrong("The context of the call is missing.", Code.CLIENT)
        company = number(arguments, "context/OrganizationKey/Id")
        if company is None and operation not in _OF_THE_SYSTEM:
            raise Wrong(f"The operation {operation} needs a company: the context has no organization key.", Code.CLIENT)
        if company not in (None, setup.id):
            raise Wrong(f"The company {company} of the context does not exist, or is not enabled for web services.")
        if company is not None and not self._may_enter(user):
            raise Wrong(f"User {user.name} does not have access to company {setup.name}.")

    def _may_enter(self, user: WindowsUser) -> bool:
        return user.companies is None or self.company.setup.database in user.companies

    # The operations

    def _served(self) -> Mapping[str, Operation]:
        company = self.company
        operations: dict[str, Operation] = {
            "GetCompanyList": self._companies,
            "GetWSEnabledCompanyForUserList": self._companies,
            "GetGLAccountFormatList": lambda call: call.rows.account_format(),
            "GetPolicyByOperation": self._policy,
            "GetLoggedValidationResultByKey": lambda call: self._log.result(text(call.arguments, "logId")),
        }
        accounts, id_of, number_of = company.accounts, attrgetter("id"), attrgetter("number")
        shelves: tuple[Shelf, ...] = (
            Shelf("Batch", company.batches, id_of, criteria.BATCHES, Rows.batch, Rows.batch),
            Shelf(
                "Customer",
                company.customers,
                id_of,
                criteria.CUSTOMERS,
                CardRows.customer,
                CardRows.customer_summary,
                company.customers,
            ),
            Shelf(
                "Vendor",
                company.vendors,
                id_of,
                criteria.VENDORS,
                CardRows.vendor,
                CardRows.vendor_summary,
                company.vendors,
            ),
            Shelf("TaxDetail", company.tax_details, id_of, criteria.TAX_DETAILS, Rows.tax_detail, Rows.tax_detail),
            Shelf("GLAccount", accounts, number_of, criteria.ACCOUNTS, Rows.account, Rows.account_summary),
            Shelf(
                "GLPostingAccount",
                accounts,
                number_of,
                criteria.ACCOUNTS,
                Rows.posting_account,
                Rows.posting_account_summary,
            ),
            *(_documents(company, kind) for kind in Kind),
        )
        for shelf in shelves:
            operations[f"Get{shelf.noun}ByKey"] = partial(self._one, shelf)
            operations[f"Get{shelf.noun}List"] = partial(self._list, shelf)
        for module in Module:
            shelf = _all_documents(company, module)
            operations[f"Get{shelf.noun}List"] = partial(self._list, shelf)
        changes = Shelf(
            "ChangedCustomerKey",
            company.changed_customers,
            id_of,
            criteria.CHANGED_KEYS,
            CardRows.changed_key,
            CardRows.changed_key,
        )
        operations["GetChangedCustomerKeyList"] = partial(self._list, changes)
        for name, kind in CREATES.items():
            operations[name] = partial(self._create, kind)
        for name, noun in CARD_CHANGES.items():
            operations[name] = partial(self._write_card, _CARDS[noun], name.startswith("Create"))
        return operations

    def _companies(self, call: Call) -> Value:
        """The companies: one, where the user may enter it."""
        asked_for = select([self.company.setup], find(call.arguments, "criteria"), criteria.COMPANIES)
        return [call.rows.of_company() for _ in asked_for if self._may_enter(call.user)]

    def _policy(self, call: Call) -> Value:
        found = policy(text(call.arguments, "operation"), self.company.settings)
        if found is None:
            raise not_found()
        return found

    def _one(self, shelf: Shelf, call: Call) -> Value:
        asked_for, source = key(text(call.arguments, "key/Id")), text(call.arguments, "key/Source")
        for row in shelf.found([asked_for]) if shelf.found else shelf.read():
            if key(shelf.id_of(row)) == asked_for and source in ("", getattr(row, "origin", "")):
                return shelf.one(call.rows, row)
        raise not_found()

    def _list(self, shelf: Shelf, call: Call) -> Value:
        chosen = select(shelf.read(), find(call.arguments, "criteria"), shelf.columns)
        chosen.sort(key=lambda row: key(shelf.id_of(row)))
        return [shelf.summary(call.rows, row) for row in chosen[: self.company.settings.row_cap]]

    def _create(self, kind: Kind, call: Call) -> None:
        _needs_policy(call)
        noun = NOUNS[kind]
        document = draft(kind, find(call.arguments, noun[0].lower() + noun[1:]))
        struck = self.faults.strike("POST", PATH, IN_THE_BOOKS)
        try:
            self.company.create(document, call.user.name, struck.fault if struck else None)
        except Refused as refused:
            raise self._log.keep(noun, refused.refusals) from None

    def _write_card(self, of: type[Card], creating: bool, call: Call) -> None:
        _needs_policy(call)
        sent = find(call.arguments, of.__name__.lower())
        read = self.company.customers if of is Customer else self.company.vendors
        standing = next(iter(read([text(sent, "Key/Id")])), None)
        card = card_values(of, sent, None if creating else standing)
        try:
            if creating:
                self.company.make(of, card, call.user.name)
            else:
                self.company.change(of, card["id"], card, call.user.name, only=False)
        except Refused as refused:
            raise self._log.keep(of.__name__, refused.refusals) from None

    def _count(self, call: str) -> None:
        with self._lock:
            self._calls[call] += 1


def _needs_policy(call: Call) -> None:
    if text(call.arguments, "policy/Key/Id").lower() != policy_id(call.operation):
        raise Wrong(f"The policy is missing, or is not the one of {call.operation}.", Code.CLIENT)


def _documents(company: Company, kind: Kind) -> Shelf:
    """The documents of one kind."""
    whole = _all_documents(company, kind.module)

    def read() -> Sequence[Document]:
        return [document for document in company.documents(kind.module) if document.kind is kind]

    return replace(whole, noun=NOUNS[kind], read=read, summary=Rows.document_summary)


def _all_documents(company: Company, module: Module) -> Shelf:
    """The documents of a subledger, whatever their kind."""
    return Shelf(
        noun=f"{module.value.capitalize()}Document",
        read=partial(company.documents, module),
        id_of=attrgetter("number"),
        columns=criteria.DOCUMENTS[module],
        one=Rows.document,
        summary=Rows.document_summary_with_type,
    )


def _action(request: Request) -> str:
    """The operation that the SOAPAction header names; "" where it names none of the contract's namespace."""
    action = request.headers.get("soapaction", "").strip().strip('"')
    return action.removeprefix(f"{GP}/") if action.startswith(f"{GP}/") else ""
