"""Every golden mail is read as its JSON says."""

from pathlib import Path

import pytest

from espomail.mail.parse import NOTE_OF_HEADER, attachment_bytes, parse, parse_headers
from tests.mail.golden_mails import as_json, expected, mails


@pytest.mark.parametrize("mail", mails(), ids=lambda mail: mail.stem)
def test_golden_mail_is_read_as_reviewed(mail: Path) -> None:
    assert as_json(mail.read_bytes()) == expected(mail)


@pytest.mark.parametrize("mail", mails(), ids=lambda mail: mail.stem)
def test_each_attachment_can_be_read_again(mail: Path) -> None:
    raw = mail.read_bytes()
    for attachment in parse(raw).attachments:
        assert len(attachment_bytes(raw, attachment.index)) == attachment.size


@pytest.mark.parametrize("mail", mails(), ids=lambda mail: mail.stem)
def test_header_alone_is_read_as_in_the_whole_mail(mail: Path) -> None:
    raw = mail.read_bytes()
    whole, alone = parse(raw), parse_headers(raw)
    assert (alone.subject, alone.sender, alone.to, alone.date, alone.headers) == (
        whole.subject,
        whole.sender,
        whole.to,
        whole.date,
        whole.headers,
    )
    assert alone.body_plain == NOTE_OF_HEADER


def test_there_is_a_golden_mail_for_each_hazard() -> None:
    assert len(mails()) >= 150
