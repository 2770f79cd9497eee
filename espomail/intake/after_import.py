"""What a server is told of messages that are safe here: seen, moved or deleted, as the configuration says.

Only after the commit. What a run does not get done is written down, and the next one goes on with it. A
message of which only the header is here is never deleted there.
"""

from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from msgspec import Struct

from espomail.config.schema import Imap, Mailbox, MoveTo
from espomail.intake.imap import Session, UidsChanged
from espomail.intake.messages import Known
from espomail.store import write
from espomail.store.changes import remove
from espomail.store.connection import writing
from espomail.store.models import AfterImport, Journal
from espomail.store.read import rows_in

MESSAGES_PER_COMMAND: Final = 200


class Some(Struct, frozen=True):
    """Messages of one folder: what the journal has under their UIDs."""

    folder: str
    uidvalidity: int
    known: dict[int, Known]


def untold(mailbox: Mailbox) -> list[Some]:
    """The messages of which the server is still to be told."""
    rows = (
        Journal.select()
        .join(AfterImport)
        .where(AfterImport.mailbox == mailbox.key, Journal.uid > 0)
        .order_by(Journal.id)
    )
    if mailbox.imap.after_import == "delete":
        rows = rows.where(~Journal.is_partial)
    folders: defaultdict[tuple[str, int], list[tuple[int, Known]]] = defaultdict(list)
    for row in rows:
        folders[row.folder, row.uidvalidity].append((row.uid, Known(row.id, row.received_at, row.size)))
    return [
        Some(folder, uidvalidity, dict(messages[start : start + MESSAGES_PER_COMMAND]))
        for (folder, uidvalidity), messages in folders.items()
        for start in range(0, len(messages), MESSAGES_PER_COMMAND)
    ]


def tell_server(imap: Imap, session: Session, some: Some) -> None:
    """Do with these messages what is to be done. Raises ServerTrouble."""
    with suppress(UidsChanged):  # then these messages cannot be named any more
        match imap.after_import:
            case "seen":
                session.mark_seen(some.folder, some.uidvalidity, some.known)
            case "delete":
                session.delete(some.folder, some.uidvalidity, some.known)
            case MoveTo(move=target):
                session.move(some.folder, some.uidvalidity, some.known, target)


def forget(entries: Collection[int]) -> None:
    """The server knows of these now, or needs to know no more."""
    if entries:
        with writing():
            write.apply(remove(AfterImport, entry) for entry in entries)


def forget_kept(mailboxes: Collection[Mailbox]) -> None:
    """What was to be told when the configuration still said so, and now says that mail is left alone."""
    keeping = [mailbox.key for mailbox in mailboxes if mailbox.imap.after_import == "keep"]
    if keeping:
        forget([row["journal"] for row in rows_in(AfterImport, "mailbox", keeping)])
