"""What the simulations share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.simulation.nursery import Nursery


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked here, which this operating system cannot")
    with Nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started


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
