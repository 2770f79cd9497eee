"""Files that stand in a plain text between `begin 644 NAME` and `end`, as was usual before MIME."""

import binascii
import re
from typing import Final, NamedTuple

_BEGIN = re.compile(r"^begin [0-7]{3,4} +([^\n]{1,200}?)[ \t]*\n", re.MULTILINE)
_LINE = re.compile(r"([ -`])([ -`]*)[ \t]*\n")
_END = re.compile(r"(?:[` ]?[ \t]*\n){0,2}end[ \t]*(?:\n|$)")
_TRAILER_CHARS: Final = 2  # a check character, and a blank


class Block(NamedTuple):
    """One file: its name, and its lines as they stand in the text."""

    name: str
    lines: str

    def content(self) -> bytes:
        return b"".join(_decoded(line) for line in self.lines.split("\n"))


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


def _decoded(line: str) -> bytes:
    if not line:
        return b""
    size = (ord(line[0]) - 32) & 63
    digits = line[1 : 1 + (size + 2) // 3 * 4].rstrip("\t")
    return binascii.a2b_uu(line[0] + digits)
