"""Files that stand in a plain text between `begin 644 NAME` and `end`, as was usual before MIME."""

import binascii
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_BEGIN = re.compile(r"^begin [0-7]{3,4} +([^\n]{1,200}?)[ \t]*\n", re.MULTILINE)
_BEGIN_OF_PART = re.compile(rb"^begin [0-7]{3,4}[ \t][^\r\n]*\r?\n", re.MULTILINE)
_LINE = re.compile(r"([ -`])([ -`]*)[ \t]*\n")
_END = re.compile(r"(?:[` ]?[ \t]*\n){0,2}end[ \t]*(?:\n|$)")
_TRAILER_CHARS: Final = 2  # a check character, and a blank


class Block(NamedTuple):
    """One file: its name, and its lines as they stand in the text."""

    name: str
    lines: str

    def content(self) -> bytes:
        content = bytearray()
        for line in _lines(self.lines.encode("ascii", "replace"), 0):
            content += _decoded(line)
        return bytes(content)


class Split(NamedTuple):
    """A text without its files, and these in their order."""

    text: str
    blocks: tuple[Block, ...]


def split(text: str) -> Split:
    """Take the files out of a text whose lines end in \\n. What has no end, or other lines in it, stays."""
    blocks: list[Block] = []
    pieces: list[str] = []
    kept_to = at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        at = lines_end = _end_of_lines(text, begin.end())
        end = _END.match(text, lines_end)
        if end is None or lines_end == begin.end():
            continue
        blocks.append(Block(begin[1], text[begin.end() : lines_end]))
        pieces.append(text[kept_to : begin.start()])
        kept_to = at = end.end()
    if not blocks:
        return Split(text, ())
    return Split("".join(pieces) + text[kept_to:], tuple(blocks))


def _end_of_lines(text: str, at: int) -> int:
    """Where the lines of data that begin at `at` are over."""
    while (line := _LINE.match(text, at)) is not None:
        size = (ord(line[1]) - 32) & 63
        if size == 0 or len(line[2]) > (size + 2) // 3 * 4 + _TRAILER_CHARS:
            break
        at = line.end()
    return at


def decode(encoded: bytes) -> bytes:
    """The content of a part that is declared to be uuencoded; as it came where it is not. Never raises."""
    begin = _BEGIN_OF_PART.search(encoded)
    if begin is None:
        return encoded
    content = bytearray()
    for line in _lines(encoded, begin.end()):
        if line.rstrip() == b"end":
            break
        content += _decoded(line)
    return bytes(content)


def _lines(data: bytes, at: int) -> Iterator[bytes]:
    """The lines from `at` on, one at a time: a list of them would take several times the room."""
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        yield data[at:end]
        at = end + 1


def _decoded(line: bytes) -> bytes:
    """What a line stands for, without what a mail program has put behind; nothing for other text."""
    if not line.strip():
        return b""
    size = (line[0] - 32) & 63
    digits = line[1 : 1 + (size + 2) // 3 * 4].rstrip(b"\t\r")
    try:
        return binascii.a2b_uu(line[:1] + digits)
    except binascii.Error:
        return b""
