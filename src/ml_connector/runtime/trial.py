"""A trial: both sandboxes as servers on loopback, and a connection that reaches them."""

from __future__ import annotations

import shutil
from calendar import monthrange
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import as_file, files
from pathlib import Path

from ml_connector.sandbox import town
from ml_connector.sandbox.company import DIALECTS as SBA_DIALECTS
from ml_connector.sandbox.company import GPCONNECT, Company, SbaApplication, SoapApplication
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Application, Server
from ml_connector.sandbox.shop import Shop

DIALECTS = ("one", "two", "soap", "mixed")
SERVICE_MAPS = {"one": "default", "two": "product-segment", "mixed": "default"}
COMPANY_NAMES = {"one": town.COMPANY_DATABASE, "two": town.COMPANY_NAME, "mixed": town.COMPANY_DATABASE}
CLIENT_ID, CLIENT_SECRET, APP_KEY = "sandbox-client", "sandbox-secret", "sandbox-app-key"

POSTING_ANSWERS = """
[gp.FRM.posting_setup.receivables]
date_from = "transaction"
ledger = "through"
control_totals = false
transaction_posting = false

[gp.FRM.posting_setup.payables]
date_from = "transaction"
ledger = "through"
control_totals = false
transaction_posting = false
"""  # where no service tells it


@dataclass(frozen=True, slots=True)
class Trial:
    shop: Server
    company: Server
    dialect: str  # one or two over SBA; soap over the web services; mixed over both, payables over the web services
    web_services: Server | None = None  # the company's second server, where the dialect is mixed


@contextmanager
def trial(dialect: str = "one", invoices: int = 420, shop_port: int = 0, company_port: int = 0) -> Iterator[Trial]:
    """Serve a seeded month and the company that it is entered in, with a stranger's document under one of our numbers."""
    shop = Shop(a_month(invoices=invoices), client_id=CLIENT_ID, client_secret=CLIENT_SECRET, app_key=APP_KEY)
    company = Company.front_range()
    company.do_enter_by_hand(
        kind="receivables-invoice",
        number="STI10482",
        party="JONES001",
        amount="75.00",
        date="2026-03-09",
        batch="BYHAND",
    )
    with ExitStack() as servers:
        shop_server = servers.enter_context(Server(shop, shop_port))
        company_server = servers.enter_context(Server(_application(company, dialect), company_port))
        web_services = None
        if dialect == "mixed":
            beside = company_port + 1 if company_port else 0
            web_services = servers.enter_context(Server(SoapApplication(company), beside))
        yield Trial(shop_server, company_server, dialect, web_services)


def _application(company: Company, dialect: str) -> Application:
    if dialect == "soap":
        return SoapApplication(company)
    return SbaApplication(company, SBA_DIALECTS["one" if dialect == "mixed" else dialect])


def write_trial(it: Trial, folder: Path, mode: str | None = None) -> Mapping[str, Path]:
    """Write the credentials, the connection file and the sample rulebook into a folder; returns where."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    secrets.chmod(0o700)
    for name, text in {
        "client-id": CLIENT_ID,
        "client-secret": CLIENT_SECRET,
        "app-key": APP_KEY,
        "gp-username": GPCONNECT.name,
        "gp-password": GPCONNECT.password,
    }.items():
        file = secrets / name
        file.touch(mode=0o600)
        file.write_text(text, "utf-8")
    rulebook = folder / "rulebook"
    with as_file(files("ml_connector.sandbox") / "sample" / "rulebook") as sample:
        shutil.copytree(sample, rulebook, dirs_exist_ok=True)
    connection = folder / "trial.toml"
    connection.write_text(_settings(it, secrets.resolve(), mode), "utf-8")
    return {"connection": connection, "rulebook": rulebook}


def _settings(it: Trial, secrets: Path, mode: str | None) -> str:
    return f"""\
name = "trial"
prefix = "ST"
{f'mode = "{mode}"' if mode else "# mode: review or automatic, asked when the connection is added"}
currency = "USD"
time_zone = "{town.TENANT_TIME_ZONE}"
sandbox = true
separate_duties = false

[servicetitan]
tenant_id = {town.TENANT_ID}
api_url = "{it.shop.url}"
auth_url = "{it.shop.url}"
client_id = "file:{secrets.as_posix()}/client-id"
client_secret = "file:{secrets.as_posix()}/client-secret"
app_key = "file:{secrets.as_posix()}/app-key"

[gp.FRM]
{_transport(it, secrets)}
username = "file:{secrets.as_posix()}/gp-username"
password = "file:{secrets.as_posix()}/gp-password"
pause = 2.0

[gp.FRM.modules]
analytical_accounting = false
project_accounting = false
job_cost = false
{"" if it.dialect == "one" else POSTING_ANSWERS}"""


def _transport(it: Trial, secrets: Path) -> str:
    sba = f'server = "{it.company.url}"\nservice_map = "{SERVICE_MAPS.get(it.dialect)}"'
    number = f"company_id = {town.COMPANY_NUMBER}"
    if it.web_services:
        soap = f'endpoint = "{it.web_services.url}/DynamicsGPWebServices"\n{number}'
        kinds = "kinds.payables_invoice = 'soap'\nkinds.payables_credit_memo = 'soap'"
        return f'{sba}\n{soap}\ncompany = "{COMPANY_NAMES[it.dialect]}"\n{kinds}'
    if it.dialect != "soap":
        return f'{sba}\ncompany = "{COMPANY_NAMES[it.dialect]}"'
    calendar = secrets.parent / "calendar.csv"
    calendar.write_text(_calendar(), "utf-8")
    return (
        f'transport = "soap"\nendpoint = "{it.company.url}/DynamicsGPWebServices"\n{number}\n'
        f'company = "{town.COMPANY_DATABASE}"\ncalendar_file = "{calendar.as_posix()}"'
    )


def _calendar() -> str:
    """The company's fiscal periods as a person would write them down: January and February are closed."""
    rows = ["year,period,first_day,last_day,closed,year_closed"]
    for year in range(2026, max(2026, datetime.now(UTC).year) + 1):
        for month in range(1, 13):
            closed = "all" if (year, month) < (2026, 3) else ""
            first, last = date(year, month, 1), date(year, month, monthrange(year, month)[1])
            rows.append(f"{year},{month},{first},{last},{closed},no")
    return "\n".join(rows) + "\n"
