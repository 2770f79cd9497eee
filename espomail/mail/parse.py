"""A raw message read as far as intake needs it. Never raises: whatever the bytes, there is a ParsedMail."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from espomail.mail import (
    addresses,
    bodies,
    charsets,
    dates,
    defects,
    files,
    headers,
    html,
    ids,
    params,
    structure,
)
from espomail.mail.faults import FAULTS
from espomail.mail.headers import Field
from espomail.mail.message import Attachment, ParsedMail

_ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "reply-to"})
_ONCE: Final = frozenset(
    {"subject", "date", "message-id", "to", "cc", "content-type", "mime-version", "reply-to"}
)

NOTE_OF_HEADER: Final = (
    "[Only the header of this message was taken in, since it is larger than the max_size of its mailbox. "
    "The message itself is still on its mail server.]"
)
"""The text of a message of which nothing but the header is here."""


class Harmless(NamedTuple):
    """Sanitised HTML, and what was odd about it. Empty where a mail has none, or none that can be shown."""

    html: str
    defects: tuple[str, ...]


def parse(raw: bytes) -> ParsedMail:
    """The whole message: headers, text, attachments. Its HTML is a matter of its own: see `harmless_html`."""
    for attempt in (_whole, _header_and_raw_text):
        try:
            return attempt(raw)
        except FAULTS:
            continue
    return _nothing(raw)


def parse_headers(raw_headers: bytes) -> ParsedMail:
    """The header alone, as for mail over the size limit: no attachments, and a note in the place of the text.

    `size` is the header's.
    """
    try:
        block = headers.split(raw_headers)
        return _read(raw_headers, block, [*block.defects, defects.HEADERS_ONLY], NOTE_OF_HEADER)
    except FAULTS:
        return _nothing(raw_headers)


def attachment_bytes(raw: bytes, index: int) -> bytes:
    """The decoded content of the attachment with that `index`. Raises IndexError where there is none."""
    block = headers.split(raw)
    parts = bodies.sort(structure.parts(block.fields, block.body, []))
    return files.content(parts.attached, bodies.files_in(parts.texts), index)


def harmless_html(raw: bytes) -> Harmless:
    """The mail's HTML as it may be shown. Not part of `parse`, since few mails are ever looked at so."""
    found: list[str] = []
    try:
        block = headers.split(raw)
        parts = bodies.sort(structure.parts(block.fields, block.body, []))
        shown = bodies.harmless_html(parts.texts, found) or _html_of_outlook(parts)
        return Harmless(shown, tuple(dict.fromkeys(found)))
    except FAULTS:
        return Harmless("", (defects.PARSER_FAULT,))


def _whole(raw: bytes) -> ParsedMail:
    block = headers.split(raw)
    found = list(block.defects)
    parts = bodies.sort(structure.parts(block.fields, block.body, found))
    text = bodies.plain(parts.texts, found)
    attached = files.listed(parts.attached, text.files, found)
    return _read(raw, block, found, text.plain or _text_of_outlook(parts), attached)


def _text_of_outlook(parts: bodies.Sorted) -> str:
    """The text in a winmail.dat, of a mail that has no other."""
    return next((text for one in files.winmails(parts.attached) if (text := one.text())), "")


def _html_of_outlook(parts: bodies.Sorted) -> str:
    page = next((one.html for one in files.winmails(parts.attached) if one.html), "")
    return html.Page(page).sanitised().html if page and not bodies.plain(parts.texts, []).plain else ""


def _header_and_raw_text(raw: bytes) -> ParsedMail:
    block = headers.split(raw)
    text = charsets.decode(block.body, None).text
    return _read(raw, block, [*block.defects, defects.PARSER_FAULT], text)


def _nothing(raw: bytes) -> ParsedMail:
    return ParsedMail(
        message_id=ids.made_from(raw),
        has_own_id=False,
        subject="",
        sender=None,
        reply_to=(),
        to=(),
        cc=(),
        date=None,
        received_date=None,
        in_reply_to=(),
        references=(),
        body_plain=raw.decode("ascii", "replace").replace("\0", ""),
        attachments=(),
        headers=(),
        size=len(raw),
        defects=(defects.PARSER_FAULT,),
    )


def _read(
    raw: bytes,
    block: headers.HeaderBlock,
    found: list[str],
    text: str,
    attached: tuple[Attachment, ...] = (),
) -> ParsedMail:
    hint = _charset_of(block.fields)
    fields = block.fields if block.is_plain else _decoded(block.fields, hint, found)
    topmost = dict(reversed(fields))
    if len(topmost) < len(fields) and _repeats_one_of(_ONCE, fields):
        found.append(defects.DUPLICATE_FIELD)
    raws = {
        name: [raw for field, raw in block.fields if field == name]
        for name in _ADDRESS_FIELDS & topmost.keys()
    }
    senders = addresses.parse(raws.get("from", ()), hint)
    own_id = ids.normalise(topmost.get("message-id", ""))
    if not own_id:
        found.append(defects.NO_MESSAGE_ID)
    if not senders:
        found.append(defects.NO_SENDER)
    if len(raws.get("from", ())) > 1:
        found.append(defects.SEVERAL_SENDERS)
    return ParsedMail(
        message_id=own_id or ids.made_from(raw),
        has_own_id=bool(own_id),
        subject=" ".join(topmost.get("subject", "").split()),
        sender=senders[0] if senders else None,
        reply_to=addresses.parse(raws.get("reply-to", ()), hint),
        to=addresses.parse(raws.get("to", ()), hint),
        cc=addresses.parse(raws.get("cc", ()), hint),
        date=_date(topmost.get("date"), found),
        received_date=dates.parse_received_date(topmost.get("received", "")),
        in_reply_to=ids.several(topmost.get("in-reply-to", "")),
        references=ids.several(topmost.get("references", "")),
        body_plain=text,
        attachments=attached,
        headers=tuple(fields),
        size=len(raw),
        defects=tuple(dict.fromkeys(found)),
    )


def _decoded(fields: Sequence[Field], hint: str | None, found: list[str]) -> list[Field]:
    decoded: list[Field] = []
    for name, raw in fields:
        text, odd = headers.text_of(raw, hint)
        found.extend(odd)
        decoded.append((name, text))
    return decoded


def _repeats_one_of(names: frozenset[str], fields: Sequence[Field]) -> bool:
    return any(times > 1 and name in names for name, times in Counter(name for name, _ in fields).items())


def _charset_of(fields: Sequence[Field]) -> str | None:
    raw = headers.first(fields, "content-type")
    return (
        params.parse(raw).parameters.get("charset") if raw is not None and "charset" in raw.lower() else None
    )


def _date(text: str | None, found: list[str]) -> datetime | None:
    if not text:
        found.append(defects.NO_DATE)
        return None
    date = dates.parse_date(text)
    if date is None:
        found.append(defects.INVALID_DATE)
    return date
