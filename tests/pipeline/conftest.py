from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espomail.store.connection import close_database
from tests.office import CONFIG, Office


@pytest.fixture
def open_office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Open an office: with the usual configuration, or one in which the given texts are replaced."""

    def open_one(*replaced: tuple[str, str], name: str = "office") -> Office:
        config = CONFIG
        for old, new in replaced:
            assert old in config, f"the usual configuration has no {old!r}"
            config = config.replace(old, new)
        return Office(tmp_path / name, config)

    yield open_one
    close_database()


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()
