"""A server that was set back to an older state gives new mail UIDs that have been read already."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from espomail import run
from espomail.report import FetchRequest, MailboxReport
from espomail.store.connection import close_database, open_database
from espomail.store.models import FolderPosition
from tests.intake.desk import NOW, Desk, configured
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import ScriptedImap

ANOTHER = "is another message's than when it was read"


def test_its_mail_is_found_by_date_and_the_fault_is_said_once(tmp_path: Path):
    with ScriptedImap() as server:
        loaded = configured(tmp_path, server.port, "u")
        open_database(loaded.config.database, now=datetime.now(UTC))
        read_so_far = {"uidvalidity": 7, "last_uid": 100, "last_date": datetime(2026, 11, 24, tzinfo=UTC)}
        FolderPosition.create(mailbox="support", folder="INBOX", **read_so_far, special_use="")
        close_database()

        def fetch() -> MailboxReport:
            return run.fetch(loaded, FetchRequest()).mailboxes[0]

        first, second = fetch(), fetch()
        assert (first.ok, first.imported) == (False, 1)
        assert "was set back to an older state" in (first.error or "")
        assert (second.ok, second.fetched) == (True, 0)
        assert b"SEARCH SINCE 23-Nov-2026" in server.heard


def test_server_that_has_caught_up_between_two_runs_is_noticed(desk: Desk):
    desk.receive("A", "B", days=-9)
    desk.fetch()
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("C", "D", days=-8)
    assert desk.fetch() == ""
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("E", "F", "G", days=-1)
    assert f"UID 4 {ANOTHER}" in desk.fetch()
    assert desk.here() == ["A", "B", "C", "D", "E", "F", "G"]
    assert desk.fetch() == ""


def test_server_that_has_just_caught_up_is_noticed_with_the_next_mail(desk: Desk):
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("A", "B", days=-9)
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("C", "D", days=-2)
    desk.fetch()
    desk.receive("E", days=-1)
    assert f"UID 2 {ANOTHER}" in desk.fetch()
    assert desk.here() == ["A", "B", "C", "D", "E"]


def test_mail_that_people_have_deleted_since_hides_no_other(desk: Desk):
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("A", "B", "C", "D", days=-9)
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("E", "F", "G", "H", "I", days=-1)
    desk.delete("2:4")
    assert f"UID 1 {ANOTHER}" in desk.fetch()
    assert desk.here() == ["A", "B", "C", "D", "E", "I"]


def test_uid_that_nothing_is_known_of_is_another_messages_when_it_came_later_than_all_that_is(desk: Desk):
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("A", "B", "C", days=-9)
    desk.delete("2:3")
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("D", "E", "F", "G", days=-1)
    assert f"UID 3 {ANOTHER}" in desk.fetch()
    assert desk.here() == ["A", "D", "E", "F", "G"]


def test_old_mail_that_is_moved_to_a_server_that_has_caught_up_is_taken_in(desk: Desk):
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("A", days=-9)
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("B", days=-1)
    desk.receive("Old", days=-20)
    assert ANOTHER in desk.fetch()
    assert desk.here() == ["A", "B", "Old"]


def test_mail_from_before_fetch_since_is_no_other_than_was_read(desk: Desk):
    desk.receive("Too old", days=-1000)
    desk.fetch()
    desk.receive("New", days=-1)
    assert desk.fetch() == ""
    desk.delete("2")
    desk.receive("Newer", days=-1)
    assert desk.fetch() == ""
    assert desk.here() == ["New", "Newer"]


def holds(server: ScriptedImap, uid_next: int, november: dict[int, int], *, withheld: int = 0) -> None:
    """Let the server have messages, each with its day of November, and give out all but one of them."""
    given = {uid: day for uid, day in november.items() if uid != withheld}
    about = "".join(
        f'* {uid} FETCH (UID {uid} FLAGS () INTERNALDATE "{day}-Nov-2026 10:00:00 +0000" RFC822.SIZE 3)\r\n'
        for uid, day in given.items()
    )
    bodies = "".join(f"* {uid} FETCH (UID {uid} BODY[] {{3}}\r\nxyz)\r\n" for uid in given)
    state = f"[UIDVALIDITY 7] x\r\n* OK [UIDNEXT {uid_next}] x\r\n"
    for stage, answer in {
        "STATUS": f'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT {uid_next})\r\n',
        "EXAMINE": f"* OK {state}",
        "SEARCH": f"* SEARCH {' '.join(map(str, november))}\r\n",
        "ABOUT": about,
        "BODY": bodies,
    }.items():
        server.answers(stage, f"{answer}{{tag}} OK done\r\n".encode())


def test_message_that_is_withheld_below_a_portion_of_known_mail_keeps_no_new_mail_back(tmp_path: Path):
    with ScriptedImap() as server:
        loaded = configured(tmp_path, server.port, "u")

        def fetch() -> MailboxReport:
            return run.fetch(loaded, FetchRequest(mailboxes=("support",), limit=2)).mailboxes[0]

        read = {1: 10, 2: 10, 3: 10, 4: 10}
        holds(server, 5, read)
        assert [fetch().fetched for _ in range(3)] == [2, 2, 0]
        holds(server, 7, {**read, 4: 12, 5: 12, 6: 12}, withheld=1)
        for new in (1, 1, 1, 0):
            report = fetch()
            assert "does not give out the message with UID 1" in (report.error or "")
            assert report.fetched == new
        holds(server, 7, {**read, 4: 12, 5: 12, 6: 12})
        assert [fetch().error for _ in range(2)] == [None, None]


def test_known_mail_of_a_folder_that_is_read_again_is_not_downloaded(desk: Desk):
    desk.receive("A", "B", days=-9)
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("C", days=-9)
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("D", "E", days=-1)
    assert ANOTHER in desk.fetch(limit=2)
    assert desk.here() == ["A", "B", "C", "D", "E"]


@pytest.mark.parametrize("what", ["delete", "seen", "{move: Done}"])
def test_what_is_still_to_be_done_on_the_server_is_not_done_to_another_message(desk: Desk, what: str):
    copy = desk.mailboxes.back_up(desk.user)
    desk.configure("{move: INBOX/./impossible/../x/}")
    desk.receive("A", "B", days=-9)
    assert desk.fetch() != ""
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("C", "D", days=-1)
    desk.configure(what.replace("Done", desk.mailboxes.name("Done")))
    assert f"UID 1 {ANOTHER}" in desk.fetch()
    assert desk.mailboxes.flags(desk.user) == [set(), set()]
    assert desk.fetch() == ""
    assert desk.here() == ["A", "B", "C", "D"]


@pytest.mark.parametrize("ids", [("<a@c.example>", "<b@c.example>"), ("<a@c.example>", ""), ("", "")])
@pytest.mark.parametrize("what", ["delete", "{move: Done}"])
def test_message_that_came_in_the_same_second_as_a_former_one_is_told_from_it(
    desk: Desk, what: str, ids: tuple[str, str]
):
    copy = desk.mailboxes.back_up(desk.user)
    desk.configure("{move: INBOX/./impossible/../x/}")
    is_of_a_size = "B" if any(ids) else "Longer"
    for subject, message_id in zip(("A", is_of_a_size), ids, strict=True):
        desk.mailboxes.deliver(desk.user, _mail(subject, message_id), at=NOW - timedelta(days=9))
        if subject == "A":
            desk.receive("Newer", days=-2)
            assert desk.fetch() != ""
            desk.mailboxes.set_back(desk.user, copy)
    desk.configure(what.replace("Done", desk.mailboxes.name("Done")))
    assert f"UID 1 {ANOTHER}" in desk.fetch()
    assert len(desk.mailboxes.messages(desk.user)) == 1
    assert desk.fetch() == ""
    assert desk.here() == ["A", is_of_a_size, "Newer"]
    assert desk.mailboxes.messages(desk.user) == []


@pytest.mark.parametrize("mailboxes", ["dovecot"], indirect=True)
@pytest.mark.parametrize("begins", [b"Subject: A\rMessage-ID: <a@c.example>\r\n", b"\r\n"])
def test_message_is_known_though_its_server_finds_another_message_id_or_none(
    desk: Desk, dovecot: Dovecot, begins: bytes
):
    desk.configure("delete")
    dovecot.deliver_file(desk.user, begins + b"Message-ID: <b@c.example>\r\n\r\nHello\r\n")
    assert desk.fetch() == ""
    assert desk.mailboxes.messages(desk.user) == []


def _mail(subject: str, message_id: str) -> bytes:
    raw = mail(subject, message_id=message_id or "<none>")
    return raw if message_id else raw.replace(b"Message-ID: <none>\r\n", b"")
