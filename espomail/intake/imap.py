"""A session with an IMAP server: new messages in batches, flags untouched.

It trusts nothing: UIDs are sorted here, `n:*` is known to name the last mail always, a hole is a mail that
was deleted meanwhile, and what was not asked for is passed over.
"""

import imaplib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from espomail.config.schema import Imap
from espomail.intake.advance import Advance
from espomail.intake.connect import Refused, connect, leave, told_as_trouble
from espomail.intake.deeds import Deeds
from espomail.intake.download import Download, HeaderWillDo, Part
from espomail.intake.login import log_in
from espomail.intake.messages import Batch, Position, RawMessage, Recall
from espomail.intake.search import Found, Search, midnight, nothing_known, number
from espomail.intake.server_folders import has_folder, need_folder, server_folders
from espomail.intake.set_back import SetBack, UidsChanged, how_set_back, id_key_of
from espomail.reach import SILENCE_S, Watch, clean, watched
from espomail.sign_in.token import Token

if TYPE_CHECKING:
    from espomail.intake.wire import About, Client

GRACE_S: Final = 20
LONGEST_SIGN_IN_S: Final = 60.0  # from the first look-up on, however long the session may last
FOLDERS_NAMED: Final = 20


@contextmanager
def sign_in(
    imap: Imap, secret: str | Token, *, deadline: float, grace_s: float | None = None
) -> "Iterator[Session]":
    """A signed-in session, closed at the end. `deadline` is a moment of the monotonic clock, in seconds.

    A session that outlives it by `grace_s` (default: `GRACE_S`) is cut off.

    Raises ServerTrouble, or LoginRefused; nothing that a server or the network does raises anything else.
    """
    cut_at = deadline + (GRACE_S if grace_s is None else grace_s)
    left_s = cut_at - time.monotonic()
    with watched(min(LONGEST_SIGN_IN_S, left_s), f"{imap.host}:{imap.port}") as watch:
        client = connect(imap, max(1.0, min(SILENCE_S, left_s)), watch)
        try:
            log_in(client, imap, secret)
            watch.allow(cut_at - time.monotonic())
            yield Session(client, imap.host, watch, cut_at)
        finally:
            leave(client)


class Session:
    """What is asked of a server once we are signed in."""

    def __init__(self, client: "Client", host: str, watch: Watch, cut_at: float) -> None:
        self._client = client
        self._host = host
        self._watch = watch
        self._download = Download(client, cut_at)
        self._search = Search(client, self._download)
        self.deeds = Deeds(client, host, self._download, self._search)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """While we keep the server waiting: that time is not its own."""
        began = time.monotonic()
        self._watch.stop()
        try:
            yield
        finally:
            self._download.cut_at += time.monotonic() - began
            self._watch.allow(self._download.cut_at - time.monotonic())

    def folders(self) -> list[str]:
        """The names of all folders."""
        with told_as_trouble(f"{self._host}: listing folders"):
            return sorted(str(name) for _, _, name in self._client.list_folders())

    def new_messages(
        self,
        position: Position,
        *,
        since: date,
        limit: int,
        max_size: int,
        now: datetime,
        recall: Recall = nothing_known,
        header_will_do: HeaderWillDo | None = None,
        suspects_only: bool = False,
    ) -> Iterator[Batch]:
        """Batches after the position, lowest UID first, `limit` messages at most; none of what is here.

        The first time, and after the server has given the folder new UIDs, messages are found by date. Each
        batch carries the position that holds once it is kept. Of a message over `max_size` bytes only the
        header fields are fetched, and of any large one whose header `header_will_do`. The position stays
        below a message that the server withholds; the others are given, and then Refused is raised. So it is
        once for a server that was set back to an older state.

        Where the connection breaks, what was in hand becomes suspect. Suspects are left out, or only they are
        asked for, each alone; over one of them Refused is raised as well, though nothing more can be asked.
        """
        folder = position.folder
        with told_as_trouble(f"{self._host}: folder {folder}"):
            if _is_unchanged(self._status(folder), position):
                return
            uidvalidity, uid_next = self._examine(folder)
            if position.special_use is None:
                position = msgspec.structs.replace(position, special_use=self._special_use(folder))
            look = partial(
                self._search.new,
                uidvalidity,
                uid_next,
                since=since,
                limit=max(0, limit),
                now=now,
                recall=recall,
            )
            set_back: str | None = None
            try:
                found = look(position)
            except SetBack as noticed:  # new mail has UIDs that have been read: it is found by date
                set_back = how_set_back(self._host, folder, str(noticed))
                position = msgspec.structs.replace(position, uidvalidity=None, untold=set_back)
                found = look(position, besides=noticed.above)
            advance = Advance(found, uid_next, suspects_only=suspects_only)
            if not found.uids:
                yield advance.nothing_new()
            elif limit <= 0:
                yield Batch([], position, len(found.uids))
            try:
                for part in self._parts(found, advance.rounds, limit, max_size, since, header_will_do):
                    yield advance.after(part, self._still_there(part.not_given))
            except (imaplib.IMAP4.abort, OSError) as broke:
                in_hand = self._download.in_hand
                if not in_hand or self._watch.has_cut or isinstance(broke, TimeoutError):
                    raise
                yield advance.broke_over(in_hand)
                if not suspects_only:
                    raise
                raise Refused(
                    f"{self._host}: folder {folder}: the server broke off over the message with UID "
                    f"{in_hand[0]}: {clean(broke)}; move it to another folder if this goes on"
                ) from broke
            self._refuse_withheld(folder, advance.withheld)
            if set_back is not None:
                raise Refused(set_back, is_temporary=False)

    def _parts(
        self,
        found: Found,
        rounds: Sequence[Sequence[int]],
        limit: int,
        max_size: int,
        since: date,
        header_will_do: HeaderWillDo | None,
    ) -> Iterator[Part]:
        """These messages, round by round, and so many at most."""
        undated = midnight(since)
        for some in rounds:
            uids = some[: max(0, limit)]
            limit -= len(uids)
            about_first = found.about_first if found.about_first.keys() & set(uids) else None
            yield from self._download.parts(found.begun, uids, max_size, undated, header_will_do, about_first)

    def uids_since(self, folder: str, since: date) -> tuple[int, int, list[int]]:
        """The folder's UIDVALIDITY, the UID that comes next, and those of all mail since then, ascending."""
        with told_as_trouble(f"{self._host}: folder {folder}"):
            uidvalidity, uid_next = self._examine(folder)
            return uidvalidity, uid_next, self._search.uids(["SINCE", since])

    def about(self, folder: str, uids: Sequence[int]) -> dict[int, "About"]:
        """Flags, date and size of those of these messages that the folder last read has, by UID."""
        with told_as_trouble(f"{self._host}: folder {folder}"):
            return self._download.about(uids)

    def id_keys(self, folder: str, uids: Sequence[int]) -> dict[int, str]:
        """The keys of the Message-IDs of those of these messages that the folder last read has."""
        with told_as_trouble(f"{self._host}: folder {folder}"):
            about = self._download.about_with_id(uids)
        return {uid: id_key_of(one.id_field) for uid, one in about.items()}

    def messages(
        self, folder: str, uidvalidity: int, uids: Sequence[int], max_size: int, since: date
    ) -> Iterator[list[RawMessage]]:
        """These messages, in batches; those that are not there any more are passed over.

        One whose date cannot be read counts as of the day `since`. Raises UidsChanged, or ServerTrouble.
        """
        if not uids:
            return
        undated = midnight(since)
        with told_as_trouble(f"{self._host}: folder {folder}"):
            if self._examine(folder)[0] != uidvalidity:
                raise UidsChanged(f"{self._host}: folder {folder} has new UIDs")
            withheld: list[int] = []
            for part in self._download.parts(Position(folder, uidvalidity), uids, max_size, undated):
                withheld += self._still_there(part.not_given)
                yield part.messages
            self._refuse_withheld(folder, withheld)

    def append(self, folder: str, raw: bytes, at: datetime) -> None:
        """Put a copy of what was sent into a folder, as read."""
        with told_as_trouble(f"{self._host}: saving in {folder}"):
            need_folder(self._client, self._host, folder)
            self._client.append(folder, raw, [rb"\Seen"], at)

    def holds(self, folder: str, message_id: str) -> bool:
        """Whether there is a message with this Message-ID in the folder."""
        with told_as_trouble(f"{self._host}: looking into {folder}"):
            if not has_folder(self._client, folder):
                return False
            self._client.select_folder(folder, readonly=True)
            return bool(self._search.uids(["HEADER", "Message-ID", message_id]))

    # --- reading

    def _status(self, folder: str) -> dict[bytes, int]:
        with self._told_where_missing(folder):
            state: dict[bytes, int] = self._client.folder_status(folder, ["UIDVALIDITY", "UIDNEXT"])
        return state

    @contextmanager
    def _told_where_missing(self, folder: str) -> Iterator[None]:
        """Where the server refuses a folder that it does not have, say which there are."""
        from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

        try:
            yield
        except IMAPClientAbortError:
            raise
        except IMAPClientError as refused:
            known = self.folders()
            if folder.upper() == "INBOX" or folder in known:
                raise
            there = ", ".join(clean(name) for name in known[:FOLDERS_NAMED]) or "none"
            more = f" and {len(known) - FOLDERS_NAMED} more" if len(known) > FOLDERS_NAMED else ""
            missing = f"{self._host}: there is no folder {folder!r}; there are: {there}{more}"
            raise Refused(missing, is_temporary=False) from refused

    def _special_use(self, folder: str) -> str:
        """What the server says the folder is for; empty where it says nothing."""
        if folder.upper() == "INBOX":
            return ""
        uses = {one.name: one.special_use for one in server_folders(self._client, self._host)}
        return uses.get(folder) or ""

    def _examine(self, folder: str) -> tuple[int, int]:
        """Select the folder for reading only; its UIDVALIDITY and the UID that comes next."""
        with self._told_where_missing(folder):
            answer = self._client.select_folder(folder, readonly=True)
        if b"UIDVALIDITY" not in answer:
            raise Refused(f"{self._host}: folder {folder} has no UIDVALIDITY", is_temporary=False)
        return number(answer[b"UIDVALIDITY"]), number(answer.get(b"UIDNEXT", 0))

    def _refuse_withheld(self, folder: str, uids: Sequence[int]) -> None:
        if not uids:
            return
        which = f"the message with UID {uids[0]}"
        if len(uids) > 1:
            which = f"{len(uids)} messages, the first with UID {uids[0]}"
        said = f" ({self._download.refusal})" if self._download.refusal else ""
        raise Refused(
            f"{self._host}: folder {folder}: the server does not give out {which}{said}; move what it "
            "withholds to another folder if this goes on"
        )

    def _still_there(self, uids: Sequence[int]) -> list[int]:
        """Those that are no holes: the server has them, though it has not given them out."""
        if not uids:
            return []
        self._client.noop()  # lets the server forget what was deleted since the folder was selected
        return self._search.uids(["UID", ",".join(map(str, uids))], within=uids)


def _is_unchanged(state: dict[bytes, int], position: Position) -> bool:
    """Whether the folder has nothing above the position, as far as STATUS tells."""
    return (
        position.uidvalidity is not None
        and state.get(b"UIDVALIDITY") == position.uidvalidity
        and state.get(b"UIDNEXT") == position.last_uid + 1
    )
