"""What all tests share: the real servers, each started once for a test process, and the program itself."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot. Its users are for the taking: see `user`."""
    with Dovecot() as server:
        yield server


@pytest.fixture
def user(tmp_path: Path) -> str:
    """A mail user whom no other test knows."""
    return f"user{next(_numbers)}-{tmp_path.name[-12:].strip('_').lower()}@example.com"
