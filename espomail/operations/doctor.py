"""Everything that has to be right for mail to come in and go out: the installation, and all servers."""

import shlex
import shutil
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from espomail.config.load import Loaded
from espomail.errors import EspomailError, NotPermitted, TryAgainLater, WrongConfiguration
from espomail.intake import health
from espomail.intake.lock import run_lock
from espomail.operations.findings import Checkup
from espomail.operations.mailbox_checks import check_mailbox
from espomail.store import troubles
from espomail.store.connection import close_database, file_of, open_database
from espomail.store.models import Journal

AT_ONCE: Final = 8  # mailboxes
LITTLE_ROOM_BYTES: Final = 500 * 1024**2
SILENT_CRON: Final = timedelta(minutes=10)
OTHERS: Final = 0o007  # a group may be let in on purpose
CRON_LINE: Final = "* * * * * espomail fetch"


def examine(loaded: Loaded, *, now: datetime) -> Iterator[Checkup]:
    """What was found, as it is found: about the installation first, then mailbox by mailbox."""
    yield check_installation(loaded, now)
    config = loaded.config
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(
            lambda mailbox: check_mailbox(config, mailbox, now=now), config.mailboxes.values()
        )


def check_installation(loaded: Loaded, now: datetime) -> Checkup:
    """Configuration, database, lock, and whether cron runs `fetch`."""
    checkup = Checkup()
    for warning in loaded.warnings:
        checkup.warn("configuration", warning, "`espomail config check` tells them all")
    if not loaded.warnings:
        checkup.fine("configuration", f"{loaded.path} is fine")
    for check in (_check_database, _check_room, _check_lock):
        check(checkup, loaded, now)
    return checkup


def _check_database(checkup: Checkup, loaded: Loaded, now: datetime) -> None:
    try:
        open_database(loaded.config.database, now=now)
        file = file_of(loaded.config.database)
        with troubles.told(file):
            _check_cron(checkup, loaded.config.mailboxes, now)
            _check_quarantine(checkup)
            _check_access(checkup, file)
    except EspomailError as trouble:
        said, _, advice = str(trouble).partition("; ")
        kind = type(trouble) if isinstance(trouble, TryAgainLater) else WrongConfiguration
        checkup.fail("database", said, advice or "see that it is a database of espomail's", kind)
    finally:
        close_database()


def _check_access(checkup: Checkup, file: Path) -> None:
    """Who may write it, and who read it. Where SQLite can make no file beside it, reading still works."""
    if trouble := troubles.why_not_written(file.parent, file):
        said, _, advice = str(trouble).partition("; ")
        checkup.fail("database", said, advice, NotPermitted)
    elif (mode := stat.S_IMODE(file.stat().st_mode)) & OTHERS:
        said = f"{file}, with all mail in it, is open to every login (mode {mode:04o})"
        checkup.warn("database", said, f"type: chmod 600 {shlex.quote(str(file))}")
    else:
        checkup.fine("database", f"{file} opens and is up to date")


def _check_room(checkup: Checkup, loaded: Loaded, _now: datetime) -> None:
    folder = file_of(loaded.config.database).parent
    free = shutil.disk_usage(folder).free
    said = f"{free // 1024**2} MiB free in {folder}"
    if free < LITTLE_ROOM_BYTES:
        checkup.warn("disk", said, "make room: no mail is taken in once the disk is full")
    else:
        checkup.fine("disk", said)


def _check_lock(checkup: Checkup, loaded: Loaded, _now: datetime) -> None:
    try:
        with run_lock(loaded, waits=False, fails=False) as is_ours:
            checkup.fine("lock", "free" if is_ours else "a run is going on")
    except EspomailError as trouble:
        said, _, advice = str(trouble).partition("; ")
        checkup.fail(
            "lock", f"cannot be taken: {said}", advice or "look after its folder", WrongConfiguration
        )


def _check_cron(checkup: Checkup, mailboxes: Iterable[str], now: datetime) -> None:
    """Cron leaves its trace in the database: when a mailbox was last tried, whether or not that went well."""
    known = list(health.states(mailboxes).values())
    last = max((state.tried_at for state in known if state.tried_at), default=None)
    if last is None:
        checkup.warn("cron", "no mailbox has been read yet", f"put into the crontab: {CRON_LINE}")
        return
    due = min((state.next_try_at or last for state in known), default=last)  # later where all are in back-off
    if now - max(last, due) > SILENT_CRON:
        minutes = int((now - last).total_seconds() // 60)
        said = f"the last mailbox was read {minutes} minutes ago"
        checkup.warn("cron", said, f"see that cron runs, and that its crontab has: {CRON_LINE}")
    else:
        checkup.fine("cron", "the mailboxes have their turns")


def _check_quarantine(checkup: Checkup) -> None:
    number = Journal.select().where(Journal.outcome == "quarantined").count()
    if number:
        checkup.warn("quarantine", f"{number} messages are set aside", "look: espomail quarantine list")
