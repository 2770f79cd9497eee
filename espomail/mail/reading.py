"""All that intake asks of a message's bytes alone, so that it can be asked in another process."""

from collections.abc import Sequence

import msgspec

from espomail.mail import bounces
from espomail.mail.auto import why_no_answer, why_no_case
from espomail.mail.message import ParsedMail
from espomail.mail.parse import parse, parse_headers
from espomail.mail.text import subject_without_prefixes, text_digest

NOTHING = ""
"""The key of a mail without text and attachments."""
ONLY_FILES = "files:"
"""How the key of a mail begins that has attachments and no text."""


class Reading(msgspec.Struct, frozen=True):
    """A message, read, with what the rules want to know of it."""

    parsed: ParsedMail
    subject_key: str  # without Re: and [tags]: what a reused Message-ID is told by
    text_key: str  # what is told by its text, or by its attachments where there is none, for the same
    automatic: str | None  # why it makes no case: a program wrote it, or it is a delivery report
    unanswerable: str | None  # why it must not be answered, as far as it says itself
    bounce: bounces.DeliveryReport | None  # what it tells as a delivery report, true or not


def read_many(messages: Sequence[tuple[bytes, bool]]) -> bytes:
    """The readings of messages, each with whether it is partial, packed to cross to another process."""
    return msgspec.msgpack.encode([read(raw, is_partial=is_partial) for raw, is_partial in messages])


def unpack(packed: bytes) -> list[Reading]:
    """What `read_many` has packed; msgpack crosses over faster than pickle."""
    return _decoder.decode(packed)


def read(raw: bytes, *, is_partial: bool) -> Reading:
    """Read the message, or the header fields alone of a partial one. Never raises, whatever the bytes are."""
    parsed = parse_headers(raw) if is_partial else parse(raw)
    unanswerable = why_no_answer(parsed)
    bounce = None if is_partial else bounces.read(parsed, raw)
    return Reading(
        parsed=parsed,
        subject_key=subject_without_prefixes(parsed.subject),
        text_key=NOTHING if is_partial else _text_key(parsed),
        automatic=_why_automatic(parsed, bounce),
        unanswerable=unanswerable.because if unanswerable else None,
        bounce=bounce,
    )


def _why_automatic(parsed: ParsedMail, bounce: bounces.DeliveryReport | None) -> str | None:
    if bounce is not None and bounce.failed:
        return f"a delivery report about {bounce.failed[0].address}"
    reason = why_no_case(parsed)
    return reason.because if reason else None


def _text_key(parsed: ParsedMail) -> str:
    if parsed.body_plain.strip():
        return text_digest(parsed.body_plain)
    if parsed.attachments:
        return ONLY_FILES + text_digest(" ".join(sorted(part.sha256 for part in parsed.attachments)))
    return NOTHING


_decoder = msgspec.msgpack.Decoder(list[Reading])
