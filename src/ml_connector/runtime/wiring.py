"""The only room that names real parts: it joins settings, adapters and ledger into what a run needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import periods
from ml_connector.gp.access import Access as GpAccess
from ml_connector.gp.access import Kerberos, Scheme, Secret
from ml_connector.gp.books import GpBooks
from ml_connector.gp.company_database import CompanyDatabase, DatabaseAccess
from ml_connector.gp.mixed import MixedBooks, Transport, idle
from ml_connector.gp.posting import Poster
from ml_connector.gp.service_map import ServiceMap, load, shipped
from ml_connector.gp.web_services.books import WebServicesBooks
from ml_connector.gp.web_services.transport import Endpoint
from ml_connector.gp.wrong_passwords import Refusals
from ml_connector.mapping.reading import read
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.money import Currency
from ml_connector.pipeline import ports
from ml_connector.pipeline.align import bound
from ml_connector.runtime import metrics
from ml_connector.runtime.clock import SystemClock
from ml_connector.runtime.settings import Gp, Settings, Sql, from_ledger, secret
from ml_connector.servicetitan.auth import Access
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.field_service import FieldService
from ml_connector.servicetitan.parties import FieldParties
from ml_connector.store.database import Database
from ml_connector.store.lease import Lease
from ml_connector.store.ledger import Ledger
from ml_connector.store.refused_logins import RefusedLogins
from ml_connector.store.vault import MasterKey, Vault

CompanyBooks: TypeAlias = GpBooks | WebServicesBooks | MixedBooks


@dataclass(frozen=True, slots=True)
class Wired:
    """One connection with everything it reaches. Nothing is called before it is used."""

    settings: Settings
    database: Database
    ledger: Ledger
    client: Client
    field_service: FieldService
    books: Mapping[str, CompanyBooks]  # by the rulebook's short name of the company
    clock: SystemClock
    posters: Mapping[str, Poster] = field(default_factory=dict)  # of the companies where posting may be asked for

    def rulebook(self, version: int | None = None) -> tuple[int, Rulebook]:
        """That version, or the newest. Raises Interrupted where there is none, or where it no longer makes sense."""
        return rulebook_of(self.ledger, version)

    def field_parties(self, company: str) -> FieldParties:
        """ServiceTitan's customers and vendors, on whom that company's GP ids hang. Raises Interrupted
        `party.no_application` where the settings do not name our application."""
        guid = self.settings.servicetitan.application_guid
        if not guid:
            raise Interrupted(_no_application(self.settings.name))
        return FieldParties(self.client, guid, f"gp_id_{company}")

    def gp_parties(self, company: str) -> ports.PartyBook:
        """That company's customers and vendors."""
        return self.books[company].party_book()

    def under(self, lease: Lease) -> Wired:
        """The same, writing only while the lease is held."""
        return replace(self, ledger=self.ledger.with_lease(lease))

    def hang_up(self) -> None:
        """Close the ways to both systems; the ledger stays open."""
        self.client.close()
        for way in (*self.books.values(), *self.posters.values()):
            way.close()

    def close(self) -> None:
        self.hang_up()
        self.database.close()


def _no_application(name: str) -> Finding:
    return Finding(
        "party.no_application",
        f"connection {name}",
        "the settings do not name our application in ServiceTitan, under which GP's ids hang on customers and vendors",
        "In the settings, write servicetitan.application_guid as the developer portal shows it, and add the connection again.",
    )


def rulebook_of(ledger: Ledger, version: int | None = None) -> tuple[int, Rulebook]:
    """Its version, and itself with whom the crosswalk binds. Raises Interrupted where there is none, or where it no longer
    makes sense."""
    found = ledger.rulebook(version)
    if found is None:
        name = ledger.connection_name
        remedy = f"Run 'ml-connector rulebook import {name} PATH' with a workbook or a folder of CSV files."
        raise Interrupted(Finding("rulebook.none", f"connection {name}", "it has no rulebook", remedy))
    record, tables = found
    made = read(tables)
    if isinstance(made, tuple):
        raise Interrupted(*made)
    return record.version, replace(made, bound=bound(ledger.crosswalk()))


def open_connection(
    database: Database,
    name: str,
    actor: str,
    keys: Callable[[], Sequence[MasterKey]] = tuple,
    folder: Path | None = None,
) -> Wired:
    """Wire a connection; `keys` gives what opens the credentials that its settings have in the vault, `folder` keeps
    GP's contracts.

    Raises Interrupted where it is unknown, or a credential or file it refers to is missing.
    """
    settings = from_ledger(database.connections(actor).get(name).definition, name)
    vault = Vault(database, keys, actor).get
    client = servicetitan_client(settings, vault)
    refusals = RefusedLogins(database, actor)
    return Wired(
        settings=settings,
        database=database,
        ledger=database.ledger(name, actor),
        client=client,
        field_service=FieldService(client),
        books={company: gp_books(settings, company, vault, folder, refusals) for company in settings.gp},
        clock=SystemClock(ZoneInfo(settings.time_zone)),
        posters=dict(_posters(settings, vault, refusals)),
    )


def servicetitan_client(settings: Settings, vault: Callable[[str], str]) -> Client:
    """Raises Interrupted where a credential is not to be had."""
    api_url, auth_url = settings.servicetitan.urls()
    access = Access(
        tenant_id=settings.servicetitan.tenant_id,
        client_id=secret(settings.servicetitan.client_id, "servicetitan.client_id", vault),
        client_secret=secret(settings.servicetitan.client_secret, "servicetitan.client_secret", vault),
        app_key=secret(settings.servicetitan.app_key, "servicetitan.app_key", vault),
        api_url=api_url,
        auth_url=auth_url,
        heard=metrics.hearing(settings.name, "servicetitan"),
    )
    return Client(access)


def gp_books(
    settings: Settings, company: str, vault: Callable[[str], str], folder: Path | None, refusals: Refusals
) -> CompanyBooks:
    """Raises Interrupted where a credential, the service map or another file is not to be had."""
    return _books(settings.name, company, settings.gp[company], settings.money, vault, folder, refusals)


def _books(
    name: str,
    company: str,
    gp: Gp,
    currency: Currency,
    vault: Callable[[str], str],
    folder: Path | None,
    refusals: Refusals,
) -> CompanyBooks:
    routes = {kind: Transport(way) for kind, way in gp.routes.items()}
    calendar = periods.read_calendar(Path(gp.calendar_file)) if gp.calendar_file else None
    chart = periods.read_chart(Path(gp.chart_file)) if gp.chart_file else None
    tables = _company_database(company, gp.sql, vault, refusals) if gp.sql.url else None
    service_map = _service_map(gp.service_map)
    access = _access(name, company, gp, vault, refusals)

    def over_sba(unused: frozenset[str] = frozenset()) -> GpBooks:
        at = replace(access, server=gp.server)
        return GpBooks(at, service_map, company, currency, calendar, chart, database=tables, idle=unused)

    def over_soap() -> WebServicesBooks:
        at, meanings = replace(access, server=gp.endpoint), service_map.refusals
        endpoint = Endpoint(gp.endpoint, gp.company_id, gp.wsdl, folder)
        kinds = [kind for kind, way in routes.items() if way is Transport.SOAP]
        return WebServicesBooks(at, endpoint, company, currency, calendar, meanings, database=tables, kinds=kinds)

    if len(set(routes.values())) == 1:
        return over_sba() if Transport.SBA in routes.values() else over_soap()
    return MixedBooks(over_sba(idle(routes)), over_soap(), routes, company, gp.company, Transport(gp.transport))


def _posters(settings: Settings, vault: Callable[[str], str], refusals: Refusals) -> Iterator[tuple[str, Poster]]:
    """Where the settings allow it and the service map names an action. The account is that of the company."""
    for company, gp in settings.gp.items():
        service_map = _service_map(gp.service_map)
        if gp.allow_posting and service_map.post is not None:
            endpoint = urlsplit(gp.endpoint)
            server = gp.server if "sba" in gp.routes.values() else f"{endpoint.scheme}://{endpoint.netloc}"
            access = replace(_access(settings.name, company, gp, vault, refusals), server=server)
            yield company, Poster(access, service_map, service_map.post)


def _access(name: str, company: str, gp: Gp, vault: Callable[[str], str], refusals: Refusals) -> GpAccess:
    """What both transports share: the account, the company, patience; the server is each one's own."""
    return GpAccess(
        server="",
        company=gp.company,
        username=secret(gp.username, f"gp.{company}.username", vault),
        password=Secret(secret(gp.password, f"gp.{company}.password", vault) if gp.password else ""),
        tenant=gp.tenant,
        scheme=Scheme(gp.authentication),
        kerberos=Kerberos(
            realm=gp.kerberos.realm,
            controllers=gp.kerberos.controllers,
            keytab=Path(gp.kerberos.keytab) if gp.kerberos.keytab else None,
            service=gp.kerberos.service,
        ),
        channel_binding=gp.channel_binding,
        verify=gp.verify_tls,
        ca_bundle=Path(gp.ca_bundle) if gp.ca_bundle else None,
        write_timeout=gp.write_timeout,
        heard=metrics.hearing(name, "gp", company),
        refusals=refusals,
    )


def _company_database(company: str, sql: Sql, vault: Callable[[str], str], refusals: Refusals) -> CompanyDatabase:
    return CompanyDatabase(
        DatabaseAccess(
            url=sql.url,
            database=sql.database,
            username=secret(sql.username, f"gp.{company}.sql.username", vault),
            password=Secret(secret(sql.password, f"gp.{company}.sql.password", vault)),
            schema=sql.schema,
            origins=sql.origins,
            refusals=refusals,
        )
    )


@cache
def _service_map(name: str) -> ServiceMap:
    return load(Path(name)) if name.endswith(".toml") else shipped(name)


def _proof_that_the_parts_fit(wired: Wired) -> None:
    """Read by mypy alone: each adapter fits its port."""
    _field: ports.FieldService = wired.field_service
    _releases: ports.Releases = wired.field_service
    _ledger: ports.Ledger = wired.ledger
    _clock: ports.Clock = wired.clock
    _books: Mapping[str, ports.Books] = wired.books
