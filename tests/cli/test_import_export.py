"""`espomail import` and `espomail export`."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Program
from tests.office import NOW, Office, mail

LONG_AGO = NOW - timedelta(days=300)


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    folder = tmp_path / "mails"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"{number}.eml").write_bytes(
            mail(f"Mail {number}", Received="; 26 Jan 2026 10:00:00 +0000")
        )
    return folder


def test_import_is_silent_off_a_terminal_and_makes_cases(
    office: Office, espomail: Program, mails: Path
) -> None:
    said = espomail("import", "--mailbox", "support", mails)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert espomail("case", "list", "--fields", "name").out.split("\n")[:2] == ["Mail 2", "Mail 1"]


def test_import_tells_programs_what_a_fetch_does(office: Office, espomail: Program, mails: Path) -> None:
    told = espomail("import", "--mailbox", "support", mails, "--json").json
    assert list(told) == [
        *("mailbox", "ok", "error", "fetched", "imported", "duplicates", "skipped", "own", "quarantined"),
        *("retrying", "cases_created", "cases_updated", "auto_replies", "remaining", "next_try_at"),
        "unreadable",
    ]
    assert (told["fetched"], told["imported"], told["cases_created"], told["ok"]) == (2, 2, 2, True)


def test_a_person_sees_a_table_and_no_rest_of_a_progress_bar(
    office: Office, on_terminal: Program, mails: Path
) -> None:
    said = on_terminal("import", "--mailbox", "support", mails, environ={"NO_COLOR": "1"})
    assert said.out.splitlines()[0].split()[:3] == ["mailbox", "fetched", "imported"]
    assert said.err == ""


def test_format_says_what_the_files_are_and_how_the_result_is_printed(
    office: Office, espomail: Program, mails: Path
) -> None:
    (mails / "mh").write_bytes(mail("Mail 3"))
    said = espomail("import", "--mailbox", "support", "--format", "eml", "--format", "csv", mails)
    assert said.out.splitlines()[1].startswith("support,true,,3,3,")
    assert espomail("import", "--mailbox", "support", "--format", "eml", "--format", "mbox", mails).code == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--mailbox", "nobody", "."), 66),
        (("--mailbox", "support", "/nowhere"), 66),
        (("--mailbox", "support", "/dev/null"), 1),
        (("--mailbox", "support"), 2),
        (("/nowhere",), 2),
        (("--mailbox", "support", "--format", "pst", "."), 2),
    ],
)
def test_an_import_that_makes_no_sense_is_refused(
    office: Office, espomail: Program, words: tuple[str, ...], code: int
) -> None:
    assert espomail("import", *words).code == code


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(
    office: Office, espomail: Program, mails: Path
) -> None:
    said = espomail("import", "--mailbox", "support", mails, "/nowhere", "--json")
    assert (said.code, said.json["imported"], said.json["unreadable"]) == (1, 2, 1)
    assert said.err == "/nowhere: cannot be read: No such file or directory\n"


def test_mail_comes_by_stdin(office: Office, mails: Path) -> None:
    call = [PROGRAM, "import", "--mailbox", "support", "-", "--json"]
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(office.path)}
    data = (mails / "1.eml").read_bytes()
    done = subprocess.run(call, input=data, env=environ, capture_output=True, check=True)
    assert b'"imported":1,' in done.stdout


@pytest.mark.parametrize("command", [("import", "--mailbox", "support", "-"), ("export", "-o", "-")])
def test_both_are_for_administrators(office: Office, espomail: Program, command: tuple[str, ...]) -> None:
    assert espomail(*command, user="anna").code == 77


@pytest.fixture
def archive(office: Office) -> Office:
    """E-mails 1 and 2 of long ago in case 1; 3 of today in case 2, and 4, the answer to that."""
    first = "<first@customer.example>"
    office.receive(mail("One", message_id=first), mail("Re: One", In_Reply_To=first), at=LONG_AGO)
    office.receive(mail("Two"), at=NOW)
    return office


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ((), "1 2 3 4"),
        (("--case", "1"), "1 2"),
        (("--mailbox", "support"), "1 2 3 4"),
        (("--since", "2026-11-01"), "3 4"),
        (("--until", "2026-11-01"), "1 2"),
        (("--case", "2", "--until", "2026-11-01"), ""),
    ],
)
def test_export_writes_what_is_asked_for(
    archive: Office, espomail: Program, tmp_path: Path, conditions: tuple[str, ...], ids: str
) -> None:
    said = espomail("export", *conditions, "-o", tmp_path / "out")
    assert (said.code, said.out, said.err) == (0, "", "")
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(name.split(".")[1] for name in names) == ids.split()


def test_export_again_changes_nothing_and_replaces_only_when_forced(
    archive: Office, espomail: Program, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert espomail("export", "-o", out, "--json").json["exported"] == 4
    (changed, *_) = out.iterdir()
    content = changed.read_bytes()
    again = espomail("export", "-o", out, "--json").json
    assert again == {"exported": 0, "unchanged": 4, "missing": 0, "bytes": 0}
    changed.write_bytes(b"of mine")
    assert espomail("export", "-o", out).code == 65
    assert changed.read_bytes() == b"of mine"
    assert espomail("export", "-o", out, "--force", "--json").json["exported"] == 1
    assert changed.read_bytes() == content


def test_mbox_goes_to_a_new_file_or_to_stdout_but_never_to_a_terminal(
    archive: Office, espomail: Program, on_terminal: Program, tmp_path: Path
) -> None:
    file = tmp_path / "mail.mbox"
    assert espomail("export", "--format", "mbox", "-o", file).code == 0
    assert espomail("export", "--format", "mbox", "-o", file).code == 65
    call = [PROGRAM, "export", "--format", "mbox", "-o", "-"]
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(archive.path)}
    assert subprocess.run(call, env=environ, capture_output=True, check=True).stdout == file.read_bytes()
    assert on_terminal("export", "--format", "mbox", "-o", "-").code == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--case", "9", "-o", "out"), 66),
        (("--mailbox", "nobody", "-o", "out"), 66),
        (("-o", "-"), 2),
        ((), 2),
        (("-o", "/dev/null/out"), 65),
        (("--format", "mbox", "-o", "/nowhere/out"), 66),
    ],
)
def test_an_export_that_makes_no_sense_is_refused(
    archive: Office, espomail: Program, words: tuple[str, ...], code: int
) -> None:
    assert espomail("export", *words).code == code
