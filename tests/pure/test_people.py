"""Who may do what, and that an installation never loses its last administrator."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.docket.people import (
    GRANTS,
    Permission,
    Person,
    Role,
    User,
    at_the_terminal,
    both_duties,
    last_administrator,
    not_the_first,
    wrong_user,
)
from ml_connector.findings import Finding

THEN = datetime(2026, 3, 14, 9, tzinfo=UTC)

# Written from what the roles are for, not from the code.
MAY = {
    Role.VIEWER: "READ",
    Role.OPERATOR: "READ CHECK OPERATE",
    Role.MAP_EDITOR: "READ MAP",
    Role.APPROVER: "READ APPROVE",
    Role.ADMINISTRATOR: "READ CHECK ADMINISTER",
}


def a_user(name: str = "maria", *roles: Role, **fields: Any) -> User:
    given = frozenset(roles) or frozenset({Role.VIEWER})
    return replace(User(name, name.title(), f"os-{name}", given, True, False, THEN, "setup"), **fields)


def code(finding: object) -> str | None:
    return finding.code if isinstance(finding, Finding) else None


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_role_may_what_the_table_says_and_nothing_else(role: Role, permission: Permission) -> None:
    """Each role against each permission; an administrator neither maps, nor approves, nor operates."""
    expected = permission.name in MAY[role].split()
    assert (permission in GRANTS[role]) == expected
    found = at_the_terminal("os-maria", [a_user("maria", role)], permission)
    assert (isinstance(found, Person), code(found)) == ((True, None) if expected else (False, "user.not_allowed"))


@given(st.sets(st.sampled_from(Role), min_size=1))
def test_several_roles_may_together_what_each_may(roles: set[Role]) -> None:
    person = Person("maria", a_user("maria", *roles))
    assert {it for it in Permission if person.may(it)} == set().union(*(GRANTS[role] for role in roles))


def test_without_any_user_whoever_opens_the_ledger_may_everything() -> None:
    """A demo and a first trial need no set-up."""
    assert at_the_terminal("anybody", [], Permission.ADMINISTER) == Person("anybody")
    assert all(Person("anybody").may(it) for it in Permission)
    assert not Person("anybody").edits_rulebooks, "the role, which nobody has"


def test_a_stranger_and_a_deactivated_user_are_told_who_helps() -> None:
    """The name of the user does not open the door, only the account does."""
    users = [a_user("maria", Role.ADMINISTRATOR), a_user("bob", Role.OPERATOR, active=False)]
    stranger = at_the_terminal("maria", users, Permission.READ)
    assert isinstance(stranger, Finding)
    assert (stranger.code, "(maria)" in stranger.remedy) == ("user.no_account", True)
    assert code(at_the_terminal("os-bob", users, Permission.READ)) == "user.inactive"


def test_a_person_is_also_who_the_account_was_before_there_were_users() -> None:
    """What 'os-maria' imported as an account, maria imported."""
    maria = Person("maria", a_user())
    assert maria.is_called("maria")
    assert maria.is_called("os-maria")
    assert not maria.is_called("bob")
    assert not Person("maria", a_user(os_account=None)).is_called("")


@pytest.mark.parametrize("name", ["", "Maria", "m aria", "-m", "m" * 64, "maria\n", "automatic", "ml-connector", "1st"])
def test_a_name_that_the_trail_could_mistake_is_refused(name: str) -> None:
    assert code(wrong_user(name, [Role.VIEWER])) == "user.name"


def test_a_user_has_a_role() -> None:
    assert code(wrong_user("maria", [])) == "user.no_role"
    assert wrong_user("maria.o-2", [Role.VIEWER]) is None


@pytest.mark.parametrize(
    ("account", "roles", "refused"),
    [
        ("me", [Role.ADMINISTRATOR], False),
        ("me", [Role.ADMINISTRATOR, Role.APPROVER], False),
        ("me", [Role.APPROVER], True),
        ("you", [Role.ADMINISTRATOR], True),
        (None, [Role.ADMINISTRATOR], True),
    ],
)
def test_the_first_user_is_whoever_adds_it(account: str | None, roles: list[Role], refused: bool) -> None:
    """Another account may be misspelt, and then nobody could open the door again."""
    assert code(not_the_first("maria", account, roles, "me")) == ("user.first_administrator" if refused else None)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "roles": st.frozensets(st.sampled_from(Role), min_size=1),
        "active": st.booleans(),
        "os_account": st.one_of(st.none(), st.sampled_from(["os-a", "os-b", "os-c", "typo"])),
    },
)


@given(st.lists(st.tuples(st.integers(0, 2), CHANGES), max_size=12))
def test_however_users_are_changed_an_administrator_is_left(changes: list[tuple[int, dict[str, Any]]]) -> None:
    """Deactivated, robbed of the role or of the account, in any order: the last one stays, and stays at their account."""
    users = [
        a_user("a", Role.ADMINISTRATOR),
        a_user("b", Role.APPROVER),
        a_user("c", Role.ADMINISTRATOR, Role.OPERATOR),
    ]
    for place, fields in changes:
        before, after = users[place], replace(users[place], **fields)
        others = [it for it in users if it is not before]
        if last_administrator(before, after, others) is None:
            users[place] = after
        else:
            assert before.administers
            assert not any(it.administers for it in others)
        assert any(it.administers for it in users)


def test_who_is_no_administrator_may_be_changed_freely() -> None:
    viewer = a_user("bob")
    assert last_administrator(viewer, replace(viewer, active=False), [a_user("maria", Role.ADMINISTRATOR)]) is None


def test_both_duties_are_refused_only_where_they_are_demanded_apart() -> None:
    """The finding names the connections that demand it."""
    both = [Role.MAP_EDITOR, Role.APPROVER]
    assert both_duties("maria", both, []) is None
    assert both_duties("maria", [Role.MAP_EDITOR, Role.ADMINISTRATOR], ["denver"]) is None
    finding = both_duties("maria", both, ["denver", "boise"])
    assert finding is not None
    assert (finding.code, "boise, denver" in finding.says) == ("user.both_duties", True)
