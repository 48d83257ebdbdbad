"""What every test may ask for: the address of an empty ledger, on each database that we support."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.domain import controller


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """One server for the session."""
    programs = postgres.programs()
    if programs is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed: apt-get install postgresql"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.server(programs) as server:
        yield server


@pytest.fixture(scope="session")
def domain() -> Iterator[controller.Controller]:
    """One domain controller for the session. The default credential cache is watched: nothing may ever write it."""
    lacking = controller.lacking()
    if lacking:
        assert not os.environ.get("CI"), lacking
        pytest.skip(lacking)
    with controller.controller() as running:
        before = {name: os.environ.get(name) for name in ("KRB5_CONFIG", "KRB5CCNAME", "KRB5RCACHEDIR")}
        os.environ |= {"KRB5CCNAME": f"FILE:{running.default_cache}", "KRB5RCACHEDIR": str(running.folder)}
        yield running
        assert not running.default_cache.exists()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, not migrated yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.sqlite'}"
        return
    server: postgres.Server = request.getfixturevalue("postgresql")
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture
def an_empty_ledger(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """The URL of a new, empty database: of "sqlite" in a file of the test's folder, or on the "postgresql" server."""

    def make(database: str) -> str:
        name = f"ledger_{uuid.uuid4().hex[:12]}"
        if database == "sqlite":
            return f"sqlite:///{tmp_path / name}.sqlite"
        server: postgres.Server = request.getfixturevalue("postgresql")
        return server.create_database(name)

    return make
