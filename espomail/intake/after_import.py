"""What a server is told of messages that are safe here: seen, moved or deleted, as the configuration says.

Only after the commit. What a run does not get done is written down, and the next one goes on with it. A
message of which only the header is here is never deleted there.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from espomail.config.schema import Imap, Mailbox, MoveTo
from espomail.intake.connect import Refused
from espomail.intake.imap import Session, UidsChanged
from espomail.store import write
from espomail.store.changes import remove
from espomail.store.connection import writing
from espomail.store.models import AfterImport, Journal

MESSAGES_PER_COMMAND: Final = 200


class Some(NamedTuple):
    """Messages of one folder: their UIDs, and their entries in the journal."""

    folder: str
    uidvalidity: int
    uids: list[int]
    entries: list[int]


def tell_server(mailbox: Mailbox, session: Session) -> None:
    """Do what is still to be done for the mailbox. Raises ServerTrouble; the rest stays for the next run.

    A folder that the server refuses keeps no other back: Refused is raised after the last one.
    """
    refused: Refused | None = None
    for some in _waiting(mailbox):
        try:
            _do(mailbox.imap, session, some)
        except UidsChanged:  # then these messages cannot be named any more
            pass
        except Refused as trouble:
            refused = refused or trouble
            continue
        _done(some.entries)
    if refused is not None:
        raise refused


def _waiting(mailbox: Mailbox) -> Iterator[Some]:
    rows = (
        Journal.select(Journal.id, Journal.folder, Journal.uidvalidity, Journal.uid)
        .join(AfterImport)
        .where(AfterImport.mailbox == mailbox.key)
        .order_by(Journal.id)
    )
    if mailbox.imap.after_import == "delete":
        rows = rows.where(~Journal.is_partial)
    folders: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for row in rows:
        folders[row.folder, row.uidvalidity].append((row.uid, row.id))
    for (folder, uidvalidity), messages in folders.items():
        for start in range(0, len(messages), MESSAGES_PER_COMMAND):
            uids, entries = zip(*messages[start : start + MESSAGES_PER_COMMAND], strict=True)
            yield Some(folder, uidvalidity, list(uids), list(entries))


def _do(imap: Imap, session: Session, some: Some) -> None:
    match imap.after_import:
        case "seen":
            session.mark_seen(some.folder, some.uidvalidity, some.uids)
        case "delete":
            session.delete(some.folder, some.uidvalidity, some.uids)
        case MoveTo(move=target):
            session.move(some.folder, some.uidvalidity, some.uids, target)


def _done(entries: Sequence[int]) -> None:
    with writing():
        write.apply(remove(AfterImport, entry) for entry in entries)
