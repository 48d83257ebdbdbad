"""Who is told: a mail server and a web hook on loopback, as far as a message needs them."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """A mail server (RFC 5321, AUTH LOGIN and PLAIN of RFC 4954), and what it took."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuses: str = ""  # what it answers to the text of a mail; empty: it takes it

    @property
    def text(self) -> str:
        """The text of the newest mail."""
        body = self.mails[-1].get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()

    class Session(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def heard(self) -> str:
            return self.rfile.readline().decode().rstrip("\r\n")

        def handle(self) -> None:
            self.say("220 mail.example.com ESMTP")
            while line := self.heard():
                verb, _, rest = line.partition(" ")
                match verb.upper():
                    case "EHLO" | "HELO":
                        self.wfile.write(b"250-mail.example.com\r\n250 AUTH LOGIN PLAIN\r\n")
                    case "AUTH":
                        self.login(rest)
                    case "RCPT":
                        box.recipients.append(rest.partition(":")[2].strip("<> "))
                        self.say("250 OK")
                    case "DATA":
                        self.say("354 go on")
                        self.data()
                    case "QUIT":
                        self.say("221 bye")
                        return
                    case _:
                        self.say("250 OK")

        def login(self, how: str) -> None:
            kind, _, first = how.partition(" ")
            if kind.upper() == "PLAIN":
                _, user, password = base64.b64decode(first).decode().split("\0")
            else:
                parts = [first] if first else []
                for asked in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")[len(parts) :]:
                    self.say(f"334 {asked}")
                    parts.append(self.heard())
                user, password = (base64.b64decode(it).decode() for it in parts)
            box.logins.append(f"{user} {password}")
            self.say("235 welcome")

        def data(self) -> None:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            if not box.refuses:
                mail = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(mail, EmailMessage)
                box.mails.append(mail)
            self.say(box.refuses or "250 taken")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield box
        server.shutdown()


@dataclass
class Hook:
    """A web hook that takes JSON, and what it took: the path that it was called by, and the body."""

    port: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    location: str = ""  # where it sends callers on to, with status 302


@contextmanager
def hook() -> Iterator[Hook]:
    made = Hook()

    class Call(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """A test's output is for its claims."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            made.calls.append((self.path, json.loads(body or b"{}")))
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

    with ThreadingHTTPServer(("127.0.0.1", 0), Call) as server:
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield made
        server.shutdown()
