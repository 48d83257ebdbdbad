"""NTLM at the door: a TCP connection is authenticated once, and stays so until it closes.

401 with `WWW-Authenticate: NTLM`, the client's negotiate message, 401 with the challenge, the client's authenticate
message, and then every request on this connection is that user's. This is how IIS keeps NTLM by default. The acceptor
is pyspnego's own, in Python, on every operating system. Negotiate is offered too, before NTLM, where the door is given
an acceptor of tickets (`negotiate`).

pyspnego reads the users from the file that the environment variable NTLM_USER_FILE names, one `DOMAIN:user:password`
a line. The variable is set only while a message is being read, so that two servers of one process can know different
users.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import struct
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from ml_connector.sandbox.company.negotiate import Denied, TicketDoor
from ml_connector.sandbox.serving import Request, Response

_NEGOTIATE_MESSAGE = b"NTLMSSP\0\x01\0\0\0"
_environment = threading.Lock()


@dataclass(frozen=True, slots=True)
class WindowsUser:
    """A domain user. `roles` are its roles in GP, `companies` the databases it may enter (None: all)."""

    name: str  # DOMAIN\user
    password: str
    roles: frozenset[str] = frozenset({"ACCOUNTING MANAGER*"})
    companies: frozenset[str] | None = None


GPCONNECT = WindowsUser("FRONTRANGE\\gpconnect", "Sandbox-Pass-1")  # the sandbox's own, and no secret


class Door:
    """Lets users in by NTLM, and by Kerberos where it is given an acceptor of tickets.

    What it knows of a connection lives in `Request.connection`. `binding` is the hash of the certificate of the TLS in
    front of the server (tls-server-end-point); with it an NTLM login must be tied to that certificate.
    """

    def __init__(
        self,
        users: Iterable[WindowsUser],
        tickets: TicketDoor | None = None,
        ntlm: bool = True,
        binding: bytes | None = None,
    ) -> None:
        self._users = {user.name.upper(): user for user in users}
        self._tickets, self._ntlm = tickets, ntlm
        self._bindings = None if binding is None else GssChannelBindings(application_data=binding)
        lines = []
        for user in self._users.values():
            domain, _, name = user.name.partition("\\")
            if not name or ":" in user.name + user.password:
                raise ValueError(f"{user.name}: write DOMAIN\\user, and no colon in name or password")
            lines.append(f"{domain}:{name}:{user.password}\n")
        handle, name = tempfile.mkstemp(prefix="gp-sandbox-users-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)
        self._file = Path(name)
        weakref.finalize(self, self._file.unlink, missing_ok=True)

    def admit(self, request: Request) -> WindowsUser | Response:
        """Who is asking, or the 401 to send back."""
        connection = request.connection
        header = request.headers.get("authorization")
        if header is None:
            user = None if connection.get("by_ticket") else connection.get("user")
            return user if isinstance(user, WindowsUser) else self._unauthorized()
        scheme, _, encoded = header.partition(" ")
        connection.pop("user", None)
        connection.pop("by_ticket", None)
        if scheme.lower() == "negotiate" and self._tickets:
            return self._by_ticket(self._tickets, connection, encoded)
        if scheme.lower() != "ntlm" or not self._ntlm:
            return self._unauthorized()
        try:
            token = base64.b64decode(encoded, validate=True)
            with self._known():
                if token.startswith(_NEGOTIATE_MESSAGE) or "acceptor" not in connection:
                    connection["acceptor"] = spnego.server(
                        service="HTTP",
                        protocol="ntlm",
                        options=spnego.NegotiateOptions.use_ntlm,
                        channel_bindings=self._bindings,
                    )
                acceptor = connection["acceptor"]
                challenge = acceptor.step(token)
        except (SpnegoError, ValueError, struct.error, binascii.Error):
            connection.pop("acceptor", None)
            return self._unauthorized()
        if not acceptor.complete:
            return self._unauthorized(challenge)
        del connection["acceptor"]
        user = self._users[str(acceptor.client_principal).upper()]
        connection["user"] = user
        return user

    def _by_ticket(self, tickets: TicketDoor, connection: dict[str, Any], encoded: str) -> WindowsUser | Response:
        """Each request by itself; the proof that we hold the key goes out with the answer."""
        try:
            name, proof = tickets.admit(base64.b64decode(encoded, validate=True))
        except (Denied, binascii.Error):
            return self._unauthorized()
        connection["by_ticket"] = True
        connection["headers"] = (("WWW-Authenticate", f"Negotiate {base64.b64encode(proof).decode()}"),)
        user = self._users.get(name.upper()) or WindowsUser(name, "", roles=frozenset())
        connection["user"] = user
        return user

    def _unauthorized(self, challenge: bytes | None = None) -> Response:
        if challenge is not None:
            says = [f"NTLM {base64.b64encode(challenge).decode()}"]
        else:
            says = ["Negotiate"] * bool(self._tickets) + ["NTLM"] * self._ntlm
        page = b"<html><body>401 - Unauthorized: Access is denied due to invalid credentials.</body></html>"
        return Response(401, page, tuple(("WWW-Authenticate", one) for one in says), "text/html")

    @contextlib.contextmanager
    def _known(self) -> Iterator[None]:
        with _environment:
            before = os.environ.get("NTLM_USER_FILE")
            os.environ["NTLM_USER_FILE"] = str(self._file)
            try:
                yield
            finally:
                if before is None:
                    del os.environ["NTLM_USER_FILE"]
                else:
                    os.environ["NTLM_USER_FILE"] = before
