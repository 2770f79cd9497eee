"""One record for each e-mail, whichever mailboxes it reaches."""

from email.message import EmailMessage

import pytest

from espomail.intake import journal
from espomail.intake.messages import Position
from espomail.intake.messages import RawMessage as Raw
from espomail.intake.reader import read_all
from espomail.intake.settle import Pace, settle_kept
from espomail.store.changes import change
from espomail.store.compression import decompress
from espomail.store.models import (
    Attachment,
    Case,
    Email,
    EmailMailbox,
    EmailTeam,
    EmailText,
    EmailUser,
    Journal,
    Note,
    Notification,
    Outbox,
    RawMessage,
)
from tests.office import Office, mail

SALES = (
    "mailboxes:\n",
    """mailboxes:
  sales:
    kind: group
    address: sales@example.com
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
    teams: [sales]
    all_team_users: true
  anna:
    kind: personal
    user: anna
    folder: Mine
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
""",
)


def test_mail_that_reaches_two_mailboxes_is_one_email(open_office):
    office = open_office(SALES)
    office.receive(mail())
    office.receive(mail(), mailbox="sales")
    assert [row for row in office.rows(Email, "status") if row == "archived"] == ["archived"]
    assert office.rows(Journal, "mailbox", "outcome", "email") == [
        ("support", "imported", 1),
        ("sales", "duplicate", 1),
    ]


def test_duplicate_brings_mailbox_teams_and_users_and_tells_the_new_ones_once(open_office):
    office = open_office(SALES)
    office.receive(mail())
    for _ in range(2):
        office.receive(mail(), mailbox="sales")
    assert [row for row in office.rows(EmailMailbox) if row["email"] == 1] == [
        {"email": 1, "mailbox": "sales"},
        {"email": 1, "mailbox": "support"},
    ]
    assert {row["team"] for row in office.rows(EmailTeam) if row["email"] == 1} == {"sales", "support"}
    assert office.rows(EmailUser, "user") == ["anna", "clara"]
    assert office.rows(Notification, "user", "type") == [("anna", "assign"), ("clara", "email")]


def test_owner_of_a_personal_mailbox_finds_the_mail_in_the_chosen_folder(open_office):
    office = open_office(SALES)
    office.receive(mail(to="anna@example.com"), mailbox="anna")
    assert office.rows(EmailUser, "user", "is_assigned", "folder") == [("anna", True, "Mine")]


def test_duplicate_in_a_personal_mailbox_is_filed_in_its_owners_folder(open_office):
    office = open_office(SALES)
    office.receive(mail(to="support@example.com, anna@example.com"))
    assert office.rows(EmailUser, "user", "folder") == [("anna", None)]
    office.receive(mail(to="support@example.com, anna@example.com"), mailbox="anna")
    assert office.rows(EmailUser, "user", "folder") == [("anna", "Mine")]


def test_duplicate_that_reaches_a_case_making_mailbox_makes_its_case_and_is_answered(open_office):
    office = open_office(SALES)
    office.receive(mail(), mailbox="sales")
    assert office.rows(Case) == []
    office.receive(mail())
    assert office.rows(Case, "id", "first_email", "name") == [(1, 1, "Question")]
    assert office.rows(Email, "parent_type", "parent_id")[0] == ("case", 1)
    assert len(office.rows(Outbox)) == 1


def test_same_id_from_another_sender_is_another_mail(office):
    office.receive(mail(message_id="<x@y>"), mail(sender="eve@evil.example", message_id="<x@y>"))
    assert office.rows(Email, "message_id").count("<x@y>") == 2
    assert "message-id-reused" in EmailText.get_by_id(3).defects


def test_same_id_with_other_subject_and_text_is_another_mail(office):
    office.receive(
        mail("One", message_id="<x@y>", body="first"), mail("Two", message_id="<x@y>", body="second")
    )
    assert office.rows(Email, "message_id").count("<x@y>") == 2


def test_same_mail_with_a_changed_subject_is_a_duplicate(office):
    office.receive(mail("One", message_id="<x@y>"), mail("[list] Re: One", message_id="<x@y>", body="footer"))
    assert office.rows(Journal, "outcome") == ["imported", "duplicate"]


def test_ids_that_differ_in_case_are_different(office):
    office.receive(mail("One", message_id="<A@y>"), mail("One", message_id="<a@y>"))
    assert office.rows(Journal, "outcome") == ["imported", "imported"]


def test_white_space_around_an_id_means_nothing(office):
    office.receive(mail("One", message_id="<a@y>"), mail("One", message_id="  < a@y >"))
    assert office.rows(Journal, "outcome") == ["imported", "duplicate"]


def test_very_long_ids_are_told_apart(office):
    one, two = f"<{'x' * 5000}1@y>", f"<{'x' * 5000}2@y>"
    office.receive(mail("a", message_id=one), mail("a", message_id=two), mail("a", message_id=one))
    assert office.rows(Journal, "outcome") == ["imported", "imported", "duplicate"]


def test_mail_without_an_id_is_recognised_by_its_bytes(office):
    raw = mail().replace(b"Message-ID", b"X-Was-Message-ID")
    office.receive(raw, raw, raw.replace(b"Hello", b"Hallo"))
    assert office.rows(Journal, "outcome") == ["imported", "duplicate", "imported"]


def test_deleted_mail_is_not_taken_in_again(office):
    office.receive(mail())
    office.write((change(Email, 1, is_deleted=True),))
    office.receive(mail())
    assert office.rows(Journal, "outcome", "because")[1] == ("duplicate", "e-mail 1 was deleted")
    assert len(office.rows(Case)) == 1


def test_our_auto_reply_met_in_a_sent_folder_is_a_duplicate(office):
    office.receive(mail())
    sent = RawMessage.get_by_id(office.rows(Email, "raw_message")[1])
    office.receive(decompress(bytes(sent.data)), folder="Sent")
    assert office.rows(Journal, "outcome") == ["imported", "duplicate"]
    assert len(office.rows(Case)) == 1


def test_only_imported_mail_keeps_its_bytes(office):
    office.receive(mail(), mail())
    assert office.rows(Journal, "raw_message") == [1, None]


def test_reused_id_of_a_device_that_writes_neither_text_nor_subject_loses_nothing(office):
    scanner = "scanner@customer.example"
    pages = [
        mail("", scanner, message_id="<1@scanner>", body=""),
        mail("Page 2", scanner, message_id="<1@scanner>", body=""),
        mail("", scanner, message_id="<1@scanner>", body="Page 3"),
    ]
    office.receive(*pages, *pages)
    assert office.rows(Journal, "outcome") == ["imported"] * 3 + ["duplicate"] * 3


def test_reused_id_with_one_subject_and_other_attachments_is_another_mail(office):
    def page(content: bytes) -> bytes:
        letter = EmailMessage()
        letter["From"], letter["Subject"], letter["Message-ID"] = "s@customer.example", "Scan", "<1@scanner>"
        letter.add_attachment(content, "image", "png", filename="page.png")
        return bytes(letter)

    office.receive(page(b"one"), page(b"two"), page(b"one"))
    assert office.rows(Journal, "outcome") == ["imported", "imported", "duplicate"]


def test_our_queued_answer_met_in_a_sent_folder_is_not_noted_as_received(office):
    office.receive(mail())
    before = office.rows(Note)
    raw = RawMessage.get_by_id(office.rows(Email, "raw_message")[1])
    office.receive(decompress(bytes(raw.data)), folder="Sent")
    assert office.rows(Note) == before


def test_answer_belongs_to_the_teams_of_what_it_answers(open_office):
    office = open_office(SALES)
    office.receive(mail(message_id="<first@c>"), mailbox="sales")
    office.receive(mail("Re: Question", In_Reply_To="<first@c>"), mailbox="support")
    assert [row["team"] for row in office.rows(EmailTeam) if row["email"] == 2] == ["sales", "support"]


def test_copy_in_ones_own_mailbox_assigns_a_mail_that_one_could_only_read(open_office):
    office = open_office(SALES)
    office.receive(mail(to="sales@example.com", Cc="anna@example.com"), mailbox="sales")
    assert ("anna", False) in office.rows(EmailUser, "user", "is_assigned")
    office.receive(mail(to="sales@example.com", Cc="anna@example.com"), mailbox="anna")
    assert ("anna", True) in office.rows(EmailUser, "user", "is_assigned")


def test_who_knows_of_a_mail_is_not_told_again_when_its_copy_becomes_a_case(open_office):
    office = open_office(SALES)
    office.receive(mail(to="sales@example.com, anna@example.com"), mailbox="sales")
    before = office.rows(Notification, "user", "type")
    assert ("anna", "email") in before
    office.receive(mail(to="sales@example.com, anna@example.com"))
    assert office.rows(Case, "assigned_user") == ["anna"]
    assert office.rows(Notification, "user", "type") == before


def with_attachment() -> bytes:
    letter = EmailMessage()
    letter["From"], letter["Subject"], letter["Message-ID"] = "carl@customer.example", "Scan", "<1@c>"
    letter["To"], letter["Date"] = "support@example.com", "Tue, 24 Nov 2026 09:00:00 +0000"
    letter.set_content("See the scan.")
    letter.add_attachment(b"scan", "image", "png", filename="scan.png")
    return bytes(letter)


def header_of(raw: bytes) -> bytes:
    return raw.partition(b"\n\n")[0] + b"\n\n"


def receive_copies(office: Office, *copies: tuple[str, bytes], batch: int) -> None:
    """Take in these messages of several mailboxes; those of which there is the header alone are partial."""
    kept = []
    for uid, (mailbox, raw) in enumerate(copies, 1):
        message = Raw("INBOX", 7, uid, (), office.now, raw, 5000, raw.endswith(b"\n\n"))
        kept += journal.keep(mailbox, [message], Position("INBOX", 7, uid))
    list(settle_kept(kept, read_all(kept), office.context, Pace(batch)))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("first", ["support", "anna"])
def test_whole_copy_completes_a_mail_of_which_another_mailbox_took_the_header(open_office, first, batch):
    office = open_office(SALES)
    raw = with_attachment()
    second = "anna" if first == "support" else "support"
    copies = [(first, header_of(raw)), (second, raw), ("sales", header_of(raw))]
    receive_copies(office, *copies, batch=batch)
    (email,) = [row for row in office.rows(Email) if row["status"] == "archived"]
    assert (email["is_partial"], email["attachment_count"], email["subject"]) == (False, 1, "Scan")
    assert decompress(bytes(RawMessage.get_by_id(email["raw_message"]).data)) == raw
    text = EmailText.get_by_id(1)
    assert text.body_plain.strip() == "See the scan."
    assert "headers-only" not in text.defects
    assert ["duplicates", "it is e-mail 1, which this copy completes"] in text.trace
    assert "makes case #1: it starts a thread" in [because for _, because in text.trace]
    assert office.rows(Attachment, "email", "filename") == [(1, "scan.png")]
    assert [text.strip() for text in office.rows(Case, "description")] == ["See the scan."]
    assert office.rows(Journal, "outcome", "raw_message") == [
        ("imported", None),
        ("duplicate", email["raw_message"]),
        ("duplicate", None),
    ]
    assert len(office.rows(RawMessage)) == 2  # it, and the answer to it


def test_header_alone_takes_nothing_from_a_whole_mail(open_office):
    office = open_office(SALES)
    raw = with_attachment()
    receive_copies(office, ("support", raw), ("anna", header_of(raw)), ("sales", raw), batch=1)
    assert not Email.get_by_id(1).is_partial
    assert office.rows(Journal, "outcome") == ["imported", "duplicate", "duplicate"]
    assert len(office.rows(Attachment)) == 1


def test_header_is_not_completed_by_a_mail_of_another_date(open_office):
    office = open_office(SALES)
    raw = with_attachment()
    receive_copies(
        office, ("sales", header_of(raw)), ("anna", raw.replace(b"09:00:00", b"09:00:01")), batch=1
    )
    assert office.rows(Email, "is_partial") == [True, False]


def test_header_is_not_completed_by_a_copy_that_failed_dmarc(open_office):
    office = open_office(SALES, ("organisation:", "authentication: {trusted_authserv_id: mx}\norganisation:"))
    raw = with_attachment()
    forged = b"Authentication-Results: mx; dmarc=fail\n" + raw.replace(
        b"See the scan.", b"Pay to this account."
    )
    receive_copies(office, ("support", header_of(raw)), ("anna", forged), batch=1)
    assert (Email.get_by_id(1).is_partial, len(office.rows(Attachment))) == (True, 0)
    receive_copies(office, ("sales", raw), batch=1)
    assert EmailText.get_by_id(1).body_plain.strip() == "See the scan."


@pytest.mark.parametrize("batch", [1, 2])
def test_case_that_a_header_alone_makes_of_a_whole_mail_and_the_answer_have_its_text(open_office, batch):
    office = open_office(SALES)
    raw = with_attachment()
    office.config.templates.mkdir()
    (office.config.templates / "case-received.txt.j2").write_text("Subject: x\n\n{{ email.body_plain }}")
    receive_copies(office, ("sales", raw), ("support", header_of(raw)), batch=batch)
    assert [text.strip() for text in office.rows(Case, "description")] == ["See the scan."]
    (answer,) = [row["id"] for row in office.rows(Email) if row["status"] == "queued"]
    assert EmailText.get_by_id(answer).body_plain.strip() == "See the scan."


def test_case_that_a_copy_makes_of_a_mail_has_its_name(open_office):
    office = open_office(SALES)
    office.receive(mail("Question", message_id="<1@c>"), mailbox="sales")
    office.receive(mail("Pay to this account", message_id="<1@c>"))
    assert office.rows(Case, "name") == ["Question"]
    assert "Question" in office.rows(Note, "text")


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("stored", ["header", "whole mail"])
def test_case_that_a_forged_copy_makes_of_a_mail_says_what_the_mail_says(open_office, stored, batch):
    office = open_office(SALES, ("organisation:", "authentication: {trusted_authserv_id: mx}\norganisation:"))
    raw = with_attachment()
    forged = b"Authentication-Results: mx; dmarc=fail\n" + raw.replace(
        b"See the scan.", b"Pay to this account."
    )
    first = header_of(raw) if stored == "header" else raw
    receive_copies(office, ("sales", first), ("support", forged), batch=batch)
    assert office.rows(Case, "description") == [EmailText.get_by_id(1).body_plain]


def test_header_that_failed_dmarc_is_completed_by_the_copy_that_did(open_office):
    office = open_office(SALES, ("organisation:", "authentication: {trusted_authserv_id: mx}\norganisation:"))
    forged = b"Authentication-Results: mx; dmarc=fail\n" + with_attachment()
    receive_copies(office, ("support", header_of(forged)), ("anna", forged), batch=1)
    assert EmailText.get_by_id(1).body_plain.strip() == "See the scan."


def test_copy_does_not_move_a_mail_back_that_its_user_has_filed(open_office):
    office = open_office(SALES)
    office.receive(mail(to="anna@example.com"), mailbox="anna")
    office.write((change(EmailUser, 1, "anna", folder="Done"),))
    office.receive(mail(to="anna@example.com"), mailbox="anna")
    assert office.rows(EmailUser, "user", "folder") == [("anna", "Done")]
