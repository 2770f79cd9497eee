"""What happens to mail on its server once it is safe here."""

import pytest

from espomail.store.models import AfterImport
from tests.office import mail
from tests.stories.conftest import Desk


@pytest.fixture
def desk(desk_anywhere: Desk) -> Desk:
    return desk_anywhere


def after_import(desk: Desk, what: str) -> None:
    desk.configure(("fetch_since: 2026-01-01", f"fetch_since: 2026-01-01\n      after_import: {what}"))


def still_to_be_told(desk: Desk) -> int:
    """Of how many messages the server is still to be told."""
    with desk.espomail.database():
        number: int = AfterImport.select().count()
    return number


def move_to(desk: Desk, *path: str) -> str:
    return f"{{move: '{desk.mailboxes.name(*path)}'}}"


def test_mail_is_kept_unread_by_default(desk: Desk):
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.flags(desk.address) == [set()]


def test_mail_is_marked_as_seen(desk: Desk):
    after_import(desk, "seen")
    desk.mailboxes.deliver(desk.address, mail("One"), mail("Two"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.flags(desk.address) == [{r"\Seen"}, {r"\Seen"}]


def test_mail_is_moved_to_a_folder_that_is_made(desk: Desk):
    after_import(desk, move_to(desk, "Done"))
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == []
    assert desk.mailboxes.messages(desk.address, desk.mailboxes.name("Done")) == [mail("One")]


def test_mail_is_moved_to_a_folder_in_a_folder_with_a_name_in_another_script(desk: Desk):
    after_import(desk, move_to(desk, "Erledigt", "Größe & co"))
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address, desk.mailboxes.name("Erledigt", "Gr&APYA3w-e &- co")) == [
        mail("One")
    ]
    assert desk.mailboxes.messages(desk.address) == []


def test_mail_is_deleted_and_stays_here(desk: Desk):
    after_import(desk, "delete")
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == []
    assert [email["subject"] for email in desk.espomail.json("case", "show", 1)["emails"]][-1:] == ["One"]


def test_skipped_mail_stays_on_the_server(desk: Desk):
    after_import(desk, "delete")
    text = desk.espomail.config.read_text() + "filters: [{name: noise, subject: Noise, action: skip}]\n"
    desk.espomail.configure(text)
    desk.mailboxes.deliver(desk.address, mail("Noise"), mail("One"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == [mail("Noise")]


def test_dry_run_changes_nothing_on_the_server(desk: Desk):
    after_import(desk, "delete")
    desk.mailboxes.deliver(desk.address, mail("One"))
    desk.espomail.ok("fetch", "--dry-run")
    assert len(desk.mailboxes.messages(desk.address)) == 1


def test_what_one_run_could_not_do_the_next_one_does(desk: Desk):
    after_import(desk, "{move: INBOX/./impossible/../x/}")
    desk.mailboxes.deliver(desk.address, mail("One"))
    ended = desk.espomail.run("fetch", "--no-send")
    assert ended.exit_code == 1
    assert len(desk.mailboxes.messages(desk.address)) == 1
    after_import(desk, move_to(desk, "Done"))
    assert desk.espomail.run("fetch", "--no-send").exit_code == 0
    assert desk.mailboxes.messages(desk.address, desk.mailboxes.name("Done")) == [mail("One")]
    assert len(desk.espomail.json("case", "list")) == 1


def test_folder_that_cannot_be_made_is_told_once(desk: Desk):
    second = desk.mailboxes.name("Second")
    desk.mailboxes.command(desk.address, "create", second)
    after_import(desk, f"{{move: INBOX/./impossible/../x/}}\n      folders: [INBOX, {second}]")
    for folder in ("INBOX", second):
        desk.mailboxes.deliver(desk.address, mail(folder), folder=folder)
    ended = desk.espomail.run("fetch", "--no-send")
    assert ended.exit_code == 1
    assert ended.stderr.count("cannot be made") == 1


@pytest.mark.parametrize("what", ["seen", "move", "delete"])
def test_later_runs_find_nothing_left_to_do(desk: Desk, what: str):
    after_import(desk, move_to(desk, "Done") if what == "move" else what)
    desk.mailboxes.deliver(desk.address, mail("One"))
    for _ in range(3):
        desk.espomail.ok("fetch", "--no-send")
    assert len(desk.espomail.json("case", "list")) == 1


def test_mail_of_which_only_the_header_is_here_says_so_and_is_not_deleted(desk: Desk):
    after_import(desk, "delete\n      max_size: 1K")
    large = mail("Large", body="word " * 1_000)
    desk.mailboxes.deliver(desk.address, large, mail("Small"))
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == [large]
    (case,) = [case for case in desk.espomail.json("case", "list") if case["name"] == "Large"]
    shown = desk.espomail.json("case", "show", case["number"])
    assert "still on its mail server" in shown["description"]
    (email,) = [email for email in shown["emails"] if email["partial"]]
    assert "larger than the max_size" in desk.espomail.json("email", "show", email["id"])["body_plain"]
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == [large]


def test_mail_that_is_whole_in_the_end_is_deleted(desk: Desk):
    after_import(desk, "delete\n      max_size: 1K")
    desk.mailboxes.deliver(desk.address, mail("Large", body="word " * 1_000))
    desk.espomail.ok("fetch", "--no-send")
    assert len(desk.mailboxes.messages(desk.address)) == 1
    after_import(desk, "delete")
    assert desk.espomail.run("reconcile", "--fetch-missing").exit_code == 0
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address) == []
    assert still_to_be_told(desk) == 0


@pytest.mark.parametrize("before", ["delete", "{move: INBOX/./impossible/../x/}"])
def test_mail_that_is_not_deleted_is_not_looked_after_for_ever(desk: Desk, before: str):
    desk.mailboxes.deliver(desk.address, mail("Large", body="word " * 1_000))
    for what in (before, "delete"):
        after_import(desk, f"{what}\n      max_size: 1K")
        desk.espomail.run("fetch", "--no-send")
    assert still_to_be_told(desk) == 0
    after_import(desk, move_to(desk, "Done"))
    desk.espomail.ok("fetch", "--no-send")
    assert len(desk.mailboxes.messages(desk.address)) == 1


def test_mail_of_which_only_the_header_is_here_is_moved_whole(desk: Desk):
    after_import(desk, move_to(desk, "Done") + "\n      max_size: 1K")
    large = mail("Large", body="word " * 1_000)
    desk.mailboxes.deliver(desk.address, large)
    desk.espomail.ok("fetch", "--no-send")
    assert desk.mailboxes.messages(desk.address, desk.mailboxes.name("Done")) == [large]
    assert still_to_be_told(desk) == 0


def test_folder_that_is_gone_keeps_no_other_back(desk: Desk):
    first, second = desk.mailboxes.name("First"), desk.mailboxes.name("Second")
    for folder in (first, second):
        desk.mailboxes.command(desk.address, "create", folder)
        desk.mailboxes.deliver(desk.address, mail(folder), folder=folder)
    folders = f"\n      folders: [{first}, {second}]"
    after_import(desk, "{move: INBOX/./impossible/../x/}" + folders)
    assert desk.espomail.run("fetch", "--no-send").exit_code == 1
    desk.mailboxes.command(desk.address, "delete", first)
    after_import(desk, "seen" + folders)
    ended = desk.espomail.run("fetch", "--no-send")
    assert ended.exit_code == 1
    assert first in ended.stderr
    assert desk.mailboxes.flags(desk.address, second) == [{r"\Seen"}]
