"""From a customer's mail to a case and an answer.

customer ──SMTP──▶ Postfix ──LMTP──▶ Dovecot ──IMAP──▶ espomail fetch ──▶ case, Stream
customer ◀──IMAP── Dovecot ◀──LMTP── Postfix ◀──SMTP── (auto-reply)
"""

from email.message import EmailMessage

from tests.stories.conftest import Desk


def answer_to(mail: EmailMessage) -> dict[str, str]:
    """The header fields of a mail program that answers this one."""
    return {"In_Reply_To": str(mail["Message-ID"]), "References": str(mail["Message-ID"])}


def test_customer_gets_a_case_and_one_answer_and_stays_in_it(desk: Desk):
    carl, dora = desk.customer("carl"), desk.customer("dora")
    fetch, show = desk.espomail.ok, desk.espomail.json

    desk.writes(carl, "Printer broken", "It prints nothing.")
    assert fetch("fetch") == ""
    (case,) = show("case", "list")
    assert (case["number"], case["name"], case["status"]) == (1, "Printer broken", "Assigned")
    assert case["assigned_user"] == "anna"

    (reply,) = desk.mail_of(carl)
    assert reply["From"] == f"Example Support <{desk.address}>"
    assert reply["Subject"].startswith("[#1] ")
    assert reply["Auto-Submitted"] == "auto-replied"
    assert reply["Return-Path"] == "<>"

    desk.writes(carl, f"Re: {reply['Subject']}", "Now it smokes.", **answer_to(reply))
    fetch("fetch")
    (case,) = show("case", "list")
    assert (case["number"], case["emails"]) == (1, 3)
    assert len(desk.mail_of(carl)) == 1

    desk.writes(dora, "Invoice missing")
    fetch("fetch")
    assert [(case["number"], case["assigned_user"]) for case in show("case", "list")] == [
        (2, "boris"),
        (1, "anna"),
    ]
    assert len(desk.mail_of(dora)) == 1

    before = (
        [show("case", "show", number) for number in (1, 2)],
        show("email", "list"),
        show("notification", "list"),
    )
    for _ in range(10):
        assert fetch("fetch") == ""
    after = (
        [show("case", "show", number) for number in (1, 2)],
        show("email", "list"),
        show("notification", "list"),
    )
    assert after == before
    assert len(desk.mail_of(carl)) == 1
    assert len(desk.mail_of(dora)) == 1


def test_stream_of_the_case_tells_what_happened_in_order(desk: Desk):
    carl = desk.customer("carl")
    desk.writes(carl, "Printer broken")
    desk.espomail.ok("fetch")
    case = desk.espomail.json("case", "show", 1)
    assert [note["type"] for note in case["stream"]] == ["create", "assign", "email-received", "email-sent"]
    assert [email["status"] for email in case["emails"]] == ["sent", "archived"]
    assert case["followers"] == ["anna"]
    (told,) = desk.espomail.json("notification", "list")
    assert (told["user"], told["type"], told["case"]) == ("anna", "assign", 1)


def test_raw_mail_is_given_back_byte_for_byte(desk: Desk):
    desk.writes(desk.customer("carl"), "Grüße", "Öffnungszeiten? – „bitte“")
    desk.espomail.ok("fetch")
    assert desk.espomail.ok("email", "raw", 1).encode() == desk.dovecot.messages(desk.address)[0]


def test_followers_of_the_customers_account_are_told(desk: Desk):
    carl = desk.customer("carl")
    account = desk.espomail.ok("account", "create", "--name", "Customer Ltd", "--email", carl).strip()
    desk.espomail.ok("--as", "boris", "account", "follow", account)
    desk.writes(carl, "Printer broken")
    desk.espomail.ok("fetch")
    told = desk.espomail.json("--as", "boris", "notification", "list")
    assert [(one["type"], one["email"]) for one in told] == [("email-received", 1)]
    assert desk.espomail.json("case", "show", 1)["account"] == {"id": int(account), "name": "Customer Ltd"}


def test_vacation_programs_of_both_sides_never_begin_a_loop(desk: Desk):
    carl = desk.customer("carl")
    desk.writes(carl, "Question")
    desk.espomail.ok("fetch")
    for _ in range(3):
        (reply,) = desk.mail_of(carl)
        desk.writes(carl, "Out of office", Auto_Submitted="auto-replied", **answer_to(reply))
        desk.espomail.ok("fetch")
    assert len(desk.mail_of(carl)) == 1
    assert len(desk.espomail.json("case", "list")) == 1


def test_dry_run_tells_the_same_and_changes_nothing(desk: Desk):
    desk.writes(desk.customer("carl"), "One")
    desk.writes(desk.customer("dora"), "Two")
    dry = desk.espomail.json("fetch", "--dry-run")
    assert desk.espomail.json("case", "list") == []
    wet = desk.espomail.json("fetch")
    assert dry["mailboxes"] == wet["mailboxes"]
    assert (dry["outbox"]["sent"], wet["outbox"]["sent"]) == (0, 2)
    assert desk.dovecot.flags(desk.address) == [set(), set()]
