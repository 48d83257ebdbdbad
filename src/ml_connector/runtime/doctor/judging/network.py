"""Names, ports, certificates and clocks: what is wrong with them, and who mends it where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ml_connector.findings import Finding
from ml_connector.runtime.settings import LOOPBACK

WARNING_DAYS = 30  # that a certificate has left
NOTED, ALLOWED = 60.0, 300.0  # seconds that clocks may be apart: RFC 4120 recommends five minutes for Kerberos
EXPIRED, NOT_YET, WRONG_NAMES = 10, 9, (62, 64)  # OpenSSL's X509_V_ERR_…: 62 a host name, 64 an address
STRANGERS = (18, 19, 20, 21)  # self-signed, or no authority that is known


class System(Enum):
    SERVICETITAN = "ServiceTitan"
    GP = "GP"


@dataclass(frozen=True, slots=True)
class Server:
    """Whose server it is, and which setting names it: "servicetitan.api_url", "gp.FRM.server"."""

    system: System
    setting: str


@dataclass(frozen=True, slots=True)
class Certificate:
    names: tuple[str, ...]
    issuer: str
    begins: datetime
    ends: datetime


def unknown_host(server: Server, host: str, proxy: str, words: str) -> Finding:
    if proxy:
        remedy = (
            "Correct the proxy in the environment that ml-connector runs in (HTTPS_PROXY); then run the check again."
        )
    elif server.system is System.GP:
        remedy = (
            f"Correct the host name in the connection's {server.setting}, or have the administrator enter it in the DNS that "
            "this machine asks (nslookup shows it); then run the check again."
        )
    else:
        remedy = (
            "See that this machine's DNS answers for names of the internet (nslookup shows it), or that HTTPS_PROXY names "
            "the proxy; then run the check again."
        )
    return Finding("network.host_unknown", host, f"the name '{host}' leads to no address: {words}", remedy)


def no_connection(server: Server, words: str, proxy: str) -> Finding:
    if proxy:
        remedy = f"See that the proxy {proxy} runs and lets this machine in; then run the check again."
    elif server.system is System.GP:
        remedy = (
            "On the GP server, see that the service runs (GP Service; for the web services, Microsoft Dynamics GP Web "
            f"Services) and listens on this port, that {server.setting} names the right port, and that no firewall stands "
            "between; then run the check again."
        )
    else:
        remedy = (
            "Let this machine out to ServiceTitan's addresses on port 443 (firewall, proxy); then run the check again."
        )
    return Finding("network.no_connection", server.setting, f"no connection is taken: {words}", remedy)


def no_answer(server: Server, host: str, words: str) -> Finding:
    return Finding(
        "network.no_answer",
        host,
        f"it takes a connection and gives no HTTP answer: {words}",
        f"See that {server.setting} names the port of the service itself, and http or https as the service has it; then run "
        "the check again.",
    )


def no_tls(server: Server, host: str, words: str) -> Finding:
    return Finding(
        "network.no_tls",
        host,
        f"it does not speak TLS: {words}",
        f"See that {server.setting} names the port on which the server speaks https, and that nothing between takes the "
        "connection apart; then run the check again.",
    )


def plain(host: str) -> Finding | None:
    """Web services on plain HTTP are usual inside a network. Not to be called wrong, and not to be passed over."""
    if host in LOOPBACK:
        return None
    return Finding(
        "network.plain",
        host,
        "it is reached by plain HTTP: whoever sits between can read and change what is entered",
        "Ask the GP administrator to bind the service to https, and write https in the connection; on a network that you "
        "trust, nothing is needed.",
        warns=True,
    )


def unverified(host: str) -> Finding:
    return Finding(
        "network.unverified",
        host,
        "verify_tls is false: any certificate is taken, so anybody on the way can pose as the server",
        "In the connection, name the authority's file (ca_bundle) and set verify_tls to true.",
        warns=True,
    )


def refused(server: Server, host: str, shown: Certificate | None, code: int, words: str) -> Finding:
    """A certificate that does not pass; `code` is OpenSSL's reason."""
    if shown and code == EXPIRED:
        says = f"its certificate ended on {shown.ends:%Y-%m-%d}"
        remedy = "On the server, renew the certificate and bind the new one to the port; then run the check again."
    elif shown and code == NOT_YET:
        says = f"its certificate begins on {shown.begins:%Y-%m-%d %H:%M} UTC, later than this machine's clock"
        remedy = "Set this machine's clock by a time server; then run the check again."
    elif shown and code in WRONG_NAMES:
        says = f"its certificate is for {', '.join(shown.names)}, not for {host}"
        remedy = (
            f"In the connection's {server.setting}, write the name that the certificate carries, or have a certificate "
            "issued for this one; then run the check again."
        )
    else:
        by = f"it is signed by '{shown.issuer}'" if shown and code in STRANGERS else words
        says = f"nobody that this machine trusts vouches for its certificate: {by}"
        remedy = (
            "Put the certificate of the authority that signed it in a PEM file and name the file in the connection "
            "(ca_bundle); then run the check again."
            if server.system is System.GP
            else "A proxy here takes TLS apart, or this machine's authorities are old: name the proxy's authority in "
            "SSL_CERT_FILE, or update the machine; then run the check again."
        )
    return Finding("network.certificate", host, says, remedy)


def days_left(shown: Certificate, now: datetime) -> int:
    return (shown.ends - now).days


def ends(server: Server, shown: Certificate, now: datetime) -> Finding | None:
    """A certificate that is good and will not be for long."""
    if days_left(shown, now) >= WARNING_DAYS:
        return None
    return Finding(
        "network.certificate_ends",
        shown.names[0] if shown.names else server.setting,
        f"its certificate ends on {shown.ends:%Y-%m-%d}, in {days_left(shown, now)} days",
        "On the server, renew the certificate before then, and bind the new one to the port."
        if server.system is System.GP
        else "Nothing is needed while ServiceTitan renews it; if a proxy here takes TLS apart, renew the proxy's.",
        warns=True,
    )


def good(shown: Certificate, now: datetime) -> str:
    return f"signed by {shown.issuer}, good until {shown.ends:%Y-%m-%d} ({days_left(shown, now)} days)"


def clock(server: Server, apart: float, whose: str = "the server's") -> Finding | None:
    """`apart`: seconds that the other clock is before ours. An HTTP date has whole seconds, so one is nothing."""
    if abs(apart) <= NOTED:
        return None
    far = abs(apart) > ALLOWED
    return Finding(
        "network.clock",
        server.system.value,
        f"this machine's clock and {whose} are {abs(apart):.0f} seconds apart: ours is {'behind' if apart > 0 else 'ahead'}"
        + (", more than the five minutes that logins allow" if far else ""),
        "Set the clock of this machine by a time server (timedatectl, or w32tm on Windows)"
        + (
            ", and that of the GP server and the domain controllers by the same one"
            if server.system is System.GP
            else ""
        )
        + "; then run the check again.",
        warns=not far,
    )


def told_apart(apart: float) -> str:
    return "as ours, to the second" if abs(apart) < 2 else f"{abs(apart):.0f} seconds from ours"
