"""Trying a mailbox's SMTP server step by step; no message is sent."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Mailbox, Smtp
from espomail.errors import ServerTrouble
from espomail.operations.findings import Checkup
from espomail.operations.server_checks import LONGEST_S, ServerCheck
from espomail.outbox.connect import answer, connect, new_client, told_as_trouble
from espomail.outbox.login import log_in
from espomail.outbox.smtp import TAKEN
from espomail.reach import SILENCE_S, watched
from espomail.sign_in.token import Token

if TYPE_CHECKING:
    from smtplib import SMTP

NEEDS_LOGIN: Final = 530


@contextmanager
def open_client(smtp: Smtp) -> Iterator["SMTP"]:
    """A connection that is not signed in, watched, and closed at the end. Raises ServerTrouble."""
    import smtplib

    with watched(LONGEST_S, f"{smtp.host}:{smtp.port}") as watch:
        client = new_client(smtp, SILENCE_S)
        try:
            with told_as_trouble(smtp):
                connect(client, smtp, watch)
            yield client
        finally:
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()


def check_smtp(checkup: Checkup, mailbox: Mailbox, smtp: Smtp, now: datetime) -> None:
    """Reach, encryption, sign-in, and the empty envelope sender; the first that fails is the last."""
    check = ServerCheck["SMTP"](checkup, "SMTP", smtp, now)

    def go_on(client: "SMTP") -> None:
        if _is_in(check, checkup, smtp, client):
            _check_senders(checkup, mailbox, smtp, client)

    check.run(open_client(smtp), lambda client: client.sock, go_on)


def _is_in(check: "ServerCheck[SMTP]", checkup: Checkup, smtp: Smtp, client: "SMTP") -> bool:
    if not smtp.username:
        checkup.fine("SMTP login", "none is asked for")
        return True
    if not client.has_extn("auth"):
        said = f"{smtp.host}:{smtp.port} offers no login"
        advice = f"use the port for submission (587 or 465), or leave {smtp.place}.username out"
        checkup.fail("SMTP login", said, advice, ServerTrouble)
        return False

    def sign_in(secret: str | Token) -> str:
        with told_as_trouble(smtp):
            return log_in(client, smtp, secret)

    return check.is_signed_in(sign_in)


def _check_senders(checkup: Checkup, mailbox: Mailbox, smtp: Smtp, client: "SMTP") -> None:
    """Auto-replies have an empty envelope sender (RFC 3834 §3.3), which some servers refuse."""
    own = mailbox.auto_reply.envelope_sender if mailbox.auto_reply else None
    code, said = _try_sender(smtp, client, "")
    is_refused = 500 <= code < 600
    key = f"mailboxes.{mailbox.key}.auto_reply.envelope_sender"
    if code in TAKEN:
        checkup.fine("SMTP empty sender", "MAIL FROM:<> is taken, as auto-replies need it")
    elif code == NEEDS_LOGIN:
        advice = f"write {smtp.place}.username and a password key beside it"
        checkup.fail("SMTP empty sender", f"the server wants a login first: {said}", advice, ServerTrouble)
        return
    elif not is_refused:
        checkup.warn("SMTP empty sender", f"MAIL FROM:<> is refused for now: {said}", "try again later")
    elif own:
        checkup.fine("SMTP empty sender", f"MAIL FROM:<> is refused ({said}); auto-replies come from <{own}>")
    elif mailbox.auto_reply:
        checkup.fail(
            "SMTP empty sender",
            f"MAIL FROM:<> is refused, so that no auto-reply goes out: {said}",
            f"set {key}: an address of yours that the server takes, as {mailbox.own_address}",
            ServerTrouble,
        )
    else:
        advice = f"if you set up an auto-reply, set {key}, too"
        checkup.warn("SMTP empty sender", f"MAIL FROM:<> is refused: {said}", advice)
    if own:
        _check_own_sender(checkup, smtp, client, own, key)


def _check_own_sender(checkup: Checkup, smtp: Smtp, client: "SMTP", own: str, key: str) -> None:
    code, said = _try_sender(smtp, client, own)
    if code in TAKEN:
        checkup.fine("SMTP envelope sender", f"MAIL FROM:<{own}> is taken")
    else:
        advice = f"set {key} to an address that this login may send from"
        checkup.fail("SMTP envelope sender", f"MAIL FROM:<{own}> is refused: {said}", advice, ServerTrouble)


def _try_sender(smtp: Smtp, client: "SMTP", sender: str) -> tuple[int, str]:
    """The server's answer to an envelope sender, which it is let forget at once."""
    with told_as_trouble(smtp):
        code, said = client.docmd("MAIL", f"FROM:<{sender}>")
        told = answer(code, said)
        client.docmd("RSET")
    return code, told
