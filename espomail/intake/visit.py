"""One visit to a mailbox on its server: what is new is brought, and the server is told what is safe here."""

import queue
import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct

from espomail.config.schema import Config, Mailbox
from espomail.errors import EspomailError, ProgramFault, ServerTrouble, TryAgainLater, WrongConfiguration
from espomail.intake.after_import import Some, tell_server
from espomail.intake.connect import Refused
from espomail.intake.download import HeaderWillDo
from espomail.intake.events import (
    Asked,
    Brought,
    Copying,
    FolderFailed,
    FoundOthers,
    Line,
    Recalling,
    Stopped,
    Told,
)
from espomail.intake.imap import Session, sign_in
from espomail.intake.messages import Known, Position, Target
from espomail.intake.set_back import GivenAgain
from espomail.mail.parse import parse_headers
from espomail.pipeline.filters import first_match, header_skips
from espomail.sign_in.secret import secret_for
from espomail.store.compression import compress


class Order(Struct, frozen=True, kw_only=True):
    """What all visits of a run have in common. Moments are of the monotonic clock, in seconds."""

    config: Config
    positions: Mapping[tuple[str, str], Position]  # by mailbox and folder
    limit: int | None  # messages a mailbox, under its own portion
    now: datetime
    over_at: float  # no visit begins after this; those that go on end with the batch that they are at
    ends_at: float  # when the run should
    is_dry_run: bool


class Visit:
    """A visit that goes on, in a thread of its own. `deadline` is when it should end."""

    def __init__(self, mailbox: Mailbox, order: Order, line: Line, deadline: float) -> None:
        self.mailbox = mailbox
        self.silent_since = time.monotonic()  # when it began, or has last brought anything
        self._order = order
        self._line = line
        self._deadline = deadline
        self._positions = {
            folder: order.positions.get((mailbox.key, folder), Position(folder))
            for folder in mailbox.imap.folders
        }
        self._left = min(mailbox.imap.portion, order.limit or mailbox.imap.portion)  # messages

    def go(self) -> EspomailError | None:
        """The whole visit; gives what went wrong. Raises Stopped."""
        mailbox = self.mailbox
        try:
            secret = secret_for(mailbox.imap, self._order.now, deadline=self._deadline)
            with sign_in(mailbox.imap, secret, deadline=self._deadline) as session:
                self._read_folders(session)
                if mailbox.imap.after_import != "keep" and not self._order.is_dry_run:
                    self._tell_server(session)
                self._ask_for_suspects(session)
        except Stopped:
            raise
        except (ServerTrouble, WrongConfiguration, TryAgainLater) as trouble:
            return trouble
        except Exception as fault:  # noqa: BLE001  # the guard around one mailbox: none may stop the others
            return ProgramFault.of(fault)
        return None

    def _is_over(self) -> bool:
        return time.monotonic() > self._deadline

    def _read_folders(self, session: Session) -> None:
        for folder in self.mailbox.imap.folders:
            if self._is_over():
                break
            try:
                self._read_folder(session, folder)
            except Refused as trouble:
                self._line.put(FolderFailed(self.mailbox, trouble))

    def _ask_for_suspects(self, session: Session) -> None:
        """Last of all, since the connection may break over them; by chance, so that each has its turn."""
        folders = [folder for folder, position in self._positions.items() if position.suspects]
        for folder in random.sample(folders, len(folders)):
            if self._is_over():
                break
            try:
                self._read_folder(session, folder, suspects_only=True)
            except Refused as trouble:
                self._line.put(FolderFailed(self.mailbox, trouble))
                break

    def _read_folder(self, session: Session, folder: str, *, suspects_only: bool = False) -> None:
        imap = self.mailbox.imap
        for batch in session.new_messages(
            self._positions[folder],
            since=imap.fetch_since,
            limit=self._left,
            max_size=imap.max_size,
            now=self._order.now,
            recall=partial(self._recall, session, folder),
            header_will_do=self._header_will_do(),
            suspects_only=suspects_only,
        ):
            self._left -= len(batch.messages)
            self._positions[folder] = batch.position
            with session.at_rest():
                compressed = [compress(message.raw) for message in batch.messages]
                self._line.put(Brought(self.mailbox, batch, compressed))
                self.silent_since = time.monotonic()
            if self._is_over() and not batch.breaks_off:
                break

    def _recall(self, session: Session, folder: str, uidvalidity: int, from_uid: int) -> Mapping[int, Known]:
        answer: queue.SimpleQueue[Mapping[int, Known]] = queue.SimpleQueue()
        with session.at_rest():
            return self._line.ask(Recalling(self.mailbox, folder, uidvalidity, from_uid, answer), answer)

    def _header_will_do(self) -> HeaderWillDo | None:
        """Whether a filter skips a mail by its header fields, so that the rest need not be fetched."""
        filters = header_skips(self.mailbox, self._order.config)
        if not filters:
            return None
        return lambda header: first_match(filters, parse_headers(header)) is not None

    def _tell_server(self, session: Session) -> None:
        answer: queue.SimpleQueue[Sequence[Some]] = queue.SimpleQueue()
        with session.at_rest():
            untold = self._line.ask(Asked(self.mailbox, answer), answer)
        for some in untold:
            try:
                tell_server(self.mailbox.imap, session, some, partial(self._begin_copying, session))
            except GivenAgain as trouble:
                self._give_up(some, trouble)
            except Refused as trouble:
                self._line.put(FolderFailed(self.mailbox, trouble))
            else:
                self._line.put(Told(some))

    def _begin_copying(self, session: Session, some: Some, target: Target) -> None:
        is_written: queue.SimpleQueue[None] = queue.SimpleQueue()
        with session.at_rest():
            self._line.ask(Copying(some, target, is_written), is_written)

    def _give_up(self, some: Some, trouble: GivenAgain) -> None:
        """Read the folder again: its UIDs are others' by now."""
        others = [some.known[uid] for uid in trouble.uids]
        position = self._positions.get(some.folder, Position(some.folder))
        position = position.set_back_to(min(one.received_at for one in others), str(trouble))
        self._positions[some.folder] = position
        self._line.put(FoundOthers(self.mailbox, [one.entry for one in others], position, trouble))
