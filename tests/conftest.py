"""What every test may ask for: the address of an empty ledger, on each database that we support."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def postgresql() -> Iterator[postgres.Server]:
    """One server for the session."""
    programs = postgres.programs()
    if programs is None:
        assert not os.environ.get("CI"), "PostgreSQL is not installed: apt-get install postgresql"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.server(programs) as server:
        yield server


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
