"""The whole suite of `Books` once more, over SBA in both dialects and over the web services, signed in by Kerberos.

The tickets come from a real domain controller; the sandbox's servers open them with the service's keytab.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_connector.findings import Interrupted
from ml_connector.gp.access import Kerberos, Scheme, Secret
from ml_connector.sandbox.company import GPCONNECT, SbaApplication
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.company.soap import SoapApplication
from tests.contract import test_books_sba, test_books_soap
from tests.contract.books_contract import BATCH, SR, BooksContract, an_invoice
from tests.domain import accounts
from tests.domain.accounts import REALM, SHORT, Account
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

    @pytest.mark.parametrize(
        ("who", "changes", "code"),
        [
            (accounts.GOOD, {"service": "HTTP/nobody.frontrange.test"}, "gp.service_name"),
            (accounts.GOOD, {"controllers": ("127.0.0.1:1",)}, "gp.controller_unreachable"),
            (accounts.EXPIRED, {}, "gp.password_expired"),
            (accounts.DISABLED_ONE, {}, "gp.account_locked_or_disabled"),
            (accounts.NO_ROLE, {}, "gp.forbidden"),
            (Account("nobody", "Nobody-Pass-1"), {}, "gp.account_unknown"),
        ],
        ids=lambda it: it if isinstance(it, str) else "",
    )
    def test_what_is_wrong_with_a_login_is_told_as_over_sba(
        self, gp: test_books_soap.Sandbox, domain: Controller, who: Account, changes: dict[str, Any], code: str
    ) -> None:
        """A question stops the run, and a document is not sent."""
        given = by_ticket(domain)
        given["kerberos"] = replace(given["kerberos"], **changes)
        given |= {"username": f"{who.name}@{REALM}", "password": Secret(who.password)}
        with gp.with_access(**given) as books:
            with pytest.raises(Interrupted) as stop:
                books.find(SR, ["STI1"])
            assert stop.value.finding.code == code
            with pytest.raises(Interrupted):
                books.enter(an_invoice(), BATCH)
        assert gp.standing == []
