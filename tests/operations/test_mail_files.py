"""Mail that is written to files and taken in from files."""

import io
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from espomail.config.load import load
from espomail.crm import emails
from espomail.crm.access import SYSTEM, Access
from espomail.crm.emails import EmailFilter
from espomail.intake import imported
from espomail.operations.export_mail import export_as_mbox, export_to_folder
from espomail.operations.import_mail import Imported, import_mail
from espomail.store.changes import change
from espomail.store.connection import close_database, open_database
from espomail.store.models import AfterImport, Case, Email, Journal, Notification, Outbox
from tests.office import CONFIG, NOW, Office, mail

FIRST = "<first@customer.example>"
LONG_AGO = NOW - timedelta(days=300)
COMPARED = (
    *("message_id", "subject", "from_address", "date", "received_at", "is_auto", "is_partial", "size"),
    *("parent_type", "parent_id", "attachment_count", "text_key"),
)


def silent(_what: str, _done: int, _of: int) -> None:
    """Nobody watches."""


def take_in(office: Office, *paths: Path, kind: Any = None, stdin: bytes = b"") -> Imported:
    """What `espomail import` does."""
    done = import_mail(
        load(office.path),
        "support",
        [str(path) for path in paths],
        kind,
        stdin=io.BufferedReader(io.BytesIO(stdin)),
        clock=lambda: office.now,
        on_progress=silent,
    )
    open_database(office.config.database, now=office.now)
    return done


def write_out(office: Office, kind: str, target: Path, wanted: EmailFilter = EmailFilter()) -> Path:  # noqa: B008
    """What `espomail export` does."""
    access = Access(SYSTEM, office.config)
    if kind == "mbox":
        with target.open("wb") as file:
            export_as_mbox(access, wanted, file.write, on_progress=silent)
    else:
        export_to_folder(access, wanted, kind, target, replaces=False, on_progress=silent)  # type: ignore[arg-type]
    return target


def raws(office: Office) -> list[bytes]:
    access = Access(SYSTEM, office.config)
    return [one.raw or b"" for one in emails.stored(access, EmailFilter())]


def subjects(office: Office) -> list[str]:
    """Those of what was received; what is new is answered."""
    return [subject for subject, status in office.rows(Email, "subject", "status") if status == "archived"]


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")
    close_database()


# --- there and back

pieces = st.sampled_from(
    [
        b"From: a@customer.example\r\n",
        b"Subject: x\n",
        b"From me\n",
        b">From you\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0\xff",
        b"x",
    ]
)
messages = st.lists(
    st.lists(pieces, max_size=8).map(b"".join) | st.sampled_from([mail("A"), mail("B", In_Reply_To=FIRST)]),
    min_size=1,
    max_size=5,
    unique=True,
)


@pytest.mark.parametrize("kind", ["eml", "mbox", "maildir"])
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw_mails=messages, partial=st.booleans())
def test_what_was_exported_makes_the_same_records_again(
    kind: str, raw_mails: list[bytes], partial: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = Office(Path(folder, "ours"))
        ours.receive(mail("First", message_id=FIRST, body=""), *raw_mails, at=LONG_AGO)
        if partial:
            ours.write((change(Email, 1, is_partial=True, size=30_000_000),))
        there = write_out(ours, kind, Path(folder, "there"))
        before, bytes_before = ours.rows(Email, *COMPARED), raws(ours)

        other = Office(Path(folder, "other"))
        done = take_in(other, there)
        assert (done.exit_code, done.news) == (0, ())
        assert raws(other) == bytes_before
        assert other.rows(Email, *COMPARED) == before
        other_cases = other.rows(Case, "name", "status", "assigned_user", "mailbox")
        close_database()
        ours = Office(Path(folder, "ours"))
        assert other_cases == ours.rows(Case, "name", "status", "assigned_user", "mailbox")
        close_database()


@pytest.mark.parametrize("kind", ["eml", "mbox", "maildir"])
def test_importing_again_changes_nothing(office: Office, tmp_path: Path, kind: str) -> None:
    office.receive(mail("First"), mail("Second"), at=LONG_AGO)
    there = write_out(office, kind, tmp_path / "there")
    other = Office(tmp_path / "other")
    assert take_in(other, there).report.imported == 2
    before = other.dump()
    again = take_in(other, there, there).report
    assert (again.fetched, again.duplicates, again.imported) == (4, 4, 0)
    assert other.dump() == before


def test_what_was_fetched_is_not_imported_again(office: Office, tmp_path: Path) -> None:
    office.receive(mail("First"), mail("Second"), at=LONG_AGO)
    there = write_out(office, "mbox", tmp_path / "there")
    report = take_in(office, there).report
    assert (report.duplicates, report.imported, report.cases_created) == (2, 0, 0)
    assert subjects(office) == ["First", "Second"]


def test_export_has_what_is_asked_for(office: Office, tmp_path: Path) -> None:
    office.receive(mail("Old"), at=LONG_AGO)
    office.receive(mail("New"), at=NOW)
    recent = write_out(office, "eml", tmp_path / "recent", EmailFilter(since=NOW - timedelta(days=1)))
    assert b"Subject: New" in files_in(recent)[f"{int(NOW.timestamp())}.2.espomail.eml"]
    assert not any(b"Subject: Old" in raw for raw in files_in(recent).values())


def test_exported_files_have_the_time_of_receipt(office: Office, tmp_path: Path) -> None:
    office.receive(mail(), at=LONG_AGO)
    (file,) = (write_out(office, "maildir", tmp_path / "there") / "cur").iterdir()
    assert file.stat().st_mtime == LONG_AGO.timestamp()


# --- taking in


def test_old_mail_is_taken_in_quietly_and_new_mail_is_answered(office: Office, tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(mail("Old", Received="by x; Mon, 26 Jan 2026 10:00:00 +0000"))
    (tmp_path / "2.eml").write_bytes(mail("New", Received="by x; Tue, 24 Nov 2026 09:59:00 +0000"))
    report = take_in(office, tmp_path / "1.eml").report
    assert (report.cases_created, report.auto_replies) == (1, 0)
    assert office.rows(Notification) == office.rows(Outbox) == []
    assert take_in(office, tmp_path / "2.eml").report.auto_replies == 1


@pytest.mark.parametrize(
    ("fields", "received_at"),
    [
        ({"Received": "by x; Mon, 23 Nov 2026 10:00:00 +0100"}, datetime(2026, 11, 23, 9, tzinfo=UTC)),
        ({}, datetime(2026, 11, 24, 9, tzinfo=UTC)),
        ({"Date": ""}, datetime(2026, 2, 1, tzinfo=UTC)),
        ({"Received": "by x; Mon, 23 Nov 2099 10:00:00 +0100"}, NOW),
    ],
    ids=["Received", "Date", "file", "never later than now"],
)
def test_time_of_receipt_is_the_best_that_is_known(
    office: Office, tmp_path: Path, fields: dict[str, str], received_at: datetime
) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(mail(**fields))
    os.utime(file, (datetime(2026, 2, 1, tzinfo=UTC).timestamp(),) * 2)
    take_in(office, file)
    assert office.rows(Email, "received_at")[0] == received_at


def test_first_line_in_an_mbox_tells_when_an_undated_mail_came(office: Office, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(b"From a@b Wed Nov  4 09:05:01 2026\n" + mail(Date=""))
    take_in(office, tmp_path / "box")
    assert office.rows(Email, "received_at")[0] == datetime(2026, 11, 4, 9, 5, 1, tzinfo=UTC)


def test_tree_of_maildirs_is_taken_in_by_number_with_its_flags(office: Office, tmp_path: Path) -> None:
    for path, name in (
        ("cur/10.x:2,FS", "Third"),
        ("new/9.x", "Second"),
        ("cur/2.x:2,", "First"),
        (".Sent/cur/1.x:2,S", "Fourth"),
        ("Work/Deep/new/1.x", "Fifth"),
        ("tmp/3.x", "Unfinished"),
        ("dovecot-uidlist", "No mail"),
    ):
        file = tmp_path / "box" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(mail(name))
    for folder in (".Sent/new", "Work/Deep/cur"):
        (tmp_path / "box" / folder).mkdir()
    assert take_in(office, tmp_path / "box").report.imported == 5
    assert subjects(office) == ["First", "Second", "Third", "Fourth", "Fifth"]
    assert office.rows(Journal, "flags")[:3] == [[], [], ["\\Flagged", "\\Seen"]]


def test_folder_of_files_is_looked_through_and_what_is_passed_over_is_told(
    office: Office, tmp_path: Path
) -> None:
    box = tmp_path / "box"
    (box / "deep").mkdir(parents=True)
    (box / "1.eml").write_bytes(mail("One"))
    (box / "deep" / "Inbox").write_bytes(b"From a Wed Nov  4 09:05:01 2026\n" + mail("Two"))
    (box / "notes").write_text("nothing of mail")
    (box / "link.eml").symlink_to("/etc/passwd")
    done = take_in(office, box)
    assert subjects(office) == ["One", "Two"]
    assert (done.exit_code, done.news) == (
        0,
        (f"2 files were passed over, such as {box / 'link.eml'}; --format eml takes them for mail",),
    )


def test_mbox_comes_in_by_stdin(office: Office, tmp_path: Path) -> None:
    data = b"From a\n" + mail("One") + b"\nFrom b\n" + mail("Two")
    assert take_in(office, Path("-"), stdin=data).report.imported == 2
    assert take_in(office, Path("-"), stdin=mail("Three")).report.imported == 1


def test_unreadable_files_are_told_and_the_others_taken_in(office: Office, tmp_path: Path) -> None:
    good, pipe, zipped, text = (tmp_path / name for name in ("good.eml", "pipe", "mail.gz", "text.mbox"))
    good.write_bytes(mail())
    os.mkfifo(pipe)
    zipped.write_bytes(b"\x1f\x8b\x08 zipped")
    text.write_bytes(b"Subject: no mbox\n")
    (tmp_path / "empty").mkdir()
    done = take_in(office, pipe, tmp_path / "nowhere", zipped, text, tmp_path / "empty", good)
    assert (done.exit_code, done.report.imported, done.report.unreadable, done.report.ok) == (1, 1, 5, False)
    assert sorted(line.removeprefix(f"{tmp_path}/") for line in done.news) == [
        "empty: there is no mail in this folder",
        "mail.gz: it is compressed; unpack it first",
        "nowhere: cannot be read: No such file or directory",
        f"pipe: it is no file; type: espomail import … - < {pipe}",
        "text.mbox: it does not begin with a line From …, as an mbox file does",
    ]


def test_named_file_that_is_no_mail_is_told_and_not_taken_in(office: Office, tmp_path: Path) -> None:
    files = {
        "picture.eml": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\nSubject: x",
        "program": b"\x7fELF\2\1\1" + b"\0" * 9,
        "empty": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    done = take_in(office, *(tmp_path / name for name in files))
    assert (done.exit_code, done.report.unreadable, office.rows(Journal)) == (1, 3, [])
    assert [line.removeprefix(f"{tmp_path}/") for line in done.news] == [
        "picture.eml: it is no mail; --format eml takes it for one",
        "program: it is no mail; --format eml takes it for one",
        "empty: it is empty",
    ]
    assert take_in(office, Path("-"), stdin=b"").exit_code == 1
    assert take_in(office, tmp_path / "picture.eml", kind="eml").report.imported == 1


def test_message_that_is_too_large_is_told_and_the_next_one_taken_in(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("espomail.operations.import_mail.LARGEST_BYTES", 1000)
    (tmp_path / "box").write_bytes(b"From a\n" + mail(body="x" * 2000) + b"\nFrom b\n" + mail("Small"))
    done = take_in(office, tmp_path / "box")
    assert (done.exit_code, subjects(office)[0]) == (1, "Small")
    assert "bytes is too large" in done.news[0]


def test_two_mails_that_would_get_one_uid_are_both_taken_in(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "uid_of", lambda raw, size: 1 << 52)
    for name in ("A", "B", "C"):
        (tmp_path / f"{name}.eml").write_bytes(mail(name))
    assert take_in(office, tmp_path / "A.eml", tmp_path / "B.eml").report.imported == 2
    again = take_in(office, tmp_path / "A.eml", tmp_path / "B.eml", tmp_path / "C.eml").report
    assert (again.imported, again.duplicates) == (1, 2)
    assert subjects(office) == ["A", "B", "C"]


def test_import_that_died_is_finished_by_the_next_one(office: Office, tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(mail())
    take_in(office, tmp_path / "1.eml")
    office.write(
        (change(Journal, 1, outcome="new"), change(Email, 1, is_deleted=True, message_id_key="gone"))
    )
    assert take_in(office, tmp_path / "1.eml").report.imported == 1


def test_no_server_is_told_what_to_do_with_imported_mail(tmp_path: Path) -> None:
    office = Office(tmp_path / "office", CONFIG.replace("fetch_since:", "after_import: delete, fetch_since:"))
    (tmp_path / "1.eml").write_bytes(mail())
    take_in(office, tmp_path / "1.eml")
    assert office.rows(AfterImport) == []
    office.receive(mail("Another"))
    assert len(office.rows(AfterImport)) == 1
    close_database()
