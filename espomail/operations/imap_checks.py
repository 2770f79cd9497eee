"""Trying a mailbox's IMAP server step by step; the server is changed in nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from espomail.config.folder_names import folder_name
from espomail.config.schema import Imap, Mailbox, MoveTo
from espomail.errors import ServerTrouble
from espomail.intake.connect import Refused, connect, leave, told_as_trouble
from espomail.intake.login import log_in
from espomail.intake.server_folders import ServerFolder, server_folders
from espomail.operations.findings import Checkup
from espomail.operations.server_checks import LONGEST_S, ServerCheck
from espomail.reach import SILENCE_S, clean, watched

if TYPE_CHECKING:
    from espomail.intake.wire import Client

WORTH_KNOWING: Final = ("MOVE", "UIDPLUS", "SPECIAL-USE", "CONDSTORE", "LITERAL+")
CLOCKS_APART: Final = timedelta(minutes=5)
FOLDERS_NAMED: Final = 20


@contextmanager
def open_client(imap: Imap) -> Iterator["Client"]:
    """A connection that is not signed in, watched, and closed at the end. Raises ServerTrouble."""
    with watched(LONGEST_S, f"{imap.host}:{imap.port}") as watch:
        client = connect(imap, SILENCE_S, watch)
        try:
            yield client
        finally:
            leave(client)


def check_imap(checkup: Checkup, mailbox: Mailbox, now: datetime) -> None:
    """Reach, encryption, sign-in, capabilities, folders and clock; the first that fails is the last."""
    imap = mailbox.imap
    check = ServerCheck["Client"](checkup, "IMAP", imap, now)

    def go_on(client: "Client") -> None:
        if check.is_signed_in(lambda secret: log_in(client, imap, secret)):
            _check_capabilities(checkup, imap, client)
            _check_folders(checkup, imap, client, now)

    check.run(open_client(imap), lambda client: client.socket(), go_on)


def _check_capabilities(checkup: Checkup, imap: Imap, client: "Client") -> None:
    with told_as_trouble(f"{imap.host}: its capabilities"):
        there = [name for name in WORTH_KNOWING if client.has_capability(name)]
    said = f"has {', '.join(there) or 'none'} of {', '.join(WORTH_KNOWING)}"
    needed = _needed_for(imap)
    if needed and needed.isdisjoint(there):
        said = f"has no {' or '.join(sorted(needed))}, so that messages cannot be removed one by one"
        checkup.fail(
            "IMAP capabilities", said, f"set {imap.place}.after_import: seen, or keep", ServerTrouble
        )
    else:
        checkup.fine("IMAP capabilities", said)


def _needed_for(imap: Imap) -> set[str]:
    """One of these capabilities is needed for what is done after import."""
    if isinstance(imap.after_import, MoveTo):
        return {"MOVE", "UIDPLUS"}
    return {"UIDPLUS"} if imap.after_import == "delete" else set()


def _check_folders(checkup: Checkup, imap: Imap, client: "Client", now: datetime) -> None:
    known = server_folders(client, imap.host)
    newest = [
        moment
        for folder in imap.folders
        if (moment := _check_folder(checkup, imap, client, folder, known)) is not None
    ]
    if isinstance(imap.after_import, MoveTo):
        target = imap.after_import.move
        is_there = any(folder_name(folder.name) == target for folder in known)
        checkup.fine(f"IMAP folder {target}", "is there" if is_there else "is made when mail is moved there")
        if is_there:
            _check_rights(checkup, imap, client, target, {"i"})
    if not newest:
        return
    ahead = max(newest) - now
    if ahead > CLOCKS_APART:
        said = f"the newest mail arrives {_in_words(ahead)} from now: the server's clock or ours is wrong"
        checkup.warn("clock", said, "compare `date -u` with the time of day, and keep it by NTP")
    else:
        checkup.fine("clock", "no mail has arrived later than now")


def _check_folder(
    checkup: Checkup, imap: Imap, client: "Client", folder: str, known: Sequence[ServerFolder]
) -> datetime | None:
    """Whether a folder can be read; when its newest mail arrived."""
    what = f"IMAP folder {folder}"
    found = next((one for one in known if folder_name(one.name) == folder), None)
    if found is None or not found.holds_mail:
        names = [clean(one.name) for one in known if one.holds_mail]
        more = f" and {len(names) - FOLDERS_NAMED} more" if len(names) > FOLDERS_NAMED else ""
        advice = (
            f"correct {imap.place}.folders; there are: {', '.join(names[:FOLDERS_NAMED]) or 'none'}{more}"
        )
        said = "there is no such folder" if found is None else "this folder holds other folders, and no mail"
        checkup.fail(what, said, advice, ServerTrouble)
        return None
    try:
        with told_as_trouble(f"{imap.host}: folder {folder}"):
            answer = client.select_folder(folder, readonly=True)
            count, uidvalidity = int(answer.get(b"EXISTS", 0)), answer.get(b"UIDVALIDITY")
            newest = _newest(client) if count else None
    except ServerTrouble as trouble:
        checkup.fail(what, trouble.said, "see that this login may read the folder", ServerTrouble)
        return None
    if uidvalidity is None:
        said = "the server gives it no UIDVALIDITY, so that it cannot be known what has been read"
        checkup.fail(what, said, "read another folder, or ask the provider", ServerTrouble)
    else:
        checkup.fine(what, f"{count} messages")
        _check_rights(checkup, imap, client, folder, _rights_for(imap))
    return newest


def _rights_for(imap: Imap) -> set[str]:
    """What has to be allowed in a folder that is read for what is done there after import (RFC 4314 §4)."""
    if imap.after_import == "keep":
        return set()
    return {"s"} if imap.after_import == "seen" else {"t", "e"}


def _check_rights(checkup: Checkup, imap: Imap, client: "Client", folder: str, needed: set[str]) -> None:
    """Whether this login may change the folder, as far as the server tells."""
    if not needed or not client.has_capability("ACL"):
        return
    try:
        with told_as_trouble(f"{imap.host}: folder {folder}"):
            missing = "".join(sorted(needed - client.rights(folder)))
    except Refused:
        return
    if missing:
        said = f"this login has no right {missing} there, so that after_import cannot be done"
        wanted = f"have it given {missing} (IMAP ACL) by who runs the server"
        advice = f"{wanted}, or set {imap.place}.after_import: keep"
        checkup.warn(f"IMAP rights in {folder}", said, advice)


def _newest(client: "Client") -> datetime | None:
    """When the message with the highest UID arrived; `*` names it."""
    about = client.about(client.search(["UID", "*"]))
    moments = [one.internal_date for one in about.values() if one.internal_date is not None]
    aware = [one.astimezone(UTC) if one.tzinfo else one.replace(tzinfo=UTC) for one in moments]
    return max(aware, default=None)


def _in_words(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
