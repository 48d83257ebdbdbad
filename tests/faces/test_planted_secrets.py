"""Secrets planted in every place where one is given, and searched for in everything that the product writes.

It works and it fails: over SBA and over the web services, by NTLM, by a Kerberos password and by a keytab, on both databases.
Searched are what every command prints, the data folder to its last byte, every table, what is compressed there, temporary
files in the midst of a run, and the list of processes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import traceback
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

import msgspec
import pytest
import sqlalchemy as sa

from ml_connector.findings import Interrupted
from ml_connector.runtime import keys
from ml_connector.runtime import settings as form
from ml_connector.sandbox.company import WindowsUser
from tests.domain.accounts import PLANTED, REALM
from tests.domain.controller import Controller
from tests.domain.trial import Credentials, Premises, premises
from tests.faces.console import PROGRAM
from tests.simulation.nursery import Nursery

CLIENT_ID = "pl4nted-client-id/5f0c&1d"
CLIENT_SECRET = 'pl4nted-client-secret+9a4e="77'
APP_KEY = "ak1.pl4nted-app-key-3b8d41"
DATABASE_PASSWORD = "pl4nted-database-6e2f90"
WRONG = "pl4nted-Wrong+Password-41aa"


def forms(secret: bytes) -> set[bytes]:
    """A secret as it may stand in what is written: as it is, and as others write it."""
    text = secret.decode("latin-1")
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret).rstrip(b"=")[:-1]}
    found |= {base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1]}
    found |= {base64.b64encode(b"x" * n + secret).rstrip(b"=")[n + 1 : -1] for n in (1, 2)}
    found |= {quote(text, safe="").encode(), quote_plus(text).encode(), json.dumps(text)[1:-1].encode()}
    found |= {text.encode("utf-16-le"), repr(text)[1:-1].encode("latin-1")}
    return {it for it in found if len(it) >= 12}


def keys_of(keytab: Path) -> list[bytes]:
    """The keys in a keytab (MIT's file format, version 2)."""
    data, at, found = keytab.read_bytes(), 2, []

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at])

    while at < len(data):
        size = number(4)
        end = at + size
        for _ in range(number(2) + 1):  # the parts of the name, and the realm before them
            length = number(2)
            at += length
        at += 4 + 4 + 1 + 2  # kind of name, time, version, kind of key
        length = number(2)
        found.append(data[at : at + length])
        at = end
    return found


@dataclass
class Search:
    """What must not be found, and where it was looked for. `said` is what commands printed, by command."""

    secrets: dict[str, bytes]
    said: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)

    def take(self, where: str, data: bytes) -> None:
        self.seen[where] = self.seen.get(where, b"") + data

    def take_files(self, folder: Path, but: Sequence[Path] = ()) -> None:
        for path in folder.rglob("*"):
            if path.is_file() and not any(path.is_relative_to(it) for it in but):
                self.take(str(path), path.read_bytes())

    def take_tables(self, url: str) -> None:
        """Every value of every table; what is compressed, unpacked as well."""
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        tables = sa.MetaData()
        tables.reflect(engine)
        with engine.connect() as sql:
            for table in tables.sorted_tables:
                for row in sql.execute(sa.select(table)):
                    for value in row:
                        raw = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                        self.take(f"table {table.name}", raw + b"\n" + unpacked(raw) + b"\n")
        engine.dispose()

    def found(self) -> list[str]:
        places = {**self.seen, **{f"what '{words}' printed": text for words, text in self.said.items()}}
        return [
            f"{name} in {where}"
            for name, secret in self.secrets.items()
            for where, data in places.items()
            if any(form in data for form in forms(secret))
        ]


def unpacked(raw: bytes) -> bytes:
    try:
        return zlib.decompress(raw)
    except zlib.error:
        return b""


@dataclass
class Office:
    """Somebody at the terminal of a connection whose credentials are all planted."""

    it: Premises
    url: str
    environment: dict[str, str]
    nursery: Nursery
    search: Search
    said: int = 0

    def __call__(self, *words: object, **changed: str) -> tuple[int, str]:
        command = self.nursery.start([str(it) for it in words], self.environment | changed)
        code = command.wait()
        text = command.out.read_bytes() + command.err.read_bytes()
        self.said += 1
        self.search.said[f"{self.said}: {' '.join(map(str, words))}"] = text
        return code, " ".join(text.decode().split())

    def both(self, *words: object) -> int:
        """As text and as JSON."""
        self(*words)
        return self(*words, "--json")[0]

    def really(self, *words: str, typed: str = "", **changed: str) -> int:
        """By the program itself, in a process of its own."""
        done = subprocess.run(
            [PROGRAM, *words], input=typed.encode(), capture_output=True, env=os.environ | self.environment | changed
        )
        self.said += 1
        self.search.said[f"{self.said}: really {' '.join(words)}"] = done.stdout + done.stderr
        return done.returncode

    def run_and_look(self) -> None:
        """A run by the program itself; in its midst, its temporary files, its words and its children are taken."""
        process = subprocess.Popen(
            [PROGRAM, "run", "trial", "--json"],
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.it.application.befalls |= {n: lambda: self._look(process.pid) for n in (3, 30)}
        out, err = process.communicate(timeout=300)
        self.search.said["the run"] = out + err
        assert process.returncode == 3, out + err
        assert not self.it.application.befalls

    def _look(self, pid: int) -> None:
        self.search.take_files(Path(self.environment["TMPDIR"]))
        self.search.take(f"/proc/{pid}/cmdline", Path(f"/proc/{pid}/cmdline").read_bytes())
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                for name in ("cmdline", "environ"):
                    self.search.take(f"/proc/{child}/{name}", Path(f"/proc/{child}/{name}").read_bytes())


@dataclass(frozen=True)
class Case:
    dialect: str
    login: str  # ntlm, password or keytab
    database: str


CASES = (
    Case("one", "ntlm", "sqlite"),
    Case("soap", "ntlm", "postgresql"),
    Case("two", "password", "postgresql"),
    Case("soap", "keytab", "sqlite"),
)


@pytest.fixture(params=CASES, ids=lambda it: f"{it.dialect}-{it.login}-{it.database}")
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if not hasattr(os, "fork"):
        pytest.skip("the list of processes is Linux's")
    case: Case = request.param
    domain: Controller | None = None if case.login == "ntlm" else request.getfixturevalue("domain")
    data, temporary, given_here = tmp_path / "data", tmp_path / "temporary", tmp_path / "given"
    for folder in (data, temporary, given_here, tmp_path / "told"):
        folder.mkdir()
    username = f"{PLANTED.name}@{REALM}" if domain else PLANTED.login
    keytab = given_here / "planted.keytab" if case.login == "keytab" else None
    if keytab and domain:
        shutil.copy(domain.keytab("planted.keytab"), keytab)
    given = Credentials(CLIENT_ID, CLIENT_SECRET, APP_KEY, username, PLANTED.password, keytab)
    users = [WindowsUser(PLANTED.login, PLANTED.password)]
    url = f"sqlite:///{data / 'ledger.sqlite'}"
    if case.database == "postgresql":
        server = request.getfixturevalue("postgresql")
        url = server.create_database(f"planted_{os.urandom(4).hex()}").replace(
            "ledger@", f"ledger:{DATABASE_PASSWORD}@"
        )
    master = keys.new_key()
    key_file = given_here / "master.key"
    keys.KeyFile(key_file).write([master])
    secrets = {
        "the client id": CLIENT_ID.encode(),
        "the client secret": CLIENT_SECRET.encode(),
        "the app key": APP_KEY.encode(),
        "the GP password": PLANTED.password.encode(),
        "the password of the database": DATABASE_PASSWORD.encode(),
        "the master key": master.raw,
        "the wrong password": WRONG.encode(),
    }
    if keytab:
        secrets |= {f"key {n} of the keytab": key for n, key in enumerate(keys_of(keytab))}
    environment = {
        "ML_CONNECTOR_DATABASE": url,
        "ML_CONNECTOR_DATA": str(data),
        "ML_CONNECTOR_KEY_FILE": str(key_file),
        "TMPDIR": str(temporary),
        "PLANTED_APP_KEY": APP_KEY,
    }
    with (
        Nursery(tmp_path / "told") as nursery,
        premises(given_here, domain, case.dialect, given=given, users=users) as it,
    ):
        yield Office(it, url, environment, nursery, Search(secrets))


def test_no_secret_is_in_anything_that_is_written(office: Office) -> None:
    """Added, checked, run dry and in earnest, asked about, refused, misconfigured and broken: it never shows one."""
    it, search = office.it, office.search
    seal_some(office)
    assert office("connection", "add", it.connection)[0] == 0
    assert office("rulebook", "import", "trial", it.rulebook)[0] == 0
    for words in ("connection list", "connection show trial", "vault keys", "vault list", "vault check"):
        assert office.both(*words.split()) == 0
    assert office("connection", "check", "trial")[0] == 0
    assert office("run", "trial", "--dry-run")[0] == 3
    office.run_and_look()
    for words in (
        "status trial",
        "holds trial",
        "trail trial",
        "doctor",
        "trail trial --verify",
        "rulebook history trial",
    ):
        office.both(*words.split())
    assert office("vault", "rotate")[0] == 0
    search.secrets["the new master key"] = keys.KeyFile(Path(office.environment["ML_CONNECTOR_KEY_FILE"])).read()[0].raw
    refuse(office)
    mistype(office)
    look_everywhere(office)
    assert search.found() == []


def seal_some(office: Office) -> None:
    """The client id is sealed by the program itself, typed; the app key comes from the environment, the rest from files."""
    assert office.really("vault", "put", "client-id", typed=CLIENT_ID + "\n") == 0
    text = office.it.connection.read_text("utf-8")
    for name, reference in (("client-id", "vault:client-id"), ("app-key", "env:PLANTED_APP_KEY")):
        before = f'"file:{(office.it.folder / "secrets" / name).as_posix()}"'
        assert before in text
        text = text.replace(before, f'"{reference}"')
    office.it.connection.write_text(text, "utf-8")


def refuse(office: Office) -> None:
    """Each credential is wrong once, and each system says so."""
    for credential, right in (("gp-password", PLANTED.password), ("client-secret", CLIENT_SECRET)):
        office.it.write(credential, WRONG)
        office.both("connection", "check", "trial")
        office.both("run", "trial")
        office.it.write(credential, right)
    for name, value in (
        ("ML_CONNECTOR_KEY", base64.b64encode(WRONG.encode().ljust(32)).decode()),
        ("ML_CONNECTOR_KEY", WRONG),
        ("PLANTED_APP_KEY", WRONG),
        ("ML_CONNECTOR_KEY_FILE", str(office.it.folder / "secrets" / "gp-password")),
    ):
        for words in (["vault", "check"], ["run", "trial"], ["run", "trial", "--json"]):
            code, text = office(*words, **{name: value})
            assert code == 1 or (name, words) == ("PLANTED_APP_KEY", ["vault", "check"]), text


def mistype(office: Office) -> None:
    """What people do: a password in the place of a reference, in an address, in a broken file; a broken ledger."""
    whole = office.it.connection.read_text("utf-8")
    lines = whole.splitlines()
    for n, line in enumerate(lines):
        name = line.partition(" = ")[0]
        if name in ("client_id", "client_secret", "app_key", "username", "password"):
            wrongs = [f'{name} = "{WRONG}"', f"{name} = {WRONG}", f'{name} = ["{WRONG}"]']
        elif name in ("server", "endpoint", "api_url", "auth_url"):
            wrongs = [f'{name} = "http://somebody:{WRONG}@gp.example.test"', f'{name} = "https://x:{WRONG}@[127.0.0.1"']
        else:
            continue
        for wrong in wrongs:
            office.it.connection.write_text("\n".join([*lines[:n], wrong, *lines[n + 1 :]]), "utf-8")
            with pytest.raises(Interrupted) as stop:
                form.from_toml(office.it.connection)
            office.search.said[f"{name} that is a secret, {len(office.search.said)}"] = told(stop.value)
    office.it.connection.write_text(whole, "utf-8")
    for url in (
        f"postgresql://ledger:{WRONG}@127.0.0.1:1/ledger",
        f"postgresql://ledger:{WRONG}@127.0.0.1:port/ledger",
        f"postgresql://ledger:{WRONG}",
        f"postgresql://ledger:x@{WRONG}@127.0.0.1:1/ledger",
        f"postgresql://ledger:/{WRONG}@127.0.0.1:1/ledger",
        f"oracle://ledger:{WRONG}@127.0.0.1:1/ledger",
        WRONG,
    ):
        code, text = office("doctor", "--json", ML_CONNECTOR_DATABASE=url)
        assert (code, "Traceback" in text) == (1, False), text
    with sa.create_engine(office.url.replace("postgresql://", "postgresql+psycopg://")).begin() as sql:
        sql.execute(sa.text("ALTER TABLE vault_secrets RENAME TO lost"))
    code = office.really("vault", "put", "client-id", typed=CLIENT_ID + "\n")
    assert code == 1
    assert b"Traceback" in office.search.said[f"{office.said}: really vault put client-id"]
    assert office("run", "trial")[0] == 1
    with sa.create_engine(office.url.replace("postgresql://", "postgresql+psycopg://")).begin() as sql:
        sql.execute(sa.text("ALTER TABLE lost RENAME TO vault_secrets"))


def told(stop: Interrupted) -> bytes:
    """All that a person could be shown of it."""
    trace = "".join(traceback.format_exception(stop))
    return f"{trace}\n{[msgspec.to_builtins(it) for it in stop.findings]}".encode()


def look_everywhere(office: Office) -> None:
    """All that was written, but where we put the secrets ourselves; and the search finds what is there."""
    search, shown = office.search, office.it.application.shown - {""}
    assert shown
    for header in shown:
        search.secrets[f"what GP was shown: {header[:12]}…"] = header.partition(" ")[2].encode()
    for token in office.it.shop._gate._tokens:
        search.secrets[f"ServiceTitan's token {token[:6]}…"] = token.encode()
    search.take_files(Path(office.environment["ML_CONNECTOR_DATA"]))
    search.take_files(Path(office.environment["TMPDIR"]))
    search.take_tables(office.url)
    assert any(name.endswith("krb5-1.conf") for name in search.seen) == (
        "negotiate" in office.it.connection.read_text()
    )
    assert any(b"STI1" in data for name, data in search.seen.items() if name == "table evidence")
    there = Search(search.secrets)
    there.take_files(office.it.folder)
    assert {it.partition(" in ")[0] for it in there.found()} >= {
        "the client secret",
        "the GP password",
        "the new master key",
    }
