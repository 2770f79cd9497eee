"""A raw message read as far as intake needs it. Never raises: whatever the bytes, there is a ParsedMail."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from espomail.mail import (
    addresses,
    attachments,
    bodies,
    charsets,
    dates,
    defects,
    headers,
    ids,
    params,
    structure,
    transfer,
)
from espomail.mail.headers import Field
from espomail.mail.message import Attachment, ParsedMail

# What code that reads a stranger's bytes can raise. Running out of memory is the machine's trouble, not here.
_FAULTS: Final = (
    *(
        ArithmeticError,
        AssertionError,
        AttributeError,
        EOFError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ),
)
_ADDRESS_FIELDS: Final = frozenset({"from", "to", "cc", "reply-to"})
_SEVERAL: Final = frozenset(
    {"subject", "date", "message-id", "to", "cc", "content-type", "mime-version", "reply-to"}
)


def parse(raw: bytes) -> ParsedMail:
    """The whole message: headers, text, harmless HTML, attachments."""
    for attempt in (_whole, _header_and_raw_text):
        try:
            return attempt(raw)
        except _FAULTS:
            continue
    return _nothing(raw)


def parse_headers(raw_headers: bytes) -> ParsedMail:
    """The header alone, as for mail over the size limit: no text, no attachments; `size` is the header's."""
    try:
        block = headers.split(raw_headers)
        return _read(raw_headers, block.fields, [*block.defects, defects.HEADERS_ONLY], bodies.Bodies("", ""))
    except _FAULTS:
        return _nothing(raw_headers)


def attachment_bytes(raw: bytes, index: int) -> bytes:
    """The decoded content of the attachment with that `index`. Raises IndexError where there is none."""
    block = headers.split(raw)
    attached = bodies.sort(structure.parts(block.fields, block.body, [])).attached
    if not 1 <= index <= len(attached):
        raise IndexError(index)
    return transfer.content(attached[index - 1].message, [])


def _whole(raw: bytes) -> ParsedMail:
    block = headers.split(raw)
    found = list(block.defects)
    parts = bodies.sort(structure.parts(block.fields, block.body, found))
    texts = bodies.read(parts.texts, found)
    attached = _attachments(parts.attached, found)
    return _read(raw, block.fields, found, texts, attached)


def _header_and_raw_text(raw: bytes) -> ParsedMail:
    block = headers.split(raw)
    text = charsets.decode(block.body, None).text
    return _read(raw, block.fields, [*block.defects, defects.PARSER_FAULT], bodies.Bodies(text, ""))


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
        body_html="",
        attachments=(),
        headers=(),
        size=len(raw),
        defects=(defects.PARSER_FAULT,),
    )


def _read(
    raw: bytes,
    fields: Sequence[Field],
    found: list[str],
    texts: bodies.Bodies,
    attached: tuple[Attachment, ...] = (),
) -> ParsedMail:
    hint = _charset_of(fields)
    decoded: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for name, value in fields:
        text, odd = headers.text_of(value, hint)
        found.extend(odd)
        decoded.append((name, text))
        if name not in seen:
            seen[name] = text
        elif name in _SEVERAL:
            found.append(defects.DUPLICATE_FIELD)
    raws: dict[str, list[bytes]] = {}
    for name, value in fields:
        if name in _ADDRESS_FIELDS:
            raws.setdefault(name, []).append(value)
    senders = addresses.parse(raws.get("from", ()), hint)
    own_id = ids.normalise(seen.get("message-id", ""))
    if not own_id:
        found.append(defects.NO_MESSAGE_ID)
    if not senders:
        found.append(defects.NO_SENDER)
    if len(raws.get("from", ())) > 1:
        found.append(defects.SEVERAL_SENDERS)
    return ParsedMail(
        message_id=own_id or ids.made_from(raw),
        has_own_id=bool(own_id),
        subject=" ".join(seen.get("subject", "").split()),
        sender=senders[0] if senders else None,
        reply_to=addresses.parse(raws.get("reply-to", ()), hint),
        to=addresses.parse(raws.get("to", ()), hint),
        cc=addresses.parse(raws.get("cc", ()), hint),
        date=_date(seen.get("date"), found),
        received_date=dates.parse_received_date(seen.get("received", "")),
        in_reply_to=ids.several(seen.get("in-reply-to", "")),
        references=ids.several(seen.get("references", "")),
        body_plain=texts.plain,
        body_html=texts.html,
        attachments=attached,
        headers=tuple(decoded),
        size=len(raw),
        defects=tuple(dict.fromkeys(found)),
    )


def _charset_of(fields: Sequence[Field]) -> str | None:
    raw = headers.first(fields, "content-type")
    return (
        params.parse(raw).parameters.get("charset") if raw is not None and b"charset" in raw.lower() else None
    )


def _date(text: str | None, found: list[str]) -> datetime | None:
    if not text:
        found.append(defects.NO_DATE)
        return None
    date = dates.parse_date(text)
    if date is None:
        found.append(defects.INVALID_DATE)
    return date


def _attachments(parts: Sequence[structure.Part], found: list[str]) -> tuple[Attachment, ...]:
    names = attachments.Names()
    return tuple(_attachment(part, index, names, found) for index, part in enumerate(parts, start=1))


def _attachment(part: structure.Part, index: int, names: attachments.Names, found: list[str]) -> Attachment:
    data = transfer.content(part.message, found)
    declared = part.message.structured_type()
    disposition = bodies.disposition(part, declared.parameters.get("charset"))
    wanted = disposition.parameters.get("filename") or declared.parameters.get("name") or ""
    content_id = headers.text_of(part.message.field("content-id")).text
    return Attachment(
        index=index,
        filename=names.take(wanted, declared.value, index),
        content_type=declared.value,
        size=len(data),
        inline=disposition.value == "inline" or (bool(content_id) and disposition.value != "attachment"),
        content_id=ids.normalise(content_id)[1:-1],
        sha256=hashlib.sha256(data).hexdigest(),
    )
