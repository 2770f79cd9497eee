"""What a mail says about itself decides whether it opens a case and whether it is answered."""

import pytest

from espomail.mail import auto
from espomail.mail.parse import parse


def reason(rule: auto.Rule, *lines: str, sender: str = "anna@example.com") -> auto.Reason | None:
    raw = "\r\n".join((f"From: {sender}", *lines, "", "text"))
    return rule(parse(raw.encode()))


@pytest.mark.parametrize(
    "value", ["auto-replied", "auto-generated", "Auto-Notified; owner=x", "yes", "auto-replied(x)"]
)
def test_auto_submitted_mail_opens_no_case_and_gets_no_answer(value: str) -> None:
    assert reason(auto.why_no_case, f"Auto-Submitted: {value}")
    assert reason(auto.why_no_answer, f"Auto-Submitted: {value}")


@pytest.mark.parametrize("value", ["no", "No", "no (a person wrote this)", "no; x=y", ""])
def test_mail_that_says_it_is_not_automatic_is_answered(value: str) -> None:
    assert reason(auto.why_no_answer, f"Auto-Submitted: {value}") is None


@pytest.mark.parametrize(
    "value", ["All", "AutoReply", "DR", "OOF", "OOF, AutoReply", "RN,NRN, dr", "RN;OOF", "rn oof"]
)
def test_suppressed_answers_are_not_sent(value: str) -> None:
    assert reason(auto.suppresses_replies, f"X-Auto-Response-Suppress: {value}")
    assert reason(auto.why_no_case, f"X-Auto-Response-Suppress: {value}") is None


@pytest.mark.parametrize("value", ["None", "RN, NRN", ""])
def test_suppressed_receipts_do_not_suppress_answers(value: str) -> None:
    assert reason(auto.why_no_answer, f"X-Auto-Response-Suppress: {value}") is None


@pytest.mark.parametrize(
    "line",
    ["X-Autoreply: yes", "X-Autorespond: Out of office", "X-Auto-Reply: 1", "Precedence: auto_reply"],
)
def test_auto_replies_are_known_by_their_fields(line: str) -> None:
    assert reason(auto.is_auto_reply, line)
    assert reason(auto.why_no_case, line)


@pytest.mark.parametrize(
    "subject",
    [
        *("Automatic reply: Invoice 12", "Out of Office: Invoice", "Automatische Antwort: Rechnung"),
        *(
            "Abwesenheitsnotiz: Rechnung",
            "Réponse automatique : Facture",
            "Автоответ: счёт",
            "自动回复: 发票",
        ),
    ],
)
def test_auto_reply_is_known_by_subject_and_thread_together(subject: str) -> None:
    assert reason(auto.is_auto_reply, f"Subject: {subject}", "In-Reply-To: <a@example.org>")
    assert reason(auto.is_auto_reply, f"Subject: {subject}") is None


def test_question_about_out_of_office_is_a_question() -> None:
    assert (
        reason(auto.is_auto_reply, "Subject: Out of office replies do not work", "References: <a@b>") is None
    )


@pytest.mark.parametrize(
    "line",
    [
        *("Precedence: bulk", "Precedence: List", "Precedence: junk", "List-Id: <list.example.com>"),
        *("List-Unsubscribe: <mailto:x@example.com>", "X-BeenThere: list@example.com"),
    ],
)
def test_list_mail_opens_a_case_but_is_not_answered(line: str) -> None:
    assert reason(auto.is_bulk_or_list, line)
    assert reason(auto.why_no_case, line) is None
    assert reason(auto.why_no_answer, line)


@pytest.mark.parametrize(
    "line",
    [
        *("Return-Path: <>\nIn-Reply-To: <a@b>", "Return-Path: < >\nPrecedence: junk"),
        "X-Failed-Recipients: a@example.com",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        'Content-Type: multipart/report; boundary=b; report-type="disposition-notification"',
    ],
)
def test_delivery_reports_open_no_case_and_get_no_answer(line: str) -> None:
    assert reason(auto.is_bounce, line)
    assert reason(auto.why_no_case, line)
    assert reason(auto.why_no_answer, line)


def test_mail_of_a_mail_system_is_a_bounce() -> None:
    assert reason(auto.is_bounce, sender="MAILER-DAEMON@mx.example.com")


def test_empty_return_path_alone_opens_a_case_but_is_not_answered() -> None:
    assert reason(auto.why_no_case, "Return-Path: < >") is None
    assert reason(auto.why_no_answer, "Return-Path: < >")
    assert reason(auto.why_no_case, "Return-Path: <>", sender="postmaster@mx.example.com")


@pytest.mark.parametrize(
    "line", ["Return-Path: <a@example.com>", "Content-Type: multipart/report; report-type=feedback-report"]
)
def test_other_mail_is_no_bounce(line: str) -> None:
    assert reason(auto.is_bounce, line) is None


@pytest.mark.parametrize(
    "local",
    [
        *("noreply", "no-reply", "no_reply", "NoReply", "donotreply", "do-not-reply", "shop-noreply"),
        *("noreply-invoices", "noreply+abc123", "mailer-daemon", "postmaster", "bounces+1=2", "owner-list"),
        *("list-request", "list-bounces", "nicht-antworten", "nepasrepondre", "no.reply"),
    ],
)
def test_robots_are_not_answered(local: str) -> None:
    assert reason(auto.sender_is_a_robot, sender=f"{local}@example.com")


@pytest.mark.parametrize("local", ["anna", "norbert.reply", "reply", "support", "requests", "arnold"])
def test_people_are_no_robots(local: str) -> None:
    assert reason(auto.sender_is_a_robot, sender=f"{local}@example.com") is None


def test_reason_says_what_was_seen() -> None:
    assert reason(auto.why_no_answer, "Precedence: bulk") == auto.Reason("bulk", "Precedence: bulk")


def test_ordinary_mail_opens_a_case_and_is_answered() -> None:
    assert reason(auto.why_no_case, "Subject: My printer") is None
    assert reason(auto.why_no_answer, "Subject: My printer") is None
