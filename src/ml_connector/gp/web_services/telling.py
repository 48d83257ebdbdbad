"""Tell the web services something: one create or update, sent once, and what its answer means.

It answers with an empty element, so only that is a success; a refusal is a SOAP fault whose reasons stand in GP's log, and
the question for them may be asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx2

from ml_connector.books.outcomes import Deferred, Exchange, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp.errors import Said
from ml_connector.gp.meanings import meaning
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.told import Refusal, Taken, Told
from ml_connector.gp.web_services import errors
from ml_connector.gp.web_services.contract import GP, body_of
from ml_connector.gp.web_services.faults import Fault, fault_of, reasons
from ml_connector.gp.web_services.transport import WebServices
from ml_connector.gp.windows_auth import NotSent
from ml_connector.gp.wire import cause

_NOTHING_SENT = frozenset({"gp.unreachable", "gp.certificate"})


class Telling:
    """Writes to one company. `meanings` tells what GP's texts mean to us."""

    def __init__(self, services: WebServices, meanings: tuple[Meaning, ...]) -> None:
        self._services, self._meanings = services, meanings

    def tell(self, operation: str, made: Callable[[], bytes]) -> Told:
        """One write, sent once. `made` makes its message, for which GP may have to be asked something first.

        Raises Interrupted where GP turned us away altogether (login, role, company, policy): it did nothing.
        """
        try:
            content = made()
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
        return replace(self._judge(response, operation), wire=wire)

    def _judge(self, response: httpx2.Response, operation: str) -> Told:
        status = response.status_code
        fault = fault_of(response.content)
        self._services.turned_away(response, fault, operation)
        if fault is not None:
            return self._refused(fault, operation)
        if status == 429:
            return Deferred("GP takes no more requests for now (429)")
        body = body_of(response.content) if status == 200 else None
        if body is None or body.tag != f"{{{GP}}}{operation}Response":
            return InDoubt(f"GP answered {status}, and not as a create is answered")
        return Taken()

    def _refused(self, fault: Fault, operation: str) -> Refusal | InDoubt:
        """What a fault means: the reasons stand in GP's log, under the id that the fault carries.

        A fault without logged reasons may have come from anywhere, so it leaves the write in doubt; unless its own text is
        a refusal that we know.
        """
        if fault.is_unread:
            raise Interrupted(errors.contract(operation, f"GP does not know a message of this form: {fault.text}"))
        said = self._logged(fault)
        if not said and meaning(Said("", fault.text), self._meanings):
            said = [Said("", fault.text)]
        if not said:
            return InDoubt(f"GP failed, and what it says is not understood: {fault.text}")
        return Refusal(said)

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
