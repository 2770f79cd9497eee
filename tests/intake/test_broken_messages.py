"""A message that its server cannot give out: Dovecot breaks off over it, Cyrus leaves it out."""

from pathlib import Path

import pytest

from espomail.store.connection import close_database, open_database
from espomail.store.models import FolderPosition
from tests.intake.desk import NOW, Desk


def file_of(desk: Desk, subject: str) -> Path:
    """Where the server keeps a mail of the user."""
    files = (file for file in desk.mailboxes.mail_of(desk.user).rglob("*") if file.is_file())
    words = f"<{subject}.{desk.user}@c.example>".encode()
    (found,) = (file for file in files if not file.name.startswith("cyrus.") and words in file.read_bytes())
    return found


def break_file(file: Path, how: str) -> None:
    if how == "unreadable":
        file.chmod(0)
    else:
        with file.open("r+b") as opened:
            opened.truncate(50)


@pytest.mark.parametrize(
    ("mailboxes", "how"),
    [("dovecot", "unreadable"), ("dovecot", "cut short"), ("cyrus", "unreadable")],
    indirect=["mailboxes"],
)
@pytest.mark.parametrize("others", [2, 40])
def test_it_holds_back_no_other_and_is_taken_in_once_it_is_mended(desk: Desk, how: str, others: int):
    before, after = [f"A{number}" for number in range(others)], [f"C{number}" for number in range(others)]
    desk.receive(*before, "B1", "B2", *after, days=-2)
    whole = {file_of(desk, subject): file_of(desk, subject).read_bytes() for subject in ("B1", "B2")}
    for file in whole:
        break_file(file, how)
    for _ in range(4):
        assert desk.fetch() != ""
    assert desk.here() == sorted([*before, *after])
    desk.receive("New", days=-1)
    assert desk.fetch() != ""
    assert desk.here() == sorted([*before, *after, "New"])
    for file, raw in whole.items():
        file.chmod(0o600)
        file.write_bytes(raw)
    assert desk.fetch() == ""
    assert desk.here() == sorted([*before, *after, "B1", "B2", "New"])


def test_below_a_portion_of_known_mail_of_a_server_that_was_set_back_it_holds_back_no_new_mail(desk: Desk):
    copy = desk.mailboxes.back_up(desk.user)
    desk.receive("A", "B", "C", "D", days=-2)
    desk.fetch()
    desk.mailboxes.set_back(desk.user, copy)
    desk.receive("Broken", days=-2.1)
    desk.receive("B", "C", days=-2)
    break_file(file_of(desk, "Broken"), "unreadable")
    desk.receive("E", "F", "G", days=-1)
    for _ in range(6):
        desk.fetch(limit=2)
    assert desk.here() == ["A", "B", "C", "D", "E", "F", "G"]


@pytest.mark.parametrize("mailboxes", ["dovecot"], indirect=True)
def test_it_keeps_no_server_from_being_told_of_the_others(desk: Desk):
    desk.configure("delete")
    desk.receive("A", "B", "C", days=-2)
    break_file(file_of(desk, "B"), "cut short")
    for _ in range(4):
        desk.fetch()
    assert (desk.here(), len(desk.mailboxes.flags(desk.user))) == (["A", "C"], 1)


@pytest.mark.parametrize("mailboxes", ["dovecot"], indirect=True)
def test_it_is_forgotten_once_somebody_has_moved_it_away(desk: Desk):
    desk.receive("A", "B", days=-2)
    break_file(file_of(desk, "B"), "cut short")
    for _ in range(3):
        assert desk.fetch() != ""
    desk.delete("2")
    assert [desk.fetch(), desk.fetch()] == ["", ""]
    open_database(desk.loaded.config.database, now=NOW)
    assert (FolderPosition.get().suspects, FolderPosition.get().last_uid) == (None, 2)
    close_database()
