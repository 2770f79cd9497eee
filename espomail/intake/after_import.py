"""What a server is told of messages that are safe here: seen, moved or deleted, as the configuration says.

Only after the commit. What a run does not get done is written down, and the next one goes on with it. A
message of which only the header is here is never deleted there.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from espomail.config.schema import Imap, Mailbox, MoveTo
from espomail.intake.imap import Session
from espomail.intake.messages import Known, Target
from espomail.intake.set_back import UidsChanged
from espomail.store import write
from espomail.store.changes import change, remove
from espomail.store.connection import writing
from espomail.store.models import AfterImport, Journal
from espomail.store.read import rows_of, tuples_of

MESSAGES_PER_COMMAND: Final = 200


class Some(Struct, frozen=True):
    """Messages of one folder: what the journal has under their UIDs."""

    folder: str
    uidvalidity: int
    known: dict[int, Known]
    target: Target | None = None  # where an earlier run was copying them to

    @property
    def entries(self) -> list[int]:
        """Theirs in the journal."""
        return [one.entry for one in self.known.values()]


Begin = Callable[[Some, Target], None]
"""Writes down that messages are about to be copied, so that the next run knows if this one dies."""


def untold(mailbox: Mailbox) -> list[Some]:
    """The messages of which the server is still to be told."""
    rows = (
        Journal.select(Journal, AfterImport)
        .join(AfterImport)
        .where(AfterImport.mailbox == mailbox.key)
        .order_by(Journal.id)
    )
    groups: defaultdict[tuple[str, int, Target | None], list[tuple[int, Known]]] = defaultdict(list)
    for row in rows_of(rows):
        target = None
        if row["target"] is not None:
            target = Target(row["target"], row["target_uidvalidity"], row["target_uid_next"])
        known = Known(row["id"], row["received_at"], row["size"], message_id_key=row["message_id_key"])
        groups[row["folder"], row["uidvalidity"], target].append((row["uid"], known))
    return [
        Some(folder, uidvalidity, dict(messages[start : start + MESSAGES_PER_COMMAND]), target)
        for (folder, uidvalidity, target), messages in groups.items()
        for start in range(0, len(messages), MESSAGES_PER_COMMAND)
    ]


def tell_server(imap: Imap, session: Session, some: Some, begin: Begin) -> None:
    """Do with these messages what is to be done. Raises ServerTrouble."""
    with suppress(UidsChanged):  # then these messages cannot be named any more
        match imap.after_import:
            case "seen":
                session.deeds.mark_seen(some.folder, some.uidvalidity, some.known)
            case "delete":
                session.deeds.delete(some.folder, some.uidvalidity, some.known)
            case MoveTo(move=folder):
                _move(session, some, folder, begin)


def _move(session: Session, some: Some, folder: str, begin: Begin) -> None:
    """Move messages. On a server that can only copy and delete, none is copied a second time."""
    if some.target is not None:
        copied = session.deeds.copied(some.target, some.known)
        session.deeds.delete(some.folder, some.uidvalidity, copied)
        some = replace(some, known={uid: one for uid, one in some.known.items() if uid not in copied})
    if some.known and not session.deeds.moves_at_once:
        begin(some, session.deeds.target(folder))
    session.deeds.move(some.folder, some.uidvalidity, some.known, folder)


def begin_copying(some: Some, target: Target) -> None:
    """Write down where these messages are about to be copied to."""
    state = {
        "target": target.folder,
        "target_uidvalidity": target.uidvalidity,
        "target_uid_next": target.uid_next,
    }
    with writing():
        write.apply(change(AfterImport, entry, **state) for entry in some.entries)


def forget(entries: Collection[int]) -> None:
    """The server knows of these now, or needs to know no more."""
    if entries:
        with writing():
            write.apply(remove(AfterImport, entry) for entry in entries)


def forget_needless(mailboxes: Collection[Mailbox]) -> None:
    """What no server is to be told.

    That is what the configuration wants to be left alone by now; where it says delete, a message of which the
    header alone is here; and one whose UID is another message's by now.
    """
    wanted = {mailbox.key: mailbox.imap.after_import for mailbox in mailboxes}

    def is_needless(mailbox: str, is_partial: bool, uid: int) -> bool:
        what = wanted.get(mailbox)
        return what == "keep" or (what == "delete" and is_partial) or uid < 0

    columns = (AfterImport.journal, AfterImport.mailbox, Journal.is_partial, Journal.uid)
    rows = tuples_of(AfterImport.select(*columns).join(Journal))
    forget([entry for entry, *told in rows if is_needless(*told)])
