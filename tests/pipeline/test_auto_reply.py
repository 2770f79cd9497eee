"""Auto-replies: whom they go to, and everything that forbids one."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from espomail.pipeline.decide import Outcome
from espomail.store.compression import decompress
from espomail.store.models import Case, Email, EmailText, Outbox, RawMessage
from tests.office import Office, mail


def answers(office: Office) -> list:
    """What is queued, as a mail program reads it."""
    raws = [RawMessage.get_by_id(number).data for number in office.rows(Email, "raw_message")]
    parsed = [message_from_bytes(decompress(bytes(raw)), policy=policy.default) for raw in raws]
    return [one for one in parsed if one["Auto-Submitted"] == "auto-replied"]


def why(office: Office, email: int = 1) -> str:
    return dict(EmailText.get_by_id(email).trace)["auto-reply"]


def test_first_mail_is_answered_with_the_case_number(office):
    office.receive(mail("Printer", References="<before@customer.example>"))
    (answer,) = answers(office)
    assert answer["To"] == "Carl Customer <carl@customer.example>"
    assert answer["From"] == "Example Support <support@example.com>"
    assert answer["Subject"].startswith("[#1] ")
    assert "Printer" in answer.get_content()
    original = office.rows(Email, "message_id")[0]
    assert answer["In-Reply-To"] == original
    assert answer["References"] == f"<before@customer.example> {original}"


def test_answer_says_that_it_is_automatic_and_has_no_envelope_sender(office):
    office.receive(mail())
    (answer,) = answers(office)
    assert answer["X-Auto-Response-Suppress"] == "All"
    assert answer["Precedence"] == "auto_reply"
    assert office.rows(Outbox, "state", "kind", "envelope_sender", "recipients", "case") == [
        ("waiting", "auto-reply", "", ["carl@customer.example"], 1)
    ]


def test_answer_is_an_email_of_the_case(office):
    office.receive(mail())
    assert office.rows(Email, "status", "parent_type", "parent_id", "is_auto")[1] == (
        "queued",
        "case",
        1,
        True,
    )


def test_answer_goes_to_from_and_never_to_reply_to(office):
    office.receive(mail(Reply_To="victim@elsewhere.example"))
    assert office.rows(Outbox, "recipients") == [["carl@customer.example"]]


def test_configured_sender_and_reply_to_are_used(open_office):
    office = open_office(
        (
            "from_name: Example Support}",
            "from_address: help@example.com, reply_to: desk@example.com, envelope_sender: b@example.com}",
        ),
    )
    office.receive(mail())
    (answer,) = answers(office)
    assert (answer["From"], answer["Reply-To"]) == ("help@example.com", "desk@example.com")
    assert office.rows(Outbox, "envelope_sender") == ["b@example.com"]


def test_later_mail_of_the_case_is_not_answered(office):
    office.receive(mail(message_id="<1@c.example>"), mail("Re: Question", In_Reply_To="<1@c.example>"))
    assert len(answers(office)) == 1


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-generated"},
        {"Auto_Submitted": "auto-notified; owner-email=x"},
        {"X_Auto_Response_Suppress": "DR, AutoReply"},
        {"X_Auto_Response_Suppress": "OOF"},
        {"X_Autoreply": "yes"},
        {"X_Autorespond": "1"},
        {"Precedence": "bulk"},
        {"Precedence": "LIST"},
        {"Precedence": "junk"},
        {"List_Id": "<a.b.example>"},
        {"List_Unsubscribe": "<mailto:x@y.example>"},
        {"Return_Path": "<>"},
        {"sender": "MAILER-DAEMON@customer.example"},
        {"sender": "Postmaster@customer.example"},
        {"sender": "no-reply@customer.example"},
        {"sender": "shop-noreply@customer.example"},
        {"sender": "support@example.com"},
        {"sender": ""},
        {"Content_Type": "multipart/report; report-type=delivery-status; boundary=x"},
    ],
    ids=lambda header: " ".join(f"{name}={value}" for name, value in header.items()),
)
def test_mail_that_must_not_be_answered_is_not(office, header):
    office.receive(mail(**header))
    assert office.rows(Outbox) == []
    assert why(office).startswith("none: ")


def test_answer_to_another_mailbox_of_ours_is_not_sent(open_office):
    office = open_office(
        (
            "mailboxes:\n",
            """mailboxes:
  sales:
    kind: group
    address: sales@example.com
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
""",
        ),
    )
    office.receive(mail(sender="sales@example.com"))
    assert office.rows(Outbox) == []


def test_mail_with_a_message_id_of_ours_is_not_answered(office):
    office.receive(mail())
    ours = office.rows(Email, "message_id")[1]
    office.receive(mail("Echo", "echo@elsewhere.example", message_id=ours))
    assert len(office.rows(Outbox)) == 1


def test_mail_with_a_forged_message_id_of_ours_is_not_answered(office):
    office.receive(mail())
    forged = office.rows(Email, "message_id")[1].replace("@example.com", "x@example.com")
    office.receive(mail("Echo", "echo@elsewhere.example", message_id=forged))
    assert len(office.rows(Outbox)) == 1
    assert why(office, 3) == "none: its Message-ID is one of ours"


def test_mail_that_failed_dmarc_is_not_answered(open_office):
    office = open_office(
        ("organisation:", "authentication: {trusted_authserv_id: mx.example.com}\norganisation:")
    )
    office.receive(mail(Authentication_Results="mx.example.com; dmarc=fail header.from=customer.example"))
    assert office.rows(Outbox) == []


def test_old_mail_is_not_answered(office):
    office.receive(mail(), at=office.now - timedelta(days=3))
    assert office.rows(Outbox) == []


def test_mail_that_its_first_server_received_long_ago_is_not_answered(office):
    office.receive(mail(Received="from a by b; Tue, 17 Nov 2026 09:00:00 +0000"))
    assert office.rows(Outbox) == []


def test_one_address_gets_five_answers_in_two_hours(office):
    office.receive(*[mail(f"Question {number}") for number in range(8)])
    assert len(office.rows(Outbox)) == 5
    assert why(office, 11) == "none: the limit of 5 in 2h to carl@customer.example is reached"
    office.now += timedelta(hours=3)
    office.receive(mail("Much later"))
    assert len(office.rows(Outbox)) == 6


def test_one_domain_and_all_together_have_limits_too(open_office):
    office = open_office(
        ("organisation:", "auto_reply_limits: {per_domain: 2 in 1h, total: 3 in 1h}\norganisation:")
    )
    office.receive(*[mail(sender=f"c{number}@customer.example") for number in range(3)])
    assert len(office.rows(Outbox)) == 2
    office.receive(*[mail(sender=f"c{number}@other{number}.example") for number in range(3)])
    assert len(office.rows(Outbox)) == 3


def test_template_that_does_not_render_leaves_the_case_and_says_so(office):
    folder = office.config.templates
    folder.mkdir(exist_ok=True)
    (folder / "case-received.txt.j2").write_text("Subject: x\n{{ case.nonsense.deeper }}")
    (outcome,) = office.receive(mail())
    assert isinstance(outcome, Outcome)
    assert "support: no auto-reply to e-mail 1" in outcome.warnings[0]
    assert outcome.made_case
    assert office.rows(Outbox) == []


def test_mailbox_without_cases_answers_each_new_mail(open_office):
    office = open_office(("create: true, distribution: round-robin, team: support", "create: false"))
    office.receive(mail("One"), mail("Two"))
    assert [answer["Subject"] for answer in answers(office)] == [
        "We have received your message: One",
        "We have received your message: Two",
    ]


def test_hostile_subject_cannot_break_into_the_header(office):
    office.receive(mail("=?utf-8?q?x=0D=0ABcc:_victim@elsewhere.example?="))
    (answer,) = answers(office)
    assert answer["Bcc"] is None
    assert office.rows(Outbox, "recipients") == [["carl@customer.example"]]


@pytest.mark.parametrize("key", ["from_address", "reply_to", "envelope_sender"])
def test_address_that_stands_in_our_answers_gets_none(open_office, key):
    office = open_office(("from_name: Example Support}", f"{key}: Desk@example.com}}"))
    office.receive(mail(sender="desk@example.com"))
    assert office.rows(Outbox) == []
    assert office.rows(Case) == []


def test_template_sees_the_customer_and_the_mail_by_their_field_names(office):
    account = office.account("Customer Ltd", "z@customer.example", "a@customer.example")
    office.contact("Carl Customer", "carl@customer.example", "a.carl@customer.example", account=account)
    fields = {
        "account": ("account.name", "account.emails|join(' ')", "account.teams|length"),
        "contact": ("contact.name", "contact.emails|join(' ')", "contact.account.name"),
        "case": ("case.number", "case.account.name", "case.contact.name", "case.lead"),
        "email": ("email.parent.type", "email.account.id", "email.attachments|length", "email['from']"),
    }
    folder = office.config.templates
    folder.mkdir(exist_ok=True)
    lines = (" ".join(f"{{{{ {one} }}}}" for one in some) for some in fields.values())
    (folder / "case-received.txt.j2").write_text("Subject: x\n" + "\n".join(lines))
    office.receive(mail())
    (answer,) = answers(office)
    assert answer.get_content().splitlines() == [
        "Customer Ltd z@customer.example a@customer.example 0",
        "Carl Customer carl@customer.example a.carl@customer.example Customer Ltd",
        "1 Customer Ltd Carl Customer ",
        f"case {account} 0 carl@customer.example",
    ]
