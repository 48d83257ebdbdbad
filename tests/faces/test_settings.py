"""The settings of a connection as a person writes them: what is taken, and what is refused with every fault at once."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.findings import Interrupted
from ml_connector.runtime import settings as form
from ml_connector.runtime.settings import Gp

SBA = {"company": "FRMEC", "username": "env:U", "password": "env:P", "server": "https://gp.example.com:48650"}
SQL = {"url": "mssql://gpsql.example.com:1433", "database": "FRMEC", "username": "vault:u", "password": "vault:p"}


def a_connection(gp: dict[str, Any]) -> dict[str, Any]:
    tenant = {"tenant_id": 1, "client_id": "env:C", "client_secret": "env:S", "app_key": "env:K"}
    return {"name": "denver", "prefix": "ST", "mode": "review", "servicetitan": tenant, "gp": {"FRM": gp}}


def taken(**gp: Any) -> Gp:
    return form.from_values(a_connection({**SBA, **gp}), "denver.toml").gp["FRM"]


def refused(**gp: Any) -> str:
    with pytest.raises(Interrupted) as stop:
        taken(**gp)
    assert stop.value.finding.code == "connection.wrong"
    return stop.value.finding.says


@pytest.mark.parametrize(
    "url",
    ["mssql://gpsql.example.com:1433", "mssql://gpsql", "mssql://gpsql\\GP2018", "postgresql://127.0.0.1:5432"],
)
def test_sql_server_is_named_by_host_and_port_or_instance(url: str) -> None:
    """PostgreSQL on this machine stands in for a trial."""
    assert taken(sql={**SQL, "url": url}).sql.url == url


@pytest.mark.parametrize(
    "url",
    [
        "gpsql:1433",
        "mssql://",
        "mssql://sa:secret@gpsql",
        "mssql://gpsql/FRMEC",
        "mssql://gpsql:many",
        "mssql://gpsql?x=1",
        "postgresql://elsewhere",
        "mysql://127.0.0.1",
    ],
)
def test_an_address_of_sql_server_that_is_none_is_refused(url: str) -> None:
    """Least of all is a password taken in it."""
    assert "gp.FRM.sql.url: write scheme, host and port or instance alone" in refused(sql={**SQL, "url": url})


def test_the_table_of_sql_server_is_whole_or_absent() -> None:
    """All that is missing is told at once, and a credential is a reference here too."""
    says = refused(sql={"url": SQL["url"], "username": "reader", "password": ""})
    for place in ("sql.database", "sql.username: write a reference", "sql.password: write a reference"):
        assert f"gp.FRM.{place}" in says
    assert "gp.FRM.sql.url: write where SQL Server is" in refused(sql={"database": "FRMEC"})


def test_the_web_services_need_a_source_of_periods() -> None:
    """A calendar file, or SQL Server."""
    soap = {"transport": "soap", "endpoint": "http://gp.example.com:48620/DynamicsGPWebServices", "company_id": 2}
    assert "calendar_file" in refused(**soap)
    assert taken(**soap, sql=SQL).sql.database == "FRMEC"
    assert taken(**soap, calendar_file="calendar.csv").calendar_file


SOAP = {"endpoint": "http://gp.example.com:48620/DynamicsGPWebServices", "company_id": 7}


def test_a_kind_goes_over_its_own_transport_and_the_others_over_the_companys() -> None:
    """Payables over the web services; what is left out stays with SBA."""
    gp = taken(**SOAP, kinds={"payables_invoice": "soap"})
    assert {kind.value for kind, way in gp.routes.items() if way == "soap"} == {"payables invoice"}


def test_each_transport_that_is_used_must_be_reachable() -> None:
    """All that is missing of both is told at once; periods may come from SBA."""
    says = refused(kinds={"payables_invoice": "soap"}, server="")
    for place in ("server", "endpoint", "company_id"):
        assert f"gp.FRM.{place}: write" in says
    assert "calendar_file" not in says


@pytest.mark.parametrize("kinds", [{"payables_invoice": "rest"}, {"journal": "soap"}, {"payables_invoices": "soap"}])
def test_a_kind_or_transport_that_there_is_not_is_refused(kinds: dict[str, str]) -> None:
    """A misspelt one is not left out in silence."""
    assert "kinds" in refused(**SOAP, kinds=kinds)


def test_a_transport_that_no_kind_uses_is_refused() -> None:
    """All four kinds go over the other: then that one is the company's."""
    every = dict.fromkeys(
        ("receivables_invoice", "receivables_credit_memo", "payables_invoice", "payables_credit_memo"), "soap"
    )
    assert "transport 'sba': every kind goes over the other" in refused(**SOAP, calendar_file="c.csv", kinds=every)
