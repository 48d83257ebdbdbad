"""The whole suite of `Books` once more, over SBA in both dialects and over the web services, signed in by Kerberos.

The tickets come from a real domain controller; the sandbox's servers open them with the service's keytab.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_connector.gp.access import Kerberos, Scheme
from ml_connector.sandbox.company import GPCONNECT, SbaApplication
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.company.soap import SoapApplication
from tests.contract import test_books_sba, test_books_soap
from tests.contract.books_contract import BooksContract
from tests.domain.accounts import REALM, SHORT
from tests.domain.controller import Controller


def by_ticket(domain: Controller) -> dict[str, Any]:
    """How `Access` differs. The tickets last for one test, and are renewed in the midst of the longer ones."""
    settings = Kerberos(REALM, (domain.address,), lifetime=305, margin=304.5)
    return {"scheme": Scheme.NEGOTIATE, "kerberos": settings}


def with_door(application: SbaApplication | SoapApplication, domain: Controller) -> None:
    """Change the door: who comes with a ticket is let in, and nobody else."""
    tickets = TicketDoor(domain.keytab("service.keytab"), {REALM: SHORT})
    application._door = Door([GPCONNECT], tickets, ntlm=False)


class TestSbaByKerberos(BooksContract):
    """SBA, in both dialects."""

    @pytest.fixture(params=sorted(test_books_sba.MAPS))
    def gp(self, domain: Controller, request: pytest.FixtureRequest) -> Iterator[test_books_sba.Sandbox]:
        for gp in test_books_sba.sandbox(request.param, **by_ticket(domain)):
            with_door(gp.application, domain)
            yield gp


class TestSoapByKerberos(BooksContract):
    """The web services; every message is held against the contract as well."""

    @pytest.fixture
    def gp(self, domain: Controller, tmp_path: Path) -> Iterator[test_books_soap.Sandbox]:
        for gp in test_books_soap.sandbox(tmp_path / "wsdl", **by_ticket(domain)):
            with_door(gp.application, domain)
            yield gp

    test_parties_come_with_what_the_checks_need = test_books_soap.TestSoap.test_parties_come_with_what_the_checks_need
