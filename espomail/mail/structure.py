"""The parts of a message: the standard library finds them, held to one level of work a part.

Attached messages stay closed, nesting is cut at a depth that no mail reaches, and a boundary that is missing
or wrong is guessed from the text, so that no recursion and no quadratic time is left to a stranger.
"""

import re
from collections.abc import Iterator, Sequence
from email.message import Message
from email.policy import compat32
from typing import Any, Final, NamedTuple, cast

from espomail.mail import defects, headers, params, skeleton
from espomail.mail.headers import Field
from espomail.mail.part_parser import PartParser

_DEEPEST: Final = 100
_DEEPEST_IN_LARGE: Final = 20  # each line of a part is compared with the boundary of every level around it
_LARGE_BYTES: Final = 1_000_000
_MOST_PARTS: Final = 10_000
_MOST_GUESSES: Final = 20
_FEED_CHARS: Final = 256 * 1024
_SEPARATOR_LINE = re.compile(
    rb"^--(?!-*[ \t]*\r?$)([^\r\n]{1,200}?)[ \t]*\r?\n(?=Content-|\r?\n)", re.MULTILINE | re.IGNORECASE
)


_UNDECLARED = re.compile(
    rb"\s*+(?:[^\r\n]{0,80}\bMIME\b[^\r\n]{0,80}\s++)?--[^\r\n]{1,200}\r?\nContent-Type:", re.IGNORECASE
)


_RAW_BOUNDARY = re.compile(r"""boundary\s*+=\s*+(?:"([^"]+)"|([^\s;"]+))""", re.IGNORECASE)


_BLANK_BEFORE_COLON = re.compile(rb"^(Content-[A-Za-z-]{1,40})[ \t]{1,20}:", re.MULTILINE | re.IGNORECASE)


class Part(NamedTuple):
    """A part without parts of its own, in the order of the message."""

    message: "PartMessage"
    alternative: int  # number of the innermost multipart/alternative around it, 0 for none


class PartMessage(Message):
    """A part as the feed parser builds it. Only multiparts are opened, and only down to a depth."""

    deepest: int = _DEEPEST
    _payload: Any  # the standard library's: a text, or the list of parts

    def __init__(self, policy: Any = compat32) -> None:
        super().__init__(policy=policy)
        self.depth = 0
        self.type: params.Structured | None = None
        self.source: bytes | None = None  # the body that the marks in the payload point into

    def attach(self, payload: Any) -> None:
        payload.depth = self.depth + 1
        payload.deepest = self.deepest
        super().attach(payload)

    def field(self, name: str) -> str:
        """The raw value of a header field on one line, empty where there is none."""
        for field, value in self.raw_items():
            if field.lower() == name:
                return headers.unfold(str(value))
        return ""

    def content(self) -> bytes:
        """The bytes of a leaf as they came, its transfer encoding not undone."""
        if not isinstance(self._payload, str):
            return b""
        payload = self._payload.encode("ascii", "surrogateescape")
        return payload if self.source is None else skeleton.filled(payload, self.source)

    def structured_type(self) -> params.Structured:
        """Content-Type with its parameters; read once, when the header is complete."""
        if self.type is None:
            raw = self.field("content-type")
            found = params.parse(raw) if raw else params.Structured("", {})
            self.type = found._replace(
                value=params.content_type(found.value) if raw else self.get_default_type()
            )
        return self.type

    @property
    def kind(self) -> str:
        """The media type in lower case, as declared."""
        return self.structured_type().value

    def get_content_type(self) -> str:
        """For the feed parser's eyes: it opens message/* and multipart/*, of which it is to open few."""
        is_opened = self.kind.startswith("multipart/") and self.depth < self.deepest
        return self.kind if is_opened else "text/plain"

    def get_content_maintype(self) -> str:
        return self.get_content_type().partition("/")[0]

    def get_boundary(self, failobj: Any = None) -> Any:
        raw = self.field("content-type")
        if raw.isascii():
            return self.structured_type().parameters.get("boundary", "").rstrip() or failobj
        undecoded = _RAW_BOUNDARY.search(raw)
        return (undecoded[1] or undecoded[2]).rstrip() if undecoded is not None else failobj


def parts(fields: Sequence[Field], body: bytes, found: list[str]) -> list[Part]:
    """The leaves of a message, with what is wrong in its structure added to `found`."""
    root = _root(fields, body)
    leaves: list[Part] = []
    alternatives = 0
    guesses = 0
    pending: list[tuple[PartMessage, int]] = [(root, 0)]
    while pending:
        message, alternative = pending.pop()
        found.extend(type(defect).__name__ for defect in message.defects)
        if len(leaves) >= _MOST_PARTS:
            found.append(defects.TOO_MANY_PARTS)
            break
        kind = message.kind
        if message.is_multipart():
            if kind == "multipart/alternative":
                alternatives += 1
                alternative = alternatives
            pending.extend((child, alternative) for child in reversed(_children(message)))
            continue
        if kind.startswith("multipart/"):
            if message.depth >= message.deepest:
                found.append(defects.NESTED_TOO_DEEP)
            elif guesses < _MOST_GUESSES and (mended := _with_guessed_boundary(message)) is not None:
                guesses += 1
                found.append(defects.GUESSED_BOUNDARY)
                pending.append((mended, alternative))
                continue
        leaves.append(Part(message, alternative))
    return leaves


def _children(message: PartMessage) -> list[PartMessage]:
    if not message.is_multipart():
        return []
    return [child for child in message.get_payload() if isinstance(child, PartMessage)]


def _root(fields: Sequence[Field], body: bytes) -> PartMessage:
    root = PartMessage()
    root.deepest = _DEEPEST if len(body) < _LARGE_BYTES else _DEEPEST_IN_LARGE
    seen: set[str] = set()
    for name, raw in fields:
        if name.startswith("content-") and name not in seen:
            seen.add(name)
            root.set_raw(name, raw)
    if root.kind.startswith("multipart/"):
        return _opened(root, body)
    if "content-type" not in seen and _UNDECLARED.match(body) is not None:
        root.type = params.Structured("multipart/mixed", {})  # the boundary is then guessed
    root.source = body
    root.set_payload(f"\0{0}:{len(body)}\0")
    return root


def _opened(message: PartMessage, body: bytes) -> PartMessage:
    """`message`'s header with `body` taken apart by it."""

    shown = skeleton.of(body)

    def factory(policy: Any = compat32) -> PartMessage:
        part = PartMessage(policy)
        part.deepest = message.deepest
        part.source = body if shown is not None else None
        return part

    parser = PartParser(factory, policy=compat32)
    head = "".join(f"{name}: {value}\n" for name, value in message.raw_items())
    parser.feed(f"{head}\n")
    lines = _BLANK_BEFORE_COLON.sub(rb"\1:", body if shown is None else shown)
    for chunk in _chunks(lines):
        parser.feed(chunk)
    opened = cast(PartMessage, parser.close())
    for child in _walk(opened):
        child.depth += message.depth
    return opened


def _chunks(body: bytes) -> Iterator[str]:
    for at in range(0, len(body), _FEED_CHARS):
        yield body[at : at + _FEED_CHARS].decode("ascii", "surrogateescape")


def _walk(message: PartMessage) -> Iterator[PartMessage]:
    pending = [message]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(_children(one))


def _with_guessed_boundary(message: PartMessage) -> PartMessage | None:
    """A multipart whose boundary is missing or never comes, taken apart at the line that looks like one."""
    text = message.content()
    separator = _SEPARATOR_LINE.search(text)
    if separator is None:
        return None
    boundary = separator[1].decode("ascii", "surrogateescape")
    declared = PartMessage()
    declared.depth = message.depth
    declared.deepest = message.deepest
    escaped = boundary.replace("\\", "\\\\").replace('"', '\\"')
    declared.set_raw("Content-Type", f'{message.kind}; boundary="{escaped}"')
    opened = _opened(declared, text)
    return opened if opened.is_multipart() else None
