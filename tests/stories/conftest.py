from pathlib import Path

import pytest

from tests.stories.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.opened(tmp_path)
