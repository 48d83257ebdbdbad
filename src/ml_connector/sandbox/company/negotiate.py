"""Kerberos at the door: the service's own keytab opens a ticket, and tells who brought it.

The acceptor is MIT's own SPNEGO by way of `gssapi`, so that it shares no code with a client built on pyspnego. It needs
the package's extra `kerberos`, which is imported when such a door is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CHANNEL_BOUND = 2048  # GSS_C_CHANNEL_BOUND_FLAG (MIT, gssapi_ext.h): the client named the channel, and it was ours


class Denied(Exception):
    """The token opens nothing."""


class TicketDoor:
    """Accepts tickets for the keys in `keytab`.

    `domains` gives a realm's short name, as {"CONTOSO.COM": "CONTOSO"}; others' users are not let in. `binding` is
    what a login must be tied to if it is tied to anything, and always where `must_bind` (Extended Protection: Required).
    """

    def __init__(
        self, keytab: Path, domains: Mapping[str, str], binding: bytes | None = None, must_bind: bool = False
    ) -> None:
        import gssapi

        # So that the first cause is raised, not what follows it.
        setattr(gssapi.SecurityContext, "__DEFER_STEP_ERRORS__", False)  # noqa: B010
        self._gssapi = gssapi
        self._credentials = gssapi.Credentials(usage="accept", store={"keytab": f"FILE:{keytab}"})
        self._domains = domains
        self._bindings = None if binding is None else gssapi.raw.ChannelBindings(application_data=binding)
        self._must_bind = must_bind
        self.denials: list[str] = []  # why tokens were denied, for whoever looks into the sandbox

    def admit(self, token: bytes) -> tuple[str, bytes]:
        """The user as DOMAIN\\name, and the proof to send back that we hold the key. Raises Denied."""
        acceptor = self._gssapi.SecurityContext(
            creds=self._credentials, usage="accept", channel_bindings=self._bindings
        )
        try:
            proof = acceptor.step(token)
        except self._gssapi.raw.GSSError as error:
            raise self._denied(str(error)) from None
        if not acceptor.complete:
            raise self._denied("the login would need another leg")
        if self._must_bind and not int(acceptor.actual_flags) & CHANNEL_BOUND:
            raise self._denied("the login is not tied to the channel")
        name, _, realm = str(acceptor.initiator_name).rstrip("\0").rpartition("@")
        if realm not in self._domains:
            raise self._denied(f"{realm} is no domain of ours")
        return f"{self._domains[realm]}\\{name}", proof or b""

    def _denied(self, why: str) -> Denied:
        self.denials.append(why)
        return Denied(why)
