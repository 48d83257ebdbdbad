"""What goes wrong with GP, in words for the person who mends it.

findings.Interrupted      the run stops; what was stored stays, the next run goes on from there
├── gp.unreachable        no connection, no such host, no answer
├── gp.certificate        the server's certificate is not trusted or names another host
├── gp.ca_bundle          the file of the authority's certificate cannot be read
├── gp.credentials        the password is refused
├── gp.login_busy         another process is trying the account's password just now
├── gp.account_unknown    the domain has no such account
├── gp.account_locked_or_disabled
├── gp.password_expired   expired, or to be changed at the next login
├── gp.keytab             the file of the account's keys cannot be used
├── gp.realm              the domain of the account is not known here
├── gp.controller_unreachable   no domain controller answers
├── gp.clock              clocks differ by more than Kerberos allows
├── gp.service_name       the domain knows no such service (SPN)
├── gp.ticket_refused     the server turns away a ticket that the domain gave us for it
├── gp.server_unproven    what answered did not prove that it is the server
├── gp.kerberos_missing   the package's extra `kerberos` is not installed
├── gp.kerberos           Kerberos says something else
├── gp.scheme             the server does not take the kind of login that is configured
├── gp.forbidden          the login is good, but has no access to the company or the window
├── gp.missing            the address is not there: company, or a path of the service map
├── gp.answer             an answer that we cannot understand
├── gp.truncated          a list that may have been cut off
└── gp.service_map        the service map does not fit this installation
books.outcomes.Entry      what comes of one document
├── Held                  GP refused it, for reasons that a person mends: `refusal` gives one finding each
├── Deferred              GP surely did not take it, and the reason passes by itself
└── InDoubt               the answer is lost, or says that the number exists, which may be our own earlier create
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_connector.books.document import Document
from ml_connector.books.period import Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.parties import refusals

GP = "Dynamics GP"
PASSES = frozenset({"batch.locked", "document.locked"})  # these pass by themselves
EXISTS = "number.taken"
LOGIN = frozenset(  # what stops every request alike, until somebody mends the login
    {
        "gp.credentials",
        "gp.login_busy",
        "gp.account_unknown",
        "gp.account_locked_or_disabled",
        "gp.password_expired",
        "gp.keytab",
        "gp.realm",
        "gp.controller_unreachable",
        "gp.clock",
        "gp.service_name",
        "gp.ticket_refused",
        "gp.server_unproven",
        "gp.kerberos_missing",
        "gp.kerberos",
        "gp.scheme",
    }
)
REFUSALS = frozenset(
    {
        *refusals.REFUSALS,
        *PASSES,
        EXISTS,
        "period.closed",
        "period.unknown",
        "account.missing",
        "account.inactive",
        "account.no_entry",
        "vendor_invoice.duplicate",
        "customer.missing",
        "vendor.missing",
        "customer.inactive",
        "vendor.inactive",
        "tax_detail.missing",
        "distribution.unbalanced",
        "document.refused",
    }
)


class Refused(Interrupted):
    """A service map, calendar or chart of accounts is refused whole; `findings` name each mistake."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(*findings)
        self.args = ("; ".join(f"{finding.where}: {finding.says}" for finding in findings),)


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that GP said against a request: its code, or "", and its words."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.code})" if self.text and self.code else self.text or self.code


def credentials(username: str, again: bool) -> Finding:
    tried = "was refused before, so it is not tried again" if again else "is refused"
    return Finding(
        "gp.credentials",
        GP,
        f"the login of {username} {tried}",
        "Ask your Windows administrator whether the account is locked, disabled or has a new password; set the "
        "password of the connection, then run again. Where it was right all along, run "
        "'ml-connector connection allow-login' with the connection's name, and it is tried once more.",
    )


def login_busy(username: str) -> Finding:
    return Finding(
        "gp.login_busy",
        GP,
        f"another process is signing {username} in, and an unproven password is tried by one at a time",
        "Run again in a few minutes; if it stays so, see with 'ml-connector doctor' whether the domain controllers and "
        "GP answer.",
    )


def account_unknown(username: str, realm: str) -> Finding:
    return Finding(
        "gp.account_unknown",
        realm,
        f"the domain has no account {username}",
        "Correct the user name of the connection (user@DOMAIN.NAME or DOMAIN\\user) or its realm; then run again.",
    )


def account_closed(username: str) -> Finding:
    return Finding(
        "gp.account_locked_or_disabled",
        GP,
        f"the domain lets {username} in no more: the account is locked, disabled or past its end",
        "Ask your Windows administrator to look at the account in Active Directory Users and Computers (tab Account), "
        "and to find out who locked it: this program never tries a refused password again; then run again.",
    )


def password_expired(username: str) -> Finding:
    return Finding(
        "gp.password_expired",
        GP,
        f"the password of {username} has expired, or must be changed at the next login",
        "Ask your Windows administrator to set a new password that does not expire (Active Directory Users and "
        "Computers, tab Account), set it in the connection, then run again.",
    )


def keytab(path: str, cause: str) -> Finding:
    return Finding(
        "gp.keytab",
        path,
        f"the keytab cannot be used: {cause}",
        "Make it anew for the connection's account (ktpass on a domain controller), readable by the account that runs "
        "ml-connector, and name its path in the connection; a change of the password makes a keytab void. Where it was "
        "right all along, run 'ml-connector connection allow-login' with the connection's name.",
    )


def realm(username: str, name: str) -> Finding:
    says = f"no domain controller is known for the realm '{name}'" if name else f"{username} does not tell its realm"
    return Finding(
        "gp.realm",
        GP,
        says,
        "In the connection's Kerberos settings, set 'realm' to the domain's DNS name in capital letters and, where DNS "
        "does not name them, 'controllers' to its domain controllers; then run again.",
    )


def controllers(named: Sequence[str]) -> Finding:
    return Finding(
        "gp.realm",
        GP,
        f"the domain controllers '{', '.join(named)}' are no host names",
        "In the connection's Kerberos settings, write 'controllers' as host or host:port; then run again.",
    )


def controller_unreachable(name: str, cause: str) -> Finding:
    return Finding(
        "gp.controller_unreachable",
        name,
        f"no domain controller answers: {cause}",
        "See that a domain controller runs and that port 88 (TCP) is open from this machine to it, and that "
        "'controllers' in the connection names it; then run again.",
    )


def clock(says: str) -> Finding:
    return Finding(
        "gp.clock",
        GP,
        says,
        "Set the clocks of this machine, the GP server and the domain controllers by one time server; Kerberos allows "
        "five minutes of difference; then run again.",
    )


def service_name(service: str, realm_name: str) -> Finding:
    return Finding(
        "gp.service_name",
        service,
        f"the domain {realm_name} has no account that carries the service name {service}",
        "Ask your Windows administrator to register it for the account that runs the GP service "
        f"('setspn -S {service} DOMAIN\\account'), or set 'service' in the connection's Kerberos settings to the one that "
        "is registered ('setspn -L'); then run again.",
    )


def ticket_refused(service: str) -> Finding:
    return Finding(
        "gp.ticket_refused",
        service,
        "the server turns away the ticket that the domain gave us for it",
        "On the GP server, see that the service name is registered for the very account that runs the service and for "
        "no other ('setspn -Q', 'setspn -X'), that its password was not changed since the service started, and that "
        "no proxy ends TLS before it (Extended Protection; then set 'channel_binding' to false); then run again.",
    )


def server_unproven(server: str) -> Finding:
    return Finding(
        "gp.server_unproven",
        server,
        "what answered did not prove that it is the server that the domain knows",
        "See that the connection's server is the GP server itself, and that no proxy or anonymous access stands "
        "between; then run again.",
    )


def kerberos_missing(cause: str) -> Finding:
    return Finding(
        "gp.kerberos_missing",
        "ml-connector",
        f"Kerberos is configured, and its part of ml-connector is not installed ({cause})",
        "Install it: pip install 'ml-connector[kerberos]' (on Linux it compiles, and needs a C compiler and the packages "
        "libkrb5-dev and python3-dev), or set the connection's authentication to 'ntlm' and allow NTLM on the GP server.",
    )


def kerberos(service: str, cause: str) -> Finding:
    return Finding(
        "gp.kerberos",
        service,
        f"Kerberos says: {cause}",
        "Look the words up with your Windows administrator (encryption types and trusts come first), or set the "
        "connection's authentication to 'ntlm' and allow NTLM on the GP server.",
    )


def scheme_not_offered(scheme: str, offered: str) -> Finding:
    name, other = ("NTLM", "negotiate") if scheme == "ntlm" else ("Negotiate", "ntlm")
    return Finding(
        "gp.scheme",
        GP,
        f"the server does not go on with {'an' if name == 'NTLM' else 'a'} {name} login; it offers {offered}",
        f"On the GP server, put {name} among the providers of Windows Authentication in IIS, or set the connection's "
        f"authentication to '{other}', or take away the proxy that stands between; then run again.",
    )


def unreachable(address: str, cause: str) -> Finding:
    return Finding(
        "gp.unreachable",
        address,
        f"GP gives no answer: {cause}",
        "On the GP server, see that the GP Service and the Dexterity Service Control run, and that no firewall stands "
        "between; then run again.",
    )


def certificate(address: str, cause: str) -> Finding:
    return Finding(
        "gp.certificate",
        address,
        f"the server's certificate is not accepted: {cause}",
        "In the connection, name the file of the authority that signed it (CA bundle), and use the host name that the "
        "certificate carries; then run again.",
    )


def ca_bundle(path: str, cause: str) -> Finding:
    return Finding(
        "gp.ca_bundle",
        path,
        f"the file of the authority's certificate cannot be read: {cause}",
        "Put the authority's certificate there as PEM (it begins with -----BEGIN CERTIFICATE-----), readable by the account "
        "that runs ml-connector, or correct ca_bundle in the connection; then run again.",
    )


def forbidden(company: str, username: str, resource: str) -> Finding:
    return Finding(
        "gp.forbidden",
        company,
        f"{username} may not use {resource}",
        "In GP, Tools > Setup > System: map the Windows account to a GP user (User), give it the company (User Access) "
        "and a role with the window behind this service (User Security); then run again.",
    )


def missing(address: str, resource: str) -> Finding:
    return Finding(
        "gp.missing",
        resource,
        f"GP has nothing at {address}",
        "Compare the connection's company and the service map's path with the installation's help page "
        "(…/GPService/Tenants(…)/help), then run again.",
    )


def answer(resource: str, says: str) -> Finding:
    return Finding(
        "gp.answer",
        resource,
        says,
        "Run 'ml-connector doctor'; if it says the same, compare the service map with what the installation answers.",
    )


def truncated(resource: str, cap: int) -> Finding:
    return Finding(
        "gp.truncated",
        resource,
        f"GP gave {cap} rows, the most that it gives at once, so there may be more",
        "In the service map, give this resource paging or a 'range' filter; for accounts and periods a CSV file will "
        "also do.",
    )


def unmapped(resource: str, wanted: str) -> Finding:
    return Finding(
        "gp.service_map",
        resource,
        f"the service map has no {resource}, and {wanted}",
        f"Add [{resource}] to the company's service map, or give the file that stands in for it.",
    )


def refusal(code: str, said: Said, document: Document, batch_id: str) -> Finding:
    """One reason why GP refused a document, GP's words quoted, with the remedy in GP's own windows."""
    where = f"{document.kind.value} {document.number}"
    return Finding(code, where, f"GP refused it: {said}", _remedy(code, document, batch_id))


def _remedy(code: str, document: Document, batch_id: str) -> str:
    sales = document.kind.series is Series.SALES
    series, cards = ("Sales", "Sales") if sales else ("Purchasing", "Purchasing")
    party = "Customer" if sales else "Vendor"
    month = f"{document.posting_date:%B %Y}"
    accounts = "In GP, Cards > Financial > Account,"
    match code:
        case "period.closed":
            return (
                f"In GP, Tools > Setup > Company > Fiscal Periods, open {month} for {series} and Financial, or set the "
                "rulebook's option for closed periods to the first open day; then replay."
            )
        case "period.unknown":
            return (
                f"In GP, Tools > Setup > Company > Fiscal Periods, set up the year {document.posting_date.year}, or "
                "correct the date in ServiceTitan; then replay."
            )
        case "account.missing":
            return f"{accounts} add the account, or in the rulebook choose another; then replay."
        case "account.inactive":
            return f"{accounts} clear Inactive, or in the rulebook choose another account; then replay."
        case "account.no_entry":
            return f"{accounts} tick Allow Account Entry, or in the rulebook choose another account; then replay."
        case "vendor_invoice.duplicate":
            return (
                f"In GP, Inquiry > Purchasing > Transaction by Vendor, find the document of {document.party_id} with "
                "this number: if it is the same bill, skip ours; if not, correct the number in ServiceTitan and replay."
            )
        case "customer.missing" | "vendor.missing":
            return (
                f"In GP, Cards > {cards} > {party}, add {document.party_id}, or in the rulebook's {party}s table "
                "choose another; then replay."
            )
        case "customer.inactive" | "vendor.inactive":
            return (
                f"In GP, Cards > {cards} > {party}, clear Inactive for {document.party_id}, or in the rulebook's "
                f"{party}s table choose another; then replay."
            )
        case "tax_detail.missing":
            return "In GP, Tools > Setup > Company > Tax Details, add it, or mend the rulebook's Taxes; then replay."
        case "distribution.unbalanced":
            return (
                "In the rulebook, mend what the distributions show, and in GP check that the distributions are not "
                "made by GP's own policy; then replay."
            )
        case "batch.locked":
            return f"In GP, Transactions > {series} > Batches, let {batch_id} be closed or posted; then replay."
        case "document.locked":
            return "In GP, let the document be closed on every screen; then replay."
        case _:
            return "Do in GP what its words ask for, or mend the rulebook; then replay."


def posting_refused(batch_id: str, says: str) -> Finding:
    return Finding(
        "posting.refused",
        f"batch {batch_id}",
        f"GP did not post it: {says}",
        "Do in GP what its words ask for, then run 'ml-connector post' again; or post the batch in GP (Transactions > Sales "
        "or Purchasing > Batches).",
    )


def listing(said: Sequence[Said]) -> str:
    return "; ".join(str(one) for one in said) or "without a word"


def misfit(where: str, says: str) -> Finding:
    return Finding(
        "gp.service_map",
        where,
        says,
        "In the company's service map, write what this installation has (see its help page); then run again.",
    )
