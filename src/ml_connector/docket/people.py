"""Who may do what: the roles that users have, what each role may do, and the person who acts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ml_connector.findings import Finding

NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}\Z")
RESERVED = ("automatic", "clock", "installation", "ml-connector", "schedule", "settled", "webhook")
"""Names that stand in the trail for what is no person."""


class Permission(Enum):
    """What a command does, for which it must be allowed. The value completes the sentence "may …"."""

    READ = "look at everything"
    CHECK = "reach both systems to see whether they answer"
    OPERATE = "run, replay, accept and skip"
    MAP = "change the rulebook"
    APPROVE = "approve and reject plans, and enter again"
    ADMINISTER = "change connections, credentials and users"


class Role(Enum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    MAP_EDITOR = "map-editor"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"


GRANTS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.CHECK, Permission.OPERATE}),
    Role.MAP_EDITOR: frozenset({Permission.READ, Permission.MAP}),
    Role.APPROVER: frozenset({Permission.READ, Permission.APPROVE}),
    Role.ADMINISTRATOR: frozenset({Permission.READ, Permission.CHECK, Permission.ADMINISTER}),
}
"""The one table of who may do what. A user may have several roles; nobody has a right without one."""


@dataclass(frozen=True, slots=True)
class User:
    """A person as the installation knows them. `os_account` is who they are at the command line."""

    name: str
    full_name: str
    os_account: str | None
    roles: frozenset[Role]
    active: bool
    signs_in: bool  # has a password
    changed: datetime
    changed_by: str

    @property
    def administers(self) -> bool:
        """Whether the installation can be administered by this user from the command line."""
        return self.active and self.os_account is not None and Role.ADMINISTRATOR in self.roles


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. `user` is None while the installation has no user at all: then who can open the ledger may do it all."""

    name: str  # as the trail has it
    user: User | None = None

    def may(self, permission: Permission) -> bool:
        return self.user is None or any(permission in GRANTS[role] for role in self.user.roles)

    @property
    def edits_rulebooks(self) -> bool:
        return self.user is not None and self.may(Permission.MAP)

    def is_called(self, name: str) -> bool:
        """Whether the trail means this person: by name, or by the account from before there were users."""
        return name == self.name or (self.user is not None and name == self.user.os_account)


def at_the_terminal(account: str, users: Collection[User], permission: Permission) -> Person | Finding:
    """Who the owner of an operating-system account is, if they may do that; else why not, and who mends it."""
    if not users:
        return Person(account)
    user = next((it for it in users if it.os_account == account), None)
    ask = f"Ask an administrator ({_administrators(users)})"
    if user is None:
        says = f"the operating-system account '{account}' belongs to no user of this installation"
        remedy = f"{ask} to run 'ml-connector user add NAME --os-account {account}' with your role."
        return Finding("user.no_account", f"account {account}", says, remedy)
    if not user.active:
        remedy = f"{ask} to run 'ml-connector user change {user.name} --activate', if you should work here again."
        return Finding("user.inactive", f"user {user.name}", "this user was deactivated", remedy)
    person = Person(user.name, user)
    if not person.may(permission):
        able = " or ".join(role.value for role in Role if permission in GRANTS[role])
        says = f"it needs the role {able}: only it may {permission.value}; {user.name} is {roles_of(user.roles)}"
        remedy = f"{ask} to do it, or to give you the role with 'ml-connector user change {user.name}'."
        return Finding("user.not_allowed", f"user {user.name}", says, remedy)
    return person


def no_administrator(name: str, users: Collection[User]) -> Finding | None:
    """Why somebody may not change users; asked once more in the moment of the change. Before the first user anybody may."""
    if not users or any(it.name == name and it.active and Role.ADMINISTRATOR in it.roles for it in users):
        return None
    remedy = f"Ask an administrator ({_administrators(users)}) to do it."
    return Finding("user.not_allowed", f"user {name}", f"{name} is no administrator, or is none any more", remedy)


def roles_of(roles: Iterable[Role]) -> str:
    """For people, in the order of the roles: "operator, approver"."""
    given = set(roles)
    return ", ".join(role.value for role in Role if role in given)


def wrong_user(name: str, roles: Collection[Role]) -> Finding | None:
    """What is wrong with a new user, but for what other users say."""
    if not NAME.match(name) or name in RESERVED:
        says = f"'{name}' is no name for a user"
        remedy = (
            "Use small letters, digits, dots and hyphens, a letter first; not a name that ml-connector uses itself."
        )
        return Finding("user.name", f"user {name}", says, remedy)
    if not roles:
        known = ", ".join(role.value for role in Role)
        return Finding("user.no_role", f"user {name}", "it has no role", f"Give --role, once for each: {known}.")
    return None


def not_the_first(name: str, account: str | None, roles: Collection[Role], mine: str) -> Finding | None:
    """The first user is whoever adds it, as administrator; else the door would close behind nobody."""
    if account == mine and Role.ADMINISTRATOR in roles:
        return None
    says = f"it would be the first user, and not an administrator who is you (account {mine})"
    remedy = f"Run 'ml-connector user add YOUR-NAME --role administrator' for yourself; then add {name}."
    return Finding("user.first_administrator", f"user {name}", says, remedy)


def last_administrator(before: User, after: User, others: Iterable[User]) -> Finding | None:
    """The last administrator keeps the role, stays active, and keeps the account, which a slip of the pen could lose."""
    safe = after.administers and after.os_account == before.os_account
    if not before.administers or safe or any(it.administers for it in others):
        return None
    says = "no other active administrator has an operating-system account, so nobody could administer any more"
    remedy = "Add or change another user to be administrator first, with --role administrator and --os-account."
    return Finding("user.last_administrator", f"user {before.name}", says, remedy)


def both_duties(name: str, roles: Collection[Role], demanded_by: Iterable[str]) -> Finding | None:
    """One user may not edit rulebooks and approve plans where a connection demands separate duties."""
    demanding = sorted(demanded_by)
    if not demanding or not {Role.MAP_EDITOR, Role.APPROVER} <= set(roles):
        return None
    says = f"map-editor and approver are separate duties in connection {', '.join(demanding)}"
    remedy = "Give the two roles to two users, or set separate_duties = false in the settings of the connection."
    return Finding("user.both_duties", f"user {name}", says, remedy)


def _administrators(users: Iterable[User]) -> str:
    return ", ".join(it.name for it in users if it.administers)
