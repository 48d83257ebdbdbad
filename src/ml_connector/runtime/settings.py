"""The settings of a connection: one ServiceTitan tenant and the GP companies it feeds.

They are written as TOML, kept in the ledger as JSON, and hold no secret: a credential is a reference to the
environment (`env:NAME`), a file (`file:/path`) or the vault (`vault:NAME`), and is looked up when it is needed.
"""

from __future__ import annotations

import os
import re
import tomllib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ml_connector.books.document import DocumentKind
from ml_connector.books.number import PREFIX
from ml_connector.books.posting import LedgerPosting, PostingDateSource, PostingSetup
from ml_connector.docket.review import Policy
from ml_connector.findings import Finding, Interrupted
from ml_connector.money import Currency, Money
from ml_connector.runtime.redaction import keep_out

LOOPBACK = ("127.0.0.1", "localhost", "::1")
REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|vault:[A-Za-z0-9._-]+)\Z")
NO_ADDRESS = "write scheme, host, port and path, without a user or a password"
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")  # RFC 9110, section 5.1
LARGEST_WEBHOOK = 4_194_304  # bytes; one is read whole before it is believed
_LONGEST = 10_000  # hours or days
AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?\Z")
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
RETIRED = (("retention", "deliveries"),)  # options of earlier versions that ledgers still hold


class ServiceTitan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the tenant is reached. `environment` chooses the official hosts unless both URLs are given."""

    tenant_id: int
    client_id: str
    client_secret: str
    app_key: str
    application_guid: str = (
        ""  # our application's, under which GP's ids hang on customers and vendors; for aligning them
    )
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


class Sql(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The company's database on SQL Server, read for what GP's services do not tell. Nothing is ever written there."""

    url: str = ""  # mssql://host:port, or with an instance; blank: it is not read
    database: str = ""
    username: str = ""
    password: str = ""
    schema: str = "dbo"
    origins: tuple[str, ...] = ()  # of the Mass Close window, those that count; none: all


Way: TypeAlias = Literal["", "sba", "soap"]


class Kinds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The transport of each kind of document, where it is not the company's."""

    receivables_invoice: Way = ""
    receivables_credit_memo: Way = ""
    payables_invoice: Way = ""
    payables_credit_memo: Way = ""


class Posting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an administrator read in GP's Posting Setup window, for one origin; None where nobody has looked."""

    date_from: Literal["transaction", "batch"] | None = None
    ledger: Literal["to", "through", "neither"] | None = None
    control_totals: bool | None = None
    transaction_posting: bool | None = None

    def setup(self) -> PostingSetup:
        return PostingSetup(
            date_from=PostingDateSource(self.date_from) if self.date_from else None,
            ledger=LedgerPosting(self.ledger) if self.ledger else None,
            control_totals=self.control_totals,
            transaction_posting=self.transaction_posting,
        )


class Modules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the company uses what wants more of a document than we send; None where nobody has looked."""

    analytical_accounting: bool | None = None
    project_accounting: bool | None = None
    job_cost: bool | None = None  # an add-on that keeps the cost of work


class Gp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one GP company is reached. Seconds for every time."""

    company: str
    username: str
    password: str = ""
    transport: Literal["sba", "soap"] = "sba"
    kinds: Kinds = Kinds()
    server: str = ""  # SBA: scheme, host and port
    endpoint: str = ""  # SOAP: the address of the web services
    company_id: int = 0  # SOAP: GP's number of the company
    wsdl: str = ""  # SOAP: an address or a file; blank: the endpoint's own
    kerberos: Kerberos = Kerberos()
    sql: Sql = Sql()
    channel_binding: bool = True
    tenant: str = "DefaultTenant"
    service_map: str = "default"  # a shipped map's name, or the path of a TOML file
    authentication: Literal["ntlm", "negotiate"] = "ntlm"
    ca_bundle: str = ""
    verify_tls: bool = True
    write_timeout: float = 600.0
    pause: float = 1800.0  # how long a lost answer is left alone; must be longer than GP's own timeout
    read_back_percent: int = 5
    allow_posting: bool = False  # an approver may ask GP to post a batch, where the service map names the action
    calendar_file: str = ""  # fiscal periods, where neither the service nor SQL Server tells them
    chart_file: str = ""  # the chart of accounts, likewise
    posting_setup: dict[Literal["receivables", "payables"], Posting] = {}
    modules: Modules = Modules()

    @property
    def routes(self) -> Mapping[DocumentKind, str]:
        """Over which transport each kind of document is entered: sba or soap."""
        return {kind: getattr(self.kinds, kind.name.lower()) or self.transport for kind in DocumentKind}


class Webhooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How ServiceTitan's webhooks are told from forged ones, and how long they are gathered. Seconds for every time."""

    secrets: tuple[str, ...] = ()  # references; two while the key is being replaced; none: no webhook is taken
    header: str = "X-ServiceTitan-Signature"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""  # what stands before the signature, as sha256=
    debounce: float = 10.0  # a run is due when nothing has come for so long
    longest_delay: float = 60.0  # or when the first one has waited so long
    max_bytes: int = 262_144


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person is told without asking, and where. 0 switches a threshold off."""

    to: tuple[str, ...] = ()  # references to apprise addresses: mail, Teams, Slack, a webhook
    tell: Literal["at once", "digest"] = "at once"
    digest: tuple[str, ...] = ("07:00",)  # by the clock of the connection's time zone
    digest_always: bool = False  # also where there is nothing to tell
    all_well: bool = True  # tell also that something is well again
    remind: float = 0.0  # hours
    silence: float = 26.0  # hours without a success
    unposted: int = 5  # days
    period_end: int = 3  # days before the end of a fiscal period
    in_doubt: float = 4.0  # hours
    expiry: int = 14  # days before a credential expires
    expires: dict[str, date] = msgspec.field(default_factory=dict)  # credentials whose last day somebody knows


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many months what may be erased is kept; 0: for ever."""

    evidence: int = 0  # what was received and sent; only of what is posted, closed or skipped
    runs: int = 0
    alerts: int = 0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    prefix: str
    mode: Literal["review", "automatic"]
    servicetitan: ServiceTitan
    gp: dict[str, Gp]  # by the rulebook's short name of the company
    webhooks: Webhooks = Webhooks()
    currency: str = "USD"
    time_zone: str = "UTC"
    lease: float = 60.0  # seconds after which a run that died may be taken over
    retention: Retention = Retention()
    sandbox: bool = False  # a trial against the sandboxes: no dry run is asked for first
    alerts: Alerts = Alerts()
    separate_duties: bool = True  # who edits the rulebook does not approve what it makes
    second_approver_above: str = ""  # an amount in the tenant's currency; blank: one approver is enough

    @property
    def money(self) -> Currency:
        return Currency[self.currency]

    @property
    def review(self) -> Policy:
        limit = Money(Decimal(self.second_approver_above), self.money) if self.second_approver_above else None
        return Policy(self.mode == "automatic", self.separate_duties, limit)


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
    """Raises Interrupted with every fault that can be found at once."""
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as fault:
        raise _wrong(where, str(fault).replace("$.", "").replace("`", "'")) from None
    faults = list(_faults(settings))
    if faults:
        raise _wrong(where, "; ".join(faults))
    return settings


def from_ledger(definition: Mapping[str, object], name: str) -> Settings:
    """The settings that the ledger keeps of a connection; what an earlier version knew, and this one not, is left out."""
    values = dict(definition)
    for table, option in RETIRED:
        if isinstance(kept := values.get(table), Mapping):
            values[table] = {word: it for word, it in kept.items() if word != option}
    return from_values(values, f"connection {name}")


def to_values(settings: Settings) -> Mapping[str, object]:
    values: Mapping[str, object] = msgspec.to_builtins(settings)
    return values


def credentials(settings: Settings) -> Mapping[str, str]:
    """Every reference to a credential, by the setting that it stands in."""
    references = {
        "servicetitan.client_id": settings.servicetitan.client_id,
        "servicetitan.client_secret": settings.servicetitan.client_secret,
        "servicetitan.app_key": settings.servicetitan.app_key,
    }
    for company, gp in settings.gp.items():
        references[f"gp.{company}.username"] = gp.username
        if gp.password or not gp.kerberos.keytab:
            references[f"gp.{company}.password"] = gp.password
        if gp.sql.url:
            references[f"gp.{company}.sql.username"] = gp.sql.username
            references[f"gp.{company}.sql.password"] = gp.sql.password
    references |= {f"webhooks.secrets[{n}]": it for n, it in enumerate(settings.webhooks.secrets, 1)}
    return references | {f"alerts.to[{n}]": it for n, it in enumerate(settings.alerts.to, 1)}


def secret(reference: str, what: str, vault: Callable[[str], str]) -> str:
    """The credential behind a reference; `vault` opens a sealed one by name.

    Raises Interrupted where there is none; never says what it is, and no log of this process will.
    """
    kind, _, place = reference.partition(":")
    try:
        text = (
            vault(place) if kind == "vault" else os.environ[place] if kind == "env" else Path(place).read_text("utf-8")
        )
    except (KeyError, OSError, UnicodeDecodeError):
        there = f"the environment has no {place}" if kind == "env" else f"file {place} cannot be read"
        remedy = (
            f"Set {place} in the environment that ml-connector runs in."
            if kind == "env"
            else f"Create {place}, readable by the account that runs ml-connector and by nobody else."
        )
        raise Interrupted(Finding("credential.missing", what, there, remedy)) from None
    text = text.strip("\r\n")
    if not what.endswith("username"):  # whom a login is refused is to be read
        keep_out(text)
    return text


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
        if url and not _is_address(url):
            faults.append(f"servicetitan.{place}: {NO_ADDRESS}, as https://api.servicetitan.io")
        elif url and not url.startswith("https://") and urlsplit(url).hostname not in LOOPBACK:
            faults.append(f"servicetitan.{place} '{url}': use https, for credentials travel there")
    if settings.servicetitan.application_guid and not _is_guid(settings.servicetitan.application_guid):
        faults.append("servicetitan.application_guid: write the application's GUID as the developer portal shows it")
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
    if settings.second_approver_above and not AMOUNT.match(settings.second_approver_above):
        faults.append(
            f"second_approver_above '{settings.second_approver_above}': write an amount in quotes, as \"10000.00\""
        )
    if not settings.gp:
        faults.append("gp: add a table [gp.<company>] for each company of the rulebook")
    for what, months in msgspec.structs.asdict(settings.retention).items():
        if months < 0:
            faults.append(f"retention.{what}: use months, or 0 to keep it for ever")
    for company, gp in settings.gp.items():
        faults += [f"gp.{company}.{fault}" for fault in _gp_faults(gp)]
    faults += [f"webhooks.{fault}" for fault in _webhook_faults(settings.webhooks)]
    for company, gp in settings.gp.items():
        if not 0 <= gp.read_back_percent <= 100:
            faults.append(f"gp.{company}.read_back_percent: use 0 to 100")
        if gp.pause <= 0:
            faults.append(f"gp.{company}.pause: use seconds, longer than GP's own timeout")
    for place, reference in credentials(settings).items():
        if not REFERENCE.match(reference):
            faults.append(
                f"{place}: write a reference (vault:NAME, env:NAME or file:/path), never the credential itself"
            )
    return [*faults, *(f"alerts.{fault}" for fault in _alert_faults(settings.alerts))]


def _alert_faults(alerts: Alerts) -> Iterator[str]:
    for text in alerts.digest:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            yield f"digest '{text}': write a time of the day as 07:00"
    if alerts.tell == "digest" and not alerts.digest:
        yield "digest: write at least one time of the day, as ['07:00']"
    for name in ("remind", "silence", "unposted", "period_end", "in_doubt", "expiry"):
        if not 0 <= getattr(alerts, name) <= _LONGEST:
            yield f"{name}: use 0 (never) or more"


def _gp_faults(gp: Gp) -> Iterator[str]:
    hiding = [name for name in ("server", "endpoint", "wsdl") if not _may_be_shown(getattr(gp, name))]
    if hiding:
        yield from (f"{name}: {NO_ADDRESS}" for name in hiding)
        return
    ways = set(gp.routes.values())
    if "sba" in ways:
        if not _is_address(gp.server):
            yield "server: write scheme, host and port, as https://gp.example.com:48650"
        elif not gp.server.startswith("https://") and urlsplit(gp.server).hostname not in LOOPBACK:
            yield f"server '{gp.server}': use https; GP's REST services answer over TLS alone"
    if "soap" in ways:
        if not _is_address(gp.endpoint):
            yield "endpoint: write the address of the web services, as http://gp.example.com:48620/DynamicsGPWebServices"
        if not gp.company_id:
            yield "company_id: write GP's number of the company (SY01500 in the system database shows it)"
    if ways == {"soap"} and not gp.calendar_file and not gp.sql.url:
        yield "calendar_file: name a calendar file, or add the table sql; the web services do not tell fiscal periods"
    if gp.transport not in ways:
        yield f"transport '{gp.transport}': every kind goes over the other; write the other here, and leave the table kinds out"
    yield from _sql_faults(gp.sql)
    if gp.kerberos != Kerberos() and gp.authentication != "negotiate":
        yield "kerberos: it is for authentication = 'negotiate' alone"


def _sql_faults(sql: Sql) -> Iterator[str]:
    if not sql.url:
        if sql != Sql():
            yield "sql.url: write where SQL Server is, as mssql://gpsql.example.com:1433, or take the table sql out"
        return
    try:
        parts = urlsplit(sql.url)
        at_home = parts.hostname in LOOPBACK and parts.scheme == "postgresql"  # the same tables, for a trial
        plain = parts.hostname and not (parts.username or parts.password or parts.path or parts.query or parts.fragment)
        fits = plain and (parts.scheme == "mssql" or at_home) and parts.port != 0
    except ValueError:  # a port that is none
        fits = False
    if not fits:
        yield "sql.url: write scheme, host and port or instance alone, as mssql://gpsql.example.com:1433"
    if not sql.database:
        yield "sql.database: write the name of the company's database"


def _webhook_faults(webhooks: Webhooks) -> Iterator[str]:
    if len(webhooks.secrets) > 2:
        yield "secrets: name one key, or two while it is being replaced"
    if not HEADER.match(webhooks.header):
        yield f"header '{webhooks.header}': write the name of an HTTP header, as X-ServiceTitan-Signature"
    if not 0 < webhooks.debounce <= webhooks.longest_delay <= 3600:
        yield "debounce: use seconds, above 0, no more than longest_delay, and both an hour at most"
    if not 1024 <= webhooks.max_bytes <= LARGEST_WEBHOOK:
        yield f"max_bytes: use 1024 to {LARGEST_WEBHOOK}"


def _may_be_shown(url: str) -> bool:
    """There is no user and no password in it."""
    try:
        return "@" not in urlsplit(url).netloc
    except ValueError:
        return False


def _is_guid(text: str) -> bool:
    try:
        return bool(uuid.UUID(text))
    except ValueError:
        return False


def _is_address(url: str) -> bool:
    """Scheme and host, and a port that is one if there is any; no user and no password."""
    try:
        parts = urlsplit(url)
        return _may_be_shown(url) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _wrong(where: str, says: str) -> Interrupted:
    remedy = "Correct it as docs/connections.md shows, and run the command again."
    return Interrupted(Finding("connection.wrong", where, says, remedy))
