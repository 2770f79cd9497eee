"""What servers and the network say, as it is told to people."""

import imaplib
import smtplib
from pathlib import Path

import msgspec
import pytest

from espomail.config.schema import Imap
from espomail.config.validate import decode_amount
from espomail.errors import ServerTrouble
from espomail.reach import LONGEST_SAID_CHARS, clean, tls_context


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"NO \xff such user\r\n\x1b[31m", "NO \ufffd such user [31m"),
        (imaplib.IMAP4.error(b"[ALERT] Mailbox is full"), "[ALERT] Mailbox is full"),
        (
            imaplib.IMAP4.error("LOGIN command error: BAD [b'Try later']"),
            "LOGIN command error: BAD Try later",
        ),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "Connection unexpectedly closed"),
        (ValueError(), ""),
    ],
)
def test_what_was_said_is_told_in_its_own_words(said: object, told: str) -> None:
    assert clean(said) == told


@pytest.mark.parametrize("before", [0, LONGEST_SAID_CHARS - 15, LONGEST_SAID_CHARS - 5, LONGEST_SAID_CHARS])
def test_no_piece_of_the_secret_is_left_where_a_long_text_is_cut(before: int) -> None:
    told = clean(f"{'x' * before}hunter2-hunter2 was wrong", "hunter2-hunter2")
    assert "hunt" not in told
    assert len(told) <= LONGEST_SAID_CHARS


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), (b"\0\xff", "no certificate or crl found")],
)
def test_a_ca_file_that_is_none_is_told_without_error_numbers(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    settings = {"host": "localhost", "fetch_since": "2026-11-01", "ca_file": str(file)}
    told = rf"ca\.pem cannot be used: {why}; name a file with certificates in PEM$"
    with pytest.raises(ServerTrouble, match=told):
        tls_context(msgspec.convert(settings, Imap, dec_hook=decode_amount))
