"""How one GP company is reached: address, company, Windows account, patience."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.wrong_passwords import KNOWN_WRONG, Refusals


class Scheme(Enum):
    """How Windows Authentication is done. An installation may switch NTLM off; the others may be all it takes."""

    NTLM = "ntlm"
    NEGOTIATE = "negotiate"  # Kerberos inside SPNEGO, never NTLM inside it; needs the package's extra `kerberos`


class Secret:
    """A text that is never shown: not by repr, not by str, not in a traceback that prints its holder."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Kerberos:
    """Where the tickets of Scheme.NEGOTIATE come from. Times in seconds."""

    realm: str = ""  # the domain's DNS name, as CONTOSO.COM; empty = what stands behind the @ of the user name
    controllers: tuple[str, ...] = ()  # domain controllers as host or host:port; none = DNS names them
    keytab: Path | None = None  # the account's keys, in place of its password
    service: str = ""  # the service name (SPN), as HTTP/gp.contoso.com; empty = HTTP/ and the host of the server
    lifetime: int | None = None  # of the tickets that are asked for; None = what the domain gives
    margin: float = 600.0  # tickets are renewed when they have less than this left
    patience: float = 20.0  # for an answer of the domain; MIT's library alone would wait for 25 and more
    pause: float = 30.0  # until a controller that did not answer is asked again, while the tickets are still good


def unheard(answer: str, seconds: float) -> None:
    """Who listens to each request is told its answer, a status or "lost", and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Access:
    """One GP company as one Windows account sees it. Timeouts in seconds.

    `server` is scheme, host and port only: https://gp.example.com:48650. `tenant` is DefaultTenant unless several are
    installed (Microsoft, "Scale out installation of the web client"). `company` is what stands in the address, as the
    service map says: the database name or the display name.
    """

    server: str
    company: str
    username: str  # DOMAIN\\user or user@domain
    password: Secret
    tenant: str = "DefaultTenant"
    scheme: Scheme = Scheme.NTLM
    kerberos: Kerberos = Kerberos()
    channel_binding: bool = True  # over TLS the login is tied to the server's certificate (IIS: Extended Protection)
    verify: bool = True  # the server's certificate; False only for a trial on a closed network
    ca_bundle: Path | None = None  # PEM file of the authority that signed the server's certificate
    connect_timeout: float = 10.0
    read_timeout: float = 100.0
    write_timeout: float = 600.0  # waiting for the answer to a create
    lanes: int = 1  # connections that work at the same time
    row_cap: int | None = field(default=None)  # in place of the service map's, where this site's differs
    heard: Callable[[str, float], None] = field(default=unheard, repr=False, compare=False)  # as `unheard` says
    refusals: Refusals = field(default=KNOWN_WRONG, compare=False, repr=False)  # passwords that nobody tries again

    def address(self, path: str) -> str:
        """The full address of a path below the company, both names percent-encoded."""
        tenant, company = quote(self.tenant, safe=""), quote(self.company, safe="")
        root = f"{self.server.rstrip('/')}/GPService/Tenants({tenant})/Companies({company})"
        return f"{root}/{path.lstrip('/')}"

    def tls(self) -> ssl.SSLContext:
        """How the server's certificate is judged. Raises Interrupted where the bundle cannot be read."""
        return trust(self.verify, self.ca_bundle)


def trust(verify: bool, ca_bundle: Path | None) -> ssl.SSLContext:
    """The authorities by which a server's certificate is judged: the bundle's, or the machine's, or none at all.

    Raises Interrupted where the bundle cannot be read.
    """
    if verify:
        try:
            return ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else None)
        except OSError as error:  # of which ssl.SSLError is one
            raise Interrupted(errors.ca_bundle(str(ca_bundle), error.strerror or str(error))) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
