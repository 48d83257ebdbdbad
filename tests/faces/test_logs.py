"""The log: JSON lines that a program can follow by run and docket, and in which no planted secret is ever read."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ml_connector.findings import Interrupted
from ml_connector.runtime import logs, redaction
from ml_connector.runtime.redaction import HIDDEN, clean, cleaned, keep_out
from ml_connector.runtime.trial import APP_KEY, CLIENT_SECRET
from ml_connector.sandbox.company import GPCONNECT
from tests.faces.web import HEADER, KEY, Sender, add_connection

PLANTED = ("Pl4nted-Secret-9f3c", "Plánted \"Secret\" 'with' \\n & <all> %41", "päßwörd/+=?&", "two\nlines")
ROOT = Path(__file__).parents[2]


def program(module: str, *arguments: str, **env: str) -> tuple[str, str]:
    """Run it to its end; standard output and standard error."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **env}, cwd=ROOT, timeout=120, check=False
    )
    return done.stdout, done.stderr


def forms(secret: str) -> set[str]:
    """As somebody who greps for it would find it."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        quote(secret),
        base64.b64encode(secret.encode()).decode(),
    }


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# No secret


@pytest.mark.parametrize("secret", PLANTED)
@pytest.mark.parametrize("form", ["json", "plain"])
def test_a_planted_secret_is_in_no_line_and_in_no_traceback(secret: str, form: str) -> None:
    """Said by us, by uvicorn, by httpx2, by asyncio, in warnings, in a thread that ends and in the end of the program."""
    out, err = program("tests.faces.talkative", form, "", PLANTED=secret)
    assert out == ""
    assert [it for it in forms(secret) if it in err] == []
    for said in ("it failed", "ValueError: login with", "lane 3", "deprecated: ", "the program ends", "RuntimeError: "):
        assert said in err, "what is told beside the secret is still told"
    assert err.count(HIDDEN) > 12


def test_a_secret_of_the_command_line_program_is_in_no_traceback() -> None:
    """The program crashes where nobody foresaw it: its last words go the same way."""
    code = (
        "import sys; from ml_connector.cli import main, context\n"
        "from ml_connector.runtime.redaction import keep_out\n"
        "keep_out('Pl4nted-Secret-9f3c')\n"
        "main.app.registered_commands.clear()\n"
        "@main.app.command()\n"
        "def crash(): raise RuntimeError('Pl4nted-Secret-9f3c')\n"
        "sys.argv = ['ml-connector', 'crash']\n"
        "main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "RuntimeError: •••" in done.stderr
    assert PLANTED[0] not in done.stderr


def test_the_engine_s_own_log_goes_the_same_way(tmp_path: Path) -> None:
    """It logs a traceback for each attempt that fails, and would have a handler of its own."""
    _, err = program("tests.faces.engine_that_fails", str(tmp_path), PLANTED=PLANTED[0])
    assert PLANTED[0] not in err
    told = lines(err)
    assert any(it["logger"] == "dbos" and "login with •••" in json.dumps(it, ensure_ascii=False) for it in told)
    assert any("workflow" in it for it in told)


def test_a_web_server_logs_no_body_no_signature_and_no_key(tmp_path: Path) -> None:
    """Genuine and forged webhooks: the log names what is wrong, and repeats nothing of what was sent."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    code = (
        "import sys; from ml_connector.runtime import logs; logs.begin('json')\n"
        "from tests.faces.web import main; main(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        with httpx2.Client(base_url=server.stdout.readline().strip(), trust_env=False) as http:
            sender = Sender(http)
            genuine = sender.form.write(KEY.encode(), b"b0dy-of-maria")
            assert sender(b"b0dy-of-maria", params={"token": "t0ken-in-the-address"}) == 200
            assert sender(b"b0dy-of-maria", signature="f0" * 32) == 401
            assert sender(b"b0dy-of-maria" * 99_999) == 413
        server.terminate()
        err = server.stderr.read()
    for private in ("b0dy-of-maria", "t0ken", "f0f0f0", KEY, genuine):
        assert private not in err
    refused = next(it for it in lines(err) if it["event"] == "a webhook is refused")
    assert (refused["connection"], refused["reason"]) == ("north", "the signature is another's")
    assert HEADER.lower() in str(refused["headers"]), "the name of a header is no secret, and finds the right one"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer S3cr3t",
        "authorization='Basic S3cr3tS3cr3tS3cr3t=='",
        "{'Authorization': 'NTLM TlRMTVNTUAADS3cr3t'}",
        "answered WWW-Authenticate: Negotiate oYG2MIGzoAMKAQChS3cr3tCwYJKoZIhvc",
        "https://auth/connect/token?client_id=a&client_secret=S3cr3t&x=1",
        "https://api/x?servicetitanapplicationkey=S3cr3t",
        "postgresql://ledger:S3cr3t@db/ledger",
        "grant_type=client_credentials&client_secret=S3cr3t",
        '{"access_token": "S3cr3t", "expires_in": 900}',
        "{'password': 'S3cr3t'}",
        "{'gp_password': b'S3cr3t'}",
        "Access(password=S3cr3t, server=x)",
        "token eyJhbGciOiJSUzI1NiJ9.eyJS3cr3tzdWIiOiIxIn0.S3cr3t_sig",
        "ST-App-Key=S3cr3t",
        "app_key: 'x', 'app_key': 'S3cr3t'",
    ],
)
def test_what_looks_like_a_credential_is_hidden_though_nobody_named_it(text: str) -> None:
    """Tokens come from the other side, so that no setting knows them."""
    assert "S3cr3t" not in cleaned(text)
    assert HIDDEN in cleaned(text)


@pytest.mark.parametrize(
    "text",
    [
        "The login of CONTOSO\\gpconnect is refused (NTLM authentication).",
        "gp.FRM.password: write a reference (vault:NAME, env:NAME or file:/path), never the credential itself",
        "Basic posting is done; Bearer of the batch is maria; negotiate a price.",
        "https://api.servicetitan.io/accounting/v2/tenant/1/export/invoices?from=abc&page=2",
        "invoice 10482, line 3 (AC-TUNE): 108.25 == 108.25",
    ],
)
def test_what_is_no_credential_is_left_as_it_is(text: str) -> None:
    assert cleaned(text) == text


def test_a_value_is_hidden_by_its_name_at_any_depth() -> None:
    line = {"d": [{"client_secret": "x"}, {"App-Key": 5}], "password": ["x"], "token": None, "number": "STI1"}
    assert clean(line) == {
        "d": [{"client_secret": HIDDEN}, {"App-Key": HIDDEN}],
        "password": HIDDEN,
        "token": None,
        "number": "STI1",
    }


@pytest.fixture
def clean_slate() -> Iterator[None]:
    """Nothing that a test had kept out is kept out in the next."""
    before = (set(redaction._kept_out), redaction._longest_first)
    yield
    redaction._kept_out.clear()
    redaction._kept_out.update(before[0])
    redaction._longest_first = before[1]


@pytest.mark.usefixtures("clean_slate")
def test_any_text_that_is_kept_out_stays_out_however_it_is_written() -> None:
    @given(st.text(min_size=redaction.SHORTEST, max_size=40).filter(lambda it: "•" not in it), st.text(max_size=20))
    @settings(max_examples=200, deadline=None)
    def holds(secret: str, around: str) -> None:
        keep_out(secret)
        for written in (secret, repr({"a": secret}), json.dumps([secret]), quote(secret), f"{secret!r}{secret}"):
            said = cleaned(around + written + around)
            assert secret not in said
        assert secret not in json.dumps(clean({"a": (secret, {secret: 1}, secret.encode())}), ensure_ascii=False)

    holds()


def test_a_long_line_is_cleaned_in_no_time_that_matters() -> None:
    """What a stranger can make us log is no lever against us: the work grows with the length, not with its square."""
    for text in (
        "a." * 50_000,
        "token" * 20_000,
        "'secret':" * 12_000,
        "://a:" * 20_000,
        "eyJ" * 33_000,
        "Basic " * 17_000,
    ):
        assert cleaned(text)


# What a line says


@pytest.fixture(scope="module")
def logged_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A real run against both sandboxes: its log, and its metrics."""
    folder = tmp_path_factory.mktemp("run")
    out, err = program("tests.faces.logged_run", str(folder), str(folder / "log.json"))
    assert err == ""
    return folder / "log.json", out


def test_every_line_of_a_run_names_the_run_and_the_docket(logged_run: tuple[Path, str]) -> None:
    """What is told of a document can be followed from plan to entry by its docket."""
    file, _ = logged_run
    told = lines(file.read_text())
    about = [it for it in told if str(it["event"]).startswith(("document.", "docket."))]
    assert len(about) > 30
    assert {it.get("run") for it in about} == {1}
    assert {it["connection"] for it in about} == {"trial"}
    entered = next(it for it in about if it["event"] == "document.entered")
    story = [it["event"] for it in about if it.get("docket") == entered["docket"]]
    assert story[:3] == ["docket.planned", "document.claimed", "document.entered"]
    assert str(entered["number"]).startswith("ST")
    assert list(told[0])[:3] == ["time", "level", "event"]
    text = file.read_text()
    for private in (CLIENT_SECRET, APP_KEY, GPCONNECT.password, "SMITH001", "Smith"):
        assert private not in text
    assert file.stat().st_mode & 0o077 == 0


def test_a_run_counts_its_calls_to_both_systems_and_its_own_end(logged_run: tuple[Path, str]) -> None:
    _, out = logged_run
    counted = {
        (
            it.name,
            it.labels.get("system"),
            it.labels.get("company"),
            it.labels.get("answer"),
            it.labels.get("outcome"),
        ): it
        for family in text_string_to_metric_families(out)
        for it in family.samples
        if it.name.endswith("_count")
    }
    calls = "ml_connector_call_duration_seconds_count"
    assert counted[calls, "servicetitan", "", "200", None].value > 5, "the sign-in and the sweeps"
    assert counted[calls, "gp", "FRM", "201", None].value > 20, "a create for each document"
    assert counted[calls, "gp", "FRM", "200", None].value > 5
    assert counted["ml_connector_run_duration_seconds_count", None, None, None, "finished"].value == 1
    assert {it.labels["connection"] for it in counted.values()} == {"trial"}


def test_a_full_log_makes_room_and_keeps_the_newest(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "log.json"
    code = (
        "import logging, sys; from pathlib import Path; from ml_connector.runtime import logs\n"
        "logs.FILE_BYTES = 20_000; logs.begin('json', file=Path(sys.argv[1]))\n"
        "for n in range(1500): logging.getLogger('full').info('line %d', n)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=True, timeout=120)
    files = sorted(file.parent.iterdir())
    assert 3 < len(files) <= logs.FILES
    assert all(it.stat().st_size <= 20_000 for it in files)
    assert lines(file.read_text())[-1]["event"] == "line 1499"


def test_a_log_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Interrupted) as what:
        logs.begin("json", file=tmp_path / "file" / "log.json")
    assert what.value.finding.code == "log.unwritable"
    assert not isinstance(logging.getLogger().handlers[-1:], logging.FileHandler)
