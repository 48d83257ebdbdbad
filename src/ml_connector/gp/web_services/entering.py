"""Enter a document over the web services: one create, sent once, and what its answer means for the document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ml_connector.books.document import Document
from ml_connector.books.outcomes import Entered, Entry
from ml_connector.findings import Interrupted
from ml_connector.gp.meanings import refused
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.told import Refusal, Taken
from ml_connector.gp.web_services import documents
from ml_connector.gp.web_services.policies import Policies
from ml_connector.gp.web_services.telling import Telling
from ml_connector.gp.web_services.transport import WebServices


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
        self._telling = Telling(services, meanings)

    def enter(self, document: Document, batch_id: str) -> Entry:
        """Create the document in the batch: one request, whatever comes of it.

        Raises Interrupted where GP turned us away altogether (login, role, company, policy): it did nothing.
        """
        operation = documents.CREATES[document.kind]
        told = self._telling.tell(operation, partial(self._create, operation, document, batch_id))
        match told:
            case Refusal(said):
                return replace(refused(said, self._meanings, document, batch_id), wire=told.wire)
            case Taken():
                return Entered(document.number, batch_id, told.wire)
            case _:
                return told

    def _create(self, operation: str, document: Document, batch_id: str) -> bytes:
        """Everything that a create needs is read before it: contract, account separator, policy."""
        stop = self._policies.let_us_send_distributions([document.kind])
        if stop:
            raise Interrupted(stop)
        told = documents.members(document, batch_id, self._services.contract, self._separator())
        parts = {documents.part_of(document.kind): told, "policy": self._policies.of(document.kind)}
        return self._services.request(operation, **parts)
