"""A person lets refused passwords of a connection be tried once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ml_connector.gp.access import Scheme, Secret
from ml_connector.gp.company_database import DatabaseAccess
from ml_connector.gp.realms import login_name
from ml_connector.runtime.settings import Gp, Settings, secret
from ml_connector.store.refused_logins import RefusedLogins


@dataclass(frozen=True, slots=True)
class AllowedLogin:
    """A Windows account or SQL login of a connection, and whether a password of it had been refused."""

    domain: str
    username: str
    was_refused: bool


def allow(settings: Settings, vault: Callable[[str], str], refused: RefusedLogins) -> list[AllowedLogin]:
    """Forget what was refused to the accounts of this connection.

    Raises Interrupted where a user name cannot be read, or does not tell its realm.
    """
    accounts = dict.fromkeys(name for company, gp in settings.gp.items() for name in _names(company, gp, vault))
    return [AllowedLogin(*account, was_refused=refused.forget(*account)) for account in accounts]


def _names(company: str, gp: Gp, vault: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    username = secret(gp.username, f"gp.{company}.username", vault)
    if gp.sql.url:
        reader = secret(gp.sql.username, f"gp.{company}.sql.username", vault)
        yield DatabaseAccess(gp.sql.url, gp.sql.database, reader, Secret("")).account
    for address in filter(None, (gp.server, gp.endpoint)):
        yield login_name(username, Scheme(gp.authentication), gp.kerberos.realm, urlsplit(address).hostname or "")
