"""A bounce acts only when it proves to be about a mail that we have sent to that address."""

import pytest

from espomail.store.changes import change
from espomail.store.models import Case, Email, EmailText, InvalidAddress, Note, Notification, Outbox
from tests.office import Office, header_alone, mail
from tests.pipeline.reports import exchange, gmail, postfix


@pytest.fixture
def answered(office: Office) -> Office:
    """Carl has written, case #1 is made, and the answer to him (e-mail 2) has been sent."""
    office.receive(mail("Printer"))
    office.write((change(Email, 2, status="sent"),))
    return office


def sent_id(office: Office) -> str:
    return str(Email.get_by_id(2).message_id)


def invalid(office: Office) -> list[str]:
    return office.rows(InvalidAddress, "address")


def why(email: int) -> str:
    return str(dict(EmailText.get_by_id(email).trace)["bounce"])


def posts(office: Office) -> list[str]:
    return [text for kind, text in office.rows(Note, "type", "text") if kind == "post"]


@pytest.mark.parametrize("report", [postfix, exchange, gmail])
def test_hard_bounce_joins_the_case_and_marks_the_address(answered, report):
    answered.receive(report(sent_id(answered)))
    bounce = Email.get_by_id(3)
    assert (bounce.parent_type, bounce.parent_id, bounce.replied_to) == ("case", 1, 2)
    assert invalid(answered) == ["carl@customer.example"]
    (text,) = posts(answered)
    assert text.startswith("carl@customer.example cannot be reached (550")
    assert answered.rows(Note, "parent_type", "parent_id", "email", "data")[-2:] == [
        ("case", 1, 3, {"bounced": 2, "invalid": ["carl@customer.example"]}),
        ("case", 1, 3, {"automatic": True}),
    ]


def test_bounce_wakes_nobody_and_opens_nothing(answered):
    answered.write((change(Case, 1, status="Closed"),))
    told = len(answered.rows(Notification))
    answered.receive(postfix(sent_id(answered)))
    assert answered.rows(Case, "status") == ["Closed"]
    assert len(answered.rows(Notification)) == told
    assert len(answered.rows(Outbox)) == 1


@pytest.mark.parametrize(
    ("status", "action"), [("5.2.2", "failed"), ("5.7.1", "failed"), ("4.4.7", "delayed")]
)
def test_soft_bounce_is_noted_and_marks_nothing(answered, status, action):
    answered.receive(postfix(sent_id(answered), status=status, action=action))
    assert Email.get_by_id(3).parent_id == 1
    assert invalid(answered) == []
    assert [text.partition(" (")[0] for text in posts(answered)] == ["carl@customer.example was not reached"]


def assert_without_effect(office: Office) -> None:
    assert (Email.get_by_id(3).parent_type, Email.get_by_id(3).replied_to) == (None, None)
    assert invalid(office) == []
    assert posts(office) == []
    assert office.rows(Case, "id") == [1]


@pytest.mark.parametrize(
    "forge",
    [
        lambda ours: "<made.up@example.com>",
        lambda ours: ours.replace(".auto-reply.", ".reply."),
        lambda ours: ours.replace(".case.1.", ".case.2."),
        lambda ours: ours.replace("0123abcd", "89abcdef"),
        lambda ours: "",
    ],
    ids=["stranger's id", "other kind", "other case", "other installation", "no id"],
)
def test_report_that_quotes_no_signed_id_of_ours_has_no_effect(answered, forge):
    answered.receive(postfix(forge(sent_id(answered))))
    assert_without_effect(answered)
    assert why(3) == "a delivery report that quotes no mail that we have sent"


def test_report_about_somebody_the_mail_did_not_go_to_has_no_effect(answered):
    answered.contact("Dora", "dora@customer.example")
    answered.receive(postfix(sent_id(answered), address="dora@customer.example"))
    assert_without_effect(answered)
    assert why(3) == "a delivery report about dora@customer.example, to whom e-mail 2 did not go"


def test_report_about_a_mail_that_has_not_left_yet_has_no_effect(answered):
    answered.write((change(Email, 2, status="queued"),))
    answered.receive(postfix(sent_id(answered)))
    assert_without_effect(answered)


def test_report_about_a_mail_that_is_deleted_here_has_no_effect(answered):
    answered.write((change(Email, 2, is_deleted=True),))
    answered.receive(postfix(sent_id(answered)))
    assert_without_effect(answered)


def test_customer_who_quotes_our_id_writes_no_report(answered):
    text = "Final-Recipient: rfc822; carl@customer.example\r\nAction: failed\r\nStatus: 5.1.1"
    answered.receive(mail("Undelivered", body=f"{text}\r\nMessage-ID: {sent_id(answered)}"))
    assert invalid(answered) == []


def test_second_copy_of_a_bounce_is_noted_once(answered):
    raw = postfix(sent_id(answered))
    answered.receive(raw, raw)
    assert len(posts(answered)) == 1


@pytest.mark.parametrize("report", [postfix, exchange, gmail])
@pytest.mark.parametrize("batch", [1, 2])
def test_bounce_of_which_the_header_came_first_acts_once_it_is_completed(answered, report, batch):
    raw = report(sent_id(answered))
    answered.receive(header_alone(raw), is_partial=True)
    assert (invalid(answered), posts(answered)) == ([], [])
    answered.receive(raw, raw, batch=batch)
    assert invalid(answered) == ["carl@customer.example"]
    assert len(posts(answered)) == 1
    bounce = Email.get_by_id(3)
    assert (bounce.parent_type, bounce.parent_id, bounce.replied_to) == ("case", 1, 2)
    assert why(3).startswith("e-mail 2: carl@customer.example cannot be reached")
    assert [email for (kind, email) in answered.rows(Note, "type", "email") if kind == "email-received"] == [
        1,
        3,
    ]


def test_completed_bounce_moves_from_the_record_of_its_sender_to_the_case(answered):
    answered.account("Their mail system", "mailer-daemon@mx.customer.example")
    raw = postfix(sent_id(answered))
    answered.receive(header_alone(raw), is_partial=True)
    assert Email.get_by_id(3).parent_type == "account"
    answered.receive(raw)
    assert (Email.get_by_id(3).parent_type, Email.get_by_id(3).parent_id) == ("case", 1)


def test_completed_mail_that_turns_out_to_be_a_bounce_is_marked_as_automatic(answered):
    raw = mail(
        "failure notice",
        "postbox@mx.customer.example",
        Return_Path="<>",
        body="Hi. This is the qmail-send program at mx.customer.example.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n\r\n"
        "<carl@customer.example>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\nMessage-ID: {sent_id(answered)}",
    )
    answered.receive(header_alone(raw), is_partial=True)
    assert not Email.get_by_id(3).is_auto
    answered.receive(raw)
    assert Email.get_by_id(3).is_auto
    assert invalid(answered) == ["carl@customer.example"]


def test_bounce_of_a_mail_about_no_record_still_marks_the_address(open_office):
    office = open_office(("case: {create: true, distribution: round-robin, team: support}\n    ", ""))
    office.receive(mail("Printer"))
    office.write((change(Email, 2, status="sent"),))
    office.receive(postfix(sent_id(office)))
    assert invalid(office) == ["carl@customer.example"]
    assert Email.get_by_id(3).replied_to == 2


@pytest.mark.parametrize("batch", [1, 2])
def test_invalid_address_gets_no_auto_reply_though_no_record_has_it(answered, batch):
    answered.receive(postfix(sent_id(answered)), mail("Scanner"), batch=batch)
    assert answered.rows(Case, "id") == [1, 2]
    assert len(answered.rows(Outbox)) == 1
    assert dict(EmailText.get_by_id(4).trace)["auto-reply"] == (
        "none: mail to carl@customer.example came back, the address is marked invalid"
    )
