"""Users at the terminal: who may do what, and what somebody reads who may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_connector.docket.people import Role, User
from ml_connector.runtime.people import os_account
from ml_connector.runtime.trial import trial, write_trial
from ml_connector.store.database import Database
from ml_connector.store.users import Users
from tests.faces.console import Console

PASSWORD = "Plánted-Password-7d1f"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def staffed(console: Console) -> Console:
    """maria administers, and sits at the terminal; bob and eve approve, olga operates, mike maps, vera looks."""
    (console.folder / "data").mkdir()
    database = Database(f"sqlite:///{console.folder / 'data' / 'ledger.sqlite'}")
    database.migrate()
    mine = os_account()
    Users(database, mine).add("maria", "Maria Ortiz", mine, [Role.ADMINISTRATOR])
    roles = {
        "bob": Role.APPROVER,
        "eve": Role.APPROVER,
        "olga": Role.OPERATOR,
        "mike": Role.MAP_EDITOR,
        "vera": Role.VIEWER,
    }
    for name, role in roles.items():
        Users(database, "maria").add(name, name.title(), f"os-{name}", [role])
    database.close()
    return console


def users_of(console: Console) -> list[User]:
    return Users(Database(f"sqlite:///{console.folder / 'data' / 'ledger.sqlite'}"), "auditor").all()


def test_the_first_user_is_whoever_adds_it_as_administrator(console: Console) -> None:
    """Before that everybody may everything; after that the account at the terminal is that user."""
    assert "No user yet" in console("user", "list").out
    refused = console("user", "add", "bob", "--role", "approver")
    assert (refused.code, "user.first_administrator" in refused.text, "Remedy:" in refused.text) == (1, True, True)
    assert console("user", "list", "--json").json == []
    assert console("user", "add", "maria", "--role", "administrator").code == 0
    (maria,) = console("user", "list", "--json").json
    assert (maria["os_account"], maria["roles"], maria["changed_by"]) == (os_account(), ["administrator"], os_account())


def test_who_is_at_the_terminal_is_not_for_the_environment_to_say(staffed: Console) -> None:
    """USER, LOGNAME and USERNAME are anybody's to set."""
    lie = dict.fromkeys(("USER", "LOGNAME", "LNAME", "USERNAME"), "os-bob")
    said = staffed("user", "deactivate", "vera", "--json", extra=lie)
    assert said.json["changed_by"] == "maria"


@pytest.mark.parametrize(
    ("who", "words", "allowed"),
    [
        ("vera", ("trail", "installation"), True),
        ("vera", ("run", "trial"), False),
        ("olga", ("plan", "approve", "trial", "--all", "--seen", "x"), False),
        ("olga", ("skip", "trial", "1", "--reason", "x"), True),
        ("bob", ("reenter", "trial", "1", "--reason", "x"), True),
        ("bob", ("vault", "new-key"), False),
        ("bob", ("user", "change", "bob", "--role", "administrator"), False),
        ("mike", ("plan", "reject", "trial", "1", "--reason", "x"), False),
        ("maria", ("rulebook", "import", "trial", "missing.xlsx"), False),
        ("maria", ("plan", "approve", "trial", "--all", "--seen", "x"), False),
    ],
)
def test_a_command_does_what_the_role_allows(staffed: Console, who: str, words: tuple[str, ...], allowed: bool) -> None:
    """Where it is not allowed it says so and does nothing else; where it is, whatever else may be wrong."""
    staffed.become(who)
    before = users_of(staffed)
    said = staffed(*words)
    assert ("user.not_allowed" not in said.text) == allowed, said.text
    assert "Traceback" not in said.text
    if not allowed:
        assert said.code == 1
        assert "Ask an administrator (maria)" in said.text
    assert users_of(staffed) == before
    assert not (staffed.folder / "data" / "master.key").exists()


def test_a_stranger_and_a_former_user_are_turned_away(staffed: Console) -> None:
    """With a remedy that an administrator can type."""
    assert staffed("user", "deactivate", "bob").code == 0
    staffed.become("bob")
    said = staffed("status", "trial")
    assert (said.code, "user.inactive" in said.text) == (1, True)
    staffed.become("nobody-of-that-name")
    said = staffed("status", "trial", "--json")
    assert said.json["error"]["code"] == "user.no_account"
    assert f"--os-account {os_account()}" in said.json["error"]["remedy"]


def test_the_last_administrator_stays(staffed: Console) -> None:
    for words in (
        ("deactivate", "maria"),
        ("change", "maria", "--role", "viewer"),
        ("change", "maria", "--os-account", ""),
    ):
        said = staffed("user", *words)
        assert (said.code, "user.last_administrator" in said.text) == (1, True)
    assert staffed("user", "change", "bob", "--role", "administrator").code == 0
    assert staffed("user", "deactivate", "maria").code == 0


def test_what_is_typed_wrongly_is_told_with_what_can_be_typed(staffed: Console) -> None:
    unknown = staffed("user", "add", "kim", "--role", "boss")
    assert (unknown.code, "approver" in unknown.text) == (2, True)
    assert staffed("user", "change", "bob").code == 2, "nothing to change"
    none = staffed("user", "add", "kim")
    assert (none.code, "user.no_role" in none.text) == (1, True)
    twice = staffed("user", "add", "kim", "--os-account", "os-bob", "--role", "viewer")
    assert (twice.code, "user.account_taken" in twice.text) == (1, True)


def test_the_trail_of_the_installation_tells_who_gave_which_role(staffed: Console) -> None:
    entries = staffed("trail", "installation", "--json").json
    assert [it["event"]["detail"]["name"] for it in entries] == ["maria", "bob", "eve", "olga", "mike", "vera"]
    assert [it["actor"] for it in entries] == [os_account(), *["maria"] * 5]
    said = staffed("trail", "installation", "--verify")
    assert (said.code, "The trail holds" in said.text) == (0, True)


def test_a_password_is_typed_or_piped_and_stands_nowhere(staffed: Console) -> None:
    """Too short a one is refused; the one that is taken is in no file, no trail and no output."""
    weak = staffed("user", "password", "bob", typed="short\n")
    assert (weak.code, "user.password_weak" in weak.text, "short\n" in weak.out) == (1, True, False)
    assert staffed("user", "password", "bob", typed="").code == 1
    said = staffed("user", "password", "bob", typed=PASSWORD + "\n")
    assert (said.code, PASSWORD in said.text) == (0, False)
    typed = staffed.at_a_terminal("user", "password", "vera", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert (typed.code, PASSWORD in typed.text) == (0, False)
    assert {it["name"] for it in staffed("user", "list", "--json").json if it["has_password"]} == {"bob", "vera"}
    written = b"".join(it.read_bytes() for it in (staffed.folder / "data").rglob("*") if it.is_file())
    assert PASSWORD.encode() not in written


@pytest.fixture
def shop(staffed: Console) -> Iterator[Console]:
    """A connection of a small month that separates duties, and needs two people above 1,000.00."""
    with trial(invoices=12) as served:
        paths = write_trial(served, staffed.folder)
        text = paths["connection"].read_text("utf-8")
        settings = 'separate_duties = true\nsecond_approver_above = "1000.00"'
        paths["connection"].write_text(text.replace("separate_duties = false", settings), "utf-8")
        assert staffed("connection", "add", paths["connection"]).code == 0
        yield staffed


def test_a_month_goes_through_the_hands_of_four_people(shop: Console) -> None:
    """mike maps, olga runs, bob approves and eve is the second above the limit; nobody can do another's part."""
    both = shop("user", "change", "mike", "--role", "map-editor", "--role", "approver")
    assert (both.code, "user.both_duties" in both.text, "trial" in both.text) == (1, True, True)

    shop.become("mike")
    assert shop("rulebook", "import", "trial", shop.folder / "rulebook").code == 0
    shop.become("olga")
    assert shop("run", "trial", "--json").json["run"]["entered"] == 0

    shop.become("bob")
    shown = shop("plan", "show", "trial", "--json").json
    large = [it["number"] for it in shown["documents"] if it["needs"] == 2]
    assert 0 < len(large) < len(shown["documents"])
    first = shop("plan", "approve", "trial", "--all", "--seen", shown["seen"], "--json")
    assert (first.code, first.json["first"]) == (3, len(large))
    again = shop("plan", "show", "trial", "--json").json
    twice = shop("plan", "approve", "trial", "--all", "--seen", again["seen"], "--json")
    assert (twice.json["approved"], twice.json["waiting"]) == (0, len(large))

    shop.become("olga")
    entered = shop("run", "trial", "--json").json["run"]["entered"]
    assert entered == first.json["approved"] - 1, "a stranger stands under one of our numbers"
    shop.become("eve")
    assert "bob and one more" in shop("plan", "show", "trial").out
    second = shop("plan", "approve", "trial", "--all", "--seen", again["seen"], "--json")
    assert (second.code, second.json["approved"]) == (0, len(large))
    shop.become("olga")
    assert shop("run", "trial", "--json").json["run"]["entered"] == len(large)

    entries = shop("trail", "trial", "--number", large[0], "--json").json
    told = [(it["event"]["name"], it["actor"]) for it in entries if "approv" in it["event"]["name"]]
    assert told == [("document.first_approval", "bob"), ("document.approved", "eve")]
    (hash,) = {it["event"]["detail"]["hash"] for it in entries if "approv" in it["event"]["name"]}
    assert hash == next(it["hash"] for it in shown["documents"] if it["number"] == large[0])


def test_who_imported_the_rulebook_is_refused_with_the_way_out(shop: Console) -> None:
    """He was map editor, imported, and became approver: what stands on his version is not his to approve."""
    shop.become("mike")
    assert shop("rulebook", "import", "trial", shop.folder / "rulebook").code == 0
    shop.become("olga")
    assert shop("run", "trial").code == 3
    shop.become("maria")
    assert shop("user", "change", "mike", "--role", "approver").code == 0
    shop.become("mike")
    seen = shop("plan", "show", "trial", "--json").json["seen"]
    said = shop("plan", "approve", "trial", "--all", "--seen", seen)
    assert (said.code, "approval.own_rulebook" in said.text, "separate_duties" in said.text) == (1, True, True)
    assert shop("plan", "show", "trial", "--json").json["seen"] == seen
