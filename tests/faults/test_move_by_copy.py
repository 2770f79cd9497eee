"""A server without MOVE, on which mail is moved by copying and deleting: there is one of each in the end."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.conftest import CONFIG, Desk
from tests.faults.killing import Killable
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST
from tests.servers.proxy import Fault, Proxy, Then

MAILS = [mail("One"), mail("Two"), mail("Two"), mail("Three")]  # the same mail twice, in the same second
AT = datetime.now(UTC) - timedelta(minutes=5)
DONE = "Done"
MOVE = f"{{move: {DONE}}}"

PLACES = {
    "before the copy": Fault(Then.CUT, asked=b'STATUS "Done"'),
    "while it copies": Fault(Then.CUT, asked=b"COPY"),
    "once it has copied": Fault(Then.CUT, seen=b"COPYUID"),
    "while it deletes": Fault(Then.CUT, asked=b"EXPUNGE"),
    "once it has deleted": Fault(Then.CUT, seen=b"Expunge completed"),
}


@pytest.fixture(scope="module")
def server(root: None) -> Iterator[Dovecot]:
    with Dovecot(more="imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS\n") as dovecot:
        yield dovecot


def assert_moved(server: Dovecot, user: str, mails: list[bytes]) -> None:
    assert server.messages(user) == []
    assert sorted(server.messages(user, DONE)) == sorted(mails)


@pytest.mark.parametrize("place", PLACES)
def test_connection_that_breaks_off_doubles_nothing(server: Dovecot, user: str, tmp_path: Path, place: str):
    with Proxy(server.imap_port) as proxy:
        desk = Desk(tmp_path, server, proxy, user)
        desk.configure(after_import=MOVE)
        server.command(user, "create", DONE)
        server.deliver(user, MAILS[1], folder=DONE, at=AT)  # as if moved before: it is none of the copies
        server.deliver(user, *MAILS, at=AT)
        assert not desk.fetch(PLACES[place]).ok
        assert proxy.faults_met
        assert desk.fetch().ok
        assert_moved(server, user, [*MAILS, MAILS[1]])


def test_run_that_is_killed_doubles_nothing(server: Dovecot, user: str, tmp_path: Path):
    for moment in itertools.count(1):
        folder = tmp_path / str(moment)
        folder.mkdir()
        program = Killable(folder)
        text = CONFIG.format(
            host=HOST,
            port=server.imap_port,
            security="none",
            ca_file="",
            user=f"{moment}.{user}",
            password=PASSWORD,
            after_import=MOVE,
        )
        program.configure(text)
        server.deliver(f"{moment}.{user}", *MAILS, at=AT)
        if not program.killed_at("copy", moment):
            break
        program.ok("fetch")
        assert_moved(server, f"{moment}.{user}", MAILS)
    assert moment == 7


def test_folder_that_was_made_anew_since_has_no_copies_of_before(server: Dovecot, user: str, tmp_path: Path):
    with Proxy(server.imap_port) as proxy:
        desk = Desk(tmp_path, server, proxy, user)
        desk.configure(after_import=MOVE)
        server.deliver(user, *MAILS, at=AT)
        assert not desk.fetch(PLACES["once it has copied"]).ok
        server.command(user, "delete", DONE)
        assert desk.fetch().ok
        assert_moved(server, user, MAILS)


def test_what_one_run_has_begun_to_copy_is_not_copied_to_another_folder(
    server: Dovecot, user: str, tmp_path: Path
):
    with Proxy(server.imap_port) as proxy:
        desk = Desk(tmp_path, server, proxy, user)
        desk.configure(after_import=MOVE)
        server.deliver(user, *MAILS, at=AT)
        assert not desk.fetch(PLACES["once it has copied"]).ok
        desk.configure(after_import="{move: Elsewhere}")
        server.deliver(user, mail("Four"))
        assert desk.fetch().ok
        assert_moved(server, user, MAILS)
        assert server.messages(user, "Elsewhere") == [mail("Four")]
