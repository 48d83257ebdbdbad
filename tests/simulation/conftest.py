"""What the simulations share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.simulation.nursery import Nursery


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked here, which this operating system cannot")
    with Nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started
