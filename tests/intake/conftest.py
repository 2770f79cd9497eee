from collections.abc import Iterator
from pathlib import Path

import pytest

from espomail.store.connection import close_database
from tests.intake.desk import Desk
from tests.office import Office
from tests.servers.mailboxes import Mailboxes


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")
    close_database()


@pytest.fixture
def desk(mailboxes: Mailboxes, user: str, tmp_path: Path) -> Desk:
    """A desk on each of the servers in turn."""
    return Desk(mailboxes, user, tmp_path)
