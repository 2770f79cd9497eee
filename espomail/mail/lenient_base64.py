"""Base64 that was damaged on its way: what is no digit is passed over, missing padding is borne."""

import binascii
import re

_NO_DIGIT = re.compile(rb"[^A-Za-z0-9+/]+")


def digits_of(encoded: bytes) -> bytes:
    """The base64 digits in `encoded`, and nothing else."""
    return _NO_DIGIT.sub(b"", encoded)


def decode(encoded: bytes) -> bytes:
    """The bytes that the digits stand for; a lone last digit stands for nothing. Never raises."""
    digits = digits_of(encoded)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
