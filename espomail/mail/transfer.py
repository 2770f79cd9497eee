"""The bytes of a part, its transfer encoding undone by the standard library, once the label is mended."""

import re
from typing import Final

from espomail.mail import defects, lenient_base64
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
_HARMLESS: Final = frozenset({"InvalidBase64PaddingDefect"})
_WORDS = re.compile(rb"\s*[A-Za-z,.]+[ \t][A-Za-z]+[ \t][A-Za-z]")
_BASE64_ENDS = re.compile(rb"=[ \t]*\r?\n|\r?\n[ \t]*\r?\n")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|\S[ \t]+\S")


def content(message: PartMessage, found: list[str]) -> bytes:
    """The decoded bytes of a leaf; never raises, what is wrong is added to `found`."""
    encoding = _encoding_of(message, found)
    before = len(message.defects)
    decoded = message.content(encoding)
    wrong = [type(defect).__name__ for defect in message.defects[before:]]
    if encoding == "base64" and not _HARMLESS.issuperset(wrong):
        mended = _mended(message.content(), is_text=message.kind.startswith("text/"))
        if mended is not None:
            decoded, defect = mended
            wrong = [defect]
    found.extend(wrong)
    return decoded


def _mended(encoded: bytes, *, is_text: bool) -> tuple[bytes, str] | None:
    """What base64 with other things in it is: plain text under a wrong label, or base64 with a footer."""
    if _WORDS.match(encoded, 0, 200) is not None:
        return encoded, defects.WRONG_TRANSFER_ENCODING
    end = _BASE64_ENDS.search(encoded.rstrip())
    if end is None or _NOT_BASE64.search(encoded, end.end()) is None:
        # A lone last digit stands for nothing, and the standard library then decodes nothing at all.
        is_odd = len(lenient_base64.digits_of(encoded)) % 4 == 1
        return (lenient_base64.decode(encoded), defects.INVALID_BASE64_LENGTH) if is_odd else None
    decoded = lenient_base64.decode(encoded[: end.end()])
    return decoded + b"\n" + encoded[end.end() :] if is_text else decoded, defects.TEXT_AFTER_BASE64


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
