"""The product runs on Windows as on Linux: nothing in it needs what only one of them has.

Tests and benchmarks may; they say so where they do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.reading import name_of, rooms, tree

ONE_SYSTEM_S_OWN = set(
    "crypt fcntl grp nis ossaudiodev posix pty pwd resource spwd syslog termios tty uvloop "
    "_winapi _winreg msvcrt nt winreg winsound win32api".split()
)
NOT_ON_WINDOWS = {
    "os": set(
        "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_SYNC chown chroot confstr ctermid fchmod fchown fork forkpty getegid geteuid "
        "getgid getgroups getloadavg getpgid getpgrp getpriority getresuid getsid getuid initgroups killpg lchown lockf "
        "mkfifo mknod nice openpty pathconf pipe2 posix_fadvise posix_fallocate posix_spawn pread pwrite readv "
        "sched_getaffinity sched_yield sendfile setegid seteuid setgid setgroups setpgid setpriority setsid setuid "
        "statvfs sync sysconf tcgetpgrp ttyname uname wait wait3 wait4 waitid writev".split()
    ),
    "signal": set(
        "ITIMER_REAL SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH "
        "alarm pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigtimedwait sigwait".split()
    ),
    "socket": {"AF_UNIX", "SO_REUSEPORT", "fromfd", "recv_fds", "send_fds", "socketpair"},
    "select": {"epoll", "kqueue", "poll"},
    "time": {"tzset", "clock_gettime"},
}
OF_A_LOOP = {"add_signal_handler", "add_child_handler", "create_unix_server", "create_unix_connection"}


def faults(module: ast.Module) -> Iterator[str]:
    """Each use of something that one system alone has, but in a function that asks which system it is on."""
    for node in walk(module):
        if isinstance(node, ast.Import):
            yield from (f"line {node.lineno}: {it.name}" for it in node.names if it.name in ONE_SYSTEM_S_OWN)
        elif isinstance(node, ast.ImportFrom):
            own = node.module in ONE_SYSTEM_S_OWN
            there = NOT_ON_WINDOWS.get(node.module or "", set())
            yield from (f"line {node.lineno}: {node.module}.{it.name}" for it in node.names if own or it.name in there)
        elif isinstance(node, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr in NOT_ON_WINDOWS.get(of, ()) or node.attr in OF_A_LOOP:
                yield f"line {node.lineno}: {of}.{node.attr}"
        elif isinstance(node, ast.Constant) and node.value in ("fork", "forkserver"):
            yield f"line {node.lineno}: a way of starting processes that Windows lacks"


def walk(node: ast.AST) -> Iterator[ast.AST]:
    if not (isinstance(node, ast.FunctionDef) and asks_for_the_system(node)):
        yield node
        for inner in ast.iter_child_nodes(node):
            yield from walk(inner)


def asks_for_the_system(function: ast.FunctionDef) -> bool:
    named = {
        f"{it.value.id}.{it.attr}"
        for it in ast.walk(function)
        if isinstance(it, ast.Attribute) and isinstance(it.value, ast.Name)
    }
    return bool(named & {"os.name", "sys.platform"})


@pytest.mark.parametrize("path", rooms(), ids=name_of)
def test_nothing_in_the_product_needs_one_operating_system(path: Path) -> None:
    """No lock, signal or file that is there on Linux alone."""
    assert list(faults(tree(path))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import fcntl",
        "import pwd as people",
        "from resource import getrusage",
        "from os import fork",
        "import os\nos.geteuid()",
        "import signal\nsignal.signal(signal.SIGHUP, f)",
        "loop.add_signal_handler(15, stop)",
        "multiprocessing.get_context('fork')",
        "import msvcrt",
    ],
)
def test_what_only_one_system_has_is_seen(text: str) -> None:
    assert list(faults(ast.parse(text)))


def test_what_both_systems_have_is_let_through() -> None:
    text = "def f():\n    if os.name == 'nt':\n        return\n    import pwd\n"
    assert list(faults(ast.parse(text))) == [], "it asks first"
    text = "import os, signal\nsignal.signal(signal.SIGTERM, f)\nos.open(p, os.O_RDONLY)\nos.fsync(h)\nos.replace(a, b)"
    assert list(faults(ast.parse(text))) == []
