"""How Kerberos is told of a Windows domain: what its accounts are called there, and which controllers serve it."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Scheme

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


def configuration(realms: Mapping[str, tuple[str, ...]]) -> str:
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


REALMS = Realms()  # of this process


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


def login_name(username: str, scheme: Scheme, realm: str, host: str) -> tuple[str, str]:
    """The domain and the name under which a refused password of this account is remembered. By NTLM the domain is what
    the user name says, else the server's host. Raises Interrupted where Kerberos does not know the realm."""
    if scheme is Scheme.NEGOTIATE:
        it = account(username, realm)
        return it.realm, it.name
    domain, _, name = username.rpartition("\\")
    name, _, suffix = name.partition("@")
    return domain or suffix or host, name
