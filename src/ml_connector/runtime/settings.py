"""The settings of a connection: one ServiceTitan tenant and the GP companies it feeds.

They are written as TOML, kept in the ledger as JSON, and hold no secret: a credential is a reference to the
environment (`env:NAME`), a file (`file:/path`) or the vault (`vault:NAME`), and is looked up when it is needed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ml_connector.books.number import PREFIX
from ml_connector.findings import Finding, Interrupted
from ml_connector.money import Currency

LOOPBACK = ("127.0.0.1", "localhost", "::1")
REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|vault:[A-Za-z0-9._-]+)\Z")
NO_ADDRESS = "write scheme, host, port and path, without a user or a password"
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")


class ServiceTitan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the tenant is reached. `environment` chooses the official hosts unless both URLs are given."""

    tenant_id: int
    client_id: str
    client_secret: str
    app_key: str
    environment: Literal["production", "integration"] = "production"
    api_url: str = ""
    auth_url: str = ""

    def urls(self) -> tuple[str, str]:
        suffix = "" if self.environment == "production" else "-integration"
        api = self.api_url or f"https://api{suffix}.servicetitan.io"
        return api, self.auth_url or f"https://auth{suffix}.servicetitan.io"


class Kerberos(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the tickets of `authentication = "negotiate"` come from."""

    realm: str = ""  # the domain's DNS name; blank: what stands behind the @ of the user name
    controllers: tuple[str, ...] = ()  # host or host:port; none: DNS names them
    keytab: str = ""  # the path of the account's key file, in place of its password
    service: str = ""  # the service name (SPN); blank: HTTP/ and the host of the server


class Gp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one GP company is reached. Seconds for every time."""

    company: str
    username: str
    password: str = ""
    transport: Literal["sba", "soap"] = "sba"
    server: str = ""  # SBA: scheme, host and port
    endpoint: str = ""  # SOAP: the address of the web services
    company_id: int = 0  # SOAP: GP's number of the company
    wsdl: str = ""  # SOAP: an address or a file; blank: the endpoint's own
    kerberos: Kerberos = Kerberos()
    channel_binding: bool = True
    tenant: str = "DefaultTenant"
    service_map: str = "default"  # a shipped map's name, or the path of a TOML file
    authentication: Literal["ntlm", "negotiate"] = "ntlm"
    ca_bundle: str = ""
    verify_tls: bool = True
    write_timeout: float = 600.0
    pause: float = 1800.0  # how long a lost answer is left alone; must be longer than GP's own timeout
    read_back_percent: int = 5
    calendar_file: str = ""  # fiscal periods, where SBA has none
    chart_file: str = ""  # the chart of accounts, where SBA has none


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    prefix: str
    mode: Literal["review", "automatic"]
    servicetitan: ServiceTitan
    gp: dict[str, Gp]  # by the rulebook's short name of the company
    currency: str = "USD"
    time_zone: str = "UTC"
    lease: float = 60.0  # seconds after which a run that died may be taken over
    sandbox: bool = False  # a trial against the sandboxes: no dry run is asked for first

    @property
    def money(self) -> Currency:
        return Currency[self.currency]


def from_toml(path: Path) -> Settings:
    """Raises Interrupted with every fault that can be found at once."""
    return from_values(read_toml(path), str(path))


def read_toml(path: Path) -> Mapping[str, object]:
    """Raises Interrupted where the file is not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        says = f"it cannot be read: {fault}"
        remedy = "Write a TOML file as docs/connections.md shows, and name it again."
        raise Interrupted(Finding("connection.wrong", str(path), says, remedy)) from None


def from_values(values: Mapping[str, object], where: str) -> Settings:
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as fault:
        raise _wrong(where, str(fault).replace("$.", "").replace("`", "'")) from None
    faults = list(_faults(settings))
    if faults:
        raise _wrong(where, "; ".join(faults))
    return settings


def to_values(settings: Settings) -> Mapping[str, object]:
    values: Mapping[str, object] = msgspec.to_builtins(settings)
    return values


def secret(reference: str, what: str, vault: Callable[[str], str]) -> str:
    """The credential behind a reference; `vault` opens a sealed one by name.

    Raises Interrupted where there is none; never says what it is.
    """
    kind, _, place = reference.partition(":")
    if kind == "vault":
        return vault(place)
    try:
        text = os.environ[place] if kind == "env" else Path(place).read_text("utf-8")
    except (KeyError, OSError, UnicodeDecodeError):
        there = f"the environment has no {place}" if kind == "env" else f"file {place} cannot be read"
        remedy = (
            f"Set {place} in the environment that ml-connector runs in."
            if kind == "env"
            else f"Create {place}, readable by the account that runs ml-connector and by nobody else."
        )
        raise Interrupted(Finding("credential.missing", what, there, remedy)) from None
    return text.strip("\r\n")


def prefix_taken(settings: Settings, others: Iterable[Settings]) -> Finding | None:
    """Two connections into one GP company need two prefixes, or they would ask for the same document numbers."""
    mine = {(gp.server.casefold().rstrip("/"), gp.company.casefold()) for gp in settings.gp.values()}
    for other in others:
        theirs = {(gp.server.casefold().rstrip("/"), gp.company.casefold()) for gp in other.gp.values()}
        if other.name != settings.name and other.prefix == settings.prefix and mine & theirs:
            return Finding(
                "connection.prefix_taken",
                f"connection {settings.name}",
                f"connection {other.name} enters in the same GP company with prefix {other.prefix}",
                "Choose another prefix in the settings, and add the connection again.",
            )
    return None


def _faults(settings: Settings) -> list[str]:
    faults = []
    for place, url in (("api_url", settings.servicetitan.api_url), ("auth_url", settings.servicetitan.auth_url)):
        if not _is_address(url):
            faults.append(f"servicetitan.{place}: {NO_ADDRESS}")
        elif url and not url.startswith("https://") and urlsplit(url).hostname not in LOOPBACK:
            faults.append(f"servicetitan.{place} '{url}': use https, for credentials travel there")
    if not NAME.match(settings.name):
        faults.append(f"name '{settings.name}': use small letters, digits and hyphens, 31 at most, a letter first")
    if not PREFIX.match(settings.prefix):
        faults.append(f"prefix '{settings.prefix}': use one to three capital letters")
    if settings.currency not in Currency.__members__:
        faults.append(f"currency '{settings.currency}': use {' or '.join(Currency.__members__)}")
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"time_zone '{settings.time_zone}': use a name as America/Denver")
    if not settings.gp:
        faults.append("gp: add a table [gp.<company>] for each company of the rulebook")
    for company, gp in settings.gp.items():
        faults += [f"gp.{company}.{fault}" for fault in _gp_faults(gp)]
    credentials = {
        "servicetitan.client_id": settings.servicetitan.client_id,
        "servicetitan.client_secret": settings.servicetitan.client_secret,
        "servicetitan.app_key": settings.servicetitan.app_key,
    }
    for company, gp in settings.gp.items():
        credentials[f"gp.{company}.username"] = gp.username
        if gp.password or not gp.kerberos.keytab:
            credentials[f"gp.{company}.password"] = gp.password
        if not 0 <= gp.read_back_percent <= 100:
            faults.append(f"gp.{company}.read_back_percent: use 0 to 100")
        if gp.pause <= 0:
            faults.append(f"gp.{company}.pause: use seconds, longer than GP's own timeout")
    for place, reference in credentials.items():
        if not REFERENCE.match(reference):
            faults.append(
                f"{place}: write a reference (vault:NAME, env:NAME or file:/path), never the credential itself"
            )
    return faults


def _is_address(url: str) -> bool:
    """Whether it may be shown: there is no user and no password in it."""
    try:
        return "@" not in urlsplit(url).netloc
    except ValueError:
        return False


def _gp_faults(gp: Gp) -> Iterator[str]:
    hiding = [name for name in ("server", "endpoint", "wsdl") if not _is_address(getattr(gp, name))]
    if hiding:
        yield from (f"{name}: {NO_ADDRESS}" for name in hiding)
        return
    if gp.transport == "sba":
        if not gp.server:
            yield "server: write scheme, host and port, as https://gp.example.com:48650"
        elif not gp.server.startswith("https://") and urlsplit(gp.server).hostname not in LOOPBACK:
            yield f"server '{gp.server}': use https; GP's REST services answer over TLS alone"
    else:
        if not gp.endpoint:
            yield "endpoint: write the address of the web services, as http://gp.example.com:48620/DynamicsGPWebServices"
        if not gp.company_id:
            yield "company_id: write GP's number of the company (SY01500 in the system database shows it)"
        if not gp.calendar_file:
            yield "calendar_file: name a calendar file; the web services do not tell fiscal periods"
    if gp.kerberos != Kerberos() and gp.authentication != "negotiate":
        yield "kerberos: it is for authentication = 'negotiate' alone"


def _wrong(where: str, says: str) -> Interrupted:
    remedy = "Correct it as docs/connections.md shows, and run the command again."
    return Interrupted(Finding("connection.wrong", where, says, remedy))
