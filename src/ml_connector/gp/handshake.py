"""One login by Kerberos: our token, and what the server's answer to it is worth.

The tokens are made by MIT's own SPNEGO (RFC 4178) with Kerberos inside, by way of `gssapi`: it takes a tenth of the time
that pyspnego's takes, which is written in Python. On Windows pyspnego goes through SSPI, which gets and keeps its own
tickets: the same to the lanes, and unproven, for there is no Windows machine among those that test this.

`gssapi` and `krb5` are imported when they are used, for they come with the package's extra `kerberos` only.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Protocol

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from ml_connector.gp.access import Secret

if TYPE_CHECKING:
    from gssapi.raw import GSSError, SecurityContext
    from krb5 import Context, Creds

SPNEGO, KERBEROS = "1.3.6.1.5.5.2", "1.2.840.113554.1.2.2"


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

    def __init__(self, context: Context, first: Creds, service: str) -> None:
        import krb5
        from gssapi import raw

        self.raw = raw
        kind, _, host = service.partition("/")
        self.service = raw.import_name(f"{kind}@{host}".encode(), raw.NameType.hostbased_service)
        self.mechanisms = {name: raw.OID.from_int_seq(name) for name in (SPNEGO, KERBEROS)}
        self.flags = {True: [raw.RequirementFlag.mutual_authentication], False: []}  # by whether it is mutual
        self._cache = krb5.cc_new_unique(context, b"MEMORY")
        weakref.finalize(self, krb5.cc_destroy, context, self._cache)
        krb5.cc_initialize(context, self._cache, first.client)
        krb5.cc_store_cred(context, self._cache, first)
        self.began = first.times.starttime or first.times.authtime  # by the domain's clock, since 1970
        self.client = krb5.unparse_name_flags(context, first.client).decode()  # whom the domain takes us for
        self.name = b"MEMORY:" + (self._cache.name or b"")
        self.held = raw.acquire_cred_from({b"ccache": self.name}, usage="initiate").creds

    @property
    def lifetime(self) -> float:
        """Seconds, by the domain's clock, from the first ticket's beginning until one of them ends."""
        ends = [one.times.endtime for one in self._cache if one.times.endtime]  # what is no ticket has none
        return float(min(ends) - self.began)


class MitHandshake:
    """By SPNEGO; by bare Kerberos where its own codes are wanted, for the library gives SPNEGO's errors other numbers."""

    def __init__(
        self, cache: Cache, binding: bytes | None = None, mutual: bool = True, mechanism: str = SPNEGO
    ) -> None:
        self._raw = cache.raw
        self._cache = cache
        self._mechanism = cache.mechanisms[mechanism]
        self._flags = cache.flags[mutual]
        self._binding = None if binding is None else self._raw.ChannelBindings(application_data=binding)
        self._context: SecurityContext | None = None
        self.complete = False

    def step(self, token: bytes | None = None) -> bytes | None:
        try:
            it = self._raw.init_sec_context(
                self._cache.service,
                creds=self._cache.held,
                context=self._context,
                mech=self._mechanism,
                flags=self._flags,
                channel_bindings=self._binding,
                input_token=token,
            )
        except self._raw.GSSError as error:
            raise unwilling(error) from None
        self._context, self.complete = it.context, not it.more_steps
        answer: bytes | None = it.token
        return answer


class SspiHandshake:
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


def unwilling(error: GSSError) -> Unwilling:
    """GSSAPI gives Kerberos' own code without its sign, and its words last: "…, Minor (2529638919): Server not found"."""
    minor = error.min_code - 2**32 if error.min_code >= 2**31 else error.min_code
    return Unwilling(minor or error.maj_code, str(error).rpartition("): ")[2])
