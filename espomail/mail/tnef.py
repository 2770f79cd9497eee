"""What is in a winmail.dat, which Outlook sends to people who have no Outlook ([MS-OXTNEF]): files and text.

tnefparse believes every count that it reads, and would go round four thousand million times for a stranger;
so its loops are given a budget, and the number of its objects is counted before it copies them.
"""

import builtins
import struct
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

from espomail.mail import charsets, html, rtf
from espomail.mail.faults import FAULTS

TYPES: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_SIGNATURE: Final = b"\x78\x9f\x3e\x22"
_HEADER_BYTES: Final = 6
_OBJECT_HEAD: Final = struct.Struct("<BHHI")
_OBJECT_TAIL_BYTES: Final = 2
_MOST_BYTES_COPIED: Final = 1_000_000_000  # tnefparse copies all that follows, for every object
_MOST_ROUNDS: Final = 50_000
_one_at_a_time = threading.Lock()


class Inner(NamedTuple):
    name: str
    content: bytes


class Winmail(NamedTuple):
    """A winmail.dat, unpacked: its files in order, and its text in the forms that Outlook has put in."""

    files: tuple[Inner, ...] = ()
    plain: str = ""
    html: str = ""
    packed_rtf: bytes = b""

    def text(self) -> str:
        """The text as it can be read: the plain one, or what the others are made into."""
        if self.plain.strip():
            return self.plain.strip()
        return (html.Page(self.html).text() if self.html else "") or rtf.text(
            rtf.decompressed(self.packed_rtf)
        )


def unpack(data: bytes) -> Winmail:
    """What is in `data`; nothing where it is no TNEF or a broken one. Never raises."""
    if not data.startswith(_SIGNATURE) or _objects(data) * len(data) > _MOST_BYTES_COPIED:
        return Winmail()
    import logging

    from tnefparse import mapi, tnef

    logging.getLogger("tnefparse").disabled = True  # it tells the terminal of every oddity
    budget = _Budget()
    with _one_at_a_time:
        mapi.range = tnef.range = budget.range  # found before the built-in one
        try:
            found = tnef.TNEF(data, do_checksum=False)
            return Winmail(
                files=tuple(Inner(_name(one), bytes(one.data)) for one in found.attachments if one.data),
                plain=_text(found.body, found.codepage),
                html=_text(found.htmlbody, found.codepage),
                packed_rtf=found._rtfbody if isinstance(found._rtfbody, bytes) else b"",
            )
        except FAULTS:
            return Winmail()
        finally:
            del mapi.range, tnef.range


class _Budget:
    """As many rounds as all loops of one file may take together."""

    def __init__(self) -> None:
        self._left = _MOST_ROUNDS

    def range(self, count: int) -> Iterator[int]:
        for number in builtins.range(count):
            self._left -= 1
            if self._left < 0:
                raise ValueError("more rounds than any winmail.dat needs")
            yield number


def _text(body: object, codepage: str | None) -> str:
    if isinstance(body, bytes):
        body = charsets.decode(body.rstrip(b"\0"), codepage).text
    if not isinstance(body, str):
        return ""
    whole = body.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _objects(data: bytes) -> int:
    at = _HEADER_BYTES
    count = 0
    while at + _OBJECT_HEAD.size <= len(data):
        *_, length = _OBJECT_HEAD.unpack_from(data, at)
        at += _OBJECT_HEAD.size + length + _OBJECT_TAIL_BYTES
        count += 1
    return count


def _name(attachment: object) -> str:
    name = getattr(attachment, "long_filename", str)()
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    return text.strip("\0 ")
