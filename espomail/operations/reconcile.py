"""Proving that no mail was lost: what the servers have, against what the journal says has become of it.

Mail of which the header alone is here, since it was over `max_size`, is missing once it is within that.

Mail above a folder's position is not compared, since the next run takes it in. A known UID is another
message's by now where that has another date, or another size and Message-ID: its server was set back to an
older state. Mail that the journal knows by a UID of before is recognised by its date and size.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from espomail.config.choice import mailboxes_named
from espomail.config.load import Loaded
from espomail.config.schema import Config, Mailbox
from espomail.config.zones import zone
from espomail.crm.context import Context
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.intake import journal
from espomail.intake.connect import Refused
from espomail.intake.download import aware
from espomail.intake.imap import Session, sign_in
from espomail.intake.left_over import settle_left_over
from espomail.intake.lock import run_lock
from espomail.intake.messages import Known
from espomail.intake.reader import Reader
from espomail.intake.set_back import is_another
from espomail.intake.settle import Pace, settle_kept
from espomail.mail import templating
from espomail.mail.ids import NO_MESSAGE_ID_DOMAIN
from espomail.sign_in.secret import secret_for
from espomail.store.connection import close_database, open_database
from espomail.store.models import Email, Journal
from espomail.store.read import tuples_of

if TYPE_CHECKING:
    from espomail.intake.wire import About

NOT_TAKEN_IN: Final = "on the server, and was never taken in"
UID_GIVEN_AGAIN: Final = "on the server under a UID that another message had, and was never taken in"
NOT_WHOLE: Final = "on the server, within max_size by now, and only its header is here"
NOT_DECIDED: Final = "kept, and not decided yet"

LONGEST_SESSION_S: Final = 600


class Difference(Struct, frozen=True, kw_only=True):
    """Where a server and the journal differ. `uid` is None for what is true of the whole folder."""

    mailbox: str
    folder: str
    uid: int | None
    what: str


class Reconciled(Struct, frozen=True, kw_only=True):
    """What was found. `troubles` are mailboxes that could not be compared, a line each for people."""

    differences: tuple[Difference, ...]
    troubles: tuple[str, ...]
    fetched: int  # messages that were missing before

    @property
    def exit_code(self) -> int:
        """0 where every message has its outcome."""
        return int(bool(self.differences or self.troubles))


def reconcile(
    loaded: Loaded, mailboxes: Sequence[str], *, fetches_missing: bool, now: datetime
) -> Reconciled:
    """Compare the mailboxes, or all; what is missing is fetched and decided first, where that is wanted.

    The end of a run that is going on is waited for: to take anything in, else only to see what is undecided.
    A run that goes on beside a comparison adds to the journal, whose positions are read before the servers'.
    Raises NotFound for a mailbox that is not configured.
    """
    config = loaded.config
    chosen = mailboxes_named(config, mailboxes)
    lock = run_lock(loaded, waits=True, fails=False, writes=fetches_missing)
    with ExitStack() as held, Reader() as reader:
        if fetches_missing:
            held.enter_context(lock)
        open_database(config.database, now=now)
        try:
            compared = _Comparison(config, chosen, reader, now).go(fetches_missing=fetches_missing)
            if not fetches_missing:
                held.enter_context(lock)
            return _with_undecided(compared, chosen)
        finally:
            close_database()


class _Comparison:
    """One comparison of some mailboxes."""

    def __init__(self, config: Config, chosen: Sequence[Mailbox], reader: Reader, now: datetime) -> None:
        self.chosen = chosen
        self.reader = reader
        self.pace = Pace()
        self.context = Context.of_installation(
            config, now=now, zone=zone(config), templates=templating.load(config.templates)
        )

    def go(self, *, fetches_missing: bool) -> Reconciled:
        differences: list[Difference] = []
        troubles: list[str] = []
        fetched = 0
        for mailbox in self.chosen:
            try:
                deadline = time.monotonic() + LONGEST_SESSION_S
                with sign_in(
                    mailbox.imap, secret_for(mailbox.imap, self.context.now), deadline=deadline
                ) as session:
                    for folder in mailbox.imap.folders:
                        try:
                            if fetches_missing:
                                fetched += self._fetch_missing(mailbox, folder, session)
                            differences += _differences(mailbox, folder, session)
                        except Refused as trouble:
                            troubles.append(f"mailbox {mailbox.key}: {trouble}")
            except (ServerTrouble, WrongConfiguration) as trouble:
                troubles.append(f"mailbox {mailbox.key}: {trouble}")
            if fetches_missing:
                for _ in settle_left_over(self.context, self.pace, [mailbox.key], lambda: False):
                    pass  # what became of them is read from the journal
        return Reconciled(differences=tuple(differences), troubles=tuple(troubles), fetched=fetched)

    def _fetch_missing(self, mailbox: Mailbox, folder: str, session: Session) -> int:
        """Take in what the journal does not know; gives how many messages that are."""
        found = _Folder(mailbox, folder, session)
        fetched = 0
        for messages in session.messages(
            folder, found.uidvalidity, list(found.missing), mailbox.imap.max_size, mailbox.imap.fetch_since
        ):
            kept = journal.keep(mailbox.key, messages, found.position)
            fetched += len(kept)
            for _ in settle_kept(kept, self.reader.start(kept)(), self.context, self.pace):
                pass
        return fetched


class _Folder:
    """A folder as its server has it, beside the journal."""

    def __init__(self, mailbox: Mailbox, folder: str, session: Session) -> None:
        self.position = journal.position_of(mailbox.key, folder)
        self.uidvalidity, self.uid_next, uids = session.uids_since(folder, mailbox.imap.fetch_since)
        self.missing: dict[int, str] = {}
        if self.position.uidvalidity == self.uidvalidity:
            read = [uid for uid in uids if uid <= self.position.last_uid]
            self.missing = _missing(mailbox, folder, self.uidvalidity, session.about(folder, read), session)

    @property
    def is_set_back(self) -> bool:
        """Whether the server has been set back to an older state: new mail would have known UIDs."""
        return self.position.uidvalidity == self.uidvalidity and 0 < self.uid_next <= self.position.last_uid


def _differences(mailbox: Mailbox, folder: str, session: Session) -> Iterator[Difference]:
    found = _Folder(mailbox, folder, session)
    if found.is_set_back:
        what = f"read up to UID {found.position.last_uid}, but the server's next UID is {found.uid_next}"
        yield Difference(mailbox=mailbox.key, folder=folder, uid=None, what=what)
    for uid, what in found.missing.items():
        yield Difference(mailbox=mailbox.key, folder=folder, uid=uid, what=what)


def _with_undecided(compared: Reconciled, chosen: Sequence[Mailbox]) -> Reconciled:
    undecided = [one for mailbox in chosen for one in _undecided(mailbox)]
    turns = {mailbox.key: turn for turn, mailbox in enumerate(chosen)}
    differences = sorted([*compared.differences, *undecided], key=lambda one: turns[one.mailbox])
    return replace(compared, differences=tuple(differences))


def _undecided(mailbox: Mailbox) -> Iterator[Difference]:
    rows = Journal.select(Journal.folder, Journal.uid).where(
        Journal.mailbox == mailbox.key, Journal.outcome == "new"
    )
    for row in rows.order_by(Journal.id):
        yield Difference(mailbox=mailbox.key, folder=row.folder, uid=row.uid, what=NOT_DECIDED)


def _headers_alone(mailbox: str, folder: str) -> set[int]:
    """The entries whose e-mail can be completed; without a Message-ID it would not be known again."""
    has_id = ~Email.message_id.endswith(f"@{NO_MESSAGE_ID_DOMAIN}>")
    rows = Journal.select(Journal.id).join(Email, on=Journal.email == Email.id)
    rows = rows.where(Journal.mailbox == mailbox, Journal.folder == folder, Journal.is_partial)
    return {entry for (entry,) in tuples_of(rows.where(Email.is_partial, ~Email.is_deleted, has_id))}


def _of_another_id(
    mailbox: str, folder: str, known: Mapping[int, Known], there: Mapping[int, "About"], session: Session
) -> set[int]:
    """The UIDs with the date that they were read with, and another size and Message-ID.

    The size alone proves nothing: some servers guess it.
    """
    differing = {
        known[uid].entry: uid
        for uid, about in there.items()
        if uid in known and about.size != known[uid].size and not is_another(about, known[uid])
    }
    if not differing:
        return set()
    found = session.id_keys(folder, list(differing.values()))
    has_id = ~Email.message_id.endswith(f"@{NO_MESSAGE_ID_DOMAIN}>")
    rows = Journal.select(Journal.id, Email.message_id_key).join(Email, on=Journal.email == Email.id)
    rows = rows.where(Journal.mailbox == mailbox, Journal.folder == folder, has_id)
    keys = {differing[entry]: key for entry, key in tuples_of(rows) if entry in differing}
    return {uid for uid, key in keys.items() if found.get(uid) and found[uid] != key}


def _missing(
    mailbox: Mailbox, folder: str, uidvalidity: int, there: Mapping[int, "About"], session: Session
) -> dict[int, str]:
    """What is there and without an outcome, by UID: what is to be said of it."""
    known = journal.known(mailbox.key, folder, uidvalidity)
    headers = _headers_alone(mailbox.key, folder)
    others = {uid for uid, about in there.items() if uid in known and is_another(about, known[uid])}
    others |= _of_another_id(mailbox.key, folder, known, there, session)
    is_former = (Journal.uidvalidity != uidvalidity) | (Journal.uid < 0)
    former = Journal.select(Journal.received_at, Journal.size).where(
        Journal.mailbox == mailbox.key, Journal.folder == folder, is_former
    )
    by_date_and_size = Counter(tuples_of(former))
    by_date_and_size.update((known[uid].received_at, known[uid].size) for uid in others)
    missing = {}
    for uid, about in there.items():
        if uid in known and uid not in others:
            if known[uid].entry in headers and about.size <= mailbox.imap.max_size:
                missing[uid] = NOT_WHOLE
            continue
        date_and_size = (about.internal_date and aware(about.internal_date), about.size)
        if by_date_and_size[date_and_size] > 0:
            by_date_and_size[date_and_size] -= 1
        else:
            missing[uid] = UID_GIVEN_AGAIN if uid in others else NOT_TAKEN_IN
    return missing
