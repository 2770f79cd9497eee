from collections.abc import Iterator
from pathlib import Path

import pytest

from espomail.store.connection import close_database
from tests.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")
    close_database()
