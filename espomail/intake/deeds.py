"""What is done to messages on their server, once they are safe here: never to another one by mistake."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from espomail.errors import ServerTrouble
from espomail.intake.connect import Refused, told_as_trouble
from espomail.intake.download import Download, aware
from espomail.intake.messages import Known, Target
from espomail.intake.search import Search, number
from espomail.intake.server_folders import has_folder, need_folder
from espomail.intake.set_back import GivenAgain, UidsChanged, how_set_back, is_another_by_id, is_anothers

if TYPE_CHECKING:
    from espomail.intake.wire import About, Client

FORBIDDEN: Final = re.compile(r"NOPERM|permission denied", re.IGNORECASE)


class Deeds:
    """What a session may do to messages. All of it raises ServerTrouble."""

    def __init__(self, client: "Client", host: str, download: Download, search: Search) -> None:
        self._client = client
        self._host = host
        self._download = download
        self._search = search

    def mark_seen(self, folder: str, uidvalidity: int, known: Mapping[int, Known]) -> None:
        """Set the Seen flag."""
        with self._changing(folder, uidvalidity, known, "marking as seen") as uids:
            if uids:
                self._client.add_flags(uids, [rb"\Seen"], silent=True)

    @property
    def moves_at_once(self) -> bool:
        """Whether a move cannot be cut in two, which would leave copies."""
        return bool(self._client.has_capability("MOVE"))

    def target(self, folder: str) -> Target:
        """A folder that messages are to be copied to, which is made where it is missing, as it is now."""
        with told_as_trouble(f"{self._host}: folder {folder}"):
            need_folder(self._client, self._host, folder)
            state = self._client.folder_status(folder, ["UIDVALIDITY", "UIDNEXT"])
            return Target(folder, number(state[b"UIDVALIDITY"]), number(state[b"UIDNEXT"]))

    def copied(self, target: Target, known: Mapping[int, Known]) -> dict[int, Known]:
        """Those of which there is a copy that came to the target since: a copy keeps date and size."""
        with told_as_trouble(f"{self._host}: looking into {target.folder}"):
            if not has_folder(self._client, target.folder):
                return {}
            answer = self._client.select_folder(target.folder, readonly=True)
            first = target.uid_next if answer.get(b"UIDVALIDITY") == target.uidvalidity else 1
            came = [uid for uid in self._search.uids(["UID", f"{first}:*"]) if uid >= first]
            copies = Counter(
                (aware(about.internal_date), about.size)
                for about in self._download.about(came).values()
                if about.internal_date is not None
            )
        found = {}
        for uid, one in known.items():
            if copies[one.received_at, one.size] > 0:
                copies[one.received_at, one.size] -= 1
                found[uid] = one
        return found

    def move(self, folder: str, uidvalidity: int, known: Mapping[int, Known], target: str) -> None:
        """Move messages to another folder, which is made where it is missing."""
        with self._changing(folder, uidvalidity, known, f"moving to {target}") as uids:
            if not uids:
                return
            need_folder(self._client, self._host, target)
            if self.moves_at_once:
                self._client.move(uids, target)
                return
            self._need_uid_expunge()
            self._client.copy(uids, target)
            self._delete(uids)

    def delete(self, folder: str, uidvalidity: int, known: Mapping[int, Known]) -> None:
        """Delete messages, and no other that happens to be marked as deleted."""
        with self._changing(folder, uidvalidity, known, "deleting") as uids:
            self._need_uid_expunge()
            if uids:
                self._delete(uids)

    @contextmanager
    def _changing(
        self, folder: str, uidvalidity: int, known: Mapping[int, Known], doing: str
    ) -> Iterator[list[int]]:
        """Select the folder for writing, if its UIDs still are what they were; gives those of these messages.

        Left out are those that are gone, and those that are others' by now, of which GivenAgain is raised at
        the end: the server was set back.
        """
        with _told_where_forbidden(), told_as_trouble(f"{self._host}: folder {folder}: {doing}"):
            answer = self._client.select_folder(folder)
            if answer.get(b"UIDVALIDITY") != uidvalidity:
                raise UidsChanged(f"{self._host}: folder {folder} has new UIDs; {doing} is given up")
            about = self._download.about_with_id(list(known))
            others = self._others(known, about)
            yield [uid for uid in known if uid in about and uid not in others]
            if others:
                said = how_set_back(self._host, folder, is_anothers(others[0]))
                raise GivenAgain(said, others)

    def _others(self, known: Mapping[int, Known], about: Mapping[int, "About"]) -> list[int]:
        """The UIDs that are other messages' by now.

        Servers and we may differ over where a broken header has its Message-ID, so that one that seems to be
        another is read by us.
        """
        seeming = [uid for uid, one in about.items() if is_another_by_id(one, known[uid], one.id_field)]
        headers = self._download.headers(seeming)
        return [
            uid
            for uid in seeming
            if uid not in headers or is_another_by_id(about[uid], known[uid], headers[uid])
        ]

    def _need_uid_expunge(self) -> None:
        if not self._client.has_capability("UIDPLUS"):
            raise ServerTrouble(
                f"{self._host}: has neither MOVE nor UIDPLUS, so that messages cannot be removed one by one; "
                "set after_import: seen",
                is_temporary=False,
            )

    def _delete(self, uids: Sequence[int]) -> None:
        self._client.delete_messages(uids, silent=True)
        self._client.uid_expunge(uids)


@contextmanager
def _told_where_forbidden() -> Iterator[None]:
    """Where this login may not change a folder (RFC 5530 §3), say what can be done about it."""
    try:
        yield
    except Refused as refused:
        if FORBIDDEN.search(refused.said) is None:
            raise
        advice = "have this login given the right (espomail mailbox test names it), or set after_import: keep"
        raise Refused(f"{refused.said}; {advice}") from refused
