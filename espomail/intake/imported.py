"""Messages from files as the journal knows them: by their bytes, so that a second import changes nothing.

They stand in a folder that no server has, with a UID made from their bytes. It has 53 bits, the first of them
set: it is larger than any UID of a server, and small enough for every program that reads JSON.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from espomail.crm.arrival import IMPORTED
from espomail.intake.mail_files import FromFile
from espomail.intake.messages import RawMessage
from espomail.mail.parse import parse_headers
from espomail.store import models
from espomail.store.compression import decompress
from espomail.store.models import Journal
from espomail.store.read import rows_in

UIDVALIDITY: Final = 1  # the way in which UIDs are made; another way would be the next number
UID_BITS: Final = 52
HEADER_BYTES: Final = 1024**2  # what is looked at of a header, which may be endless


def as_raw_message(message: FromFile, *, now: datetime) -> RawMessage:
    """The message as a server would hand it over, but whole: no server keeps what we would leave out."""
    whole_size = message.label.whole_size if message.label is not None else None
    size = message.size if whole_size is None else whole_size
    return RawMessage(
        folder=IMPORTED,
        uidvalidity=UIDVALIDITY,
        uid=uid_of(message.raw, size),
        flags=message.flags,
        internal_date=min(_received_at(message), now),
        raw=message.raw,
        size=size,
        is_partial=whole_size is not None,
    )


def uid_of(raw: bytes, size: int) -> int:
    """The UID for a message of these bytes, the first one that may be taken."""
    digest = hashlib.sha256(b"%d:" % size)
    digest.update(raw)
    return 1 << UID_BITS | int.from_bytes(digest.digest()) >> (256 - UID_BITS)


def new_ones(mailbox: str, messages: Sequence[RawMessage]) -> list[RawMessage]:
    """Those that the journal does not know, each once. One whose UID is another's gets the next free one."""
    known: dict[int, _Known | None] = dict.fromkeys(message.uid for message in messages)
    known |= _known(mailbox, known)
    found: list[RawMessage] = []
    for message in messages:
        uid = message.uid
        while (there := known[uid]) is not None and not there.is_the_same(message):
            uid += 1
            if uid not in known:
                known |= {uid: None} | _known(mailbox, [uid])
        if there is None:
            known[uid] = _Known(message.size, message.raw, None)
            found.append(msgspec.structs.replace(message, uid=uid))
    return found


class _Known(msgspec.Struct):
    """What the journal has under one UID."""

    size: int
    raw: bytes | None
    raw_id: int | None  # in the database; what became no e-mail is not kept there

    def is_the_same(self, message: RawMessage) -> bool:
        if self.size != message.size:
            return False
        if self.raw is None and self.raw_id is not None:
            self.raw = decompress(bytes(models.RawMessage.get_by_id(self.raw_id).data))
        return self.raw is None or self.raw == message.raw


def _known(mailbox: str, uids: Iterable[int]) -> dict[int, _Known | None]:
    rows = rows_in(Journal, "uid", uids, mailbox=mailbox, folder=IMPORTED, uidvalidity=UIDVALIDITY)
    return {row["uid"]: _Known(row["size"], None, row["raw_message"]) for row in rows}


def _received_at(message: FromFile) -> datetime:
    """As it was when it was exported; else what the topmost Received field, the Date, or the file says."""
    if message.label is not None:
        return message.label.received_at
    parsed = parse_headers(message.raw[:HEADER_BYTES])
    return parsed.received_date or parsed.date or message.written_at
