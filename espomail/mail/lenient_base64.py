"""Base64 that was damaged on its way: what is no digit is passed over, missing padding is borne."""

import binascii
import re
from typing import Final, NamedTuple

_NO_DIGIT: Final = bytes(
    set(range(256)) - set(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
)
_NO_DIGIT_NO_PADDING: Final = _NO_DIGIT.replace(b"=", b"")
_PADDING = re.compile(rb"=+")
_AT_ONCE_BYTES: Final = 1024 * 1024


class Decoded(NamedTuple):
    """What damaged base64 stands for. The digits of a sound one come in fours, but for its padding."""

    content: bytes
    has_lone_digit: bool  # one that stands for nothing
    is_unpadded: bool


def digits_of(encoded: bytes) -> bytes:
    """The base64 digits in `encoded`, and nothing else."""
    return encoded.translate(None, _NO_DIGIT)


def decode(encoded: bytes) -> bytes:
    """The bytes that the digits stand for; a lone last digit stands for nothing. Never raises."""
    return decode_part(encoded, len(encoded)).content


def decode_part(encoded: bytes, end: int) -> Decoded:
    """The bytes that the digits up to `end` stand for, piece by piece, so that no copy of them is made.

    Padding ends a stretch of digits; where more follow, they are decoded for themselves.
    """
    found: list[bytes] = []
    digits = b""
    has_lone_digit = False
    for at in range(0, end, _AT_ONCE_BYTES):
        chunk = encoded[at : min(at + _AT_ONCE_BYTES, end)].translate(None, _NO_DIGIT_NO_PADDING)
        *closed, digits = _PADDING.split(digits + chunk) if b"=" in chunk else (digits + chunk,)
        for stretch in closed:
            has_lone_digit |= len(stretch) % 4 == 1
            found.append(_content(stretch))
        whole = len(digits) // 4 * 4
        found.append(binascii.a2b_base64(digits[:whole]))
        digits = digits[whole:]
    found.append(_content(digits))
    return Decoded(b"".join(found), has_lone_digit or len(digits) == 1, len(digits) > 1)


def _content(digits: bytes) -> bytes:
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
