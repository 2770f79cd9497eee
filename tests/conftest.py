"""What all tests share: the real servers, each started once for a test process, and the program itself."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espomail.store import connection
from tests.servers.cron import Cron
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Espomail
from tests.servers.mailboxes import Mailboxes
from tests.servers.postfix import Postfix
from tests.servers.scripted_smtp import ScriptedSmtp

_numbers = itertools.count(1)

NEED_ROOT = frozenset({"root", "dovecot", "cyrus", "mailboxes", "postfix", "cron"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-servers", action="store_true", help="leave out what needs real servers or root"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--without-servers"):
        left_out = [item for item in items if NEED_ROOT & set(getattr(item, "fixturenames", ()))]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def root() -> None:
    """For tests that give files or rights away, and for servers with logins of their own."""
    assert os.geteuid() == 0, "this test needs root"


@pytest.fixture(scope="session")
def dovecot(root: None) -> Iterator[Dovecot]:
    """A running Dovecot. Its users are for the taking: see `user`."""
    with Dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def cyrus(root: None) -> Iterator[Cyrus]:
    """A running Cyrus. Its users have to be made known to it: see `Cyrus.add_user`."""
    with Cyrus() as server:
        yield server


@pytest.fixture(params=["dovecot", "cyrus"])
def mailboxes(request: pytest.FixtureRequest) -> Mailboxes:
    """Each of the IMAP servers in turn: for what must not depend on one server's habits."""
    server: Mailboxes = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def postfix(dovecot: Dovecot) -> Iterator[Postfix]:
    """A running Postfix that delivers to that Dovecot."""
    with Postfix(dovecot) as server:
        yield server


@pytest.fixture
def scripted_smtp() -> Iterator[ScriptedSmtp]:
    """An SMTP server that says what the test wants."""
    with ScriptedSmtp() as server:
        yield server


@pytest.fixture
def cron(root: None) -> type[Cron]:
    """Debian's cron: `with cron(crontab) as running:`."""
    return Cron


@pytest.fixture
def user(tmp_path: Path) -> str:
    """A mail user whom no other test knows."""
    return f"user{next(_numbers)}-{tmp_path.name[-12:].strip('_').lower()}@example.com"


@pytest.fixture
def espomail(tmp_path: Path) -> Espomail:
    """An installation without a configuration."""
    return Espomail(tmp_path)


@pytest.fixture
def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give the program one migration more than databases have had so far: `0900_more`."""
    folder = tmp_path / "migrations"
    shutil.copytree(connection.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def add(does: str = "db.execute_sql('CREATE TABLE more (x)')") -> None:
        (folder / "0900_more.py").write_text(f"def up(migrator, db):\n    {does}\n")
        monkeypatch.setattr(connection, "MIGRATIONS", folder)

    return add
