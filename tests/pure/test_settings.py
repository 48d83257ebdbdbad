"""The settings of a connection: what is wrong is named with its place, all at once; what an administrator answered is read."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from ml_connector.books.posting import LedgerPosting, PostingDateSource, PostingSetup
from ml_connector.findings import Interrupted
from ml_connector.runtime import settings as form

SOUND = """
name = "denver"
prefix = "ST"
mode = "review"

[servicetitan]
tenant_id = 1
client_id = "env:CLIENT_ID"
client_secret = "vault:client-secret"
app_key = "file:app-key"

[gp.FRM]
server = "https://gp.example.test:48650"
company = "FRMEC"
username = "env:GP_USERNAME"
password = "vault:gp-password"
"""


def read(more: str = "", **gp: Any) -> form.Settings:
    values = tomllib.loads(SOUND + more)
    values["gp"]["FRM"] |= gp
    return form.from_values(values, "denver.toml")


def fault(more: str = "", **gp: Any) -> str:
    with pytest.raises(Interrupted) as stop:
        read(more, **gp)
    assert stop.value.finding.code == "connection.wrong"
    return stop.value.finding.says


def test_the_answers_of_an_administrator_are_read() -> None:
    """What was not answered stays open; it is not taken for no."""
    settings = read("""
[gp.FRM.posting_setup.payables]
date_from = "batch"
ledger = "neither"
[gp.FRM.modules]
job_cost = true
""")
    answers = settings.gp["FRM"].posting_setup
    assert answers["payables"].setup() == PostingSetup(PostingDateSource.BATCH, LedgerPosting.NEITHER, None, None)
    assert "receivables" not in answers
    modules = settings.gp["FRM"].modules
    assert (modules.job_cost, modules.project_accounting) == (True, None)
    assert form.from_values(form.to_values(settings), "the ledger") == settings


def test_an_answer_for_another_origin_is_refused() -> None:
    """A misspelt one would be left out in silence."""
    assert "receivable" in fault("[gp.FRM.posting_setup.receivable]\nledger = 'to'\n")
    assert "posting_setup" in fault("[gp.FRM.posting_setup.payables]\ndate_from = 'document'\n")


@pytest.mark.parametrize(
    "server", ["", "gp.example.test:48650", "https://", "https://gp.example.test:port", "ftp://gp.example.test"]
)
def test_an_address_that_is_none_is_named(server: str) -> None:
    """Scheme, host and port: what is missing would only show as no answer."""
    assert "gp.FRM.server: write scheme, host and port" in fault(server=server)


def test_every_reference_to_a_credential_is_known_by_its_setting() -> None:
    """A keytab needs no password; everything else does."""
    assert set(form.credentials(read())) == {
        "servicetitan.client_id",
        "servicetitan.client_secret",
        "servicetitan.app_key",
        "gp.FRM.username",
        "gp.FRM.password",
    }
    by_keytab = read(password="", authentication="negotiate", kerberos={"keytab": "gp.keytab"})
    assert "gp.FRM.password" not in form.credentials(by_keytab)
