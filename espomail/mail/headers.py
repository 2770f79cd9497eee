"""The header block: cut off, mended and taken apart before anything reads it. Linear; never raises."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from espomail.mail import defects, encoded_words

_END = re.compile(rb"(?:\A|\n)\r?\n")
_BARE_CR = re.compile(rb"\r(?!\n)")
_LEADING_BLANKS = re.compile(rb"(?:[ \t]*\r?\n)+")
_MBOX_FROM = re.compile(rb">?From [^\n]*\n?")
_FIELD = re.compile(rb"([!-9;-~\x80-\xff]+)([ \t]*):([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_LINE = re.compile(rb"[^\n]*(?:\n|\Z)")
_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]*")
_FIELD_NAME_AT_LINE_START = re.compile(rb"^([!-9;-~]{1,76})[ \t]*:", re.MULTILINE)
# Fields that a mail has once; a second one after a broken line is text, not header.
_ONCE: Final = frozenset(
    {
        *(b"from", b"to", b"cc", b"bcc", b"subject", b"date", b"message-id", b"in-reply-to", b"references"),
        *(b"reply-to", b"sender", b"mime-version", b"content-type", b"content-transfer-encoding"),
        *(b"content-disposition", b"content-language", b"return-path", b"importance", b"precedence"),
    }
)
_OFTEN: Final = frozenset(
    {b"received", b"delivered-to", b"authentication-results", b"dkim-signature", b"keywords"}
)


class Field(NamedTuple):
    """One header field: its name in lower case and its raw value, still folded."""

    name: str
    raw: bytes


class HeaderBlock(NamedTuple):
    fields: list[Field]
    body: bytes
    defects: list[str]


def split(raw: bytes) -> HeaderBlock:
    """A raw message as header fields and body; what is broken in the block is mended and listed."""
    found: list[str] = []
    raw = _without_what_stands_before(raw, found)
    block, body = _cut(raw)
    if b"\r" in block and _BARE_CR.search(block) is not None:
        found.append(defects.BARE_CARRIAGE_RETURN)
        block, more = _cut(_BARE_CR.sub(b"\n", block))
        body = more + body
    fields, rest = _fields(block, found)
    if not fields and raw:
        found.append(defects.NO_HEADERS)
    if rest:
        found.append(defects.MISSING_SEPARATOR)
        body = rest + (b"\n" + body if body else b"")
    return HeaderBlock(fields, body, found)


def unfold(raw: bytes) -> bytes:
    """A raw value on one line."""
    raw = raw.strip(b" \t\r\n")
    return _FOLD.sub(b" ", raw) if b"\n" in raw else raw


def text_of(raw: bytes, hint: str | None = None) -> encoded_words.Text:
    """A raw value as text on one line: unfolded, encoded words decoded."""
    value = unfold(raw)
    if value.isascii() and b"=?" not in value:  # nearly every field, and cheap
        return encoded_words.Text(one_line(value.decode("ascii")))
    text, found = encoded_words.decode(value, hint)
    return encoded_words.Text(one_line(text), found)


def one_line(text: str) -> str:
    """`text` without line ends and NULs; every other character stays."""
    if "\0" in text:
        text = text.replace("\0", "")
    if "\n" in text or "\r" in text:
        text = " ".join(text.splitlines())
    return text


def first(fields: Sequence[Field], name: str) -> bytes | None:
    """The raw value of the first field of that name."""
    return next((field.raw for field in fields if field.name == name), None)


def _without_what_stands_before(raw: bytes, found: list[str]) -> bytes:
    at = 0
    if raw.startswith(b"\xef\xbb\xbf"):
        found.append(defects.BYTE_ORDER_MARK)
        at = 3
    if (blanks := _LEADING_BLANKS.match(raw, at)) is not None and blanks.end() < len(raw):
        found.append(defects.LEADING_BLANK_LINES)
        at = blanks.end()
    if (line := _MBOX_FROM.match(raw, at)) is not None:
        found.append(defects.MBOX_FROM_LINE)
        at = line.end()
    if raw[at : at + 1] in (b" ", b"\t") and b":" in raw[at : at + 1000]:
        found.append(defects.FIRST_LINE_CONTINUES)
        while raw[at : at + 1] in (b" ", b"\t"):
            at += 1
    return raw[at:] if at else raw


def _cut(raw: bytes) -> tuple[bytes, bytes]:
    end = _END.search(raw)
    if end is None:
        return raw, b""
    return raw[: end.start() + 1] if end.start() else raw[: end.end()].strip(b"\r\n"), raw[end.end() :]


def _fields(block: bytes, found: list[str]) -> tuple[list[Field], bytes]:
    """The fields of a block, and what of it is no header but the body's first lines."""
    fields: list[Field] = []
    at = 0
    last_real: int | None = None
    broken: list[bytes] = []  # lines that belong to the field before them
    while at < len(block):
        field = _FIELD.match(block, at)
        if field is None:
            line = _LINE.match(block, at)
            if last_real is None:
                last_real = _last_field_after(block, at, fields)
            if line is None or last_real < at:
                break
            if line[0].strip():
                found.append(defects.BROKEN_FOLDING)
                broken.append(line[0])
            at = line.end()
            continue
        if broken and fields:
            fields[-1] = Field(fields[-1].name, fields[-1].raw + b"\n" + b"".join(broken))
        broken.clear()
        if field[2]:
            found.append(defects.BLANK_BEFORE_COLON)
        fields.append(Field(field[1].decode("ascii", "replace").lower(), field[3]))
        at = field.end()
    return fields, b"".join(broken) + block[at:]


def _last_field_after(block: bytes, at: int, fields: Sequence[Field]) -> int:
    """Where the last line after `at` starts that can only be a header's, or -1."""
    seen = {field.name.encode("ascii", "replace") for field in fields}
    last = -1
    for start in _FIELD_NAME_AT_LINE_START.finditer(block, at):
        name = start[1].lower()
        if name in _ONCE:
            if name in seen:
                continue
            seen.add(name)
        elif name not in _OFTEN and not name.startswith((b"x-", b"list-", b"arc-", b"resent-")):
            continue
        last = start.start()
    return last
