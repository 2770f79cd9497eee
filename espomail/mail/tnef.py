"""The files in a winmail.dat, which Outlook sends to people who have no Outlook ([MS-OXTNEF]).

tnefparse believes every count that it reads, and would go round four thousand million times for a stranger;
so its loops are given a budget, and the number of its objects is counted before it copies them.
"""

import builtins
import struct
import threading
from collections.abc import Iterator
from typing import Final, NamedTuple

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


def unpack(data: bytes) -> list[Inner]:
    """The files in `data`, in order; none where it is no TNEF or a broken one. Never raises."""
    if not data.startswith(_SIGNATURE) or _objects(data) * len(data) > _MOST_BYTES_COPIED:
        return []
    import logging

    from tnefparse import mapi, tnef

    logging.getLogger("tnefparse").disabled = True  # it tells the terminal of every oddity
    budget = _Budget()
    with _one_at_a_time:
        mapi.range = tnef.range = budget.range  # found before the built-in one
        try:
            found = tnef.TNEF(data, do_checksum=False).attachments
            return [Inner(_name(one), bytes(one.data)) for one in found if one.data]
        except FAULTS:
            return []
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
