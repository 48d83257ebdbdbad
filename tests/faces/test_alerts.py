"""Alerts as they arrive: by mail and by web hook, over real sockets, and never a word of the address anywhere."""

from __future__ import annotations

import io
import logging
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.findings import Finding
from ml_connector.runtime.telling import UNKNOWN, News, blotted, message, send
from ml_connector.runtime.trial import trial, write_trial
from ml_connector.store.alerts import AlertRecord, Kept
from tests.faces.console import Console
from tests.faces.receivers import Hook, Mailbox, hook, mailbox
from tests.house.reading import DOCS, section

SECRET = "hunter2-must-not-show"
DENVER = ZoneInfo("America/Denver")
NOON = datetime(2026, 6, 1, 18, tzinfo=UTC)


@pytest.fixture
def mail() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def web() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """What a log of everything would hold. (Pytest's own listens also where nobody else does.)"""
    written = io.StringIO()
    handler, root = logging.StreamHandler(written), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


def mail_to(box: Mailbox) -> str:
    return f"mailto://maria:{SECRET}@127.0.0.1:{box.port}?from=books@example.com&to=office@example.com&mode=insecure"


def an_alert(
    code: str = "held.documents", says: str = "12 documents are held", well: datetime | None = None
) -> AlertRecord:
    kept = Kept(Finding(code, "connection denver", says, f"Run 'ml-connector holds denver' for {code}."))
    return AlertRecord(1, "", NOON, NOON, well, None, 1, kept)


# ---- the message


def test_a_message_says_what_and_since_when_and_what_to_do() -> None:
    """Written for a bookkeeper, by the clock on her wall."""
    news = News(
        "denver",
        new=[an_alert(says="12 documents are held, 4,310.22 USD together: account.unmapped")],
        again=[an_alert("unposted.old", "3 documents are entered and not posted")],
        well=[an_alert("run.failed", "run 9 did not finish: gp.unreachable", well=NOON + timedelta(hours=3))],
    )
    assert message(news, DENVER) == (
        "ml-connector denver: 1 thing needs a person",
        """\
* 12 documents are held, 4,310.22 USD together: account.unmapped (connection denver)
  What to do: Run 'ml-connector holds denver' for held.documents.
  held.documents, since Mon 2026-06-01 12:00 MDT

Still so

* 3 documents are entered and not posted (connection denver)
  What to do: Run 'ml-connector holds denver' for unposted.old.
  unposted.old, since Mon 2026-06-01 12:00 MDT

Well again

* run 9 did not finish: gp.unreachable (connection denver)
  run.failed, since Mon 2026-06-01 12:00 MDT; well since Mon 2026-06-01 15:00 MDT
""",
    )


# ---- how it leaves


def test_a_mail_arrives(mail: Mailbox) -> None:
    """At a real mail server, signed in, as plain text that is not mangled."""
    body = (
        "* 12 documents are held, 4,310.22 USD together\n  What to do: Run 'ml-connector holds denver'. <b> & 100 %\n"
    )
    assert send(mail_to(mail), "ml-connector denver: 1 thing needs a person", body) == ""
    (arrived,) = mail.mails
    assert arrived["Subject"] == "ml-connector denver: 1 thing needs a person"
    assert "books@example.com" in arrived["From"]
    assert mail.recipients == ["office@example.com"]
    assert mail.logins == [f"maria {SECRET}"]
    assert [line.rstrip() for line in mail.text.splitlines() if line.strip()] == body.rstrip().splitlines()
    assert "http" not in arrived.as_string(), "nothing in it makes a mail program fetch anything"


def test_a_web_hook_is_called(web: Hook) -> None:
    assert send(f"json://127.0.0.1:{web.port}/hooks/{SECRET}", "the title", "line 1\nline 2") == ""
    ((path, body),) = web.calls
    assert path == f"/hooks/{SECRET}"
    assert (body["title"], body["message"]) == ("the title", "line 1\nline 2")


def test_a_hook_that_sends_us_elsewhere_is_not_followed(web: Hook) -> None:
    """What an alert says is for the address that somebody wrote down, and for no other."""
    with hook() as stranger:
        web.status, web.location = 302, f"http://127.0.0.1:{stranger.port}/"
        assert send(f"json://127.0.0.1:{web.port}/hooks", "t", "b") != ""
        assert stranger.calls == []


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_told_without_the_address(
    status: int, web: Hook, logs: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    """In what we say, in the logs at their most talkative, and on the terminal: no token, no password, no path."""
    web.status = status
    trouble = send(f"json://maria:{SECRET}@127.0.0.1:{web.port}/{SECRET}-path?+X-Token={SECRET}-header", "t", "b")
    assert str(status) in trouble
    assert SECRET not in trouble + logs.getvalue() + "".join(capfd.readouterr())


def test_a_mail_server_that_is_down_is_told_without_the_address(
    closed_port: int, logs: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    trouble = send(mail_to(Mailbox(closed_port)), "t", "b")
    assert "Connection error" in trouble
    assert SECRET not in trouble + logs.getvalue() + "".join(capfd.readouterr())


def test_a_mail_server_that_refuses_the_mail_is_a_trouble(mail: Mailbox) -> None:
    mail.refuses = "554 no such mailbox"
    assert send(mail_to(mail), "t", "b") != ""


@pytest.mark.parametrize("address", ["", "office@example.com", f"nonsense://{SECRET}", f"slack://{SECRET}"])
def test_what_is_no_address_is_told_as_that(address: str, logs: io.StringIO) -> None:
    assert send(address, "t", "b") == UNKNOWN
    assert SECRET not in logs.getvalue()


def test_the_addresses_that_the_pages_show_are_addresses() -> None:
    """Whoever copies one and puts their own words in has one that apprise knows; nothing is sent."""
    from apprise import Apprise

    table = section(DOCS / "connections.md", "## Alerts").split("| to | address |")[1]
    shown = re.findall(r"`([a-z]+://[^`]+)`", table)
    assert len(shown) == 4
    for address in shown:
        assert Apprise.instantiate(address) is not None, address


TOKENS = st.text("abcXYZ0123456789-_.~", min_size=3, max_size=20)


@given(st.lists(TOKENS, min_size=1, max_size=4), TOKENS, TOKENS, TOKENS)
def test_nothing_of_an_address_survives_blotting(path: list[str], user: str, password: str, value: str) -> None:
    """Whatever apprise quotes of it, in whichever form."""
    address = f"slack://{user}:{password}@host.example/{'/'.join(path)}?token={value}&x=1"
    said = f"POST to {address} failed for {user}: {password} {value} {' '.join(path)} {'/'.join(path)}"
    left = blotted(said, address).replace("***", " ")
    assert not [it for it in (*path, user, password, value) if it in left.split()]
    assert "host.example" not in left


# ---- at the terminal


def test_alerts_from_the_first_address_to_all_well_again(tmp_path: Path, mail: Mailbox, web: Hook) -> None:
    """Maria names two addresses, sees a test arrive, hears of what is held, mends it, and hears that it is well."""
    console = Console(tmp_path)
    with trial(invoices=40) as served:
        paths = write_trial(served, tmp_path, mode="automatic")
        assert console("connection", "add", paths["connection"]).code == 0
        nobody = console("alerts", "test", "trial")
        assert (nobody.code, "alert.nobody" in nobody.err) == (1, True)
        assert console("vault", "new-key").code == 0
        console("vault", "put", "alerts-mail", typed=mail_to(mail) + "\n")
        console("vault", "put", "alerts-hook", typed=f"json://127.0.0.1:{web.port}/{SECRET}\n")
        with paths["connection"].open("a") as file:
            file.write('\n[alerts]\nto = ["vault:alerts-mail", "vault:alerts-hook"]\n')
        assert console("connection", "add", paths["connection"], "--replace").code == 0

        tried = console("alerts", "test", "trial")
        assert (tried.code, tried.out.count("good")) == (0, 2)
        assert (len(mail.mails), len(web.calls)) == (1, 1)
        assert "Nothing is wrong" in mail.text
        web.status = 500
        broken = console("alerts", "test", "trial", "--json")
        assert broken.code == 1
        assert [it["finding"] and it["finding"]["code"] for it in broken.json] == [None, "alert.untold"]
        web.status = 200

        assert console("rulebook", "import", "trial", paths["rulebook"], "--reason", "first").code == 0
        assert console("run", "trial").code == 3
        looked = console("alerts", "check", "trial")
        assert looked.code == 3
        assert "held.documents" in looked.out
        assert "unposted.old" in looked.out, "the month is long past"
        assert mail.mails[-1]["Subject"].startswith("ml-connector trial: ")
        assert "account.unmapped" in mail.text
        assert "unposted.period_ended" in mail.text, "GP was asked for its fiscal periods"
        assert web.calls[-1][1]["message"].count("held.documents") == mail.text.count("held.documents") > 3
        count = len(mail.mails)
        assert console("alerts", "check", "trial").code == 3
        assert len(mail.mails) == count, "told once"

        held = console("holds", "trial", "--code", "customer.unmapped", "--json").json
        (id,) = {it["source_id"] for it in held}
        assert console("skip", "trial", id, "--reason", "keyed by hand").code == 0
        console("alerts", "check", "trial")
        assert mail.mails[-1]["Subject"] == "ml-connector trial: well again"
        assert "customer.unmapped" in mail.text
        assert "What to do" not in mail.text
        listed = console("alerts", "list", "trial", "--json").json
        assert "customer.unmapped" not in [it["subject"] for it in listed]
        assert all(it["told"] and not it["trouble"] for it in listed)
        assert "well since" in console("alerts", "list", "trial", "--all").out
        trail = console("trail", "trial", "--limit", "100000", "--json").out
        assert '"alert.told"' in trail
        assert "vault:alerts-mail" in trail
        ledger = b"".join(it.read_bytes() for it in (tmp_path / "data").glob("ledger.sqlite*"))
        assert SECRET not in trail
        assert SECRET.encode() not in ledger
