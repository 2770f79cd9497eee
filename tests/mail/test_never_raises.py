"""Whatever the bytes, parse gives a ParsedMail that a database, a terminal and a file system can bear."""

import os
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espomail.mail import defects
from espomail.mail.message import Address, ParsedMail
from espomail.mail.parse import attachment_bytes, harmless_html, parse, parse_headers
from espomail.mail.reading import read
from tests.mail.golden_mails import mails
from tests.mail.mutations import mutated

MUTATIONS = int(os.environ.get("ESPOMAIL_MUTATIONS", "3000"))
CORPUS = Path(__file__).parents[2] / "corpus"
MAIL_LIKE = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                *(b"\r\n", b"\n", b"\r\n\r\n", b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Message-ID: <"),
                *(b"Content-Type: ", b"multipart/mixed; boundary=b", b"text/html", b"; charset=utf-8"),
                *(b"--b", b"--b--", b"=?utf-8?Q?", b"?=", b"Content-Transfer-Encoding: base64", b"<a@b.c>"),
                *(b"Content-Disposition: attachment; filename*0*=", b"message/rfc822", b"<div><img src="),
            ]
        ),
    ),
    max_size=40,
).map(b"".join)


def assert_bearable(mail: ParsedMail) -> None:
    for text in texts_of(mail):
        text.encode("utf-8")  # no lone surrogate
        assert "\0" not in text
    for line in (mail.subject, mail.message_id, *(value for _, value in mail.headers)):
        assert "\n" not in line
        assert "\r" not in line
    for address in addresses_of(mail):
        assert "@" in address.address
        assert address.address == address.address.lower()
        assert not any(character in address.address + address.name for character in "\r\n<>")
    names = [attachment.filename.casefold() for attachment in mail.attachments]
    assert len(set(names)) == len(names)
    for name in names:
        assert name == Path(name).name
        assert len(name.encode()) <= 220
    assert mail.message_id[0] + mail.message_id[-1] == "<>"
    assert mail.date is None or mail.date.utcoffset() is not None


def texts_of(mail: ParsedMail) -> list[str]:
    return [
        *(
            mail.subject,
            mail.body_plain,
            mail.message_id,
            *mail.references,
            *mail.in_reply_to,
        ),
        *(text for field in mail.headers for text in field),
        *(text for address in addresses_of(mail) for text in (address.address, address.name)),
        *(text for one in mail.attachments for text in (one.filename, one.content_type, one.content_id)),
    ]


def addresses_of(mail: ParsedMail) -> list[Address]:
    sender = [mail.sender] if mail.sender is not None else []
    return [*sender, *mail.reply_to, *mail.to, *mail.cc]


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    assert_bearable(parse(raw))
    assert "<script" not in harmless_html(raw).html
    assert_bearable(parse_headers(raw))


@given(MAIL_LIKE)
@settings(max_examples=300)
def test_any_pieces_of_mail_are_a_mail(raw: bytes) -> None:
    mail = parse(raw)
    assert_bearable(mail)
    assert defects.PARSER_FAULT not in mail.defects
    for attachment in mail.attachments:
        assert len(attachment_bytes(raw, attachment.index)) == attachment.size


def test_damaged_mails_are_read_without_a_fault_of_ours() -> None:
    for raw in mutated(MUTATIONS, seed=20261124):
        mail = parse(raw)
        assert_bearable(mail)
        assert defects.PARSER_FAULT not in mail.defects


def test_mails_cut_at_every_place_are_read() -> None:
    raw = next(mail for mail in mails() if mail.stem == "structure-nested").read_bytes()
    for end in range(len(raw)):
        assert_bearable(parse(raw[:end]))


def test_real_mails_are_read_without_a_fault_of_ours() -> None:
    for path in sorted(CORPUS.rglob("*.eml")):  # brought by script/corpus
        mail = parse(path.read_bytes())
        assert_bearable(mail)
        assert defects.PARSER_FAULT not in mail.defects
        assert mail.headers


def test_mails_that_the_standard_library_tests_itself_with_are_read() -> None:
    for path in standard_library_mails():
        raw = path.read_bytes()
        for mail in (parse(raw), read(raw, is_partial=False).parsed):
            assert_bearable(mail)
            assert defects.PARSER_FAULT not in mail.defects


def standard_library_mails() -> list[Path]:
    """Those of this interpreter and of Debian's libpython3-testsuite, where they are installed."""
    libraries = {Path(sysconfig.get_path("stdlib")), *Path("/usr/lib").glob("python3.*")}
    return sorted(path for library in libraries for path in library.glob("test/test_email/data/*.txt"))


def test_fault_of_ours_leaves_headers_and_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("espomail.mail.structure.parts", fail)
    mail = parse(b"From: a@example.com\r\nSubject: Hello\r\n\r\nText")
    assert (mail.subject, mail.body_plain) == ("Hello", "Text")
    assert defects.PARSER_FAULT in mail.defects
