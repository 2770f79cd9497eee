"""Delivery reports: which address failed, for how long, and which of our mails it was about.

A report in the form of RFC 3464 is read first; what mail systems wrote before or beside it is left to
flufl.bounce. Anybody can write such a report: whether it is believed is decided by the Message-ID it quotes.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from espomail.mail import addresses, auto, headers, ids, structure, transfer
from espomail.mail.faults import FAULTS
from espomail.mail.message import ParsedMail

_LARGEST_FOR_HEURISTICS_BYTES: Final = 64 * 1024  # the library's parser is quadratic in a header's length
_LARGEST_REPORT_BYTES: Final = 256 * 1024
_MOST_RECIPIENTS: Final = 200
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_QUOTED_ID = re.compile(r"^[> \t]{0,10}Message-ID:[ \t]*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+")
_REPORT_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES: Final = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/rfc822"}
)
_OTHER_REPORTS: Final = frozenset({"message/disposition-notification", "message/feedback-report"})
_GOOD_ACTIONS: Final = frozenset({"delivered", "relayed", "expanded"})
# Failures for good that say something about the address itself (RFC 3463), not of a full box, size or policy.
_HARD: Final = re.compile(r"5\.(?:0\.\d+|1\.(?:0|1|2|3|6|10)|2\.1|4\.(?:1|4)|5\.0)")
_NOT_THE_ADDRESS: Final = re.compile(
    r"\b(?:quota|full|storage|too (?:large|big)|size|spam|spammer|virus|content|policy|block(?:ed|list)"
    r"|blacklist(?:ed)?|denied|try(?:ing)? again|temporar(?:y|ily))\b",
    re.IGNORECASE,
)
_PARAGRAPH_ENDS = re.compile(r"\n[ \t]*\n")
_LONGEST_WORDS_CHARS: Final = 1000


class FailedRecipient(msgspec.Struct, frozen=True):
    """One address that a mail did not reach. `status` is that of RFC 3463, empty where none is given."""

    address: str
    status: str
    is_hard: bool  # it will not be reached later either
    said: str  # the server's own words, on one line


class DeliveryReport(msgspec.Struct, frozen=True):
    """What a bounce tells. `about` are the Message-IDs of the mails that it quotes."""

    failed: tuple[FailedRecipient, ...]
    about: tuple[str, ...]


def read(mail: ParsedMail, raw: bytes) -> DeliveryReport | None:
    """The report in a message, or None where it is none. Never raises."""
    if auto.is_bounce(mail) is None and auto.has_null_sender(mail) is None:
        return None
    try:
        block = headers.split(raw)
        parts = structure.parts(block.fields, block.body, [])
        if any(part.message.kind in _OTHER_REPORTS for part in parts):
            return None
        recipients = _of_rfc3464(parts)
        failed = _by_known_wordings(raw) if recipients is None else recipients
        about = dict.fromkeys((*_quoted_ids(parts), *mail.in_reply_to))
    except FAULTS:
        return None
    return DeliveryReport(tuple(failed[:_MOST_RECIPIENTS]), tuple(about)[:_MOST_RECIPIENTS])


def _of_rfc3464(parts: Sequence[structure.Part]) -> list[FailedRecipient] | None:
    """Those who were not reached; None where no part of the message names any recipient."""
    failed: dict[str, FailedRecipient] = {}
    names_anybody = False
    for part in parts:
        if part.message.kind not in _REPORT_TYPES:
            continue
        for fields in _blocks(transfer.content(part.message, [])):
            names_anybody = names_anybody or "final-recipient" in fields or "original-recipient" in fields
            recipient = _recipient(fields)
            if recipient is not None:
                failed.setdefault(recipient.address, recipient)
    return list(failed.values()) if names_anybody else None


def _blocks(report: bytes) -> Iterator[dict[str, str]]:
    for block in filter(None, _BLANK_LINE.split(report[:_LARGEST_REPORT_BYTES])):
        fields = headers.split(block.strip() + b"\r\n\r\n").fields
        yield {name: headers.text_of(value).text for name, value in reversed(fields)}


def _recipient(fields: dict[str, str]) -> FailedRecipient | None:
    action = fields.get("action", "").strip().lower()
    named = fields.get("original-recipient") or fields.get("final-recipient") or ""
    found = addresses.parse([named.partition(";")[2] or named])
    if not found or action in _GOOD_ACTIONS:
        return None
    said = fields.get("diagnostic-code", "").partition(";")[2].strip()
    status = _status(fields.get("status", "")) or _status(said)
    is_hard = action != "delayed" and _HARD.fullmatch(status) is not None
    return FailedRecipient(found[0].address, status, is_hard, said[:_LONGEST_WORDS_CHARS])


def _status(text: str) -> str:
    found = _STATUS.search(text[:1000])
    return found[0] if found is not None else ""


def _by_known_wordings(raw: bytes) -> list[FailedRecipient]:
    import logging
    from email.parser import BytesParser
    from email.policy import compat32

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True  # it tells the terminal of each mail it stumbles over
    # In ASCII, so that each header is a plain text: flufl.bounce stumbles over any other.
    readable = _ascii(raw[:_LARGEST_FOR_HEURISTICS_BYTES])
    try:
        message = BytesParser(policy=compat32).parsebytes(readable)
        temporary, permanent = all_failures(message)
    except FAULTS:
        return []
    text = readable.decode("ascii").replace("\r\n", "\n")
    return [
        _failed_by_wording(one.address, text, is_for_good=is_for_good)
        for names, is_for_good in ((permanent, True), (temporary, False))
        for one in addresses.parse(sorted(name.decode("ascii", "replace") for name in names))
    ]


def _failed_by_wording(address: str, text: str, *, is_for_good: bool) -> FailedRecipient:
    said = _words_about(address, text)
    status = _status(said)
    is_hard = _HARD.fullmatch(status) is not None if status else _NOT_THE_ADDRESS.search(said) is None
    return FailedRecipient(address, status, is_for_good and is_hard, said)


def _words_about(address: str, text: str) -> str:
    """What follows an address in the paragraph that names it, below the header."""
    _, _, body = text.partition("\n\n")
    _, _, after = body.lower().partition(address)
    words = body[len(body) - len(after) :][:_LONGEST_WORDS_CHARS].lstrip("<>\"'():;, \t\n")
    return " ".join(_PARAGRAPH_ENDS.split(words, maxsplit=1)[0].split())


def _ascii(raw: bytes) -> bytes:
    return raw.decode("ascii", "replace").encode("ascii", "replace")


def _quoted_ids(parts: Sequence[structure.Part]) -> tuple[str, ...]:
    found: list[str] = []
    for part in parts:
        if part.message.kind in _RETURNED_TYPES:
            returned = headers.first(headers.split(transfer.content(part.message, [])).fields, "message-id")
            found.append(ids.normalise(headers.text_of(returned or "").text))
        elif part.message.kind == "text/plain":
            text = transfer.content(part.message, [])[:_LARGEST_FOR_HEURISTICS_BYTES].decode(
                "ascii", "replace"
            )
            found.extend(_QUOTED_ID.findall(text))
    return tuple(dict.fromkeys(one for one in found if one))
