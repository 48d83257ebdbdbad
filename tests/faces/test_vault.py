"""Sealed credentials, from the terminal and in the database."""

from __future__ import annotations

import base64
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyrings.alt.file import PlaintextKeyring  # type: ignore[import-untyped]

from ml_connector.findings import Interrupted
from ml_connector.runtime import keys
from ml_connector.runtime.keys import KeyFile, new_key
from ml_connector.store import trail
from ml_connector.store.database import Database
from ml_connector.store.schema import INSTALLATION
from ml_connector.store.vault import MasterKey, Vault
from tests.contract.another_process import Another
from tests.faces.console import Console

PLANTED = "Plánted-Secret-9f3c"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def sealed(console: Console) -> Console:
    assert console("vault", "new-key").code == 0
    assert console("vault", "put", "gp-password", typed=PLANTED + "\n").code == 0
    return console


def test_a_credential_is_sealed_and_never_shown(sealed: Console) -> None:
    said = sealed("vault", "list")
    assert "gp-password" in said.out
    assert PLANTED not in said.text
    written = b"".join(it.read_bytes() for it in (sealed.folder / "data").rglob("*") if it.is_file())
    assert PLANTED.encode() not in written


def test_the_key_file_is_its_owners_alone(sealed: Console) -> None:
    assert (sealed.folder / "data" / "master.key").stat().st_mode & 0o777 == 0o600


def test_a_missing_key_is_told_and_destroys_nothing(sealed: Console) -> None:
    """The key was left behind when the ledger moved: it says so, and opens again when the key is back."""
    key = sealed.folder / "data" / "master.key"
    key.rename(sealed.folder / "kept.key")
    said = sealed("vault", "check")
    assert said.code == 1
    assert "vault.key_missing" in said.text
    back = sealed("vault", "check", extra={"ML_CONNECTOR_KEY_FILE": str(sealed.folder / "kept.key")})
    assert back.code == 0


def test_a_wrong_key_is_told_by_its_id(sealed: Console) -> None:
    other = base64.b64encode(os.urandom(32)).decode()
    said = sealed("vault", "check", extra={"ML_CONNECTOR_KEY": other})
    assert said.code == 1
    assert "vault.key_wrong" in said.text
    assert other not in said.text


def test_rotation_seals_everything_anew_and_the_old_key_no_longer_opens(sealed: Console) -> None:
    key = sealed.folder / "data" / "master.key"
    old = key.read_text()
    assert sealed("vault", "rotate").code == 0
    assert key.read_text() != old
    assert sealed("vault", "check").code == 0
    assert sealed("vault", "check", extra={"ML_CONNECTOR_KEY": old.strip()}).code == 1


def test_a_process_that_knows_both_keys_reads_before_and_after_a_rotation(tmp_path: Path) -> None:
    """Rotation without downtime: the reader has the old key and the new one, whichever sealed."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    database.migrate()
    old, new = new_key(), new_key()
    Vault(database, lambda: [old], "story").put("key", PLANTED)
    reader = Vault(database, lambda: [new, old], "story")
    assert reader.get("key") == PLANTED
    assert reader.reseal() == 1
    assert reader.get("key") == PLANTED
    with pytest.raises(Interrupted, match=r"vault\.key_wrong"):
        Vault(database, lambda: [old], "story").get("key")


def read_on(url: str, key_file: str, mouth: Connection) -> None:
    """Open the secret again and again, with the keys that were there at the start, until they no longer fit; tells the
    keys that it knows after each opening that went well, and what stopped it."""
    database = Database(url)
    vault = Vault(database, KeyFile(Path(key_file)).read, "reader")
    try:
        while True:
            assert vault.get("gp-password") == PLANTED
            mouth.send([key.id for key in vault._known])
    except Interrupted as fault:
        mouth.send(fault.finding.code)


def test_who_knows_the_old_key_alone_reads_on_while_it_is_replaced(tmp_path: Path, ledger_url: str) -> None:
    """A worker that has run for weeks: the key is replaced three times under it, and every opening goes well."""
    database = Database(ledger_url)
    database.migrate()
    place = KeyFile(tmp_path / "master.key")
    place.write([new_key()])
    vault = Vault(database, place.read, "story")
    vault.put("gp-password", PLANTED)
    reader = Another(read_on, ledger_url, str(place.path))
    known: list[Any] = [reader.hear()]
    for _ in range(3):
        made = new_key()
        assert vault.rotate(made, place.write) == 1
        while made.id not in known[-1]:
            known.append(reader.hear())
            assert isinstance(known[-1], list), known[-1]
    reader.kill()
    database.close()


def seal(url: str, key_file: str, mouth: Connection) -> None:
    """Seal one secret after the other."""
    vault = Vault(Database(url), KeyFile(Path(key_file)).read, "sealer")
    for n in range(30):
        vault.put(f"secret-{n}", PLANTED)
    mouth.send("sealed")


def rotate(url: str, key_file: str, mouth: Connection) -> None:
    place = KeyFile(Path(key_file))
    for _ in range(5):
        Vault(Database(url), place.read, "rotator").rotate(new_key(), place.write)
    mouth.send("rotated")


def test_what_is_sealed_while_two_people_replace_the_key_opens(tmp_path: Path, ledger_url: str) -> None:
    """Both rotate at once, and somebody seals: no key is thrown away that something was sealed with."""
    database = Database(ledger_url)
    database.migrate()
    place = KeyFile(tmp_path / "master.key")
    place.write([new_key()])
    others = [Another(deed, ledger_url, str(place.path)) for deed in (seal, rotate, rotate)]
    assert [it.finish() for it in others] == [["sealed"], ["rotated"], ["rotated"]]
    vault = Vault(database, place.read, "story")
    assert [finding for _, finding in vault.check()] == [None] * 30
    made = new_key()
    vault.rotate(made, place.write)
    assert [key.id for key in place.read()] == [made.id]
    with database.reading() as sql:
        events = [it.event.name for it in trail.entries(sql, INSTALLATION, limit=100)]
    assert (events.count("vault.sealed"), events.count("vault.resealed")) == (30, 11)
    database.close()


def test_a_rotation_that_dies_half_way_leaves_what_opens_everything(tmp_path: Path, ledger_url: str) -> None:
    """After the keys were written, after all was sealed: what is there opens, and the next rotation tidies up."""
    database = Database(ledger_url)
    database.migrate()
    place = KeyFile(tmp_path / "master.key")
    place.write([new_key()])
    vault = Vault(database, place.read, "story")
    vault.put("gp-password", PLANTED)

    class Died(Exception):
        pass

    def dying(writes: int) -> Callable[[Sequence[MasterKey]], None]:
        """Writes that often, and dies at the next."""

        def write(keys: Sequence[MasterKey]) -> None:
            nonlocal writes
            place.write(keys)
            writes -= 1
            if writes < 0:
                raise Died

        return write

    for writes in (0, 1):
        with pytest.raises(Died):
            vault.rotate(new_key(), dying(writes))
        assert Vault(database, place.read, "story").get("gp-password") == PLANTED
    vault.rotate(new_key(), place.write)
    assert len(place.read()) == 1
    assert Vault(database, place.read, "story").get("gp-password") == PLANTED
    database.close()


def test_no_key_is_thrown_away_that_something_is_sealed_with(tmp_path: Path) -> None:
    """Somebody else had begun to replace the key, and died before anything was sealed anew: theirs is newest, and ours,
    with which everything is sealed, stays."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    database.migrate()
    place = KeyFile(tmp_path / "master.key")
    place.write([new_key()])
    Vault(database, place.read, "story").put("gp-password", PLANTED)
    ours, theirs = new_key(), new_key()
    sealed = False

    def read() -> tuple[MasterKey, ...]:
        if sealed and theirs not in place.read():
            place.write([theirs, *place.read()])
        return place.read()

    class Rotating(Vault):
        def _reseal(self, *given: Any) -> int:
            nonlocal sealed
            count = super()._reseal(*given)
            sealed = True
            return count

    assert Rotating(database, read, "story").rotate(ours, place.write) == 1
    assert place.read() == (theirs, ours)
    assert Vault(database, place.read, "story").get("gp-password") == PLANTED
    database.close()


# The system's keyring; here it is one that keeps its entries in a file


def test_the_master_key_may_be_kept_in_the_systems_keyring(console: Console) -> None:
    """The key file then only says so; sealing, opening and replacing the key go on as ever."""
    here = {
        "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        "XDG_DATA_HOME": str(console.folder / "keyring"),
    }
    made = console("vault", "new-key", "--keyring", "--json", extra=here)
    assert made.code == 0, made.text
    assert "keyring" in made.json["place"]
    told = (console.folder / "data" / "master.key").read_text()
    assert told.startswith("keyring:")
    assert console("vault", "put", "gp-password", typed=PLANTED + "\n", extra=here).code == 0
    rotated = console("vault", "rotate", "--json", extra=here)
    assert rotated.json["sealed"] == 1
    assert (console.folder / "data" / "master.key").read_text() == told
    by_name = here | {"ML_CONNECTOR_KEY": told.strip()}
    (console.folder / "data" / "master.key").unlink()
    shown = console("vault", "keys", "--json", extra=by_name).json
    assert shown["keys"] == [{"key": rotated.json["key"], "sealed": 1, "at_hand": True}]
    lost = console("vault", "check", extra=by_name | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})
    assert (lost.code, "vault.keyring" in lost.text, "Traceback" in lost.text) == (1, True, False)
    assert console("vault", "check", extra=by_name).code == 0


def in_a_file(path: Path) -> KeyringBackend:
    """The keyring of one account."""
    made: KeyringBackend = PlaintextKeyring()
    made.__dict__["file_path"] = str(path)
    return made


class Broken(KeyringBackend):
    """What a backend raises is anybody's guess."""

    priority = -1

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError(f"the bus is gone: {service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AttributeError("'NoneType' object has no attribute 'Close'")


@pytest.fixture
def the_keyring(tmp_path: Path) -> Iterator[Callable[[KeyringBackend], None]]:
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


@pytest.mark.parametrize("backend", [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, Broken])
def test_without_a_keyring_that_keeps_it_no_key_is_made(
    the_keyring: Callable[[KeyringBackend], None], tmp_path: Path, backend: type[KeyringBackend]
) -> None:
    """None on this machine, one that keeps nothing, one that breaks: said in a sentence, nothing half done."""
    the_keyring(backend())
    with pytest.raises(Interrupted, match=r"vault\.keyring"):
        keys.begin(tmp_path, new_key(), in_keyring=True)
    assert not keys.key_file(tmp_path).exists()
    assert keys.master_keys(tmp_path) == ()


def test_a_keyring_that_has_gone_is_told_and_destroys_nothing(
    the_keyring: Callable[[KeyringBackend], None], tmp_path: Path
) -> None:
    """Another account, another machine: everything opens again where the keyring is."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    database.migrate()
    here = in_a_file(tmp_path / "keyring")
    the_keyring(here)
    place = keys.begin(tmp_path, new_key(), in_keyring=True)
    vault = partial(Vault, database, partial(keys.master_keys, tmp_path), "story")
    vault().put("gp-password", PLANTED)
    for elsewhere in (in_a_file(tmp_path / "another"), Broken()):  # type: ignore[no-untyped-call]
        the_keyring(elsewhere)
        for deed in (
            lambda: vault().get("gp-password"),
            lambda: vault().put("gp-password", "other"),
            lambda: vault().rotate(new_key(), place.write),
        ):
            with pytest.raises(Interrupted, match=r"vault\.keyring"):
                deed()
    the_keyring(here)
    assert vault().get("gp-password") == PLANTED
    database.close()


def test_where_the_keys_come_from_is_shown(sealed: Console) -> None:
    """The environment goes before the file that it names, and that before the data folder's."""
    own = sealed("vault", "keys", "--json").json
    assert own["place"].endswith("master.key")
    assert [it["sealed"] for it in own["keys"]] == [1]
    assert own["place"] in sealed("vault", "check").text
    key = sealed.folder / "data" / "master.key"
    named = {"ML_CONNECTOR_KEY_FILE": str(key.rename(sealed.folder / "kept.key"))}
    assert sealed("vault", "keys", "--json", extra=named).json["place"].endswith("kept.key")
    given = named | {"ML_CONNECTOR_KEY": base64.b64encode(os.urandom(32)).decode()}
    shown = sealed("vault", "keys", "--json", extra=given).json
    assert shown["place"] == "environment ML_CONNECTOR_KEY"
    assert [(it["sealed"], it["at_hand"]) for it in shown["keys"]] == [(0, True), (1, False)]
    assert sealed("vault", "keys", "--json").json["place"] is None


def test_a_sealed_row_copied_over_another_does_not_open(sealed: Console) -> None:
    """Somebody who can write to the database makes one credential pass for another."""
    assert sealed("vault", "put", "app-key", typed="other\n").code == 0
    with sqlite3.connect(sealed.folder / "data" / "ledger.sqlite") as sql:
        nonce, body = sql.execute("SELECT nonce, sealed FROM vault_secrets WHERE name = 'gp-password'").fetchone()
        sql.execute("UPDATE vault_secrets SET nonce = ?, sealed = ? WHERE name = 'app-key'", (nonce, body))
    said = sealed("vault", "check")
    assert said.code == 1
    assert "vault.damaged" in said.text


def test_settings_may_name_the_vault_and_an_unknown_name_is_told(sealed: Console) -> None:
    toml = sealed.folder / "c.toml"
    toml.write_text(
        'name = "c"\nprefix = "ST"\nmode = "review"\n[servicetitan]\ntenant_id = 1\nclient_id = "vault:id"\n'
        'client_secret = "vault:gp-password"\napp_key = "vault:gp-password"\n[gp.A]\nserver = "https://gp.example.test"\n'
        'company = "A"\nusername = "vault:gp-password"\npassword = "vault:gp-password"\n'
    )
    assert sealed("connection", "add", toml).code == 0
    said = sealed("status", "c")
    assert said.code == 1
    assert "vault.unknown" in said.text
    assert PLANTED not in said.text


def test_nothing_typed_is_refused(console: Console) -> None:
    assert console("vault", "new-key").code == 0
    said = console("vault", "put", "x", typed="\n")
    assert (said.code, "vault.empty" in said.text) == (1, True)
    again = console("vault", "new-key")
    assert (again.code, "vault.key_exists" in again.text) == (1, True)
