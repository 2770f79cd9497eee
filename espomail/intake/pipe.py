"""One mail on stdin, as an MTA hands it over: kept before the MTA hears so, then decided if no run goes on.

Deciding happens in a process of its own. A mail that kills it is safe by then, and the MTA must hear no more
of it than that: it would bring the same mail again, for days.
"""

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, Final

from peewee import fn

from espomail.config.choice import mailboxes_named
from espomail.config.load import Loaded
from espomail.config.schema import Config
from espomail.crm.arrival import PIPED
from espomail.errors import UnusableInput
from espomail.intake import journal
from espomail.intake.limits import limit
from espomail.intake.lock import ingest_lock
from espomail.intake.messages import RawMessage
from espomail.store.connection import close_database, open_database, writing
from espomail.store.models import Journal

UIDVALIDITY: Final = 1  # the way in which UIDs are given out: counted
STOPPING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""What somebody ends a program with; no message does."""
_ENVELOPE: Final = b"From "  # begins the line that mbox, local(8) and pipe(8)'s flag F put before a mail


def ingest(
    loaded: Loaded, mailbox: str, stdin: BinaryIO, *, now: datetime, on_durable: Callable[[], None]
) -> None:
    """Keep the mail, then decide it, unless a run is going on: then the next one does.

    `on_durable` is told once it is kept; nothing is raised after that. The next run sends what is due. Raises
    UnusableInput where there is no mail.
    """
    raw = _read_mail(stdin)  # whatever fails after it: the MTA is not to find its pipe closed
    size = len(raw)
    config = loaded.config
    mailboxes_named(config, [mailbox])
    with ingest_lock(loaded) as is_ours:
        open_database(config.database, now=now)
        try:
            entry = _keep(mailbox, raw, now)
            on_durable()
        finally:
            close_database()
        del raw  # or it would be in memory twice while it is decided
        if is_ours:
            _decide_apart(config, entry, size, now)


def _read_mail(stdin: BinaryIO) -> bytes:
    """The whole mail, without an envelope line. Raises UnusableInput where there is none.

    Its size has no limit here, since no server keeps what we would leave out.
    """
    raw = stdin.read()
    if raw.startswith(_ENVELOPE):
        raw = raw.partition(b"\n")[2]
    if not raw:
        raise UnusableInput("there is no mail on stdin")
    return raw


def _keep(mailbox: str, raw: bytes, now: datetime) -> int:
    """Commit the mail; gives its entry in the journal."""
    with writing():
        here = (Journal.mailbox == mailbox, Journal.folder == PIPED, Journal.uidvalidity == UIDVALIDITY)
        last_uid = Journal.select(fn.MAX(Journal.uid)).where(*here).scalar() or 0
        message = RawMessage(PIPED, UIDVALIDITY, last_uid + 1, (), now, raw, len(raw))
        (kept,) = journal.keep(mailbox, [message], None)
    return kept.id


def _decide_apart(config: Config, entry: int, size: int, now: datetime) -> None:
    """Decide in a child of this process, whatever becomes of it. Nothing is open that a fork would break."""
    try:
        child = os.fork()
    except OSError:  # no more processes are to be had; the next run decides
        return
    if child:
        os.waitpid(child, 0)
        return
    try:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        limit(size)
        _decide(config, entry, now)
    except BaseException:  # noqa: BLE001  # the next run tries again, and tells of it
        os._exit(1)
    os._exit(0)


def _decide(config: Config, entry: int, now: datetime) -> None:
    from espomail.config.zones import zone
    from espomail.crm.context import Context
    from espomail.intake.reader import read_all
    from espomail.intake.settle import Pace, settle_kept
    from espomail.mail import templating

    open_database(config.database, now=now)
    context = Context.of_installation(
        config, now=now, zone=zone(config), templates=templating.load(config.templates)
    )
    kept = journal.again(entry)
    if kept is not None:
        for _ in settle_kept([kept], read_all([kept]), context, Pace()):
            pass  # what became of it stands in the journal
    close_database()
