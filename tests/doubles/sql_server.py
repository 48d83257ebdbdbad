"""A SQL Server that turns every login away, as far as a driver sees it: pre-login, TLS inside it, an error, the end.

Written from Microsoft's open specification of the protocol, [MS-TDS]: packets 2.2.3.1, PRELOGIN 2.2.6.5, ERROR 2.2.7.10.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field

PRELOGIN, LOGIN, ANSWER = 0x12, 0x10, 0x04
ENCRYPTS, CANNOT = 1, 2  # what a pre-login says of encryption
LOGIN_FAILED = (18456, 14, "Login failed for user 'reader'.")
NO_DATABASE = (4060, 11, 'Cannot open database "FRMEC" requested by the login. The login failed.')


@dataclass
class SqlServer:
    """At `url`. `heard` are the types of the packets that came in, those within the encryption too."""

    tls: ssl.SSLContext | None = None  # None: it says that it cannot encrypt
    errors: tuple[tuple[int, int, str], ...] = (LOGIN_FAILED,)  # number, severity, text
    heard: list[int] = field(default_factory=list)

    def __enter__(self) -> SqlServer:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"mssql://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._server.accept()
                wire.settimeout(10)
                with wire, contextlib.suppress(OSError, EOFError):
                    self._speak(wire)

    def _speak(self, wire: socket.socket) -> None:
        self._packet(wire)
        says = ENCRYPTS if self.tls else CANNOT
        options = bytes([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF])  # version: 6 bytes at 11; encryption: 1 byte at 17
        wire.sendall(_packet(ANSWER, options + bytes([16, 0, 0, 0, 0, 0, says])))
        if self.tls is None:
            self._packet(wire)  # nothing should come
            return
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls.maximum_version = ssl.TLSVersion.TLSv1_2  # its handshake ends where the packets end
        tls = self.tls.wrap_bio(came, goes, server_side=True)
        while not _done(tls):
            if goes.pending:
                wire.sendall(_packet(PRELOGIN, goes.read()))
            else:
                came.write(self._packet(wire))
        wire.sendall(_packet(PRELOGIN, goes.read()))
        while True:  # from here on the packets are within the encryption
            with contextlib.suppress(ssl.SSLWantReadError):
                self.heard.append(tls.read(4096)[0])
                break
            came.write(_some(wire))
        tls.write(_packet(ANSWER, self._refusal()))
        wire.sendall(goes.read())

    def _packet(self, wire: socket.socket) -> bytes:
        head = _exactly(wire, 8)
        self.heard.append(head[0])
        return _exactly(wire, int.from_bytes(head[2:4]) - 8)

    def _refusal(self) -> bytes:
        return b"".join(_error(*one) for one in self.errors) + b"\xfd\x02\x00" + bytes(10)


def _error(number: int, severity: int, text: str) -> bytes:
    said = len(text).to_bytes(2, "little") + text.encode("utf-16-le")
    body = number.to_bytes(4, "little") + bytes([1, severity]) + said + bytes(6)
    return b"\xaa" + len(body).to_bytes(2, "little") + body


def _done(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _packet(kind: int, data: bytes) -> bytes:
    return bytes([kind, 1]) + (8 + len(data)).to_bytes(2) + bytes([0, 0, 1, 0]) + data


def _some(wire: socket.socket) -> bytes:
    data = wire.recv(8192)
    if not data:
        raise EOFError
    return data


def _exactly(wire: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = wire.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data
