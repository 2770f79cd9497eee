"""`espomail email`."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from espomail.store.changes import change
from espomail.store.models import Attachment, Email, EmailUser
from tests.cli.conftest import PROGRAM, OfficeWith, Program
from tests.office import NOW, Office, mail

FIRST = "<first@customer.example>"
ATTACHED = (
    b"From: Dora <Dora@other.example>\r\n"
    b"To: support@example.com, anna@example.com\r\nCc: boss@other.example\r\n"
    b"Reply-To: desk@other.example\r\nSubject: With file\r\nMessage-ID: <file@other.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: text/html\r\n\r\n<p onclick=evil()>See <b>file</b></p><script>evil()</script>\r\n"
    b"--x\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n"
    b"1,2\x00\xff\r\n--x--\r\n"
)


@pytest.fixture
def desk(office: Office) -> Office:
    """E-mails: 1 a question, 2 our answer, 3 the reply, 4 another one with a file, 5 our answer to that."""
    office.receive(mail("Printer", message_id=FIRST, body="It smokes."), at=NOW - timedelta(hours=5))
    office.receive(mail("Re: Printer", In_Reply_To=FIRST), at=NOW - timedelta(hours=1))
    office.receive(ATTACHED)
    return office


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), "5 2 4 3 1"),
        (("--mailbox", "support"), "5 2 4 3 1"),
        (("--case", "1"), "2 3 1"),
        (("--parent", "case:2"), "5 4"),
        (("--from", "carl@customer.example"), "3 1"),
        (("--from", "Dora@*"), "4"),
        (("--from", "*_customer.example"), ""),
        (("--to", "anna@example.com"), "4"),
        (("--since", "2026-11-24T10:00", "--until", "2026-11-24T10:30"), "3"),
        (("--until", "2026-11-24T08:00"), "1"),
        (("--until", "2026-11-24"), "5 2 4 3 1"),
        (("--until", "2026-11-23"), ""),
        (("--folder", "sent"), "5 2"),
        (("--search", "SMOKES"), "1"),
        (("--search", "dora"), "4"),
        (("--limit", "2"), "5 2"),
    ],
)
def test_list_gives_the_emails_that_are_asked_for(
    desk: Office, espomail: Program, options: tuple[str, ...], ids: str
) -> None:
    said = espomail("email", "list", "--fields", "id", *options)
    assert (said.code, said.out.split()) == (0, ids.split())


def test_folders_and_unread_are_the_acting_users_own(desk: Office, espomail: Program) -> None:
    desk.write(
        (
            change(EmailUser, 1, "anna", is_read=True, in_archive=True),
            change(EmailUser, 3, "anna", in_trash=True),
            change(EmailUser, 4, "anna", folder="Friends"),
        )
    )
    desk.receive(mail("New", to="anna@example.com, support@example.com"))

    def ids(*options: str) -> list[str]:
        return espomail("email", "list", "--fields", "id", *options, user="anna").out.split()

    assert ids("--folder", "archive") == ["1"]
    assert ids("--folder", "trash") == ["3"]
    assert ids("--folder", "Friends") == ["4"]
    assert ids("--folder", "inbox") == ["6"]
    assert ids("--unread") == ["6", "4", "3"]


@pytest.mark.parametrize("option", ["--unread", "--folder=inbox", "--folder=trash"])
def test_the_system_has_no_inbox(desk: Office, espomail: Program, option: str) -> None:
    assert espomail("email", "list", option).code == 2


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--case", "9"), 66),
        (("--parent", "account:9"), 66),
        (("--parent", "planet:9"), 2),
        (("--parent", "case"), 2),
        (("--mailbox", "nobody"), 66),
        (("--case", "1", "--parent", "case:1"), 2),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    desk: Office, espomail: Program, options: tuple[str, ...], code: int
) -> None:
    assert espomail("email", "list", *options).code == code


def test_a_line_has_the_fields_of_the_contract(desk: Office, espomail: Program) -> None:
    line = espomail("email", "list", "--search", "With file", "--json").json[-1]
    assert list(line) == [
        *("id", "message_id", "subject", "from", "from_name", "to", "cc", "date", "received_at", "status"),
        *("is_auto", "outsider", "partial", "parent", "account", "mailboxes", "users", "teams"),
        *("attachments", "size", "read"),
    ]
    assert line["message_id"] == "<file@other.example>"
    assert (line["from"], line["from_name"]) == ("dora@other.example", "Dora")
    assert (line["to"], line["cc"]) == (["support@example.com", "anna@example.com"], ["boss@other.example"])
    assert line["parent"] == {"type": "case", "id": 2, "name": "With file"}
    assert (line["mailboxes"], line["teams"]) == (["support"], ["support"])
    assert (line["date"], line["attachments"], line["size"]) == (None, 1, len(ATTACHED))
    assert line["users"] == ["anna", "boris"]


def test_read_is_the_acting_users_mark(desk: Office, espomail: Program) -> None:
    desk.write((change(EmailUser, 1, "anna", is_read=True),))
    read = {line["id"]: line["read"] for line in espomail("email", "list", "--json", user="anna").json}
    assert read == {1: True, 2: None, 3: False, 4: False, 5: None}
    assert espomail("email", "show", "1", "--json").json["read"] is None


def test_show_has_texts_attachments_and_every_decision(desk: Office, espomail: Program) -> None:
    email = espomail("email", "show", "4", "--json").json
    assert email["reply_to"] == ["desk@other.example"]
    assert email["body_plain"].strip() == "See file"
    assert "evil" not in email["body_html"]
    assert "<b>file</b>" in email["body_html"]
    (attachment,) = email["attachments"]
    assert list(attachment) == ["index", "filename", "content_type", "size", "inline", "content_id", "sha256"]
    assert (attachment["index"], attachment["filename"], attachment["size"]) == (1, "a.csv", 5)
    assert attachment["content_id"] is None
    assert list(email["authentication"]) == ["spf", "dkim", "dmarc", "verdict"]
    assert "email-to-case" in [step["rule"] for step in email["trace"]]


def test_show_tells_what_it_answers(desk: Office, espomail: Program) -> None:
    email = espomail("email", "show", "3", "--json").json
    assert (email["in_reply_to"], email["replied_to"]) == (FIRST, 1)


def test_raw_gives_the_bytes_as_they_came(desk: Office) -> None:
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(desk.path)}
    done = subprocess.run([PROGRAM, "email", "raw", "4"], env=environ, capture_output=True, check=True)
    assert done.stdout == ATTACHED


def test_raw_never_goes_to_a_terminal(desk: Office, on_terminal: Program) -> None:
    said = on_terminal("email", "raw", "4")
    assert (said.code, said.out) == (2, "")
    assert "espomail email raw 4 > mail.eml" in said.err


def test_attachment_is_what_was_listed(desk: Office, espomail: Program, tmp_path: Path) -> None:
    desk.receive(Path("tests/mail/golden/attachment-winmail.eml").read_bytes())
    for email in (4, 6):
        for listed in espomail("email", "show", email, "--json").json["attachments"]:
            target = tmp_path / f"{email}-{listed['index']}"
            said = espomail("email", "attachment", email, listed["index"], "-o", target)
            assert (said.code, said.out, said.err) == (0, "", "")
            assert sha256(target.read_bytes()).hexdigest() == listed["sha256"]
            assert target.stat().st_size == listed["size"]
    assert (tmp_path / "4-1").read_bytes() == b"1,2\x00\xff"
    assert len(list(tmp_path.glob("6-*"))) > 0


def test_attachment_comes_by_stdout_but_never_to_a_terminal(desk: Office, on_terminal: Program) -> None:
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(desk.path)}
    for words in ((), ("-o", "-")):
        call = [PROGRAM, "email", "attachment", "4", "1", *words]
        done = subprocess.run(call, env=environ, capture_output=True, check=True)
        assert done.stdout == b"1,2\x00\xff"
        said = on_terminal(*call[1:])
        assert (said.code, said.out) == (2, "")
        assert "espomail email attachment 4 1 -o FILE" in said.err


def test_attachment_overwrites_nothing_unless_forced(desk: Office, espomail: Program, tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    assert espomail("email", "attachment", "4", "1", "-o", target).code == 65
    assert target.read_bytes() == b"old"
    assert espomail("email", "attachment", "4", "1", "-o", target, "--force").code == 0
    assert target.read_bytes() == b"1,2\x00\xff"


@pytest.mark.parametrize(("email", "index"), [(4, 0), (4, 2), (4, 10**30), (1, 1), (9, 1), (10**30, 1)])
def test_attachment_that_is_not_there_is_told(
    desk: Office, espomail: Program, tmp_path: Path, email: int, index: int
) -> None:
    said = espomail("email", "attachment", email, index, "-o", tmp_path / "file")
    assert (said.code, said.out) == (66, "")
    assert not (tmp_path / "file").exists()


def test_attachment_that_reads_otherwise_than_it_was_listed_is_not_given_out(
    desk: Office, espomail: Program
) -> None:
    desk.write((change(Attachment, 4, 1, sha256="0" * 64),))
    said = espomail("email", "attachment", "4", "1")
    assert (said.code, said.out) == (65, "")
    assert "espomail email raw 4" in said.err


ANSWERED = (
    "Yes, it does.\n\n-- \nCarl\nCustomer Ltd\n\nOn Tue, 24 Nov 2026, Anna wrote:\n> Does it?\n> Still?"
)


def test_page_sets_signature_and_quotation_apart(office: Office, on_terminal: Program) -> None:
    office.receive(mail(body=ANSWERED))
    short = on_terminal("email", "show", "1", "--fields", "body_plain", environ={"NO_COLOR": "1"}).out
    assert "Yes, it does.\n\n[signature: 3 lines; quotation: 3 lines; --full shows all]\n" in short
    assert "Still?" not in short
    full = on_terminal(
        "email", "show", "1", "--fields", "body_plain", "--full", environ={"NO_COLOR": "1"}
    ).out
    assert "Customer Ltd" in full
    assert "> Still?" in full


def test_programs_get_the_whole_text(office: Office, espomail: Program) -> None:
    office.receive(mail(body=ANSWERED))
    assert espomail("email", "show", "1", "--json").json["body_plain"].rstrip() == ANSWERED
    assert "> Still?" in espomail("email", "show", "1", "--fields", "body_plain").out


@pytest.mark.parametrize("verb", ["show", "raw"])
def test_what_one_may_not_read_is_the_same_as_what_is_not_there(
    desk: Office, espomail: Program, verb: str
) -> None:
    unreadable, missing = (espomail("email", verb, number, user="clara") for number in "19")
    assert unreadable.code == missing.code == 66
    assert unreadable.err.replace("1", "9") == missing.err


def test_a_deleted_email_is_gone(desk: Office, espomail: Program) -> None:
    desk.write((change(Email, 3, is_deleted=True),))
    assert "3" not in espomail("email", "list", "--fields", "id").out.split()
    assert espomail("email", "show", "3").code == 66
    assert espomail("case", "list", "--fields", "emails", "--sort", "number").out.split()[0] == "2"


def test_the_oldest_date_that_a_mail_can_claim_is_shown(
    office: Office, espomail: Program, on_terminal: Program
) -> None:
    office.receive(mail())
    office.write((change(Email, 1, date=datetime(1, 1, 1, tzinfo=UTC)),))
    assert espomail("email", "show", "1", "--fields", "date").out == "0001-01-01T00:00:00Z\n"
    said = on_terminal(
        "email", "show", "1", "--fields", "date", environ={"TZ": "America/New_York", "NO_COLOR": "1"}
    )
    assert said.out.split()[0:2] == ["date", "0001-01-01"]


def test_a_group_folder_lets_its_team_read(office_with: OfficeWith, espomail: Program) -> None:
    office = office_with(
        "mailboxes:",
        "group_folders: {Invoices: {teams: [sales]}}\nmailboxes:",
    )
    office.receive(mail("Invoice"))
    assert espomail("email", "list", user="clara").out == ""
    office.write((change(Email, 1, group_folder="Invoices"),))
    assert espomail("email", "list", "--fields", "id", user="clara").out == "1\n"
    assert espomail("email", "list", "--folder", "Invoices", "--fields", "id", user="clara").out == "1\n"


@pytest.mark.parametrize(
    ("user", "there"),
    [
        (None, "inbox, sent, archive, trash, Invoices, Bills"),
        ("anna", "inbox, sent, archive, trash, Bills, Work, Friends"),
        ("clara", "inbox, sent, archive, trash, Invoices"),
    ],
)
def test_a_folder_that_is_not_there_is_told_with_those_that_are(
    office_with: OfficeWith, espomail: Program, user: str | None, there: str
) -> None:
    imap = "{host: localhost, password: x, fetch_since: 2026-01-01}"
    personal = f"{{kind: personal, user: anna, folder: Work, imap: {imap}}}"
    office = office_with(
        "mailboxes:",
        "group_folders: {Invoices: {teams: [sales]}, Bills: {teams: [support]}}\n"
        f"mailboxes:\n  anna: {personal}",
    )
    office.receive(mail(to="anna@example.com"))
    office.write((change(EmailUser, 1, "anna", folder="Friends"),))
    said = espomail("email", "list", "--folder", "nope", user=user)
    told = f'espomail: error: there is no folder "nope"; there are: {there}\n'
    assert (said.code, said.err) == (66, told)
    assert espomail("email", "list", "--folder", there.rpartition(", ")[2], user=user).code == 0


def test_mail_in_a_group_folder_that_is_configured_no_longer_is_found_by_the_system(
    office: Office, espomail: Program
) -> None:
    office.receive(mail())
    office.write((change(Email, 1, group_folder="Former"),))
    assert espomail("email", "list", "--folder", "Former", "--fields", "id").out == "1\n"
    assert espomail("email", "list", "--folder", "Former", user="anna").code == 66
