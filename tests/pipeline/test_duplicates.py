"""One record for each e-mail, whichever mailboxes it reaches."""

from espomail.store.changes import change
from espomail.store.models import (
    Case,
    Email,
    EmailMailbox,
    EmailTeam,
    EmailText,
    EmailUser,
    Journal,
    Notification,
    Outbox,
    RawMessage,
)
from tests.office import mail

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
    from espomail.store.compression import decompress

    office.receive(decompress(bytes(sent.data)), folder="Sent")
    assert office.rows(Journal, "outcome") == ["imported", "duplicate"]
    assert len(office.rows(Case)) == 1


def test_only_imported_mail_keeps_its_bytes(office):
    office.receive(mail(), mail())
    assert office.rows(Journal, "raw_message") == [1, None]
