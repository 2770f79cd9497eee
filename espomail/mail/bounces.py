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
from espomail.mail.parse import parse_headers

_LARGEST_FOR_HEURISTICS_BYTES: Final = 64 * 1024  # the library's parser is quadratic in a header's length
_MOST_RECIPIENTS: Final = 200
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_QUOTED_ID = re.compile(r"^[> \t]{0,10}Message-ID:[ \t]*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_REPORT_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES: Final = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/rfc822"}
)
_GOOD_ACTIONS: Final = frozenset({"delivered", "relayed", "expanded"})
# Failures for good that say something about the address itself (RFC 3463), not of a full box, size or policy.
_HARD: Final = re.compile(r"5\.(?:0\.\d+|1\.(?:0|1|2|3|6|10)|2\.1|4\.(?:1|4)|5\.0)")


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


def read(raw: bytes) -> DeliveryReport | None:
    """The report in a message, or None where it is none. Never raises."""
    if auto.is_bounce(parse_headers(raw)) is None:
        return None
    block = headers.split(raw)
    parts = structure.parts(block.fields, block.body, [])
    failed = _of_rfc3464(parts) or _by_known_wordings(raw)
    return DeliveryReport(tuple(failed[:_MOST_RECIPIENTS]), _quoted_ids(parts))


def _of_rfc3464(parts: Sequence[structure.Part]) -> list[FailedRecipient]:
    failed: dict[str, FailedRecipient] = {}
    for part in parts:
        if part.message.kind not in _REPORT_TYPES:
            continue
        for fields in _blocks(transfer.content(part.message, [])):
            recipient = _recipient(fields)
            if recipient is not None:
                failed.setdefault(recipient.address, recipient)
    return list(failed.values())


def _blocks(report: bytes) -> Iterator[dict[str, str]]:
    for block in _BLANK_LINE.split(report):
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
    return FailedRecipient(found[0].address, status, is_hard, said[:1000])


def _status(text: str) -> str:
    found = _STATUS.search(text[:1000])
    return found[0] if found is not None else ""


def _by_known_wordings(raw: bytes) -> list[FailedRecipient]:
    import logging
    from email.parser import BytesParser
    from email.policy import compat32

    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True  # it tells the terminal of each mail it stumbles over
    try:
        # In ASCII, so that each header is a plain text: flufl.bounce stumbles over any other.
        message = BytesParser(policy=compat32).parsebytes(_ascii(raw[:_LARGEST_FOR_HEURISTICS_BYTES]))
        temporary, permanent = all_failures(message)
    except FAULTS:
        return []
    return [
        FailedRecipient(address.address, "", is_hard, "")
        for names, is_hard in ((permanent, True), (temporary, False))
        for address in addresses.parse(sorted(name.decode("ascii", "replace") for name in names))
    ]


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
