"""Users, on SQLite and on PostgreSQL: every change in the trail, one after the other; passwords that tell nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import pytest
from argon2 import PasswordHasher

from ml_connector.docket.people import Role, User
from ml_connector.docket.trail import TrailEntry
from ml_connector.findings import Interrupted
from ml_connector.store.database import Database
from ml_connector.store.passwords import Passwords
from ml_connector.store.schema import INSTALLATION_NAME
from ml_connector.store.users import Users
from tests.contract.test_ledger import interrupted, raw

ADMIN, APPROVER, VIEWER = Role.ADMINISTRATOR, Role.APPROVER, Role.VIEWER
PASSWORD = "correct horse battery"


def cheap(time_cost: int = 1) -> PasswordHasher:
    """For tests alone."""
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


@pytest.fixture
def database(ledger_url: str) -> Database:
    made = Database(ledger_url)
    made.migrate()
    return made


@pytest.fixture
def users(database: Database) -> Users:
    """An installation with its first administrator, maria, who is the account of that name."""
    Users(database, "maria").add("maria", "Maria Ortiz", "maria", [ADMIN])
    return Users(database, "maria")


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(cheap())


def trail(database: Database) -> list[TrailEntry]:
    return database.ledger(INSTALLATION_NAME, "auditor").trail()


def hash_of(database: Database, name: str) -> str:
    from ml_connector.store.schema import users as table

    with database.reading() as sql:
        (kept,) = [row.password_hash for row in sql.execute(table.select()) if row.name == name]
    return str(kept)


def test_every_change_stands_in_the_trail_of_the_installation(users: Users, database: Database) -> None:
    """Who was given which role by whom, before and after; the chain holds, and no connection's trail has it."""
    users.add("bob", "Bob Hale", "bhale", [APPROVER])
    users.change("bob", roles=[APPROVER, VIEWER], full_name="Robert Hale")
    users.change("bob", active=False)
    users.change("bob", active=True)
    entries = trail(database)
    assert [(it.seq, it.actor, it.event.name) for it in entries] == [
        (1, "maria", "user.added"),
        (2, "maria", "user.added"),
        (3, "maria", "user.changed"),
        (4, "maria", "user.deactivated"),
        (5, "maria", "user.activated"),
    ]
    assert entries[2].event.detail == {
        "name": "bob",
        "before": {"full_name": "Bob Hale", "os_account": "bhale", "roles": ["approver"], "active": True},
        "after": {"full_name": "Robert Hale", "os_account": "bhale", "roles": ["viewer", "approver"], "active": True},
    }
    assert database.ledger(INSTALLATION_NAME, "auditor").verify() is None


def test_a_tampered_entry_of_the_installation_is_found(users: Users, database: Database, ledger_url: str) -> None:
    """Somebody with access to the database makes herself an administrator from the beginning."""
    users.add("eve", "Eve", "eve", [VIEWER])
    unguarded = "DROP TRIGGER trail_no_update"
    if database.is_postgresql:
        unguarded = "ALTER TABLE trail DISABLE TRIGGER USER"
    forged = "UPDATE trail SET detail = replace(detail, 'viewer', 'administrator') WHERE connection_id = 0"
    raw(ledger_url, unguarded, forged)
    assert database.ledger(INSTALLATION_NAME, "auditor").verify() == 2


def test_a_change_that_changes_nothing_is_no_entry(users: Users, database: Database) -> None:
    users.change("maria", full_name="Maria Ortiz", roles=[ADMIN])
    assert len(trail(database)) == 1


def test_a_user_comes_back_as_it_was_stored(users: Users) -> None:
    added = users.add("bob", "Bob Hale", None, [APPROVER, VIEWER])
    assert users.all() == [added, *(it for it in users.all() if it.name == "maria")]
    assert added.roles == {APPROVER, VIEWER}
    assert (added.os_account, added.active, added.signs_in) == (None, True, False)


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (lambda it: it.add("bob", "", "maria", [VIEWER]), "user.account_taken"),
        (lambda it: it.add("maria", "", "other", [VIEWER]), "user.exists"),
        (lambda it: it.add("automatic", "", None, [VIEWER]), "user.name"),
        (lambda it: it.add("bob", "", None, []), "user.no_role"),
        (lambda it: it.change("bob", active=False), "user.unknown"),
        (lambda it: it.change("maria", active=False), "user.last_administrator"),
        (lambda it: it.change("maria", roles=[APPROVER]), "user.last_administrator"),
        (lambda it: it.change("maria", os_account=""), "user.last_administrator"),
        (lambda it: it.change("maria", os_account="mraia"), "user.last_administrator"),
        (lambda it: it.set_password("bob", PASSWORD, Passwords()), "user.unknown"),
        (lambda it: it.set_password("maria", "eleven char", Passwords()), "user.password_weak"),
        (lambda it: it.set_password("maria", "x" * 1025, Passwords()), "user.password_weak"),
    ],
)
def test_what_is_refused_changes_nothing(
    users: Users, database: Database, deed: Callable[[Users], object], code: str
) -> None:
    before, entries = users.all(), trail(database)
    with pytest.raises(Interrupted) as what:
        deed(users)
    assert interrupted(what) == code
    assert (users.all(), trail(database)) == (before, entries)


def test_the_first_user_is_an_administrator_and_whoever_adds_it(database: Database) -> None:
    with pytest.raises(Interrupted, match=r"user\.first_administrator"):
        Users(database, "root").add("maria", "Maria", "maria", [ADMIN])
    assert Users(database, "root").all() == []
    Users(database, "root").add("maria", "Maria", "root", [ADMIN])


def test_who_was_no_administrator_when_it_came_to_the_change_changes_nobody(users: Users, database: Database) -> None:
    """Let in while there was no user, or deposed between the check and the deed."""
    for actor in ("latecomer", "bob"):
        with pytest.raises(Interrupted, match=r"user\.not_allowed"):
            Users(database, actor).add("mallory", "M", "mallory", [ADMIN])
        with pytest.raises(Interrupted, match=r"user\.not_allowed"):
            Users(database, actor).change("maria", roles=[VIEWER])
        with pytest.raises(Interrupted, match=r"user\.not_allowed"):
            Users(database, actor).set_password("maria", PASSWORD, Passwords())
        if actor == "latecomer":
            users.add("bob", "Bob", "bob", [ADMIN])
            users.change("bob", active=False)


def test_two_administrators_who_depose_each_other_leave_one(users: Users, ledger_url: str) -> None:
    """At the same moment, from two processes' connections to the database."""
    for i in range(8):
        users.add(f"admin{i}", "", f"os{i}", [ADMIN])
    users.change("maria", os_account="")
    names = [f"admin{i}" for i in range(8)]
    ready = threading.Barrier(8)

    def depose_the_next(i: int) -> None:
        mine = Users(Database(ledger_url), names[i])
        ready.wait()
        for victim in names[i + 1 :] + names[:i]:
            with suppress(Interrupted):  # as the last one, or because we are deposed ourselves
                mine.change(victim, active=False)

    threads = [threading.Thread(target=depose_the_next, args=(i,)) for i in range(8)]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    assert len([it for it in users.all() if it.administers]) == 1


def test_of_two_who_want_to_be_the_first_one_is(database: Database, ledger_url: str) -> None:
    """Both were let in, for there was no user; the second is a stranger by the time it is their turn."""
    ready, refused = threading.Barrier(2), []

    def add(name: str) -> None:
        ready.wait()
        try:
            Users(Database(ledger_url), name).add(name, name, name, [ADMIN])
        except Interrupted as fault:
            refused.append(fault.finding.code)

    threads = [threading.Thread(target=add, args=(name,)) for name in ("maria", "bob")]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    assert (len(Users(database, "x").all()), refused) == (1, ["user.not_allowed"])


# Signing in


def test_the_right_password_signs_in_and_nothing_else_does(users: Users, passwords: Passwords) -> None:
    users.set_password("maria", PASSWORD, passwords)
    signed_in = users.sign_in(" Maria ", PASSWORD, passwords)
    assert isinstance(signed_in, User)
    assert (signed_in.name, signed_in.signs_in) == ("maria", True)
    for name, password in [
        ("maria", PASSWORD + " "),
        ("maria", ""),
        ("bob", PASSWORD),
        ("", ""),
        ("maria", "x" * 9999),
    ]:
        assert users.sign_in(name, password, passwords) is None


def test_a_deactivated_user_and_one_without_a_password_sign_in_nowhere(users: Users, passwords: Passwords) -> None:
    users.add("bob", "Bob", None, [APPROVER])
    assert users.sign_in("bob", "", passwords) is None
    users.set_password("bob", PASSWORD, passwords)
    users.change("bob", active=False)
    assert users.sign_in("bob", PASSWORD, passwords) is None
    users.change("bob", active=True)
    assert users.sign_in("bob", PASSWORD, passwords) is not None


def test_the_same_letters_are_the_same_password(users: Users, passwords: Passwords) -> None:
    """One keyboard sends é as one sign, another as two."""
    users.set_password("maria", "caf\u00e9 au lait!", passwords)
    assert users.sign_in("maria", "cafe\u0301 au lait!", passwords) is not None


class Counting(PasswordHasher):
    """The real hasher, which counts how often it checks, and at which cost."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.costs: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.costs.append(str(hash).rsplit("$", 2)[0])  # variant, version, parameters
        return super().verify(hash, password)


def test_a_wrong_name_costs_what_a_wrong_password_costs(users: Users) -> None:
    """Whoever measures how long a refusal takes learns nothing of who works here: one check each, at one cost."""
    hasher = Counting()
    passwords = Passwords(hasher)
    users.set_password("maria", PASSWORD, passwords)
    users.add("bob", "Bob", None, [APPROVER])
    users.add("gone", "Gone", None, [APPROVER])
    users.set_password("gone", PASSWORD, passwords)
    users.change("gone", active=False)
    for name in ("maria", "nobody", "bob", "gone"):
        hasher.costs.clear()
        assert users.sign_in(name, "wrong wrong wrong", passwords) is None
        assert hasher.costs == ["$argon2id$v=19$m=8,t=1,p=1"], name


def test_a_hash_grows_with_the_parameters_when_its_owner_signs_in(users: Users, database: Database) -> None:
    """And only then, and once; the trail says so, and never shows a hash."""
    old, new = Passwords(cheap()), Passwords(cheap(time_cost=2))
    users.set_password("maria", PASSWORD, old)
    before = hash_of(database, "maria")
    assert users.sign_in("maria", "wrong wrong wrong", new) is None
    assert hash_of(database, "maria") == before
    for _ in range(2):
        assert users.sign_in("maria", PASSWORD, new) is not None
    after = hash_of(database, "maria")
    assert ("t=1" in before, "t=2" in after) == (True, True)
    names = [it.event.name for it in trail(database)]
    assert names == ["user.added", "user.password_set", "user.password_rehashed"]
    told = str([it.event for it in trail(database)])
    assert not [it for it in (PASSWORD, "argon2", before, after) if it in told]


def test_the_hash_is_argon2id_with_a_salt_of_its_own(users: Users, database: Database) -> None:
    """At the parameters that RFC 9106 recommends where memory is scarce, and better."""
    users.add("bob", "Bob", None, [APPROVER])
    for name in ("maria", "bob"):
        users.set_password(name, PASSWORD, Passwords())
    kept = hash_of(database, "maria")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != hash_of(database, "bob")


def test_everybody_may_change_their_own_password(users: Users, database: Database, passwords: Passwords) -> None:
    """Signed in as bob, who administers nothing."""
    users.add("bob", "Bob", None, [APPROVER])
    Users(database, "bob").set_password("bob", PASSWORD, passwords)
    assert trail(database)[-1].actor == "bob"
