"""Strangers' text made safe to show: it steers no terminal, turns no line round, runs in no spreadsheet."""

import re
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Control characters (C0, DEL, C1), those that turn the direction of writing, line and paragraph separators,
# deprecated format characters, interlinear annotation, tags, and halves of characters.
_UNSAFE_RANGES: Final = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff"
    r"\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[{_UNSAFE_RANGES}]")
_UNSAFE_IN_JSON = re.compile(f"[{_UNSAFE_RANGES}]".replace(r"\x00-\x1f", ""))
_BREAK = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_WHITE = re.compile(r"\r\n|[\t\r\n\v\f\x85\u2028\u2029]")
_TSV_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_FORMULA_STARTS: Final = ("=", "+", "-", "@")


def safe_line(text: str) -> str:
    """The text as one line."""
    return _UNSAFE.sub(REPLACEMENT, _WHITE.sub(" ", text)) if not text.isprintable() else text


def safe_lines(text: str) -> str:
    """The text with its lines, tabs made spaces."""
    return "\n".join(safe_line(line.expandtabs()) for line in _BREAK.split(text))


def tsv_text(text: str) -> str:
    r"""The text on one line of TSV: tab, newline, carriage return and backslash as `\t \n \r \\`."""
    if text.isprintable() and "\\" not in text:
        return text
    return _UNSAFE.sub(REPLACEMENT, text.translate(_TSV_ESCAPES))


def csv_text(text: str) -> str:
    """The text for a spreadsheet: lines stay lines, and what would be a formula gets a `'` in front."""
    if not text.isprintable():
        lines = (_UNSAFE.sub(REPLACEMENT, line.replace("\t", " ")) for line in _BREAK.split(text))
        text = "\n".join(lines)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def json_text(encoded: str) -> str:
    r"""JSON in which what a terminal might obey is written `\uXXXX`; a reader gets the very same values."""
    return encoded if encoded.isascii() and "\x7f" not in encoded else _UNSAFE_IN_JSON.sub(_escaped, encoded)


def _escaped(sign: re.Match[str]) -> str:
    number = ord(sign[0])
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
