"""Enter a document over the web services: one create, sent once, and what its answer means.

A create answers with an empty element, so only that is a success; a refusal is a SOAP fault whose reasons stand in GP's
log, and the question for them may be asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx2

from ml_connector.books.document import Document
from ml_connector.books.outcomes import Deferred, Entered, Entry, Exchange, Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp.errors import Said
from ml_connector.gp.meanings import meaning, refused
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.web_services import documents, errors
from ml_connector.gp.web_services.contract import GP, body_of
from ml_connector.gp.web_services.faults import Fault, fault_of, reasons
from ml_connector.gp.web_services.policies import Policies
from ml_connector.gp.web_services.transport import WebServices
from ml_connector.gp.windows_auth import NotSent
from ml_connector.gp.wire import cause

_NOTHING_SENT = frozenset({"gp.unreachable", "gp.certificate"})


class Entering:
    """Enters documents in one company. `meanings` tells what GP's texts mean to us; `separator` what stands between the
    segments of an account."""

    def __init__(
        self,
        services: WebServices,
        policies: Policies,
        meanings: tuple[Meaning, ...],
        separator: Callable[[], str],
    ) -> None:
        self._services, self._policies = services, policies
        self._meanings, self._separator = meanings, separator

    def enter(self, document: Document, batch_id: str) -> Entry:
        """Create the document in the batch: one request, whatever comes of it.

        Raises Interrupted where GP turned us away altogether (login, role, company, policy): it did nothing.
        """
        operation = documents.CREATES[document.kind]
        try:
            content = self._create(operation, document, batch_id)
        except Interrupted as stop:
            if stop.finding.code in _NOTHING_SENT:
                return Deferred(f"nothing was sent to GP: {stop.finding.says}")
            raise
        try:
            response = self._services.send(operation, content, self._services.access.write_timeout)
        except NotSent as error:
            return Deferred(f"nothing was sent to GP: {self._services.wire.broken(error).says}")
        except httpx2.TransportError as error:
            return InDoubt(f"the answer was lost: {cause(error)}", Exchange(content))
        wire = Exchange(content, b"HTTP %d\n" % response.status_code + response.content)
        return replace(self._judge(response, operation, document, batch_id), wire=wire)

    def _create(self, operation: str, document: Document, batch_id: str) -> bytes:
        """Everything that a create needs is read before it: contract, account separator, policy."""
        stop = self._policies.let_us_send_distributions([document.kind])
        if stop:
            raise Interrupted(stop)
        told = documents.members(document, batch_id, self._services.contract, self._separator())
        parts = {documents.part_of(document.kind): told, "policy": self._policies.of(document.kind)}
        return self._services.request(operation, **parts)

    def _judge(
        self, response: httpx2.Response, operation: str, document: Document, batch_id: str
    ) -> Entered | Held | InDoubt | Deferred:
        status = response.status_code
        fault = fault_of(response.content)
        self._services.turned_away(response, fault, operation)
        if fault is not None:
            return self._refused(fault, operation, document, batch_id)
        if status == 429:
            return Deferred("GP takes no more requests for now (429)")
        body = body_of(response.content) if status == 200 else None
        if body is None or body.tag != f"{{{GP}}}{operation}Response":
            return InDoubt(f"GP answered {status}, and not as a create is answered")
        return Entered(document.number, batch_id)

    def _refused(self, fault: Fault, operation: str, document: Document, batch_id: str) -> Held | InDoubt | Deferred:
        """What a fault means for the document: the reasons stand in GP's log, under the id that the fault carries.

        A fault without logged reasons may have come from anywhere, so it leaves the document in doubt; unless its own
        text is a refusal that we know.
        """
        if fault.is_unread:
            raise Interrupted(errors.contract(operation, f"GP does not know a message of this form: {fault.text}"))
        said = self._logged(fault)
        if not said and meaning(Said("", fault.text), self._meanings):
            said = [Said("", fault.text)]
        if not said:
            return InDoubt(f"GP failed, and what it says is not understood: {fault.text}")
        return refused(said, self._meanings, document, batch_id)

    def _logged(self, fault: Fault) -> list[Said]:
        """The reasons in GP's log; none where it has none under this id, or cannot be asked now."""
        for log_id in fault.log_ids:
            try:
                result = self._services.ask("GetLoggedValidationResultByKey", may_be_missing=True, logId=log_id)
            except Interrupted:
                continue
            said = reasons(result)
            if said:
                return said
        return []
