"""Handing messages to an SMTP server. The server's answer is judged once, here: for good, or for now.

What cannot be told is temporary. Only when there is no answer to a whole message, or none that makes sense,
does nobody know whether the message is on its way.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import Final

from espomail.config.schema import Smtp
from espomail.errors import ServerTrouble
from espomail.outbox.connect import answer
from espomail.outbox.delivery import Accepted, Delivery, InDoubt, Refused
from espomail.outbox.envelope import in_envelope
from espomail.outbox.line import Line, open_line
from espomail.reach import SILENCE_S
from espomail.sign_in.token import Token

TAKEN: Final = range(200, 300)  # RFC 5321 §4.3.2: the first digit decides
GOING_AWAY: Final = 421

# A run may outlast its budget by 30 seconds. A message that is taken just before its end may need all three,
# one after the other. Later none is taken: a secret and a line that were asked for before need less.
LEAST_S: Final = 4.0  # what is begun has so much time, however late it is
VERDICT_S: Final = 24.0  # how long a server may look at a whole message
GOODBYE_S: Final = 1.0

_BARE: Final = re.compile(rb"\r\n|\r|\n")
_END: Final = b".\r\n"


class Courier:
    """Goes to one SMTP server with several messages, over a new line where the last one has ended.

    `deadline` is a moment of the monotonic clock, in seconds. Until then, or for `LEAST_S` where that is
    later, it may connect, and hand over a message up to its end; the server then has `verdict_s` to answer.
    """

    def __init__(
        self, smtp: Smtp, secret: str | Token | None, *, deadline: float, timeout_s: float, verdict_s: float
    ) -> None:
        self._smtp = smtp
        self._secret = secret
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._verdict_s = verdict_s
        self._line = self._open()

    def be_ready(self) -> None:
        """See that the server listens, before a message is taken in hand. Raises ServerTrouble, LoginRefused.

        Many servers close a line after some messages or seconds.
        """
        self._line.ends_at = self._soon()
        if self._line.is_open and not self._line.is_fresh and not _forgets(self._line):
            self._line.close()
        if not self._line.is_open:
            self._line = self._open()

    def deliver(self, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> Delivery:
        """Hand one message over. An empty envelope sender is the null reverse-path (RFC 5321 §4.5.5)."""
        line = self._line
        line.ends_at = self._soon()
        line.is_fresh = False
        try:
            refused = _name(line, envelope_sender, recipients)
            if not isinstance(refused, Refused):
                refused = _send(line, raw) or refused
            if isinstance(refused, Refused):
                return refused
            line.ends_at = time.monotonic() + self._verdict_s
            line.send(_END)
        except ServerTrouble as trouble:
            return Refused(str(trouble), is_temporary=True)
        return _verdict(line, refused)

    def leave(self) -> None:
        """Say goodbye."""
        if self._line.is_open:
            self._line.say_goodbye(max(GOODBYE_S, min(self._timeout_s, self._deadline - time.monotonic())))

    def _open(self) -> Line:
        return open_line(self._smtp, self._secret, ends_at=self._soon(), timeout_s=self._timeout_s)

    def _soon(self) -> float:
        return max(self._deadline, time.monotonic() + LEAST_S)


@contextmanager
def open_courier(
    smtp: Smtp,
    secret: str | Token | None,
    *,
    deadline: float = inf,
    timeout_s: float = SILENCE_S,
    verdict_s: float = VERDICT_S,
) -> Iterator[Courier]:
    """A courier to the server, encrypted and signed in as the configuration asks; it leaves at the end.

    `timeout_s` is how long the server may be silent, `verdict_s` how long after a whole message. Raises
    ServerTrouble, or LoginRefused.
    """
    courier = Courier(smtp, secret, deadline=deadline, timeout_s=timeout_s, verdict_s=verdict_s)
    try:
        yield courier
    finally:
        courier.leave()


# --- one message


def _name(line: Line, sender: str, recipients: Sequence[str]) -> tuple[Refused, ...] | Refused:
    """Name sender and recipients; gives the refused recipients, or the refusal of all of it."""
    if not recipients:
        return Refused("there is no recipient", is_temporary=False)
    has_smtputf8 = line.offers("smtputf8")
    source = in_envelope(sender, has_smtputf8=has_smtputf8) if sender else ""
    if isinstance(source, Refused):
        return source
    targets = {one: in_envelope(one, has_smtputf8=has_smtputf8) for one in recipients}
    is_utf8 = any(isinstance(one, str) and not one.isascii() for one in (source, *targets.values()))
    if refused := _name_sender(line, source, is_utf8=is_utf8):
        return refused
    not_taken = [one for pair in targets.items() if (one := _name_recipient(line, *pair))]
    if len(not_taken) < len(targets) and line.is_open:
        return tuple(not_taken)
    return next((one for one in not_taken if one.is_temporary), not_taken[0])


def _name_sender(line: Line, source: str, *, is_utf8: bool) -> Refused | None:
    body = " BODY=8BITMIME" if line.offers("8bitmime") else ""
    code, said = line.ask("MAIL", f"FROM:<{source}>{body}{' SMTPUTF8' if is_utf8 else ''}")
    if code in TAKEN:
        return None
    refused = _refusal(line, code, said)
    if source or refused.is_temporary:
        return refused
    hint = "the server refuses the empty envelope sender; set the mailbox's auto_reply.envelope_sender"
    return Refused(f"{refused.said} ({hint})", is_temporary=False)


def _name_recipient(line: Line, recipient: str, target: str | Refused) -> Refused | None:
    if isinstance(target, Refused):
        return target
    if not line.is_open:
        return Refused("the server has hung up", is_temporary=True, recipients=(recipient,))
    code, said = line.ask("RCPT", f"TO:<{target}>")
    return None if code in TAKEN else _refusal(line, code, said, recipient)


def _send(line: Line, raw: bytes) -> Refused | None:
    """Send the message but for its end, without which the server may not take it."""
    code, said = line.ask("DATA")
    if code != 354:
        return _refusal(line, code, said)
    line.send(_as_data(raw))
    return None


def _verdict(line: Line, refused: tuple[Refused, ...]) -> Delivery:
    """What the server answers to the whole message. Nothing but a clear answer lets it be sent again."""
    try:
        code, said = line.verdict()
    except ServerTrouble as trouble:
        return InDoubt(f"after the message, {trouble}")
    if code in TAKEN:
        return Accepted(refused)
    if 400 <= code < 600:
        return _refusal(line, code, said)
    line.close()
    return InDoubt(f"after the message, the server gave {answer(code, said)}")


def _refusal(line: Line, code: int, said: bytes, recipient: str | None = None) -> Refused:
    """5xx is for good; 4xx, and whatever cannot be read, is for now. After 421 the server is gone."""
    if code == GOING_AWAY:
        line.close()
    recipients = (recipient,) if recipient is not None else ()
    return Refused(answer(code, said), not 500 <= code < 600, recipients)


def _forgets(line: Line) -> bool:
    """Whether the server still listens, and has forgotten the last message."""
    try:
        return line.ask("RSET")[0] in TAKEN
    except ServerTrouble:
        return False


def _as_data(raw: bytes) -> bytes:
    """The message as DATA wants it, but for the dot that ends it: dots at the beginning of lines are doubled.

    All lines end in CRLF: after a bare CR or LF some servers would see the end of the message in a dot
    (RFC 5321 §4.5.2).
    """
    if not raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n"):
        raw = _BARE.sub(b"\r\n", raw)
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"
