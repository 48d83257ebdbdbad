"""Ask and tell one company's web services: an operation, its parts, and what comes back.

Everything travels over the same lanes as SBA's, so login, connections and the rule that a write is sent once are the
same. To HTTP a question is a POST as well; it is ours to know that it may be asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx2

from ml_connector.findings import Interrupted
from ml_connector.gp.access import Access
from ml_connector.gp.web_services import errors
from ml_connector.gp.web_services.contract import COMMON, Contract, Value, load
from ml_connector.gp.web_services.faults import Fault, fault_of
from ml_connector.gp.wire import Unintelligible, Unwell, Wire

ROW_CAP = 1000  # rows that a list gives at most (Microsoft, "Criteria"); an installation may have another
DEEPEST = 40  # halvings of a range of keys


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One company behind the legacy endpoint.

    `wsdl` is an address on the same server or a file; "" is the endpoint's own, at ?wsdl. `folder` keeps what was read
    of it. `culture` is the language of GP's refusals, which are told apart by their texts.
    """

    url: str  # http://gp.example.com:48620/DynamicsGPWebServices/DynamicsGPService.asmx
    company_id: int  # GP's number of the company; -1 is the sample company
    wsdl: str = ""
    folder: Path | None = None
    culture: str = "en-US"


class WebServices:
    """The operations of one company. Safe to use from several threads; as many requests travel at once as there are
    lanes."""

    def __init__(self, access: Access, endpoint: Endpoint, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access, self.endpoint = access, endpoint
        self.wire = Wire(access, endpoint.url, "text/xml", sleep)
        self.row_cap = ROW_CAP if access.row_cap is None else access.row_cap
        self._contract: Contract | None = None
        self._loading = threading.Lock()

    def close(self) -> None:
        self.wire.close()

    @property
    def contract(self) -> Contract:
        """What the installation takes and gives; read when it is first needed. Raises Interrupted."""
        with self._loading:
            if self._contract is None:
                self._contract = self._load(fresh=False)
            return self._contract

    def refresh(self) -> None:
        """Read the WSDL again, from the server. Raises Interrupted."""
        with self._loading:
            self._contract = self._load(fresh=True)

    def _load(self, fresh: bool) -> Contract:
        wsdl = self.endpoint.wsdl or f"{self.endpoint.url}?wsdl"
        return load(wsdl, self.endpoint.folder, self._fetch, fresh)

    # Asking

    def ask(self, operation: str, /, may_be_missing: bool = False, in_company: bool = True, **parts: Value) -> Value:
        """What a question brings, asked again where that may help. None for an empty list; and, where it may be
        missing, for a key that GP does not have. Raises Interrupted."""
        contract = self.contract
        content = self.request(operation, in_company, **parts)

        def ask() -> Value:
            response = self.send(operation, content, self.access.read_timeout)
            fault = fault_of(response.content)
            if fault is None and response.status_code == 200:
                return contract.result(operation, response.content)
            self.turned_away(response, fault, operation)
            if fault is None:
                raise Unwell(f"it answers {response.status_code}")
            if fault.is_missing and may_be_missing:
                return None
            if fault.is_unread:
                raise Interrupted(errors.contract(operation, f"GP does not know a message of this form: {fault.text}"))
            if fault.is_validation or fault.is_missing:
                raise Interrupted(errors.answer(operation, f"GP does not take the question: {fault.text}"))
            raise Unintelligible(f"GP fails: {fault.text}")

        return self.wire.patiently(ask, lambda says: errors.answer(operation, says))

    def rows(self, operation: str, criteria: Mapping[str, Value], key: str, member: str = "Key") -> list[Value]:
        """Every row of a list. One that may have been cut off is asked for in halves of its keys, by the restriction
        `key` of its criteria. Raises Interrupted where that does not help."""
        rows = self._list(operation, criteria)
        if len(rows) < self.row_cap:
            return rows
        return list(self._halves(operation, criteria, key, member, rows, "", "", DEEPEST).values())

    def _halves(
        self,
        operation: str,
        criteria: Mapping[str, Value],
        key: str,
        member: str,
        rows: list[Value],
        first: str,
        last: str,
        depth: int,
    ) -> dict[tuple[str, str], Value]:
        keys = sorted({_key(row, member) for row in rows})
        middle = keys[len(keys) // 2]
        if key in criteria or len(keys) < 3 or depth == 0 or middle in (first, last):
            raise Interrupted(errors.truncated(operation, self.row_cap))
        found: dict[tuple[str, str], Value] = {}
        for low, high in ((first, middle), (middle, last)):
            bounds = {name: text for name, text in (("From", low), ("To", high)) if text}
            half = self._list(operation, {**criteria, key: bounds})
            if len(half) >= self.row_cap:
                found |= self._halves(operation, criteria, key, member, half, low, high, depth - 1)
            else:
                found |= {(_key(row, member), str(getattr(row, "Type", ""))): row for row in half}
        return found

    def _list(self, operation: str, criteria: Mapping[str, Value]) -> list[Value]:
        rows = self.ask(operation, criteria=criteria)
        if rows is None:
            return []
        if not isinstance(rows, list):
            raise Interrupted(errors.answer(operation, "the answer is no list"))
        return rows

    # Telling

    def request(self, operation: str, /, in_company: bool = True, **parts: Value) -> bytes:
        """The envelope of a request, context included: the same parts always give the same bytes. A context without a
        company speaks to GP's system database."""
        contract = self.contract
        context: dict[str, Value] = {
            "CultureName": self.endpoint.culture,
            "CurrencyType": contract.word("CurrencyType", "Transactional"),
        }
        if in_company:
            context["OrganizationKey"] = contract.make("CompanyKey", COMMON, Id=self.endpoint.company_id)
        return contract.request(operation, {**parts, "context": context})

    def send(self, operation: str, content: bytes, timeout: float) -> httpx2.Response:
        """One request, sent once; its answer is not judged."""
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": self.contract.action(operation)}
        return self.wire.send("POST", self.endpoint.url, content, timeout, headers)

    def turned_away(self, response: httpx2.Response, fault: Fault | None, operation: str) -> None:
        """Raise Interrupted where nothing can be asked or told: no role, no company, no such address."""
        if response.status_code == 403 or (fault and fault.is_forbidden):
            said = fault.text if fault else f"it answers {response.status_code}"
            raise Interrupted(errors.forbidden(self.endpoint.company_id, self.access.username, operation, said))
        if response.status_code in (404, 405, 415) and fault is None:
            raise Interrupted(errors.missing(self.endpoint.url))

    def _fetch(self, address: str) -> bytes:
        def ask() -> bytes:
            response = self.wire.send("GET", address, b"", self.access.read_timeout)
            self.turned_away(response, None, "the WSDL")
            if response.status_code != 200:
                raise Unwell(f"it answers {response.status_code}")
            return response.content

        return self.wire.patiently(ask, lambda says: errors.contract(address, says))


def _key(row: Value, member: str) -> str:
    """The key of a row of a list, as GP compares it."""
    key = getattr(row, member, None)
    return str(key.Id or "").strip().upper() if key is not None else ""
