"""Provision a domain once, keep it as an archive outside the repository, and run a copy of it on high ports.

The archive is keyed by Samba's version and by what this folder says, so a change of either makes a new one. Making it
needs root, by itself or by sudo without a password (Samba sets owners); running a copy does not. The controller ends
with us: it stops when its standard input closes, so that nothing is left behind even where the tests are killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.domain import accounts
from tests.domain.accounts import REALM, SHORT, Account

HERE = Path(__file__).parent
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where Debian has samba, and people's shells do not look
PROGRAMS = ("samba", "samba-tool", "ldbadd", "ldbmodify", "ldbsearch")
MODULES = ("gssapi", "krb5")
PACKAGES = "samba samba-ad-dc samba-ad-provision winbind ldb-tools libkrb5-dev krb5-user gcc python3-dev"
BENEATH = f"private/sam.ldb.d/{accounts.ROOT.upper()}.ldb"  # the directory's database, without the directory's rules
SETTINGS = """[global]
netbios name = DC1
workgroup = {short}
realm = {realm}
server role = active directory domain controller
server services = kdc
dcerpc endpoint servers =
rpc start on demand helpers = no
interfaces = 127.0.0.1/8
bind interfaces only = yes
krb5 port = {port}
kpasswd port = {other}
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}
pid directory = {folder}/run
ncalrpc dir = {folder}/ncalrpc
winbindd socket directory = {folder}/run/winbindd
ntp signd socket directory = {folder}/run/ntp
binddns dir = {folder}/bind-dns
log file = {folder}/log
logging = file
"""


class Controller:
    """A running domain controller; only Kerberos is served. `address` is host:port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port, other = _free_ports()
        self.address = f"127.0.0.1:{self._port}"
        self.default_cache = folder / "default-cache"  # where KRB5CCNAME points during the tests
        self._settings = _configure(folder, self._port, other)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["samba", "-i", "-M", "single", "-s", self._settings],
                env={**os.environ, "PATH": PATH},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 60
        while not _listens(self._port):
            said = (self.folder / "output").read_text("utf-8", "replace")
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            assert self._process.stdin
            self._process.stdin.close()
            self._process = None

    @property
    def runs(self) -> bool:
        return self._process is not None

    def fall_asleep(self) -> None:
        """It goes on listening, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def wake_up(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def keytab(self, name: str) -> Path:
        return self.folder / name

    def attribute(self, account: Account, name: str) -> str:
        """What the directory holds of an account; empty where it holds nothing."""
        found = _run(
            "ldbsearch", *_directory(self.folder, self._settings), f"(sAMAccountName={account.name})", name
        ).splitlines()
        return next((line.partition(": ")[2] for line in found if line.startswith(f"{name}: ")), "")


def lacking() -> str:
    """What is missing here for a domain controller; empty where all is there."""
    programs = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    modules = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if programs or modules:
        return (
            f"no {', '.join([*programs, *modules])}: apt-get install {PACKAGES}, then uv sync --frozen --extra kerberos"
        )
    if not _archive().exists() and os.geteuid() != 0 and not _may_become_root():
        return f"{_archive()} can be made by root only: run 'python -m tests.domain.controller' as root once"
    return ""


@contextlib.contextmanager
def controller() -> Iterator[Controller]:
    archive = _provisioned()
    with tempfile.TemporaryDirectory(prefix="domain-", ignore_cleanup_errors=True) as folder:
        _run("tar", "-xzf", str(archive), "--no-same-owner", "-C", folder)
        running = Controller(Path(folder))
        running.start()
        try:
            yield running
        finally:
            running.stop()


def _archive() -> Path:
    version = _run("samba", "--version").split()[-1]
    key = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in ("accounts.py", "controller.py")))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ml-connector-tests" / f"domain-{version}-{key.hexdigest()[:12]}.tar.gz"


def _provisioned() -> Path:
    """The archive, made where there is none; several who want it at once wait for the first."""
    import fcntl  # POSIX, as Samba is

    archive = _archive()
    archive.parent.mkdir(parents=True, exist_ok=True)
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists() and os.geteuid() == 0:
            _provision(archive)
        elif not archive.exists():
            given = (
                f"XDG_CACHE_HOME={archive.parents[1]}",
                f"PYTHONPATH={HERE.parents[1]}",
                f"PATH={PATH}",
            )
            _run(
                "sudo",
                "-n",
                "env",
                *given,
                sys.executable,
                "-c",
                "from tests.domain import controller as it; it.make()",
            )
    return archive


def make() -> None:
    """Make the archive, as root."""
    _provision(_archive())


def _may_become_root() -> bool:
    return (
        shutil.which("sudo") is not None and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    )


def _provision(archive: Path) -> None:
    """A new domain with all its accounts, packed. Five to twenty seconds."""
    with tempfile.TemporaryDirectory(prefix="domain-new-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _run(
            *("samba-tool", "domain", "provision", f"--realm={REALM}", f"--domain={SHORT}", "--server-role=dc"),
            *("--host-name=dc1", "--host-ip=127.0.0.1", "--dns-backend=NONE", "--backend-store=tdb"),
            *("--adminpass=Adm1n-Of-The-Sandbox", f"--targetdir={folder}"),
            *("--option=interfaces=127.0.0.1/8", "--option=bind interfaces only=yes"),
        )
        settings = _configure(folder, 88, 464)
        directory = _directory(folder, settings)
        _run("ldbadd", *directory, put="".join(one.ldif() for one in accounts.ACCOUNTS))
        _run("ldbmodify", *directory, put=accounts.RULES)
        _run("ldbmodify", "-H", f"tdb://{folder / BENEATH}", f"--configfile={settings}", put=accounts.AGED)
        for file, principals in accounts.KEYTABS.items():
            for principal in principals:
                export = ("samba-tool", "domain", "exportkeytab", str(folder / file), f"--principal={principal}")
                _run(*export, f"--configfile={settings}")
        _run("ldbmodify", *directory, put=accounts.new_password(accounts.STALE, "Stale-Pass-2"))
        part = archive.with_suffix(".part")
        with tarfile.open(part, "w:gz") as files:
            for one in ("private", *accounts.KEYTABS):
                files.add(folder / one, one)
        part.replace(archive)


def _configure(folder: Path, port: int, other: int) -> str:
    for name in ("run", "ncalrpc", "state", "cache", "bind-dns"):
        (folder / name).mkdir(exist_ok=True)
    path = folder / "smb.conf"
    path.write_text(SETTINGS.format(short=SHORT, realm=REALM, port=port, other=other, folder=folder), "utf-8")
    return str(path)


def _directory(folder: Path, settings: str) -> tuple[str, ...]:
    return "-H", str(folder / "private" / "sam.ldb"), f"--configfile={settings}"


def _run(*command: str, put: str = "") -> str:
    done = subprocess.run(command, input=put, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
    assert done.returncode == 0, f"{command[:3]}: {done.stdout}{done.stderr}"
    return done.stdout


def _free_ports() -> tuple[int, int]:
    """Below those that systems give away by themselves, so that a controller that was stopped finds its own free again."""
    free = [port for port in random.sample(range(20_000, 32_000), 50) if _is_free(port)]
    return free[0], free[1]


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


if __name__ == "__main__":
    print(_provisioned())
