"""Kerberos tickets for one Windows account, kept in a cache of this process's memory that nothing else reads.

From the stored password, or a keytab, comes a ticket-granting ticket, and with it at once the ticket for the GP service;
both are renewed together, early, by one thread at a time. Whatever may ask a domain controller runs in a thread of its
own and is waited for with patience that ends: MIT's library cannot be interrupted. The default credential cache of the
machine is neither read nor written, and what we need of the configuration is written by us (`realms`).

The parts that need the extra `kerberos` (krb5, gssapi) are imported when the first ticket is asked for.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import IntEnum

from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Kerberos, Secret
from ml_connector.gp.handshake import KERBEROS, Cache, Handshake, MitHandshake, SspiHandshake, Unwilling, unwilling
from ml_connector.gp.realms import A_CONTROLLER, REALMS, account
from ml_connector.gp.wrong_passwords import KNOWN_WRONG, Refusals

LAST = 30.0  # seconds that a ticket must have left to be of any use


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
PASSES = frozenset({"gp.controller_unreachable", "gp.login_busy"})  # nobody needs to mend these
LOGON_DENIED = 0x8009030C  # SSPI's word for a wrong password


@dataclass(frozen=True, slots=True)
class Got:
    """New tickets: when they were asked for by our clock, and for how many seconds both are good."""

    cache: Cache
    since: float
    lifetime: float


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
        refusals: Refusals = KNOWN_WRONG,
    ) -> None:
        self._refusals = refusals
        self._username, self._password, self._service, self._settings = username, password, service, settings
        self._account = account(username, settings.realm)
        self._clock = clock
        self._single = threading.Lock()
        self._pending: Future[Got] | None = None
        self._got: Got | None = None
        self._renew_at = self._end = 0.0
        self._stopped: Finding | None = None
        self._proven = False  # SSPI: whether the password was ever good
        self.renewals = 0  # times that tickets were got
        if not all(map(A_CONTROLLER.match, settings.controllers)):
            raise Interrupted(errors.controllers(settings.controllers))
        REALMS.add(self._account.realm, settings.controllers)

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
            passes = stop.finding.code in PASSES or not stop.finding.code.startswith("gp.")
            self._stopped = None if passes else stop.finding
            if not (passes and self._got and self._usable):
                raise
            self._renew_at = self._clock() + self._settings.pause
            return self._got
        margin = self._settings.margin if self._settings.margin < got.lifetime else got.lifetime / 2
        self._end = got.since + got.lifetime
        self._renew_at = self._end - margin
        self.renewals += 1
        return got

    def _patiently(self) -> Got:
        """New tickets, from a thread that is waited for only so long. One that hangs is waited for again, not doubled."""
        if self._pending is None:
            turn = self._turn()  # patience begins with it, and it ends with the thread
            self._pending = Future()
            threading.Thread(target=_fulfil, args=(self._pending, self._fetch, turn), daemon=True).start()
        pending = self._pending
        try:
            return pending.result(self._settings.patience)
        except TimeoutError:
            says = f"no answer within {self._settings.patience:g} seconds"
            raise Interrupted(errors.controller_unreachable(self._account.realm, says)) from None
        finally:
            if pending.done():
                self._pending = None

    def _turn(self) -> AbstractContextManager[object]:
        turn = self._refusals.turn(self._account.realm, self._account.name, self._settings.patience)
        if turn is None:
            raise Interrupted(errors.login_busy(self._username))
        return turn

    def _fetch(self) -> Got:
        """Both tickets in a new cache."""
        try:
            import krb5
            from gssapi import raw
        except (ImportError, OSError) as error:
            raise Interrupted(errors.kerberos_missing(str(error))) from None
        keytab, realm, name, proof = self._settings.keytab, self._account.realm, self._account.name, self._proof()
        if self._refusals.knows(realm, name, proof):
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
            cache = Cache(context, got, self._service)
            MitHandshake(cache, mechanism=KERBEROS).step()  # gets the service's ticket, which stays there
            return Got(cache, since, cache.lifetime)
        except krb5.Krb5Error as error:
            if error.err_code in REFUSING:
                self._refusals.remember(realm, name, proof)
            raise Interrupted(self.finding(error.err_code, str(error))) from None
        except raw.GSSError as error:
            raise Interrupted(self.refused(unwilling(error))) from None
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
        handshake = MitHandshake(cache, binding, mutual)
        return handshake, handshake.step() or b""

    def _by_sspi(self, binding: bytes | None) -> tuple[Handshake, bytes]:
        """Windows: the tickets are the system's. Unproven."""
        realm, name = self._account.realm, self._account.name
        with nullcontext() if self._proven else self._turn():
            if self._refusals.knows(realm, name, self._password):
                raise Interrupted(self._again())
            try:
                handshake = SspiHandshake(self._username, self._password, self._service, binding)
                token = handshake.step() or b""
            except Unwilling as error:
                if error.code != LOGON_DENIED:
                    raise Interrupted(errors.kerberos(self._service, error.words)) from None
                self._refusals.remember(realm, name, self._password)
                raise Interrupted(errors.credentials(self._username, again=False)) from None
            self._proven = True
        return handshake, token


def _fulfil(promise: Future[Got], fetch: Callable[[], Got], turn: AbstractContextManager[object]) -> None:
    try:
        with turn:
            got = fetch()
        promise.set_result(got)
    except BaseException as error:
        promise.set_exception(error)
