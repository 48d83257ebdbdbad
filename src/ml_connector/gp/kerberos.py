"""Kerberos tickets for one Windows account, kept in a cache of this process's memory that nothing else reads.

From the stored password, or a keytab, comes a ticket-granting ticket, and with it at once the ticket for the GP service;
both are renewed together, early, by one thread at a time. Whatever may ask a domain controller runs in a thread of its
own and is waited for with patience that ends: MIT's library cannot be interrupted. The default credential cache of the
machine is neither read nor written, and what we need of the configuration is written by us: `configure`.

The tokens are made by MIT's own SPNEGO (RFC 4178) with Kerberos inside, by way of `gssapi`: it takes a tenth of the time
that pyspnego's takes, which is written in Python. On Windows pyspnego goes through SSPI, which gets and keeps its own
tickets: the same to the lanes, and unproven, for there is no Windows machine among those that test this.

The parts that need the extra `kerberos` (krb5, gssapi) are imported when the first ticket is asked for.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Kerberos, Secret
from ml_connector.gp.wrong_passwords import KNOWN_WRONG

if TYPE_CHECKING:
    from gssapi.raw import GSSError, SecurityContext
    from krb5 import Context
    from krb5 import Creds as Krb5Creds

LAST = 30.0  # seconds that a ticket must have left to be of any use
PAUSE = 30.0  # seconds until a domain controller that did not answer is asked again, while the tickets are still good


class Code(IntEnum):
    """MIT's krb5.h; those of the domain are RFC 4120's, section 7.5.9, above a base of -1765328384."""

    UNKNOWN_CLIENT = -1765328378
    UNKNOWN_SERVICE = -1765328377
    REVOKED = -1765328366
    PASSWORD_EXPIRED = -1765328361
    PREAUTH_FAILED = -1765328360
    BAD_INTEGRITY = -1765328353  # our password does not open the answer: wrong, where no proof was asked for first
    SKEW = -1765328347
    REALM_UNKNOWN = -1765328230
    NO_DEFAULT_REALM = -1765328160
    CONTROLLER_UNREACHABLE = -1765328228
    CONTROLLER_UNRESOLVED = -1765328164
    CONTROLLER_BUSY = -1765328355  # "a service is not available"
    NO_SUCH_KEY = -1765328203
    KEYTAB_TYPE = -1765328204
    KEYTAB_UNREADABLE = -1765328200
    KEYTAB_FORMAT = -1765328171
    NO_PROOF = -1765328174  # there is nothing to prove ourselves with


REFUSING = frozenset({Code.PREAUTH_FAILED, Code.BAD_INTEGRITY})
NO_REALM = frozenset({Code.REALM_UNKNOWN, Code.NO_DEFAULT_REALM})
NO_CONTROLLER = frozenset({Code.CONTROLLER_UNREACHABLE, Code.CONTROLLER_UNRESOLVED, Code.CONTROLLER_BUSY})
KEYTAB = frozenset({Code.NO_SUCH_KEY, Code.KEYTAB_TYPE, Code.KEYTAB_UNREADABLE, Code.KEYTAB_FORMAT, Code.NO_PROOF})
SPNEGO, KERBEROS = "1.3.6.1.5.5.2", "1.2.840.113554.1.2.2"
LOGON_DENIED = 0x8009030C  # SSPI's word for a wrong password


A_REALM = re.compile(r"[A-Z0-9._-]+\Z")
A_CONTROLLER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?\Z")


class Realms:
    """The Kerberos configuration of this process: one file, written anew for each realm that is added.

    The library reads the file that the environment variable KRB5_CONFIG names whenever a context is made. A new file
    gets a new name, for the library looks at a file's time once a second only.
    """

    def __init__(self) -> None:
        self._controllers: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._files = 0

    def add(self, realm: str, controllers: tuple[str, ...]) -> None:
        """The newest word about a realm holds for the whole process."""
        with self._lock:
            if self._controllers.get(realm) == controllers and self._folder is not None:
                return
            self._controllers[realm] = controllers
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="ml-connector-krb5-"))
                atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            self._files += 1
            file = self._folder / f"krb5-{self._files}.conf"
            file.write_text(configuration(self._controllers), "utf-8")
            os.environ["KRB5_CONFIG"] = str(file)


def configuration(realms: dict[str, tuple[str, ...]]) -> str:
    """A krb5.conf. Names are taken as they are written, never from reverse look-ups; TCP first, for tickets of Active
    Directory are larger than a datagram; DNS is asked only where a realm names no controllers."""
    ask = not all(realms.values())
    lines = [
        "[libdefaults]",
        "dns_lookup_realm = false",
        f"dns_lookup_kdc = {'true' if ask else 'false'}",
        "dns_canonicalize_hostname = false",
        "rdns = false",
        "udp_preference_limit = 1",
        "[realms]",
    ]
    for realm, controllers in realms.items():
        lines += [f"{realm} = {{", *(f"kdc = {one}" for one in controllers), "}"]
    return "\n".join(lines) + "\n"


_REALMS = Realms()


@dataclass(frozen=True, slots=True)
class Account:
    """A Windows account as Kerberos names it. `enterprise`: the suffix of its name is not the realm (a UPN suffix)."""

    name: str
    realm: str
    enterprise: bool = False

    @property
    def principal(self) -> str:
        return self.name if self.enterprise else f"{self.name}@{self.realm}"


def account(username: str, realm: str) -> Account:
    """user@domain.name, DOMAIN\\user or user, in this realm; an empty realm is read off the name. Raises Interrupted."""
    name, _, suffix = username.rpartition("\\")[2].partition("@")
    realm = (realm or suffix).upper()
    if not A_REALM.match(realm) or not name:
        raise Interrupted(errors.realm(username, realm))
    if suffix and suffix.upper() != realm:
        return Account(f"{name}@{suffix}", realm, enterprise=True)
    return Account(name, realm)


class Unwilling(Exception):
    """Kerberos goes no further. `code` is its own, `words` name accounts and services, never a password."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{words} ({code})")
        self.code, self.words = code, words


class Handshake(Protocol):
    """One login, from our first token to the server's proof. A step that leads nowhere raises Unwilling."""

    @property
    def complete(self) -> bool: ...

    def step(self, token: bytes | None = None) -> bytes | None: ...


class Cache:
    """Tickets in memory, destroyed when nobody holds them any more: no account, and no login that is under way."""

    def __init__(self, context: Context, first: Krb5Creds) -> None:
        import krb5
        from gssapi import raw

        self._cache = krb5.cc_new_unique(context, b"MEMORY")
        weakref.finalize(self, krb5.cc_destroy, context, self._cache)
        krb5.cc_initialize(context, self._cache, first.client)
        krb5.cc_store_cred(context, self._cache, first)
        self._began = first.times.starttime or first.times.authtime
        self.name = b"MEMORY:" + (self._cache.name or b"")
        self.held = raw.acquire_cred_from({b"ccache": self.name}, usage="initiate").creds

    @property
    def lifetime(self) -> float:
        """Seconds, by the domain's clock, from the first ticket's beginning until one of them ends."""
        ends = [one.times.endtime for one in self._cache if one.times.endtime]  # what is no ticket has none
        return float(min(ends) - self._began)


@dataclass(frozen=True, slots=True)
class Got:
    """New tickets: when they were asked for by our clock, and for how many seconds both are good."""

    cache: Cache
    since: float
    lifetime: float


class _MitHandshake:
    """By SPNEGO; by bare Kerberos where its own codes are wanted, for the library gives SPNEGO's errors other numbers."""

    def __init__(
        self, cache: Cache, service: str, binding: bytes | None = None, mutual: bool = True, mechanism: str = SPNEGO
    ) -> None:
        from gssapi import raw

        self._raw = raw
        self._cache = cache
        kind, _, host = service.partition("/")
        self._name = raw.import_name(f"{kind}@{host}".encode(), raw.NameType.hostbased_service)
        self._mechanism = raw.OID.from_int_seq(mechanism)
        self._flags = [raw.RequirementFlag.mutual_authentication] if mutual else []
        self._binding = None if binding is None else raw.ChannelBindings(application_data=binding)
        self._context: SecurityContext | None = None
        self.complete = False

    def step(self, token: bytes | None = None) -> bytes | None:
        try:
            it = self._raw.init_sec_context(
                self._name,
                creds=self._cache.held,
                context=self._context,
                mech=self._mechanism,
                flags=self._flags,
                channel_bindings=self._binding,
                input_token=token,
            )
        except self._raw.GSSError as error:
            raise _unwilling(error) from None
        self._context, self.complete = it.context, not it.more_steps
        return it.token


class _SspiHandshake:
    def __init__(self, username: str, password: Secret, service: str, binding: bytes | None) -> None:
        kind, _, host = service.partition("/")
        self._context = spnego.client(
            spnego.Password(username, password.reveal()),
            hostname=host,
            service=kind,
            protocol="kerberos",  # so that NTLM does not creep in
            context_req=spnego.ContextReq.mutual_auth | spnego.ContextReq.integrity,
            channel_bindings=None if binding is None else GssChannelBindings(application_data=binding),
        )

    @property
    def complete(self) -> bool:
        return self._context.complete

    def step(self, token: bytes | None = None) -> bytes | None:
        try:
            return self._context.step(token)
        except SpnegoError as error:
            raise Unwilling(getattr(error.base_error, "winerror", 0) & 0xFFFFFFFF, str(error)) from None


class Tickets:
    """What one account needs to speak to one service. Shared by the lanes of a server; safe to use from several threads.

    Whatever a person has to mend stops every lane for good, so that no password or key is tried twice; only a domain
    controller that does not answer is asked again. `clock` gives seconds.
    """

    def __init__(
        self,
        username: str,
        password: Secret,
        service: str,
        settings: Kerberos,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._username, self._password, self._service, self._settings = username, password, service, settings
        self._account = account(username, settings.realm)
        self._clock = clock
        self._single = threading.Lock()
        self._pending: Future[Got] | None = None
        self._got: Got | None = None
        self._renew_at = self._end = 0.0
        self._stopped: Finding | None = None
        self.renewals = 0  # times that tickets were got
        if not all(map(A_CONTROLLER.match, settings.controllers)):
            raise Interrupted(errors.controllers(settings.controllers))
        _REALMS.add(self._account.realm, settings.controllers)

    def begin(self, binding: bytes | None, mutual: bool = True) -> tuple[Handshake, bytes]:
        """A login and its first token, tied to a TLS connection by what `lane.binding` says of it; `mutual` asks the
        server to prove itself.

        Raises Interrupted with what stands in the way.
        """
        if sys.platform == "win32":
            return self._by_sspi(binding)
        try:
            return self._first(self.current().cache, binding, mutual)
        except Unwilling:
            self._renew_at = self._end = 0.0  # whatever is wrong with these tickets, new ones are not wrong, or say why
        try:
            return self._first(self.current().cache, binding, mutual)
        except Unwilling as error:
            raise Interrupted(self.refused(error)) from None

    def close(self) -> None:
        """Forget the tickets."""
        self._got = None
        self._renew_at = self._end = 0.0

    def refused(self, error: Unwilling) -> Finding:
        """What an error on the way to the service, or from it, is called."""
        return self.finding(Code.UNKNOWN_SERVICE if error.code in NO_REALM else error.code, error.words)

    def finding(self, code: int, words: str) -> Finding:
        """What a code of Kerberos is called; its own words name accounts and services, never a password."""
        realm, keytab = self._account.realm, self._settings.keytab
        if keytab and code in KEYTAB:
            return errors.keytab(str(keytab), words)
        if keytab and code in REFUSING:
            return errors.keytab(str(keytab), f"the domain refuses the keys of {self._username} in it")
        if code in REFUSING:
            return errors.credentials(self._username, again=False)
        if code in NO_REALM:
            return errors.realm(self._username, realm)
        if code in NO_CONTROLLER:
            return errors.controller_unreachable(realm, words)
        match code:
            case Code.UNKNOWN_CLIENT:
                return errors.account_unknown(self._username, realm)
            case Code.UNKNOWN_SERVICE:
                return errors.service_name(self._service, realm)
            case Code.REVOKED:
                return errors.account_closed(self._username)
            case Code.PASSWORD_EXPIRED:
                return errors.password_expired(self._username)
            case Code.SKEW:
                return errors.clock("the clocks of this machine and of the domain differ by more than Kerberos allows")
            case _:
                return errors.kerberos(self._service, words)

    # Renewal

    def current(self) -> Got:
        """Tickets that are good, renewed first where little time is left."""
        got = self._got
        if got and self._clock() < self._renew_at:
            return got
        if not self._single.acquire(blocking=not (got and self._usable)) and got:
            return got  # somebody is renewing, and these are still good
        try:
            if self._stopped:
                raise Interrupted(self._stopped)
            if self._got is None or self._clock() >= self._renew_at:
                self._got = self._renewed()
            return self._got
        finally:
            self._single.release()

    @property
    def _usable(self) -> bool:
        return self._clock() < self._end - LAST

    def _renewed(self) -> Got:
        try:
            got = self._patiently()
        except Interrupted as stop:
            passes = stop.finding.code == "gp.controller_unreachable"
            self._stopped = None if passes else stop.finding
            if not (passes and self._got and self._usable):
                raise
            self._renew_at = self._clock() + PAUSE
            return self._got
        margin = self._settings.margin if self._settings.margin < got.lifetime else got.lifetime / 2
        self._end = got.since + got.lifetime
        self._renew_at = self._end - margin
        self.renewals += 1
        return got

    def _patiently(self) -> Got:
        """New tickets, from a thread that is waited for only so long. One that hangs is waited for again, not doubled."""
        if self._pending is None:
            self._pending = Future()
            threading.Thread(target=_fulfil, args=(self._pending, self._fetch), daemon=True).start()
        pending = self._pending
        try:
            return pending.result(self._settings.patience)
        except TimeoutError:
            says = f"no answer within {self._settings.patience:g} seconds"
            raise Interrupted(errors.controller_unreachable(self._account.realm, says)) from None
        finally:
            if pending.done():
                self._pending = None

    def _fetch(self) -> Got:
        """Both tickets in a new cache."""
        try:
            import krb5
            from gssapi import raw
        except (ImportError, OSError) as error:
            raise Interrupted(errors.kerberos_missing(str(error))) from None
        keytab, realm, proof = self._settings.keytab, self._account.realm, self._proof()
        if KNOWN_WRONG.knows(realm, self._username, proof):
            raise Interrupted(self._again())
        since = self._clock()
        try:
            context = krb5.init_context()
            flags = krb5.PrincipalParseFlags
            kind = flags.enterprise if self._account.enterprise else flags.none
            krb5.set_default_realm(context, realm.encode())
            client = krb5.parse_name_flags(context, self._account.principal.encode(), kind.value)
            options = krb5.get_init_creds_opt_alloc(context)
            krb5.get_init_creds_opt_set_canonicalize(options, True)
            krb5.get_init_creds_opt_set_forwardable(options, False)
            if self._settings.lifetime is not None:
                krb5.get_init_creds_opt_set_tkt_life(options, self._settings.lifetime)
            if keytab:
                keys = krb5.kt_resolve(context, f"FILE:{keytab}".encode())
                got = krb5.get_init_creds_keytab(context, client, options, keytab=keys)
            else:
                got = krb5.get_init_creds_password(context, client, options, password=proof.reveal().encode())
            cache = Cache(context, got)
            _MitHandshake(
                cache, self._service, mechanism=KERBEROS
            ).step()  # gets the service's ticket, which stays there
            return Got(cache, since, cache.lifetime)
        except krb5.Krb5Error as error:
            if error.err_code in REFUSING:
                KNOWN_WRONG.remember(realm, self._username, proof)
            raise Interrupted(self.finding(error.err_code, str(error))) from None
        except raw.GSSError as error:
            raise Interrupted(self.refused(_unwilling(error))) from None
        except Unwilling as error:
            raise Interrupted(self.refused(error)) from None

    def _again(self) -> Finding:
        if self._settings.keytab:
            says = f"the domain refused the keys of {self._username} in it before, so they are not tried again"
            return errors.keytab(str(self._settings.keytab), says)
        return errors.credentials(self._username, again=True)

    def _proof(self) -> Secret:
        """What we show to the domain: the password, or the keys of the keytab."""
        keytab = self._settings.keytab
        if keytab is None:
            return self._password
        try:
            return Secret(keytab.read_bytes().hex())
        except OSError as error:
            raise Interrupted(errors.keytab(str(keytab), error.strerror or type(error).__name__)) from None

    def _first(self, cache: Cache, binding: bytes | None, mutual: bool) -> tuple[Handshake, bytes]:
        handshake = _MitHandshake(cache, self._service, binding, mutual)
        return handshake, handshake.step() or b""

    def _by_sspi(self, binding: bytes | None) -> tuple[Handshake, bytes]:
        """Windows: the tickets are the system's. Unproven."""
        realm = self._account.realm
        if KNOWN_WRONG.knows(realm, self._username, self._password):
            raise Interrupted(self._again())
        try:
            handshake = _SspiHandshake(self._username, self._password, self._service, binding)
            return handshake, handshake.step() or b""
        except Unwilling as error:
            if error.code != LOGON_DENIED:
                raise Interrupted(errors.kerberos(self._service, error.words)) from None
            KNOWN_WRONG.remember(realm, self._username, self._password)
            raise Interrupted(errors.credentials(self._username, again=False)) from None


def _fulfil(promise: Future[Got], fetch: Callable[[], Got]) -> None:
    try:
        promise.set_result(fetch())
    except BaseException as error:
        promise.set_exception(error)


def _unwilling(error: GSSError) -> Unwilling:
    """GSSAPI gives Kerberos' own code without its sign, and its words last: "…, Minor (2529638919): Server not found"."""
    minor = error.min_code - 2**32 if error.min_code >= 2**31 else error.min_code
    return Unwilling(minor or error.maj_code, str(error).rpartition("): ")[2])
