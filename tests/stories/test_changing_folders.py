"""Folders that change under the program: renamed, made anew, closed to it, filled while it reads."""

import itertools

import pytest

from tests.office import mail
from tests.servers.cyrus import Cyrus
from tests.stories.conftest import Desk


@pytest.fixture
def desk(desk_anywhere: Desk) -> Desk:
    return desk_anywhere


def read(desk: Desk, *folders: str, more: str = "") -> None:
    names = ", ".join(f"'{folder}'" for folder in folders)
    desk.configure(
        ("fetch_since: 2026-01-01", f"fetch_since: 2026-01-01\n      folders: [{names}]\n      {more}")
    )


def subjects(desk: Desk) -> list[str]:
    """Of the mail that came in."""
    found = [one["subject"] for one in desk.espomail.json("email", "list", "--fields", "subject")]
    return sorted(subject for subject in found if not subject.startswith("[#"))


def test_folder_that_is_renamed_is_told_and_its_mail_is_known_by_its_new_name(desk: Desk):
    old, new = desk.mailboxes.name("Orders"), desk.mailboxes.name("Bestellungen")
    desk.mailboxes.command(desk.address, "create", old)
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.mailboxes.deliver(desk.address, mail("Two"), folder=old)
    read(desk, "INBOX", old)
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.command(desk.address, "rename", old, new)
    desk.mailboxes.deliver(desk.address, mail("Three"))
    ended = desk.espomail.run("fetch", "--no-send")
    assert ended.exit_code == 1
    assert f"there is no folder {old!r}" in ended.stderr
    assert new in ended.stderr
    assert subjects(desk) == ["One", "Three", "Two"]
    read(desk, "INBOX", new)
    desk.mailboxes.deliver(desk.address, mail("Four"), folder=new)
    desk.espomail.run("fetch", "--no-send")
    assert subjects(desk) == ["Four", "One", "Three", "Two"]
    assert len(desk.espomail.json("case", "list")) == 4
    desk.espomail.ok("reconcile")


def test_folder_that_is_made_anew_brings_what_it_did_not_have(desk: Desk):
    box = desk.mailboxes.name("Orders")
    desk.mailboxes.command(desk.address, "create", box)
    desk.mailboxes.deliver(desk.address, mail("One"), mail("Two"), folder=box)
    read(desk, "INBOX", box)
    desk.espomail.ok("fetch", "--no-send")
    desk.mailboxes.command(desk.address, "delete", box)
    assert desk.espomail.run("fetch", "--no-send").exit_code == 1
    desk.mailboxes.command(desk.address, "create", box)
    desk.mailboxes.deliver(desk.address, mail("Three"), mail("Two"), folder=box)
    desk.espomail.run("fetch", "--no-send")
    assert subjects(desk) == ["One", "Three", "Two"]
    desk.espomail.ok("reconcile")


@pytest.mark.parametrize("mailboxes", ["cyrus"], indirect=True)  # the one with rights on folders
def test_mailbox_that_may_only_be_read_is_read_and_what_cannot_be_done_is_told(desk: Desk):
    assert isinstance(desk.mailboxes, Cyrus)
    read(desk, "INBOX", more="after_import: seen")
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.mailboxes.set_rights(desk.address, "lri")  # mail can still be put into it
    ended = desk.espomail.run("fetch", "--no-send")
    assert ended.exit_code == 1
    assert "folder INBOX: marking as seen: the server said" in ended.stderr
    desk.mailboxes.deliver(desk.address, mail("Two"))
    assert desk.espomail.run("fetch", "--no-send").exit_code == 1
    assert subjects(desk) == ["One", "Two"]
    read(desk, "INBOX")
    desk.espomail.run("fetch", "--no-send")
    desk.espomail.ok("fetch", "--no-send")
    desk.espomail.ok("reconcile")


def test_mail_that_arrives_while_the_program_reads_is_taken_in_once(desk: Desk):
    numbers = itertools.count()
    desk.mailboxes.deliver(desk.address, *(mail(f"Mail {next(numbers)}") for _ in range(250)))
    with desk.espomail.start("fetch", "--no-send") as running:
        while running.poll() is None:
            desk.mailboxes.deliver(desk.address, mail(f"Mail {next(numbers)}"))
    assert running.returncode == 0
    desk.mailboxes.deliver(desk.address, mail("Last"))
    desk.espomail.ok("fetch", "--no-send")
    assert len(desk.mailboxes.messages(desk.address)) > 252, "none has arrived while it was reading"
    assert subjects(desk) == sorted(["Last", *(f"Mail {number}" for number in range(next(numbers)))])
    desk.espomail.ok("reconcile")
