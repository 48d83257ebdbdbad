"""What doctor asks one company over the web services. Each deed says in words what is good, or raises Interrupted.

Nothing is written, so the right to create shows with the first document only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ml_connector.books.account import AccountFormat
from ml_connector.books.period import Series
from ml_connector.books.posting import PostingSetup
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.looking import CompanyTold, Deed
from ml_connector.gp.web_services import errors
from ml_connector.gp.web_services.transport import WebServices


class Looking:
    """One visit to one company. `companies` are those that the account may use: GP's number of each, and its name;
    `lists` ask each list that we read for a key that no record has, so that an empty one passes too."""

    def __init__(
        self,
        services: WebServices,
        companies: Callable[[], Mapping[int, str]],
        account_format: Callable[[], AccountFormat],
        policies: Callable[[], Finding | None],
        lists: Mapping[str, Callable[[], object]],
    ) -> None:
        self._services, self._companies, self._account_format = services, companies, account_format
        self._policies, self._lists = policies, lists
        self._named: Mapping[int, str] = {}

    @property
    def address(self) -> str:
        """Where a login can be tried."""
        return self._services.endpoint.url

    @property
    def doors(self) -> Mapping[str, Deed]:
        """What must be open before anything can be asked, in order."""
        return {"contract": self._contract, "role": self._role, "company": self._company}

    @property
    def probes(self) -> Mapping[str, Deed]:
        """The policies, then everything that we read."""
        lists: dict[str, Deed] = {name: partial(_answered, ask) for name, ask in self._lists.items()}
        return {"policies": self._distributions_are_taken, **lists}

    def company(self) -> CompanyTold:
        """Raises Interrupted."""
        name = self._named.get(self._services.endpoint.company_id, "")
        return CompanyTold(name=name, account_format=self._account_format())

    def posting_setup(self) -> Mapping[Series, PostingSetup]:
        """The contract has nothing of the kind."""
        return {}

    def _contract(self) -> str:
        self._services.refresh()
        return "the WSDL was read again, and has all that we need"

    def _role(self) -> str:
        self._named = self._companies()
        return "it may use the web services"

    def _company(self) -> str:
        wanted = self._services.endpoint.company_id
        if wanted not in self._named:
            named = ", ".join(f"{number} {name}" for number, name in sorted(self._named.items()))
            raise Interrupted(errors.no_company(wanted, f"the account may use {named or 'none'}"))
        return f"{wanted}, {self._named[wanted]}"

    def _distributions_are_taken(self) -> str:
        stop = self._policies()
        if stop:
            raise Interrupted(stop)
        return "GP takes the distributions that we send"


def _answered(ask: Callable[[], object]) -> str:
    ask()
    return "it was asked for a key that nobody has"
