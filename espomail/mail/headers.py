"""The header block: cut off, mended and taken apart before anything reads it. Linear; never raises.

Raw values travel as the standard library's do: as text, each byte above 127 a lone surrogate (PEP 383), until
`text_of` decodes them.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from espomail.mail import defects, encoded_words

_BARE_CR = re.compile(rb"\r(?!\n)")
_LEADING_BLANKS = re.compile(rb"(?:[ \t]*\r?\n)+")
_MBOX_FROM = re.compile(rb">?From [^\n]*\n?")
_FOLD = re.compile(r"\n[ \t]+")
_NAME: Final = "[!-9;-~\udc80-\udcff]+"
_FIELD_LINE = re.compile(r"([^:\n]+):([^\n]*)\n")
_WELL_FORMED = re.compile(rf"(?:{_NAME}:[^\n]*+\n)*+")
_LINE = re.compile(rf"(?:({_NAME})([ \t]*):)?([^\n]*)\n")
_NAME_AT_LINE_START = re.compile(r"^([!-9;-~]{1,76})[ \t]*:", re.MULTILINE)
# Fields that a mail has once; a second one after a broken line is text, not header.
_ONCE: Final = frozenset(
    {
        *(
            "from",
            "to",
            "cc",
            "bcc",
            "subject",
            "date",
            "message-id",
            "in-reply-to",
            "references",
            "reply-to",
        ),
        *("sender", "mime-version", "content-type", "content-transfer-encoding", "content-disposition"),
        *("content-language", "return-path", "importance", "precedence"),
    }
)
_OFTEN: Final = frozenset(
    {"received", "delivered-to", "authentication-results", "dkim-signature", "keywords"}
)


Field = tuple[str, str]  # the name in lower case, and the raw value on one line


class HeaderBlock(NamedTuple):
    fields: list[Field]
    is_plain: bool  # raw values are their own text: ASCII without encoded words
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
    text = _FOLD.sub(" ", block.decode("ascii", "surrogateescape").replace("\r\n", "\n"))
    if not text.endswith("\n"):
        text += "\n"
    if _WELL_FORMED.fullmatch(text) is not None:
        fields = [(_printable(name), value.strip()) for name, value in _FIELD_LINE.findall(text)]
        rest = ""
    else:
        fields, rest = _mended(text, found)
    if not fields and raw:
        found.append(defects.NO_HEADERS)
    if rest.strip():
        found.append(defects.MISSING_SEPARATOR)
        body = rest.encode("ascii", "surrogateescape") + (b"\n" + body if body else b"")
    is_plain = text.isascii() and "=?" not in text and "\0" not in text
    return HeaderBlock(fields, is_plain, body, found)


def unfold(raw: str) -> str:
    """A raw value on one line."""
    return _FOLD.sub(" ", raw.replace("\r\n", "\n")).strip() if "\n" in raw else raw.strip()


def text_of(raw: str, hint: str | None = None) -> encoded_words.Text:
    """A raw value as text on one line; raw 8-bit bytes in it are UTF-8, or `hint`, or what they look like."""
    if raw.isascii() and "=?" not in raw:  # nearly every field, and cheap
        return encoded_words.Text(one_line(raw))
    text, found = encoded_words.decode(bytes_of(raw), hint)
    return encoded_words.Text(one_line(text), found)


def bytes_of(raw: str) -> bytes:
    """The bytes that a raw value stands for."""
    return raw.encode("ascii" if raw.isascii() else "utf-8", "surrogateescape")


def one_line(text: str) -> str:
    """`text` without line ends and NULs; every other character stays."""
    if "\0" in text:
        text = text.replace("\0", "")
    if "\n" in text or "\r" in text:
        text = " ".join(text.splitlines())
    return text


def first(fields: Sequence[Field], name: str) -> str | None:
    """The raw value of the topmost field of that name."""
    return next((raw for field, raw in fields if field == name), None)


def _printable(name: str) -> str:
    return name.lower() if name.isascii() else name.encode("ascii", "replace").decode("ascii").lower()


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
        at += len(raw) - at - len(raw[at:].lstrip(b" \t"))
    return raw[at:] if at else raw


def _cut(raw: bytes) -> tuple[bytes, bytes]:
    """The header block and the body: what stands before the first blank line, and what behind it."""
    for blank_line in (b"\n", b"\r\n"):
        if raw.startswith(blank_line):
            return b"", raw[len(blank_line) :]
    usual, other = b"\n\n", b"\n\r\n"
    if raw.find(b"\r\n", 0, raw.find(b"\n") + 1) >= 0:
        usual, other = other, usual  # the one that is found at once goes first
    end = raw.find(usual)
    if (sooner := raw.find(other, 0, end + 1 if end >= 0 else len(raw))) >= 0:
        return raw[: sooner + 1], raw[sooner + len(other) :]
    return (raw[: end + 1], raw[end + len(usual) :]) if end >= 0 else (raw, b"")


def _mended(text: str, found: list[str]) -> tuple[list[Field], str]:
    """The fields of an unfolded block with lines that are none, and what of it belongs to the body."""
    fields: list[Field] = []
    broken: list[str] = []  # lines that belong to the field before them
    last_real: int | None = None
    for line in _LINE.finditer(text):
        name, blanks, value = line.groups()
        if name is None:
            if last_real is None:
                last_real = _last_field_after(text, line.start(), fields)
            if last_real < line.start():
                return fields, text[line.start() :]
            if value.strip():
                found.append(defects.BROKEN_FOLDING)
                broken.append(value.strip())
            continue
        if broken and fields:
            fields[-1] = (fields[-1][0], " ".join((fields[-1][1], *broken)))
        broken.clear()
        if blanks:
            found.append(defects.BLANK_BEFORE_COLON)
        fields.append((_printable(name), value.strip()))
    return fields, ""


def _last_field_after(text: str, at: int, fields: Sequence[Field]) -> int:
    """Where the last line after `at` starts that can only be a header's, or -1."""
    seen = {name for name, _ in fields}
    last = -1
    for start in _NAME_AT_LINE_START.finditer(text, at):
        name = start[1].lower()
        if name in _ONCE:
            if name in seen:
                continue
            seen.add(name)
        elif name not in _OFTEN and not name.startswith(("x-", "list-", "arc-", "resent-")):
            continue
        last = start.start()
    return last
