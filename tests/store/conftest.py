from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from espomail.store.connection import close_database, open_database

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def database_file(tmp_path: Path) -> Iterator[Path]:
    """The file of an open, new database."""
    file = tmp_path / "espomail.db"
    open_database(f"sqlite:///{file}", now=NOW)
    yield file
    close_database()
