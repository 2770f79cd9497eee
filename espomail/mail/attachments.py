"""File names of attachments: readable, safe on any file system, unique within their mail."""

import re
import unicodedata
from typing import Final

_LONGEST_BYTES: Final = 200
_SEPARATORS = re.compile(r"[/\\]")
_RESERVED = re.compile(r'[<>:"|?*]')
_UNSEEN: Final = frozenset(
    {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
)  # control, bidi and other invisible characters
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_EXTENSIONS: Final = {
    "application/ics": ".ics",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/pdf": ".pdf",
    "application/pgp-signature": ".asc",
    "application/pkcs7-mime": ".p7m",
    "application/pkcs7-signature": ".p7s",
    "application/rtf": ".rtf",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/x-pkcs7-signature": ".p7s",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/feedback-report": ".txt",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rfc822-headers": ".txt",
    "text/rtf": ".rtf",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "video/mp4": ".mp4",
}


_TYPES: Final = {extension: kind for kind, extension in _EXTENSIONS.items()} | {
    ".htm": "text/html",
    ".ics": "text/calendar",
    ".p7s": "application/pkcs7-signature",
    ".rtf": "application/rtf",
    ".txt": "text/plain",
    ".vcf": "text/vcard",
    ".xml": "application/xml",
}


class Names:
    """Gives each attachment of one mail its name."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, wanted: str, content_type: str, index: int) -> str:
        """A safe name close to `wanted`; where that has nothing usable, one of the type and the place."""
        name = safe(wanted) or f"attachment-{index}{_EXTENSIONS.get(content_type, '.bin')}"
        unique = name
        while (key := unique.casefold()) in self._taken:
            self._taken[name.casefold()] += 1
            stem, dot, extension = name.rpartition(".")
            number = self._taken[name.casefold()]
            unique = f"{stem} ({number}){dot}{extension}" if dot and stem else f"{name} ({number})"
        self._taken[key] = 1
        return unique


def type_of(filename: str) -> str:
    """The media type that a name's ending stands for; application/octet-stream for one that is not known."""
    return _TYPES.get(f".{filename.rpartition('.')[2].lower()}", "application/octet-stream")


def safe(wanted: str) -> str:
    """`wanted` as a bare file name: no folder, no control or reserved character, no device. Maybe empty."""
    if wanted.isascii() and wanted.isprintable():
        name = wanted
    else:
        name = unicodedata.normalize("NFC", wanted)
        name = "".join(
            " " if c in "\t\n\r" else c
            for c in name
            if c in "\t\n\r" or unicodedata.category(c) not in _UNSEEN
        )
    name = _SEPARATORS.split(name.rstrip("/\\ "))[-1]
    name = " ".join(_RESERVED.sub("_", name).split()).strip(". ")
    if _DEVICES.fullmatch(name):
        name = f"_{name}"
    return _shortened(name)


def _shortened(name: str) -> str:
    if len(name) <= 60 or len(name.encode()) <= _LONGEST_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = _LONGEST_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + extension
