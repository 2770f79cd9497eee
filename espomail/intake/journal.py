"""The journal: raw messages kept before anything is decided of them, and what became of each.

`keep` is the first of the two commits. A message and its folder's new position are durable together, so that
from here on it can be neither lost nor taken twice.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from peewee import JOIN

from espomail.intake.messages import Known, Position, RawMessage
from espomail.store import models, write
from espomail.store.changes import Change, Changes, add, change, put, remove
from espomail.store.compression import compress, decompress
from espomail.store.connection import writing
from espomail.store.ids import Ids
from espomail.store.models import FolderPosition, Journal
from espomail.store.read import rows_in, rows_of, tuples_of

MOST_TRIES = 3
DROPPED = "dropped by hand"


class Kept(msgspec.Struct, frozen=True):
    """A message of the journal that waits for its decision."""

    id: int
    raw_id: int
    mailbox: str
    folder: str
    uid: int
    received_at: datetime
    size: int
    is_partial: bool
    raw: bytes
    special_use: str | None = None  # of its folder
    tries: int = 1  # the number of this try to decide it


def unkept(mailbox: str, message: RawMessage, special_use: str | None) -> Kept:
    """A message as it would stand in the journal, for a run that writes nothing."""
    return _entry(mailbox, message, None, special_use)


def positions(mailboxes: Iterable[str]) -> dict[tuple[str, str], Position]:
    """How far each folder of these mailboxes has been read, by mailbox and folder; none that never was."""
    return {
        (row["mailbox"], row["folder"]): Position(
            folder=row["folder"],
            uidvalidity=row["uidvalidity"],
            last_uid=row["last_uid"],
            last_date=row["last_date"],
            special_use=row["special_use"],
            suspects=tuple(row["suspects"] or ()),
            untold=row["untold"],
        )
        for row in rows_in(FolderPosition, "mailbox", mailboxes)
    }


def untold_set_backs(mailboxes: Iterable[str]) -> dict[tuple[str, str], str]:
    """What no run has told yet of servers that were set back, by mailbox and folder."""
    chosen = frozenset(mailboxes)
    columns = (FolderPosition.mailbox, FolderPosition.folder, FolderPosition.untold)
    untold = FolderPosition.select(*columns).where(FolderPosition.untold.is_null(False))
    return {(mailbox, folder): said for mailbox, folder, said in tuples_of(untold) if mailbox in chosen}


def told_set_backs(places: Iterable[tuple[str, str]]) -> Changes:
    """What is written once people have heard of them."""
    return tuple(change(FolderPosition, *place, untold=None) for place in places)


def position_of(mailbox: str, folder: str) -> Position:
    """How far the folder has been read; the beginning where it never was."""
    return positions([mailbox]).get((mailbox, folder), Position(folder))


def known(mailbox: str, folder: str, uidvalidity: int, from_uid: int = 1) -> dict[int, Known]:
    """What is there under the UIDs of a folder, from one of them on."""
    columns = (Journal.uid, Journal.received_at, Journal.size, Journal.is_partial)
    rows = Journal.select(Journal.id, *columns).where(
        Journal.mailbox == mailbox,
        Journal.folder == folder,
        Journal.uidvalidity == uidvalidity,
        Journal.uid >= from_uid,
    )
    begun = rows_in(FolderPosition, "folder", [folder], mailbox=mailbox)
    first_entry = begun[0]["first_entry"] if begun else 0
    return {
        row["uid"]: Known(
            row["id"], row["received_at"], row["size"], row["is_partial"], row["id"] < first_entry
        )
        for row in rows_of(rows)
    }


def keep(
    mailbox: str,
    messages: Sequence[RawMessage],
    position: Position | None,
    compressed: Sequence[bytes] | None = None,
) -> list[Kept]:
    """Commit raw messages together with the folder's position; gives those that were not there before.

    There is no position (None) for what comes from files. `compressed` are the bytes, where they are already.
    A server that was set back to an earlier state gives UIDs out again: a message of a known UID is another
    one where its date or its size is another. One of which the header alone was here is kept again whole.
    """
    compressed = [compress(message.raw) for message in messages] if compressed is None else compressed
    kept: list[Kept] = []
    changes: list[Change] = []
    with writing():
        ids = Ids.load()
        next_entry = ids.copy().next(Journal)
        known = _known_ones(mailbox, messages)
        if position is not None:
            former = _former_ones(known, messages)
            write.apply(chain(*(_without_uid(known.pop(place).entry) for place in former)))
        special_use = (position or position_of(mailbox, messages[0].folder)).special_use if messages else None
        for message, data in zip(messages, compressed, strict=True):
            if (message.folder, message.uidvalidity, message.uid) not in known:
                entry = _entry(mailbox, message, ids, special_use)
                kept.append(entry)
                changes += _rows(entry, message, data)
        if position is not None:
            changes.append(_moved(mailbox, position, next_entry))
        write.apply((*changes, *ids.changes()))
    return kept


def read_again(mailbox: str, entries: Iterable[int], position: Position) -> None:
    """Let a folder be read again from this position on: the UIDs of these entries are others' by now."""
    with writing():
        next_entry = Ids.load().next(Journal)
        former = chain.from_iterable(map(_without_uid, entries))
        write.apply((*former, _moved(mailbox, position, next_entry)))


def waiting(mailboxes: Iterable[str]) -> list[Kept]:
    """The messages that wait for their decision, in the order of their arrival."""
    is_waiting = (Journal.outcome == "new") & Journal.mailbox.in_(list(mailboxes))
    return [_kept(row) for row in _rows_with_bytes(is_waiting)]


def left_over(mailboxes: Iterable[str]) -> list[int]:
    """The entries that an earlier run has kept and not decided: it died, or their rules raised."""
    chosen = frozenset(mailboxes)
    rows = Journal.select(Journal.id, Journal.mailbox).where(Journal.outcome == "new").order_by(Journal.id)
    return [entry for entry, mailbox in tuples_of(rows) if mailbox in chosen]


def again(entry_id: int) -> Kept | None:
    """The message, for one more try; None where it has been decided meanwhile."""
    rows = list(_rows_with_bytes((Journal.id == entry_id) & (Journal.outcome == "new")))
    return _kept(rows[0]) if rows else None


def fail(entry_id: int, tries: int, report: str, *, now: datetime) -> Changes:
    """Leave a message for another try by the next run; after the last one park it, raw, for an operator."""
    if tries < MOST_TRIES:
        return (change(Journal, entry_id, tries=tries, error=report),)
    parked = {"outcome": "quarantined", "tries": tries, "error": report, "is_told": False, "decided_at": now}
    return (change(Journal, entry_id, **parked),)


def retry(entry_id: int) -> Changes:
    """Let a parked message be decided again by the next run."""
    return (change(Journal, entry_id, outcome="new", error=None, tries=0, decided_at=None),)


def drop(entry_id: int, raw_id: int, *, now: datetime) -> Changes:
    """Give a parked message up. That it was here, and dropped by hand, stays known."""
    outcome = {"outcome": "skipped", "because": DROPPED, "raw_message": None, "decided_at": now}
    return change(Journal, entry_id, **outcome), remove(models.RawMessage, raw_id)


def forget_skipped(mailbox: str, folder: str | None) -> Changes:
    """Let mail that was skipped there be decided anew once it is met again: its bytes are on its server only.

    What an operator has dropped stays known.
    """
    of_rules = (Journal.outcome == "skipped") & (Journal.because.is_null() | (Journal.because != DROPPED))
    rows = Journal.select(Journal.id).where(Journal.mailbox == mailbox, of_rules)
    if folder is not None:
        rows = rows.where(Journal.folder == folder)
    return tuple(remove(Journal, number) for (number,) in tuples_of(rows))


def _moved(mailbox: str, position: Position, next_entry: int) -> Change:
    """The folder's new position; one that is lower than before, or the first, says that it is read again."""
    found = rows_in(FolderPosition, "folder", [position.folder], mailbox=mailbox)
    begun_before = [
        before["first_entry"]
        for before in found
        if before["uidvalidity"] == position.uidvalidity and before["last_uid"] <= position.last_uid
    ]
    return put(
        FolderPosition,
        mailbox=mailbox,
        folder=position.folder,
        uidvalidity=position.uidvalidity,
        last_uid=position.last_uid,
        last_date=position.last_date,
        special_use=position.special_use,
        suspects=list(position.suspects) or None,
        untold=position.untold,
        first_entry=begun_before[0] if begun_before else next_entry,
    )


Place = tuple[str, int, int]
"""A folder, its UIDVALIDITY, and a UID in it."""


def _known_ones(mailbox: str, messages: Sequence[RawMessage]) -> dict[Place, Known]:
    """What the journal has under their UIDs already: a server may name a message twice."""
    if not messages:
        return {}
    place = (Journal.folder, Journal.uidvalidity, Journal.uid)
    rows = Journal.select(Journal.id, *place, Journal.received_at, Journal.size, Journal.is_partial).where(
        Journal.mailbox == mailbox,
        Journal.folder == messages[0].folder,
        Journal.uidvalidity == messages[0].uidvalidity,
        Journal.uid.in_([message.uid for message in messages]),
    )
    return {
        (row.folder, row.uidvalidity, row.uid): Known(row.id, row.received_at, row.size, row.is_partial)
        for row in rows
    }


def _former_ones(known: Mapping[Place, Known], messages: Sequence[RawMessage]) -> list[Place]:
    """The UIDs under which the journal has another message than the server has now, or its header alone."""
    places = {(one.folder, one.uidvalidity, one.uid): one for one in messages}
    return [
        place
        for place, one in known.items()
        if (places[place].internal_date, places[place].size) != (one.received_at, one.size)
        or (one.is_partial and not places[place].is_partial)
    ]


def _without_uid(former: int) -> Changes:
    """Leave the UID to the message that has it now: the server can be told nothing more of the former one."""
    return change(Journal, former, uid=-former), remove(models.AfterImport, former)


def _entry(mailbox: str, message: RawMessage, ids: Ids | None, special_use: str | None) -> Kept:
    return Kept(
        id=ids.next(Journal) if ids else 0,
        raw_id=ids.next(models.RawMessage) if ids else 0,
        mailbox=mailbox,
        folder=message.folder,
        uid=message.uid,
        received_at=message.internal_date,
        size=message.size,
        is_partial=message.is_partial,
        raw=message.raw,
        special_use=special_use,
    )


def _rows(entry: Kept, message: RawMessage, data: bytes) -> Changes:
    return (
        add(models.RawMessage, id=entry.raw_id, data=data),
        add(
            Journal,
            id=entry.id,
            mailbox=entry.mailbox,
            folder=entry.folder,
            uidvalidity=message.uidvalidity,
            uid=entry.uid,
            received_at=entry.received_at,
            flags=message.flags,
            size=entry.size,
            is_partial=entry.is_partial,
            raw_message=entry.raw_id,
        ),
    )


def _rows_with_bytes(condition: Any) -> Iterator[dict[str, Any]]:
    is_its_folder = (FolderPosition.mailbox == Journal.mailbox) & (FolderPosition.folder == Journal.folder)
    query = (
        Journal.select(Journal, models.RawMessage.data, FolderPosition.special_use)
        .join(models.RawMessage)
        .switch(Journal)
        .join(FolderPosition, JOIN.LEFT_OUTER, on=is_its_folder)
        .where(condition)
    )
    rows: Iterator[dict[str, Any]] = query.order_by(Journal.id).dicts().iterator()
    return rows


def _kept(row: dict[str, Any]) -> Kept:
    return Kept(
        id=row["id"],
        raw_id=row["raw_message"],
        mailbox=row["mailbox"],
        folder=row["folder"],
        uid=row["uid"],
        received_at=row["received_at"],
        size=row["size"],
        is_partial=row["is_partial"],
        raw=decompress(row["data"]),
        special_use=row["special_use"],
        tries=row["tries"] + 1,
    )
