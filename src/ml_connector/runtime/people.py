"""The person at the command line, and what an installation demands of its users."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from ml_connector.docket.people import Permission, Person, Role, at_the_terminal, both_duties
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.settings import from_ledger
from ml_connector.store.database import Database
from ml_connector.store.users import Users


def os_account() -> str:
    """The account that this process runs under, as the operating system says; variables like USER are not believed."""
    if os.name == "nt":
        return os.getlogin().lower()  # GetUserNameW; Windows takes any case for the same account
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number without a name
        return f"uid-{os.getuid()}"


def permitted(database: Database, account: str, permission: Permission) -> Person:
    """The owner of the account, who may do that. Raises Interrupted `user.no_account`, `user.inactive`, `user.not_allowed`."""
    person = at_the_terminal(account, Users(database, account).all(), permission)
    if isinstance(person, Finding):
        raise Interrupted(person)
    return person


def allow_roles(database: Database, actor: str, name: str, roles: Collection[Role]) -> None:
    """Raises Interrupted `user.both_duties` where a connection separates two of these roles."""
    finding = both_duties(name, roles, _separating(database, actor))
    if finding:
        raise Interrupted(finding)


def _separating(database: Database, actor: str) -> Iterator[str]:
    for it in database.connections(actor).all():
        if from_ledger(it.definition, it.name).separate_duties:
            yield it.name
