"""Sealed credentials, from the terminal and in the database."""

from __future__ import annotations

import base64
import os
import sqlite3
from pathlib import Path

import pytest

from ml_connector.findings import Interrupted
from ml_connector.runtime.keys import new_key
from ml_connector.store.database import Database
from ml_connector.store.vault import Vault
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
    Vault(database, [old], "story").put("key", PLANTED)
    reader = Vault(database, [new, old], "story")
    assert reader.get("key") == PLANTED
    assert reader.reseal() == 1
    assert reader.get("key") == PLANTED
    with pytest.raises(Interrupted, match=r"vault\.key_wrong"):
        Vault(database, [old], "story").get("key")


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
