"""What we send is read back as meant, is ASCII with CRLF, and holds nothing that a stranger put there."""

from datetime import UTC, datetime, timedelta, timezone
from email import policy
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.compose import Outgoing, compose, trimmed_references
from espomail.mail.message import Address
from espomail.mail.parse import harmless_html, parse

ANY_TEXT = st.text(max_size=200)


def outgoing(**changes: Any) -> Outgoing:
    usual: dict[str, Any] = {
        "sender": Address("support@example.org", "Example Support"),
        "to": (Address("anna@example.com", "Anna Novak"),),
        "subject": "[#1] Your printer",
        "text": "Hello Anna,\nwe are on our way.\n",
        "message_id": "<1@example.org>",
        "date": datetime(2026, 11, 24, 10, 0, tzinfo=UTC),
    }
    return Outgoing(**(usual | changes))


def test_message_is_read_back_as_it_was_meant() -> None:
    raw = compose(
        outgoing(
            subject="Grüße — Ваш принтер",
            html="<p>Hello <b>Änna</b></p>",
            text="Hello Änna\n",
            cc=(Address("ben@example.com"),),
            reply_to=(Address("desk@example.org", "Дарья, Desk"),),
            in_reply_to="<q@example.com>",
            references=("<p@example.com>", "<q@example.com>"),
            extra=(("Auto-Submitted", "auto-replied"), ("Precedence", "auto_reply")),
        )
    )
    mail = parse(raw)
    assert mail.sender == Address("support@example.org", "Example Support")
    assert mail.to == (Address("anna@example.com", "Anna Novak"),)
    assert mail.cc == (Address("ben@example.com"),)
    assert mail.reply_to == (Address("desk@example.org", "Дарья, Desk"),)
    assert mail.subject == "Grüße — Ваш принтер"
    assert mail.date == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert mail.message_id == "<1@example.org>"
    assert mail.in_reply_to == ("<q@example.com>",)
    assert mail.references == ("<p@example.com>", "<q@example.com>")
    assert mail.body_plain == "Hello Änna"
    assert harmless_html(raw).html == "<p>Hello <b>Änna</b></p>"
    assert mail.header("auto-submitted") == "auto-replied"
    assert mail.defects == ()


def test_standard_library_finds_no_defect() -> None:
    message = BytesParser(policy=policy.default).parsebytes(
        compose(outgoing(html="<p>x</p>", subject="Ä" * 200))
    )
    assert message["Subject"] == "Ä" * 200
    assert [part.defects for part in message.walk()] == [[], [], []]
    assert not message["Subject"].defects


def test_header_lines_are_ascii_and_short_and_the_message_has_only_crlf() -> None:
    references = tuple(f"<{n}-{'x' * 40}@example.com>" for n in range(50))
    raw = compose(outgoing(subject="Ä" * 300 + "x" * 3000, references=references, text="long " * 1000))
    head, _, body = raw.partition(b"\r\n\r\n")
    head.decode("ascii")
    assert max(map(len, head.split(b"\r\n"))) <= 78
    assert max(map(len, body.split(b"\r\n"))) <= 998
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_nothing_can_be_injected(subject: str, name: str, value: str, message_id: str) -> None:
    evil = "\r\nBcc: evil@example.net\r\n\r\nbody"
    raw = compose(
        outgoing(
            subject=subject + evil,
            sender=Address("support@example.org", name + evil),
            to=(Address(f"anna@example.com{evil}", value + evil),),
            message_id=f"<{message_id}{evil}@x>",
            in_reply_to=f"<{message_id}{evil}@x>",
            references=(f"<{message_id}{evil}@x>", evil),
            extra=(("X-Test", value + evil),),
        )
    )
    message = BytesParser(policy=policy.compat32).parsebytes(raw)
    assert set(map(str.lower, message.keys())) <= {
        *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "x-test"),
        *("mime-version", "content-type", "content-transfer-encoding"),
    }
    assert message.get_payload() == "Hello Anna,\r\nwe are on our way.\r\n"


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\nBcc", "Ä"])
def test_field_that_has_no_proper_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header field"):
        compose(outgoing(extra=((name, "x"),)))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff"), max_size=500))
def test_text_is_read_back(text: str) -> None:
    assert parse(compose(outgoing(text=text))).body_plain == text.strip("\n").rstrip()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=100))
def test_names_are_read_back(name: str) -> None:
    name = " ".join(name.replace("<", "").replace(">", "").replace("'", "").split())
    sender = parse(compose(outgoing(sender=Address("a@example.com", name)))).sender
    assert sender == Address("a@example.com", name)


def test_same_mail_gives_the_same_bytes() -> None:
    assert compose(outgoing(html="<p>x</p>")) == compose(outgoing(html="<p>x</p>"))


def test_date_keeps_its_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    raw = compose(outgoing(date=datetime(2026, 11, 24, 10, 0, tzinfo=berlin)))
    assert b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\n" in raw


def test_domain_in_another_script_is_written_in_ascii() -> None:
    assert b"<anna@xn--bcher-kva.example>" in compose(outgoing(to=(Address("anna@bücher.example", "Anna"),)))


@pytest.mark.parametrize("address", ['"x y"@b.example', '"a@b"@c.example', "a@[127.0.0.1]", "a@[IPv6:::1]"])
def test_quoted_local_part_and_domain_literal_stay_as_they_are(address: str) -> None:
    raw = compose(outgoing(to=(Address(address, "Anna Novak"),)))
    assert f"To: Anna Novak <{address}>\r\n".encode() in raw


def test_long_threads_keep_their_first_and_last_ids() -> None:
    thread = [f"<{n}@example.com>" for n in range(100)]
    kept = trimmed_references(thread)
    assert len(kept) <= 30
    assert kept[:3] == tuple(thread[:3])
    assert kept[-20:] == tuple(thread[-20:])
    assert trimmed_references(thread[:30]) == tuple(thread[:30])
