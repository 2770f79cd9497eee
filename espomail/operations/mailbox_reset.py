"""Forgetting how far a mailbox has been read, so that the next run finds its messages by date again."""

from collections.abc import Sequence
from datetime import datetime

from espomail.config.faults import quoted
from espomail.config.folder_names import folder_name
from espomail.config.load import Loaded
from espomail.config.schema import Mailbox
from espomail.errors import NotFound
from espomail.intake import journal
from espomail.intake.lock import run_lock
from espomail.store import write
from espomail.store.changes import remove
from espomail.store.connection import close_database, open_database, writing
from espomail.store.models import FolderPosition


def reset(loaded: Loaded, mailbox: Mailbox, folder: str | None, *, now: datetime) -> list[str]:
    """Forget the position of one folder, or of all; gives the folders that had one.

    What was skipped there is forgotten, too: the filters of today decide it anew.

    Raises NotFound for a folder that is neither read nor has been, TryAgainLater while a run goes on, which
    would write its own position afterwards.
    """
    with run_lock(loaded, waits=False, fails=True):
        open_database(loaded.config.database, now=now)
        try:
            return _reset(mailbox, folder)
        finally:
            close_database()


def _reset(mailbox: Mailbox, folder: str | None) -> list[str]:
    rows = FolderPosition.select(FolderPosition.folder).where(FolderPosition.mailbox == mailbox.key)
    known = [row.folder for row in rows.order_by(FolderPosition.folder)]
    folder = None if folder is None else folder_name(folder)
    if folder is not None and folder not in {*known, *mailbox.imap.folders}:
        raise NotFound(_no_folder(mailbox, folder, known))
    forgotten = [name for name in known if folder in {None, name}]
    with writing():
        write.apply(remove(FolderPosition, mailbox.key, name) for name in forgotten)
        write.apply(journal.forget_skipped(mailbox.key, folder))
    return forgotten


def _no_folder(mailbox: Mailbox, folder: str, known: Sequence[str]) -> str:
    there = ", ".join(dict.fromkeys((*mailbox.imap.folders, *known)))
    return f"mailbox {mailbox.key} reads no folder {quoted(folder)}; it reads: {there}"
