"""The text in Rich Text Format, which Outlook puts into a winmail.dat, compressed ([MS-OXRTFCP])."""

import re
import struct
from copy import copy
from typing import Final

from espomail.mail import charsets

_HEADER: Final = struct.Struct("<II4sI")  # sizes packed and unpacked, kind, checksum
_WINDOW_BYTES: Final = 4096
_DICTIONARY: Final = (  # what the window holds before the first byte ([MS-OXRTFCP] 2.1.2.1)
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_MOST_BYTES: Final = 2 * 1024 * 1024
_MOST_DEPTH: Final = 200
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,9})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)",
    re.DOTALL,
)
_CHARACTERS: Final = {
    "par": "\n",
    "line": "\n",
    "sect": "\n",
    "page": "\n",
    "row": "\n",
    "cell": "\t",
    "tab": "\t",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
}
_SYMBOLS: Final = {b"~": "\xa0", b"_": "\u2011", b"\\": "\\", b"{": "{", b"}": "}", b"\n": "\n", b"\r": "\n"}
_NO_TEXT: Final = frozenset(
    {
        *("fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "headerl"),
        *("headerr", "footerl", "footerr", "listtable", "listoverridetable", "generator", "filetbl"),
    }
)
_CODEPAGE_OF_FONT: Final = {
    128: "cp932",
    129: "cp949",
    134: "gb18030",
    136: "big5hkscs",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
}


def decompressed(packed: bytes) -> bytes:
    """The RTF in `packed`, as far as it can be read; empty where it is of no known kind. Never raises."""
    if len(packed) < _HEADER.size:
        return b""
    _, size, kind, _ = _HEADER.unpack_from(packed)
    size = min(size, _MOST_BYTES)
    if kind == b"MELA":
        return packed[_HEADER.size : _HEADER.size + size]
    return _unpacked(packed, size) if kind == b"LZFu" else b""


def _unpacked(packed: bytes, size: int) -> bytes:
    out = bytearray(_DICTIONARY)  # the window is the end of what is written
    end = len(_DICTIONARY) + size
    at = _HEADER.size
    while at < len(packed) and len(out) < end:
        flags = packed[at]
        at += 1
        for bit in range(8):
            if not flags >> bit & 1:
                out += packed[at : at + 1]
                at += 1
                continue
            token = int.from_bytes(packed[at : at + 2], "big")
            at += 2
            length = (token & 15) + 2
            # A place in the ring, as a distance back from where the next byte goes.
            back = (len(out) - (token >> 4)) % _WINDOW_BYTES
            if back == 0 or back > len(out) or at > len(packed):
                return bytes(out[len(_DICTIONARY) : end])
            for _ in range(length):
                out.append(out[-back])
    return bytes(out[len(_DICTIONARY) : end])


def text(source: bytes) -> str:
    """What a reader would see of the RTF. Never raises."""
    if not source.startswith(b"{\\rtf"):
        return ""
    reading = _Reading()
    at = 0
    while (token := _TOKEN.match(source, at)) is not None:
        at = token.end() + reading.take(token)
    reading.flush()
    found = "".join(reading.pieces).replace("\0", "").strip()
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Group:
    """What holds between two braces, and is as before behind them."""

    def __init__(self) -> None:
        self.is_shown = True
        self.is_font_table = False
        self.codepage: str | None = None
        self.to_skip = 1  # bytes after a \u, for readers that do not know it


class _Reading:
    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.bytes = bytearray()  # not decoded yet: a character may be of two
        self.codepage = "cp1252"
        self.codepages: dict[int, str] = {}  # of fonts
        self.font = 0
        self.skipped = 0
        self.groups = [_Group()]

    def take(self, token: "re.Match[bytes]") -> int:
        """Read a token; how many bytes after it are not to be read."""
        word, number, code, symbol, brace, run = token.groups()
        if run is not None:
            self.show(run)
        elif code is not None:
            self.show(bytes.fromhex(code.decode("ascii")))
        elif word is not None:
            return self.follow(word.decode("ascii").lower(), int(number) if number else None)
        elif brace == b"{":
            self.flush()
            if len(self.groups) < _MOST_DEPTH:
                self.groups.append(copy(self.groups[-1]))
        elif brace == b"}":
            self.flush()
            if len(self.groups) > 1:
                self.groups.pop()
        elif symbol == b"*":
            self.groups[-1].is_shown = False
        elif symbol is not None:
            self.put(_SYMBOLS.get(symbol, ""))
        return 0

    def follow(self, word: str, number: int | None) -> int:
        group = self.groups[-1]
        if word == "bin":
            return max(number or 0, 0)
        if word in _CHARACTERS:
            self.put(_CHARACTERS[word])
        elif word == "u" and number is not None:
            self.put_code(number % 0x10000)
            self.skipped = group.to_skip
        elif word == "uc":
            group.to_skip = min(max(number or 0, 0), 8)
        elif word in _NO_TEXT:
            group.is_shown = False
            group.is_font_table = word == "fonttbl"
        elif word == "ansicpg" and number:
            self.codepage = f"cp{number}"
        elif word == "f" and number is not None:
            self.flush()
            self.font = number
            group.codepage = self.codepages.get(number)
        elif word == "fcharset" and group.is_font_table and number in _CODEPAGE_OF_FONT:
            self.codepages[self.font] = _CODEPAGE_OF_FONT[number]
        return 0

    def show(self, data: bytes) -> None:
        skipped = min(self.skipped, len(data))
        self.skipped -= skipped
        if self.groups[-1].is_shown:
            self.bytes += data[skipped:]

    def put_code(self, code: int) -> None:
        """A UTF-16 unit; two in a row may be one character."""
        if self.groups[-1].is_shown:
            self.flush()
            self.pieces.append(chr(code))

    def put(self, text: str) -> None:
        if self.groups[-1].is_shown:
            self.flush()
            self.pieces.append(text)

    def flush(self) -> None:
        if self.bytes:
            label = self.groups[-1].codepage or self.codepage
            self.pieces.append(charsets.decode(bytes(self.bytes), label).text)
            self.bytes.clear()
