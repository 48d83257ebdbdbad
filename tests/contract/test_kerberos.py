"""Windows Authentication by Kerberos, against a real Active Directory domain controller (Samba) on loopback.

The sandbox's GP opens the tickets with the keytab of its service account; the domain has an account for everything
that can be wrong with one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ml_connector.books.outcomes import Deferred, Entered, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp.access import Kerberos, Scheme, Secret
from ml_connector.gp.books import GpBooks
from ml_connector.gp.kerberos import Code, Tickets
from ml_connector.gp.realms import configuration
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, Module, WindowsUser
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.serving import Response, Server
from tests.contract.books_contract import BATCH, SR, an_invoice
from tests.contract.relay import Relay, certificate
from tests.contract.test_books_sba import NOON, Watched, books_of
from tests.contract.test_windows_auth import BODY, HERE, together
from tests.domain import accounts
from tests.domain.accounts import REALM, SHORT, Account
from tests.domain.controller import Controller

SERVICE = "HTTP/gp.frontrange.test"
USERS = (GPCONNECT, WindowsUser(accounts.NO_ROLE.login, "", roles=frozenset()))


@dataclass
class Office:
    """The sandbox's company, whose SBA server lets people of the domain in by their tickets."""

    domain: Controller
    company: Company
    application: Watched
    server: Server
    tickets: TicketDoor

    def books(self, who: Account = accounts.GOOD, /, **changes: Any) -> GpBooks:
        """Books for one account of the domain. `kerberos` changes single fields of the settings."""
        settings = {"realm": REALM, "controllers": (self.domain.address,), **changes.pop("kerberos", {})}
        given = {
            "username": f"{who.name}@{REALM}",
            "password": Secret(who.password),
            "scheme": Scheme.NEGOTIATE,
            "kerberos": Kerberos(**settings),
        }
        return books_of(self.server, "one", **given | changes)

    @property
    def standing(self) -> list[str]:
        return [it.number.strip() for it in self.company.documents(Module.RECEIVABLES)]


@contextlib.contextmanager
def serving(
    domain: Controller, keytab: str = "service.keytab", binding: bytes | None = None, must_bind: bool = False
) -> Iterator[Office]:
    company = Company.front_range(None, lambda: NOON)
    tickets = TicketDoor(domain.keytab(keytab), {REALM: SHORT}, binding, must_bind)
    application = Watched(company, DIALECTS["one"], USERS, door=Door(USERS, tickets, binding=binding))
    with Server(application) as server:
        yield Office(domain, company, application, server, tickets)


@pytest.fixture
def office(domain: Controller) -> Iterator[Office]:
    with serving(domain) as office:
        yield office


def by_password(domain: Controller) -> Kerberos:
    return Kerberos(REALM, (domain.address,))


def stopped(books: GpBooks) -> Interrupted:
    """How a question ends that cannot be asked."""
    with books, pytest.raises(Interrupted) as stop:
        books.find(SR, ["STI1"])
    return stop.value


def knocked(books: GpBooks) -> Interrupted:
    """How the doctor's login ends."""
    with books, pytest.raises(Interrupted) as stop:
        books.wire.knock(books.looking().address)
    return stop.value


def code_of(books: GpBooks) -> str:
    return stopped(books).finding.code


# What works


def test_a_stored_password_signs_in_and_a_write_is_one_request(office: Office) -> None:
    """The very first request of a lane is a document: it carries its ticket unasked, and nothing else is sent."""
    with Relay(office.server.url) as relay, office.books(server=relay.url) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(BODY) == relay.said.count(b"Authorization: Negotiate ") == 1
        assert relay.said.startswith(b"POST ")
        assert relay.said.count(b" HTTP/1.1\r\n") == relay.connections == books.calls == 1


def test_a_keytab_signs_in_without_a_password(office: Office) -> None:
    """The administrator exported the account's keys; no password is stored anywhere."""
    settings = {"keytab": office.domain.keytab("gpconnect.keytab")}
    with office.books(password=Secret(""), kerberos=settings) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)


@pytest.mark.parametrize(
    "name", ["gpconnect", f"{SHORT}\\gpconnect", "gpconnect@frontrange.test", "office@books.example"]
)
def test_an_account_is_known_by_each_of_its_names(office: Office, name: str) -> None:
    """Bare, with the domain's short name, with the realm, and with a suffix that is no realm at all."""
    with office.books(username=name) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)


def test_the_service_name_may_be_another_than_the_host(office: Office) -> None:
    """The server is reached by its address, and registered under its name."""
    with office.books(kerberos={"service": SERVICE}) as books:
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)


def test_a_write_after_the_server_hung_up_is_sent_once(office: Office) -> None:
    """Tickets are not tied to a connection: a new one is opened, and the document goes once."""
    with Relay(office.server.url) as relay, office.books(server=relay.url) as books:
        books.find(SR, ["STI1"])
        relay.hang_up()
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(BODY) == relay.said.count(b"POST ") == 1
        assert relay.connections == 2


def test_sixteen_lanes_share_one_sign_in(office: Office) -> None:
    """Sixteen threads start at once: the domain is asked as often as one thread would ask it."""
    numbers = iter(range(64))
    entered: list[object] = []
    with asked(office.domain) as alone, office.books(kerberos={"controllers": (alone.address,)}) as books:
        books.find(SR, ["STI1"])
    with (
        asked(office.domain) as shared,
        Relay(office.server.url) as relay,
        office.books(server=relay.url, lanes=16, kerberos={"controllers": (shared.address,)}) as books,
    ):

        def work() -> None:
            for _ in range(4):
                entered.append(books.enter(an_invoice(f"STI{next(numbers)}"), BATCH))

        together(work, 16)
        assert relay.connections <= 16
    assert all(isinstance(entry, Entered) for entry in entered)
    assert len(office.standing) == len(entered) == 64
    assert shared.connections == alone.connections > 0


# The account


def test_a_wrong_password_is_tried_once_and_never_again(office: Office) -> None:
    """Eight threads on four lanes, a second run, and the doctor: the domain counts one attempt."""
    wrong: dict[str, Any] = {"password": Secret("mistyped-1"), "lanes": 4}
    codes: list[str] = []
    with office.books(accounts.MISTYPED, **wrong) as books:

        def ask() -> None:
            with pytest.raises(Interrupted) as stop:
                books.find(SR, ["STI1"])
            codes.append(stop.value.finding.code)

        together(ask, 8)
    assert codes == ["gp.credentials"] * 8
    with office.books(accounts.MISTYPED, **wrong) as books, pytest.raises(Interrupted) as stop:
        books.enter(an_invoice(), BATCH)
    assert "not tried again" in stop.value.finding.says
    assert knocked(office.books(accounts.MISTYPED, **wrong)).finding.code == "gp.credentials"
    assert office.domain.attribute(accounts.MISTYPED, "badPwdCount") == "1"
    assert office.standing == []


def test_a_keytab_of_an_old_password_is_tried_once(office: Office) -> None:
    """The keys are those of before a reset: the domain refuses them as it does a wrong password."""
    settings = {"keytab": office.domain.keytab("before-the-reset.keytab")}
    for says in ("refuses the keys", "not tried again"):
        stop = stopped(office.books(accounts.STALE, kerberos=settings))
        assert stop.finding.code == "gp.keytab"
        assert says in stop.finding.says
    assert office.domain.attribute(accounts.STALE, "badPwdCount") == "1"


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (accounts.EXPIRED, "gp.password_expired"),
        (accounts.MUST_CHANGE, "gp.password_expired"),
        (accounts.DISABLED_ONE, "gp.account_locked_or_disabled"),
        (accounts.ENDED, "gp.account_locked_or_disabled"),
        (Account("nobody", "Nobody-Pass-1"), "gp.account_unknown"),
    ],
    ids=lambda it: it.name if isinstance(it, Account) else "",
)
def test_what_is_wrong_with_an_account_is_told(office: Office, who: Account, code: str) -> None:
    """The right password, and an account that may not use it."""
    stop = stopped(office.books(who))
    assert stop.finding.code == code
    assert who.name in stop.finding.says
    assert knocked(office.books(who)).finding == stop.finding


def test_an_account_that_others_locked_is_named_as_locked(office: Office) -> None:
    """Three people mistyped the password; ours is right, and the account is locked all the same."""
    for guess in range(accounts.LOCKED_AFTER):
        assert code_of(office.books(accounts.LOCKED, password=Secret(f"guess-{guess}"))) == "gp.credentials"
    assert code_of(office.books(accounts.LOCKED)) == "gp.account_locked_or_disabled"
    assert office.domain.attribute(accounts.LOCKED, "badPwdCount") == str(accounts.LOCKED_AFTER)


def test_an_account_without_a_role_in_gp_is_forbidden(office: Office) -> None:
    """The login is good; GP knows the user and gives it nothing."""
    assert code_of(office.books(accounts.NO_ROLE)) == "gp.forbidden"


def test_an_account_whose_realm_nobody_tells_is_named(office: Office) -> None:
    """A bare name, and no realm in the connection."""
    assert code_of(office.books(username="gpconnect", kerberos={"realm": ""})) == "gp.realm"


@pytest.mark.parametrize(
    "settings",
    [{"realm": "A.TEST\n[plugins]"}, {"controllers": ("dc1}\n",)}, {"controllers": ("dc1:88 dc2:88",)}],
    ids=["realm", "brace", "two in one"],
)
def test_settings_that_would_write_into_the_configuration_are_refused(office: Office, settings: Any) -> None:
    """A realm and a controller are names, not lines of a file that the library obeys."""
    assert code_of(office.books(username="gpconnect", kerberos=settings)) == "gp.realm"
    assert "plugins" not in Path(os.environ["KRB5_CONFIG"]).read_text("utf-8")


@pytest.mark.parametrize("keytab", ["absent.keytab", "smb.conf", "mistyped.keytab"])
def test_a_keytab_that_is_none_of_the_account_is_named(office: Office, keytab: str) -> None:
    """It is not there, it is no keytab, or it holds another's keys."""
    path = office.domain.keytab(keytab)
    stop = stopped(office.books(kerberos={"keytab": path}))
    assert (stop.finding.code, stop.finding.where) == ("gp.keytab", str(path))


# The service


@pytest.mark.parametrize("service", ["HTTP/nobody.frontrange.test", "HTTP/gp.elsewhere.example"])
def test_a_service_name_that_nobody_registered_is_named(office: Office, service: str) -> None:
    """The remedy spells the command that registers it. The host's domain is not looked for elsewhere."""
    stop = stopped(office.books(kerberos={"service": service}))
    assert stop.finding.code == "gp.service_name"
    assert f"setspn -S {service}" in stop.finding.remedy


def test_a_server_with_old_keys_turns_the_ticket_away(domain: Controller) -> None:
    """The service account got a new password, and the service still runs with the old one."""
    with serving(domain, "stale.keytab") as office:
        settings = {"service": "HTTP/stale.frontrange.test"}
        assert code_of(office.books(kerberos=settings)) == "gp.ticket_refused"
        with office.books(kerberos=settings) as books, pytest.raises(Interrupted) as stop:
            books.enter(an_invoice(), BATCH)
        assert stop.value.finding.code == "gp.ticket_refused"
        assert office.tickets.denials
        assert office.standing == []


def test_a_server_whose_clock_is_wrong_is_told_from_its_answer(office: Office) -> None:
    """Twenty minutes late: it refuses the ticket without a word, but its answer carries the time."""
    if shutil.which("faketime") is None:
        assert not os.environ.get("CI"), "faketime is not installed: apt-get install faketime"
        pytest.skip("faketime is not installed: apt-get install faketime")
    keytab = office.domain.keytab("service.keytab")
    late = subprocess.Popen(
        ["faketime", "-f", "+20m", sys.executable, "-m", "tests.domain.late_office", keytab],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert late.stdout
        stop = stopped(office.books(server=late.stdout.readline().strip()))
        assert stop.finding.code == "gp.clock"
        assert "20 minutes" in stop.finding.says
    finally:
        late.communicate("")


def test_a_server_that_takes_ntlm_alone_is_named(office: Office) -> None:
    """IIS lists NTLM and nothing else."""
    office.application.says = Response(401, b"", (("WWW-Authenticate", "NTLM"),), "text/html")
    stop = stopped(office.books())
    assert stop.finding.code == "gp.scheme"
    assert "offers NTLM" in stop.finding.says


def test_an_answer_without_proof_is_not_believed(office: Office) -> None:
    """Something in GP's place says that all is well: a question stops the run, a document is in doubt."""
    office.application.says = Response(200, b'{"value": []}')
    assert code_of(office.books()) == "gp.server_unproven"
    with office.books() as books:
        assert isinstance(books.enter(an_invoice(), BATCH), InDoubt)


def test_an_answer_with_a_forged_proof_is_not_believed(office: Office) -> None:
    """It sends a token along that no key of the service made."""
    proof = ("WWW-Authenticate", "Negotiate oRQwEqADCgEAoQsGCSqGSIb3EgECAg==")
    office.application.says = Response(200, b'{"value": []}', (proof,))
    assert code_of(office.books()) == "gp.server_unproven"


# TLS


def test_a_certificate_that_nobody_vouches_for_is_refused(office: Office, tmp_path: Path) -> None:
    """No ticket goes to a server that TLS does not trust."""
    tls, _ = certificate(tmp_path, HERE)
    with Relay(office.server.url, tls) as relay:
        assert code_of(office.books(server=relay.url)) == "gp.certificate"
        with office.books(server=relay.url) as books:
            assert isinstance(books.enter(an_invoice(), BATCH), Deferred)
        assert relay.said == b""


def fingerprint(bundle: Path) -> bytes:
    """RFC 5929, section 4, for a certificate that is signed with SHA-256."""
    return b"tls-server-end-point:" + x509.load_pem_x509_certificate(bundle.read_bytes()).fingerprint(hashes.SHA256())


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_login_over_tls_is_tied_to_the_certificate(domain: Controller, tmp_path: Path, scheme: Scheme) -> None:
    """Extended Protection is required: a document goes in once, also after the connection was lost."""
    tls, bundle = certificate(tmp_path, HERE)
    with serving(domain, binding=fingerprint(bundle), must_bind=True) as office, Relay(office.server.url, tls) as relay:
        name = accounts.GOOD.login
        with office.books(server=relay.url, ca_bundle=bundle, scheme=scheme, username=name) as books:
            assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
            relay.hang_up()
            assert books.enter(an_invoice("STI10483"), BATCH) == Entered("STI10483", BATCH)
            assert relay.said.count(b"POST ") == 2


@pytest.mark.parametrize(("scheme", "code"), [(Scheme.NEGOTIATE, "gp.ticket_refused"), (Scheme.NTLM, "gp.credentials")])
def test_a_login_that_is_not_tied_is_turned_away(domain: Controller, tmp_path: Path, scheme: Scheme, code: str) -> None:
    """Extended Protection is required, and channel binding is switched off in the connection."""
    tls, bundle = certificate(tmp_path, HERE)
    with serving(domain, binding=fingerprint(bundle), must_bind=True) as office, Relay(office.server.url, tls) as relay:
        given: dict[str, Any] = {"server": relay.url, "ca_bundle": bundle, "channel_binding": False, "scheme": scheme}
        assert code_of(office.books(username=accounts.GOOD.login, **given)) == code


def test_a_proxy_that_ends_tls_spoils_the_login(domain: Controller, tmp_path: Path) -> None:
    """The server knows its own certificate, and the login is tied to that of the proxy before it."""
    for name in ("own", "proxy"):
        (tmp_path / name).mkdir()
    _, own = certificate(tmp_path / "own", HERE)
    tls, bundle = certificate(tmp_path / "proxy", HERE)
    with serving(domain, binding=fingerprint(own)) as office, Relay(office.server.url, tls) as relay:
        stop = stopped(office.books(server=relay.url, ca_bundle=bundle))
        assert stop.finding.code == "gp.ticket_refused"
        assert "Extended Protection" in stop.finding.remedy
        with office.books(server=relay.url, ca_bundle=bundle, channel_binding=False) as books:
            assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)


def test_a_server_that_changes_its_certificate_is_followed(domain: Controller, tmp_path: Path) -> None:
    """A renewed certificate on the next connection: the login is made anew for it before the document leaves."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    tls, _ = certificate(tmp_path / "old", HERE)
    _, new = certificate(tmp_path / "new", HERE)
    with (
        serving(domain) as office,
        Relay(office.server.url, tls) as relay,
        office.books(server=relay.url, verify=False) as books,
    ):
        books.find(SR, ["STI1"])
        tls.load_cert_chain(new, tmp_path / "new" / "key.pem")
        relay.hang_up()
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(BODY) == relay.said.count(b"POST ") == 1


# The controller


@dataclass
class Asked:
    """A way to the domain controller that counts what is asked."""

    address: str
    _relay: Relay

    @property
    def connections(self) -> int:
        return self._relay.connections


@contextlib.contextmanager
def asked(domain: Controller) -> Iterator[Asked]:
    with Relay(f"http://{domain.address}") as relay:
        yield Asked(relay.url.removeprefix("http://"), relay)


def test_a_controller_that_is_down_stops_the_run(office: Office) -> None:
    """Nothing listens there: nothing was sent to GP, and the finding names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    stop = stopped(office.books(kerberos={"controllers": (address,)}))
    assert stop.finding.code == "gp.controller_unreachable"
    assert "port 88" in stop.finding.remedy
    with office.books(kerberos={"controllers": (address,)}) as books, pytest.raises(Interrupted):
        books.enter(an_invoice(), BATCH)
    assert office.standing == []


def test_a_controller_that_never_answers_is_not_waited_for_without_end(office: Office) -> None:
    """A firewall swallows what is sent: each question is given up after our patience, not after the library's."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with office.books(kerberos={"controllers": (address,), "patience": 0.5}) as books:
            for _ in range(2):
                with pytest.raises(Interrupted) as stop:
                    books.find(SR, ["STI1"])
                assert stop.value.finding.code == "gp.controller_unreachable"
                assert "0.5 seconds" in stop.value.finding.says


def test_tickets_that_live_shorter_than_the_run_are_renewed(office: Office) -> None:
    """Tickets of five minutes, renewed when a second has passed: documents go in over three lives of them."""
    with asked(office.domain) as asked_for:
        brief = {"controllers": (asked_for.address,), "lifetime": 305, "margin": 304.0}
        with office.books(kerberos=brief) as books:
            first = 0
            entered: list[str] = []
            while asked_for.connections < 3 * first or not first:
                number = f"STI{len(entered)}"
                assert books.enter(an_invoice(number), BATCH) == Entered(number, BATCH)
                entered.append(number)
                first = first or asked_for.connections
    assert sorted(office.standing) == sorted(entered)


def test_a_controller_that_restarts_in_mid_run_loses_nothing(office: Office) -> None:
    """It goes down, tickets fall due for renewal, it comes back: the run goes on with what it has."""
    brief = {"lifetime": 305, "margin": 304.5}
    with office.books(kerberos=brief) as books:
        assert books.enter(an_invoice("STI1"), BATCH) == Entered("STI1", BATCH)
        office.domain.stop()
        try:
            time.sleep(1)  # past the half second after which renewal is due
            assert books.enter(an_invoice("STI2"), BATCH) == Entered("STI2", BATCH)
        finally:
            office.domain.start()
        assert books.enter(an_invoice("STI3"), BATCH) == Entered("STI3", BATCH)
    with office.books() as books:
        assert set(books.find(SR, ["STI1", "STI2", "STI3"])) == {"STI1", "STI2", "STI3"}


def test_renewal_waits_for_nothing_while_the_tickets_are_good(domain: Controller) -> None:
    """A life of six hours, run through in a moment: renewed ten minutes before each end, never sooner."""
    now = time.time()
    settings = replace(by_password(domain), lifetime=6 * 3600)
    tickets = Tickets("gpconnect", Secret(accounts.GOOD.password), SERVICE, settings, clock=lambda: now)
    seen = []
    for _ in range(24):  # a day, in hours
        tickets.begin(None)
        seen.append(tickets.renewals)
        now += 3600
    assert seen == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6
    now += 5 * 3600 + 51 * 60
    tickets.begin(None)
    assert tickets.renewals == 5
    tickets.close()


def test_tickets_that_were_lost_are_got_anew(domain: Controller) -> None:
    """What we thought good is gone, or ended sooner than our clock says: new ones, and nobody hears of it."""
    import krb5

    tickets = Tickets("gpconnect", Secret(accounts.GOOD.password), SERVICE, by_password(domain))
    context = krb5.init_context()
    krb5.cc_destroy(context, krb5.cc_resolve(context, tickets.current().cache.name))
    tickets.begin(None)
    assert tickets.renewals == 2


# What is left behind, and what is not


def test_the_machines_own_credential_cache_is_never_written(office: Office) -> None:
    """Whoever else works on this machine finds nothing of ours."""
    with office.books() as books:
        books.find(SR, ["STI1"])
    assert os.environ["KRB5CCNAME"] == f"FILE:{office.domain.default_cache}"
    assert not office.domain.default_cache.exists()


def test_tickets_are_destroyed_when_nobody_uses_them(domain: Controller) -> None:
    """A login that is under way keeps its own; after it, and after the end, none can be found by its name."""
    tickets = Tickets("gpconnect", Secret(accounts.GOOD.password), SERVICE, by_password(domain))
    name = tickets.current().cache.name
    under_way, _ = tickets.begin(None)
    tickets.close()
    assert exists(name)
    del under_way
    assert not exists(name)


def exists(name: bytes) -> bool:
    """Whether a credential cache of this process has an owner."""
    import krb5

    context = krb5.init_context()
    try:
        krb5.cc_get_principal(context, krb5.cc_resolve(context, name))
    except krb5.Krb5Error:
        return False
    return True


@pytest.mark.parametrize("secret", [accounts.MUST_CHANGE.password, "pl4nted-Secret"], ids=["right", "wrong"])
def test_no_exception_shows_the_password(office: Office, secret: str) -> None:
    """Not in its words, not in what led to it, and not among the variables of any frame."""
    stop = stopped(office.books(accounts.MUST_CHANGE, password=Secret(secret)))
    told = "".join(traceback.TracebackException.from_exception(stop, capture_locals=True).format())
    assert "self = " in told
    assert secret not in told


def test_the_configuration_is_ours_alone(office: Office) -> None:
    """The library reads a file that we wrote, which only we can read, and no name in it comes from DNS."""
    office.books().close()
    file = Path(os.environ["KRB5_CONFIG"])
    assert f"{REALM} = {{\nkdc = {office.domain.address}\n}}" in file.read_text("utf-8")
    assert "dns_lookup_kdc = false" in file.read_text("utf-8")
    assert file.parent.stat().st_mode & 0o077 == 0


def test_dns_names_the_controllers_where_nobody_else_does() -> None:
    """A realm without controllers in the connection."""
    assert "dns_lookup_kdc = true" in configuration({"ONE.TEST": ("dc:88",), "TWO.TEST": ()})


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        (Code.REALM_UNKNOWN, "gp.realm"),
        (Code.SKEW, "gp.clock"),
        (Code.CONTROLLER_UNRESOLVED, "gp.controller_unreachable"),
        (-1765328370, "gp.kerberos"),  # KRB5KDC_ERR_ETYPE_NOSUPP
    ],
)
def test_what_this_domain_never_says_has_its_finding_too(code: int, finding: str) -> None:
    """A domain of one healthy controller on the same machine cannot say everything."""
    tickets = Tickets("gpconnect", Secret("x"), SERVICE, Kerberos(realm=REALM, controllers=("127.0.0.1:1",)))
    assert tickets.finding(code, "words").code == finding


WITHOUT = """
import sys
sys.modules["krb5"] = sys.modules["gssapi"] = None
from ml_connector.books.outcomes import Entered
from ml_connector.findings import Interrupted
from ml_connector.gp.access import Kerberos, Scheme
from tests.contract.books_contract import BATCH, SR, an_invoice
from tests.contract.test_books_sba import sandbox
for gp in sandbox("one"):
    assert gp.books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
    with gp.with_access(scheme=Scheme.NEGOTIATE, kerberos=Kerberos("FRONTRANGE.TEST", ("127.0.0.1:1",))) as books:
        try:
            books.find(SR, ["STI1"])
        except Interrupted as stop:
            print(stop.finding.code, stop.finding.remedy)
"""


def test_without_the_extra_ntlm_works_and_negotiate_says_what_to_install() -> None:
    """The package as most install it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gp.kerberos_missing ")
    assert "ml-connector[kerberos]" in done.stdout
