"""A bounce tells which address failed, whether for good, and which of our mails it is about."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.bounces import DeliveryReport, FailedRecipient
from espomail.mail.bounces import read as read_report
from espomail.mail.parse import parse
from tests.mail.mutations import mutated

OURS = "<em1.inst.k1.reply.case.1.2.x.sig@example.org>"


def report(*blocks: str, returned: str = f"Message-ID: {OURS}\r\nTo: anna@example.com\r\n") -> bytes:
    status = "\r\n".join(("Reporting-MTA: dns; mx.example.com\r\n", *blocks))
    return (
        "From: MAILER-DAEMON@mx.example.com\r\nReturn-Path: <>\r\nSubject: Undelivered\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{returned}\r\nHello\r\n--b--\r\n"
    ).encode()


def failure(
    status: str, action: str = "failed", said: str = "smtp; 550 no such user", address: str = "anna"
) -> str:
    return (
        f"Final-Recipient: rfc822; {address}@example.com\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: {said}\r\n"
    )


def read(raw: bytes) -> DeliveryReport | None:
    return read_report(parse(raw), raw)


def found(raw: bytes) -> DeliveryReport:
    delivery_report = read(raw)
    assert delivery_report is not None
    return delivery_report


def test_report_names_address_status_words_and_our_mail() -> None:
    assert found(report(failure("5.1.1"))) == DeliveryReport(
        failed=(FailedRecipient("anna@example.com", "5.1.1", is_hard=True, said="550 no such user"),),
        about=(OURS,),
    )


@pytest.mark.parametrize(
    ("status", "action", "is_hard"),
    [
        ("5.1.1", "failed", True),
        ("5.1.10", "failed", True),
        ("5.2.1", "failed", True),
        ("5.4.4", "failed", True),
        ("5.2.2", "failed", False),
        ("5.3.4", "failed", False),
        ("5.7.1", "failed", False),
        ("4.4.1", "failed", False),
        ("5.1.1", "delayed", False),
        ("4.4.7", "delayed", False),
        ("", "failed", False),
    ],
)
def test_only_a_failure_of_the_address_itself_is_for_good(status: str, action: str, is_hard: bool) -> None:
    assert found(report(failure(status, action, said="smtp; no"))).failed[0].is_hard is is_hard


def test_status_in_the_servers_words_counts_where_the_field_is_missing() -> None:
    assert found(report(failure("", said="smtp; 550 5.1.1 unknown"))).failed[0].status == "5.1.1"


def test_each_failed_recipient_is_told_and_the_others_are_not() -> None:
    raw = report(
        failure("5.1.1"), failure("2.0.0", "delivered", address="ben"), failure("5.2.2", address="cid")
    )
    assert [one.address for one in found(raw).failed] == ["anna@example.com", "cid@example.com"]


def test_original_recipient_counts_before_the_one_it_was_forwarded_to() -> None:
    block = "Original-Recipient: rfc822;anna@example.com\r\n" + failure("5.1.1", address="other")
    assert found(report(block)).failed[0].address == "anna@example.com"


def test_report_with_the_headers_alone_is_about_that_mail() -> None:
    raw = report(failure("5.1.1")).replace(b"message/rfc822", b"text/rfc822-headers")
    assert found(raw).about == (OURS,)


def test_bounce_of_qmail_is_understood() -> None:
    raw = (
        "From: MAILER-DAEMON@mx.example.com\r\nReturn-Path: <>\r\nSubject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at mx.example.com.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        "<anna@example.com>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\n"
        f"Return-Path: <support@example.org>\r\nMessage-ID: {OURS}\r\nSubject: Hello\r\n\r\nHello\r\n"
    ).encode()
    assert found(raw) == DeliveryReport(
        (
            FailedRecipient(
                "anna@example.com", "5.1.1", True, "Sorry, no mailbox here by that name. (#5.1.1)"
            ),
        ),
        (OURS,),
    )


def qmail(words: str) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.example.com\r\nReturn-Path: <>\r\nSubject: failure notice\r\n\r\n"
        "Hi. This is the qmail-send program at mx.example.com.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        f"<anna@example.com>:\r\n{words}\r\n\r\n--- Below this line is a copy of the message.\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("words", "is_hard"),
    [
        ("550 no such user", True),
        ("550 5.1.1 no such user", True),
        ("552 5.2.2 over quota", False),
        ("552 the mailbox is full", False),
        ("554 5.7.1 rejected as spam", False),
        ("554 blocked by policy", False),
    ],
)
def test_words_about_a_full_box_or_a_policy_say_nothing_against_the_address(
    words: str, is_hard: bool
) -> None:
    assert [(one.said, one.is_hard) for one in found(qmail(words)).failed] == [(words, is_hard)]


def test_bounce_of_exim_is_understood() -> None:
    raw = (
        b"From: Mail Delivery System <Mailer-Daemon@mx.example.com>\r\n"
        b"X-Failed-Recipients: anna@example.com\r\n"
        b"Subject: Mail delivery failed\r\n\r\nThis message was created automatically.\r\n"
    )
    assert [one.address for one in found(raw).failed] == ["anna@example.com"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        (
            b"From: anna@example.com\r\nSubject: Undelivered\r\n\r\n"
            b"Final-Recipient: rfc822; x@example.com\r\nStatus: 5.1.1"
        ),
    ],
)
def test_other_mail_is_no_report(raw: bytes) -> None:
    assert read(raw) is None


def test_report_about_nothing_known_names_nobody() -> None:
    assert found(b"From: MAILER-DAEMON@example.com\r\n\r\nHello") == DeliveryReport((), ())


def test_library_that_stumbles_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    read("From: \r\nReturn-Path: <>\r\nSubject: Ä\r\n\r\nx".encode())
    assert capfd.readouterr() == ("", "")


def test_report_of_delivery_names_nobody_whatever_its_words() -> None:
    raw = report(failure("2.0.0", "delivered")).replace(b"I am sorry", b"anna@example.com: user unknown")
    assert found(raw).failed == ()


def test_report_without_the_mail_is_about_the_one_that_it_answers() -> None:
    raw = b"From: MAILER-DAEMON@mx.example.com\r\nIn-Reply-To: " + OURS.encode() + b"\r\n\r\nsorry"
    assert found(raw).about == (OURS,)


@pytest.mark.parametrize("kind", ["message/disposition-notification", "message/feedback-report"])
def test_receipt_or_complaint_is_no_delivery_report(kind: str) -> None:
    assert read(report(failure("5.1.1")).replace(b"message/delivery-status", kind.encode())) is None


def assert_can_be_sent_to_another_process(report: DeliveryReport | None) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(report), type=DeliveryReport | None) == report


@given(st.binary(max_size=500))
def test_any_bytes_in_a_report_can_be_read(rest: bytes) -> None:
    assert_can_be_sent_to_another_process(read(b"Return-Path: <>\r\nFrom: " + rest))
    assert_can_be_sent_to_another_process(read(report(failure("5.1.1")).replace(b"Action", rest)))


def test_damaged_reports_can_be_read() -> None:
    for raw in mutated(500, seed=3):
        assert_can_be_sent_to_another_process(read(b"Return-Path: <>\r\n" + raw))
