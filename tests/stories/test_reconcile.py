"""Proving that every message of a server has its outcome."""

import fcntl
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from espomail.store.connection import writing
from espomail.store.models import AfterImport, FolderPosition, Journal
from tests.office import NOW, mail
from tests.servers.ports import free_port, wait_until
from tests.servers.scripted_imap import SILENCE, ScriptedImap
from tests.stories.conftest import Desk

NEVER = "on the server, and was never taken in"
GIVEN_AGAIN = "on the server under a UID that another message had, and was never taken in"
NOT_WHOLE = "on the server, within max_size by now, and only its header is here"


def differences(desk: Desk, *words: str) -> list[tuple[str, str, int | None, str]]:
    """What the command lists, where it finds something."""
    ended = desk.espomail.run("reconcile", *words)
    assert (ended.exit_code, ended.stderr) == (1, "")
    rows = [line.split("\t") for line in ended.stdout.splitlines()]
    return [(mailbox, folder, int(uid) if uid else None, what) for mailbox, folder, uid, what in rows]


def forget(desk: Desk, uid: int) -> None:
    """Take a message out of the journal, as a fault of the program would."""
    change(desk, Journal.delete().where(Journal.uid == uid))


def change(desk: Desk, query: object) -> None:
    with desk.espomail.database(), writing():
        AfterImport.delete().execute()
        query.execute()  # type: ignore[attr-defined]


@pytest.fixture
def desk(desk_anywhere: Desk) -> Desk:
    return desk_anywhere


@pytest.fixture
def read(desk: Desk) -> Desk:
    """A desk that has read three mails; one more is waiting on the server."""
    desk.mailboxes.deliver(desk.address, mail("One"), mail("Two"), mail("Three"))
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.deliver(desk.address, mail("Four"))
    return desk


def test_mail_that_was_read_agrees_with_its_server_and_new_mail_is_no_difference(read: Desk):
    assert read.espomail.ok("reconcile") == ""
    assert read.espomail.json("reconcile", "support") == []


def test_mailbox_that_was_never_read_has_nothing_to_compare(desk: Desk):
    desk.mailboxes.deliver(desk.address, mail())
    assert desk.espomail.ok("reconcile") == ""


def test_mail_that_was_deleted_on_the_server_is_no_difference(read: Desk):
    read.mailboxes.command(read.address, "store", "1:2", "+FLAGS", r"(\Deleted)", folder="INBOX")
    read.mailboxes.command(read.address, "expunge", folder="INBOX")
    assert read.espomail.ok("reconcile") == ""


def test_missing_mail_is_listed_and_fetched(read: Desk):
    forget(read, 2)
    assert differences(read) == [("support", "INBOX", 2, NEVER)]
    assert differences(read, "support") == [("support", "INBOX", 2, NEVER)]
    ended = read.espomail.run("reconcile", "--fetch-missing")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "fetched what was missing: 1\n")
    assert read.espomail.ok("reconcile") == ""
    assert len(read.espomail.json("case", "list")) == 3  # it was met before: no second e-mail is made of it


def test_earlier_fetch_since_makes_older_mail_missing_until_it_is_fetched(desk: Desk):
    desk.configure(("fetch_since: 2026-01-01", "fetch_since: 2026-06-01"))
    desk.mailboxes.deliver(desk.address, mail("Old"), at=NOW.replace(month=3))
    desk.mailboxes.deliver(desk.address, mail("New"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.espomail.ok("reconcile") == ""
    desk.configure()
    assert differences(desk) == [("support", "INBOX", 1, NEVER)]
    assert desk.espomail.run("reconcile", "--fetch-missing").exit_code == 0
    assert {one["subject"] for one in desk.espomail.json("email", "list")} >= {"Old", "New"}


def test_mail_that_was_too_large_is_completed_once_the_limit_is_higher(desk: Desk):
    since = "fetch_since: 2026-01-01"
    limit = (since, f"{since}\n      max_size: 1K")
    desk.configure(limit)
    large, nameless = (
        mail(name, to=desk.address, body=f"word {name} " * 1_000) for name in ("Large", "Nameless")
    )
    nameless = b"".join(line for line in nameless.splitlines(True) if not line.startswith(b"Message-ID"))
    desk.mailboxes.deliver(desk.address, large, nameless)
    desk.espomail.ok("fetch", "--no-send")
    assert desk.espomail.ok("reconcile") == ""
    desk.configure()
    assert differences(desk) == [("support", "INBOX", 1, NOT_WHOLE)]
    ended = desk.espomail.run("reconcile", "--fetch-missing")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "fetched what was missing: 1\n")
    emails = {one["subject"]: one for one in desk.espomail.json("email", "list", "--to", desk.address)}
    assert {subject: one["partial"] for subject, one in emails.items()} == {"Large": False, "Nameless": True}
    assert emails["Large"]["size"] == len(large)
    assert "word Large" in desk.espomail.json("email", "show", emails["Large"]["id"])["body_plain"]
    assert len(desk.espomail.json("case", "list")) == 2
    assert desk.espomail.ok("reconcile") == ""


def test_mail_that_is_not_decided_yet_is_listed(read: Desk):
    change(read, Journal.update(outcome="new").where(Journal.uid == 3))
    assert differences(read) == [("support", "INBOX", 3, "kept, and not decided yet")]


def test_mail_that_the_journal_knows_by_former_uids_is_recognised(read: Desk):
    forget(read, 2)
    change(read, Journal.update(uidvalidity=1))
    change(read, FolderPosition.update(last_uid=3))
    assert differences(read) == [("support", "INBOX", 2, NEVER)]


def test_mail_whose_uid_was_another_ones_for_a_while_is_recognised(read: Desk):
    change(read, Journal.update(uid=Journal.id * -1).where(Journal.uid == 2))
    assert read.espomail.ok("reconcile") == ""


def test_server_that_was_set_back_is_told(read: Desk):
    change(read, FolderPosition.update(last_uid=100))
    missing, set_back = sorted(differences(read), key=lambda one: one[2] is None)
    assert missing == ("support", "INBOX", 4, NEVER)
    assert set_back == ("support", "INBOX", None, "read up to UID 100, but the server's next UID is 5")


def test_mail_under_uids_that_a_server_set_back_has_given_out_again_is_listed_and_fetched(desk: Desk):
    copy = desk.mailboxes.back_up(desk.address)
    desk.mailboxes.deliver(desk.address, mail("One"), mail("Two"), at=NOW)
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.set_back(desk.address, copy)
    desk.mailboxes.deliver(desk.address, mail("Six"), mail("Ten"), at=NOW + timedelta(hours=1))
    assert differences(desk) == [("support", "INBOX", 1, GIVEN_AGAIN), ("support", "INBOX", 2, GIVEN_AGAIN)]
    ended = desk.espomail.run("reconcile", "--fetch-missing")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", "fetched what was missing: 2\n")
    subjects = {email["subject"] for email in desk.espomail.json("email", "list")}
    assert subjects >= {"One", "Two", "Six", "Ten"}
    desk.mailboxes.deliver(desk.address, mail("New"))
    desk.espomail.ok("fetch", "--no-send")


def test_mail_that_a_server_set_back_has_got_back_under_other_uids_is_recognised(desk: Desk):
    copy = desk.mailboxes.back_up(desk.address)
    hours = [NOW + timedelta(hours=hour) for hour in range(3)]
    mails = [(at, mail(f"At {at.hour}")) for at in hours]
    desk.mailboxes.deliver_dated(desk.address, mails)
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.set_back(desk.address, copy)
    desk.mailboxes.deliver_dated(desk.address, reversed(mails))
    assert desk.espomail.ok("reconcile") == ""


def test_mailbox_that_cannot_be_reached_is_told(read: Desk):
    port = free_port()
    read.configure((f"port: {read.mailboxes.imap_port}", f"port: {port}"))
    ended = read.espomail.run("reconcile")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"mailbox support: 127.0.0.1:{port}" in ended.stderr


def test_mailbox_that_is_not_configured_is_refused(desk: Desk):
    assert desk.espomail.run("reconcile", "nobody").exit_code == 66


def test_folder_that_the_server_refuses_keeps_no_other_back(read: Desk):
    forget(read, 2)
    read.configure(("fetch_since: 2026-01-01", "fetch_since: 2026-01-01\n      folders: [Nowhere, INBOX]"))
    ended = read.espomail.run("reconcile")
    assert ended.exit_code == 1
    assert "there is no folder 'Nowhere'; there are: INBOX" in ended.stderr
    assert ended.stdout == f"support\tINBOX\t2\t{NEVER}\n"


def test_mail_under_known_uids_that_came_in_the_same_second_is_found(desk: Desk):
    at = datetime.now(UTC) - timedelta(days=2)
    copy = desk.mailboxes.back_up(desk.address)
    desk.mailboxes.deliver(desk.address, mail("One"), at=at)
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.set_back(desk.address, copy)
    desk.mailboxes.deliver(desk.address, mail("Another one"), at=at)
    assert differences(desk) == [("support", "INBOX", 1, GIVEN_AGAIN)]
    assert desk.espomail.run("reconcile", "--fetch-missing").exit_code == 0
    assert {case["name"] for case in desk.espomail.json("case", "list")} == {"One", "Another one"}


def test_server_that_keeps_the_comparison_waiting_keeps_no_run_waiting(read: Desk):
    with ScriptedImap() as slow:
        slow.answers("LOGIN", SILENCE)
        read.configure((f"port: {read.mailboxes.imap_port}", f"port: {slow.port}"))
        with read.espomail.start("reconcile", stderr=subprocess.DEVNULL) as comparing:
            wait_until(lambda: b"LOGIN" in slow.heard, "the login")
            read.configure()
            read.espomail.ok("fetch", "--no-send", "--fail-if-locked")
            comparing.kill()
    assert len(read.espomail.json("case", "list")) == 4


def test_what_a_run_has_in_hand_beside_the_comparison_is_no_difference(read: Desk):
    with read.espomail.database(), writing():
        Journal.update(outcome="new").where(Journal.uid == 1).execute()
    lock = read.espomail.folder / "espomail.db.lock"
    with lock.open("w") as run:
        fcntl.flock(run, fcntl.LOCK_EX)
        with read.espomail.start("reconcile", stdout=subprocess.PIPE) as comparing:
            with pytest.raises(subprocess.TimeoutExpired):
                comparing.communicate(timeout=1)
            change(read, Journal.update(outcome="imported"))
            fcntl.flock(run, fcntl.LOCK_UN)
            assert comparing.communicate(timeout=60) == (b"", None)
