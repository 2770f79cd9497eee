"""The bytes of a part, its transfer encoding undone, once the label is mended."""

import binascii
import re
from typing import Final

from espomail.mail import defects, lenient_base64, uuencode
from espomail.mail.structure import PartMessage

_ENCODINGS: Final = {
    "quoted-printable": "quoted-printable",
    "quotedprintable": "quoted-printable",
    "quoted/printable": "quoted-printable",
    "quoted_printable": "quoted-printable",
    "qp": "quoted-printable",
    "base64": "base64",
    "base-64": "base64",
    "base_64": "base64",
    "b64": "base64",
    "x-uuencode": "x-uuencode",
    "uuencode": "x-uuencode",
    "x-uue": "x-uuencode",
    "uue": "x-uuencode",
    "7bit": "",
    "7-bit": "",
    "8bit": "",
    "8-bit": "",
    "binary": "",
    "none": "",
    "": "",
}
_BLANKS: Final = b" \t\r\n"
_WORDS = re.compile(rb"\s*[A-Za-z,.]+[ \t][A-Za-z]+[ \t][A-Za-z]")
_BASE64_ENDS = re.compile(rb"=[ \t]*\r?\n|\r?\n(?=-|[ \t]*\r?\n)")
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|\S[ \t]+\S")


def content(message: PartMessage, found: list[str]) -> bytes:
    """The decoded bytes of a leaf; never raises, what is wrong is added to `found`."""
    encoding = _encoding_of(message, found)
    if encoding == "base64":
        sound = _sound_base64(message)
        return _mended_base64(message, found) if sound is None else sound
    if encoding == "quoted-printable":
        return binascii.a2b_qp(message.content())
    if encoding == "x-uuencode":
        return uuencode.decode(message.content())
    return message.content()


def _sound_base64(message: PartMessage) -> bytes | None:
    """Base64 without a fault, decoded."""
    try:
        # Without a name for the bytes in between: of a large attachment each copy counts.
        return binascii.a2b_base64(message.content().translate(None, _BLANKS), strict_mode=True)
    except binascii.Error:
        return None


def _mended_base64(message: PartMessage, found: list[str]) -> bytes:
    """What base64 with other things in it is: plain text under a wrong label, or base64 with a footer."""
    encoded = message.content()
    if _WORDS.match(encoded, 0, 200) is not None:
        found.append(defects.WRONG_TRANSFER_ENCODING)
        return encoded
    ends = _BASE64_ENDS.search(encoded, 0, _end_of_text(encoded))
    if ends is not None and _NOT_BASE64.search(encoded, ends.end()) is not None:
        found.append(defects.TEXT_AFTER_BASE64)
        decoded = lenient_base64.decode_part(encoded, ends.end()).content
        is_text = message.kind.startswith("text/")
        return decoded + b"\n" + encoded[ends.end() :] if is_text else decoded
    mended = lenient_base64.decode_part(encoded, len(encoded))
    if _FOREIGN.search(encoded) is not None:
        found.append(defects.INVALID_BASE64_CHARACTERS)
    if mended.has_lone_digit:
        found.append(defects.INVALID_BASE64_LENGTH)
    elif mended.is_unpadded:
        found.append(defects.INVALID_BASE64_PADDING)
    return mended.content


def _end_of_text(encoded: bytes) -> int:
    end = len(encoded)
    while end and encoded[end - 1] in _BLANKS:
        end -= 1
    return end


def _encoding_of(message: PartMessage, found: list[str]) -> str:
    raw = message.field("content-transfer-encoding")
    if not raw:
        return ""
    label = raw.partition(";")[0].partition("(")[0]
    label = label.strip("\"' \t,.:").lower()
    encoding = _ENCODINGS.get(label)
    if encoding is None:
        found.append(defects.UNKNOWN_TRANSFER_ENCODING)
        return ""
    return encoding
