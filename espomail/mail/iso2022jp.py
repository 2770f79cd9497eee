"""ISO-2022-JP as mail programs write it: with vendor characters (①, ㈱) and half-width katakana in it."""

import re
from typing import Final

# Python's codecs refuse NEC's row 13 and half-width katakana; cp932 has both, and a place for each JIS pair.
_SEGMENT = re.compile(rb"\x1b(\$[@B]|\$\([@BDOPQ]|\([BJIH])")
_SINGLE_BYTE: Final = (b"(B", b"(J", b"(H")


def decode_iso2022jp(data: bytes) -> str:
    """The text of `data`; bytes that mean nothing become U+FFFD. Without escape sequences it is cp932."""
    if b"\x1b" not in data:
        return data.decode("cp932", "replace")
    try:
        return data.decode(
            "iso2022_jp"
        )  # what keeps to RFC 1468, which is nearly all, a hundred times faster
    except UnicodeDecodeError:
        return _decode_by_segments(data)


def _decode_by_segments(data: bytes) -> str:
    pieces = _SEGMENT.split(data)
    texts = [pieces[0].decode("cp932", "replace")]
    for escape, segment in zip(pieces[1::2], pieces[2::2], strict=True):
        texts.append(_decode_segment(escape, segment))
    return "".join(texts)


def _decode_segment(escape: bytes, segment: bytes) -> str:
    if escape in _SINGLE_BYTE:
        return segment.decode("cp932", "replace")
    if escape == b"(I":
        return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in segment).decode(
            "cp932", "replace"
        )
    if escape == b"$(D":  # JIS X 0212, which cp932 has not
        return (b"\x1b$(D" + segment + b"\x1b(B").decode("iso2022_jp_2", "replace")
    return _pairs_to_cp932(segment).decode("cp932", "replace")


def _pairs_to_cp932(segment: bytes) -> bytes:
    shifted = bytearray()
    at = 0
    while at < len(segment):
        first = segment[at]
        if not 0x21 <= first <= 0x7E or at + 1 >= len(segment):
            shifted.append(first)  # a line's end inside a segment, or half a character
            at += 1
            continue
        second = segment[at + 1]
        row = first - 0x21
        lead = row // 2 + (0x81 if row < 62 else 0xC1)
        trail = second + (0x7E if row % 2 else 0x1F if second < 0x60 else 0x20)
        shifted += bytes((lead, trail & 0xFF))
        at += 2
    return bytes(shifted)
