"""The wire to an IMAP server: imapclient's client, over a connection that is watched and has its limits."""

import imaplib
import re
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from imapclient import IMAPClient
from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import LoginError
from imapclient.response_parser import parse_fetch_response

from espomail.config.schema import Imap
from espomail.reach import Tls, Watch, connected

# A search over a large folder answers with one line of all its UIDs; imaplib takes a million bytes at most.
imaplib._MAXLINE = 64 * 1024**2  # type: ignore[attr-defined]

ANSWER_BYTES: Final = 16 * 1024**2  # all literals of one answer, beyond the messages that it was asked for

LARGEST_BYTES: Final = 2**53 - 1  # what is believed of a size; programs that read JSON take no larger number

MOST_FIRST_BYTES: Final = 5500  # in base64, within the 8000 of a command line (RFC 7162 §4)

ABOUT: Final = "FLAGS INTERNALDATE RFC822.SIZE"
WHOLE: Final = ("BODY.PEEK[]", b"BODY[]")  # what is asked for, and its name in the answer
MOST_HEADER_BYTES: Final = 1024**2
HEADER: Final = (f"BODY.PEEK[HEADER]<0.{MOST_HEADER_BYTES}>", b"BODY[HEADER]<0>")  # it may be endless too

_USUAL_ABOUT: Final = re.compile(
    rb'\d+ \(UID (\d+) FLAGS \(([^()"{]*)\) INTERNALDATE "([^"\\]*)" RFC822\.SIZE (\d+)\)'
)
_USUAL: Final = re.compile(rb"\d+ \(UID (\d+) (BODY\[[A-Z]*\](?:<0>)?) \{\d+\}")


class About(msgspec.Struct, frozen=True):
    """What a server says about a message, short of the message itself."""

    flags: tuple[str, ...]
    internal_date: datetime | None  # with the server's time zone; None where it cannot be read
    size: int
    id_field: bytes = b""  # the Message-ID field, where it was asked for and is there


class Connection(imaplib.IMAP4):
    """imaplib's connection, under watch from its first byte, that reads no more than there is room for."""

    def __init__(self, imap: Imap, tls: Tls | None, timeout_s: float, watch: Watch) -> None:
        self.room_bytes = ANSWER_BYTES
        self._tls = tls
        self._watch = watch
        super().__init__(imap.host, imap.port or 0, timeout_s)

    def _create_socket(self, timeout: float) -> socket.socket:
        bare = connected(self.host, self.port, timeout, self._watch)
        bare.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # else some servers wait 40 ms for a literal
        return bare if self._tls is None else self._tls.wrap_socket(bare, server_hostname=self.host)

    def _get_capabilities(self) -> None:
        """What the greeting tells need not be asked for; after STARTTLS that does not count any more."""
        told = self.untagged_responses.pop("CAPABILITY", None)
        if told and isinstance(told[-1], bytes) and not self._tls_established:
            self.capabilities = tuple(told[-1].decode("ascii").upper().split())
        else:
            super()._get_capabilities()  # type: ignore[misc]

    def read(self, size: int) -> bytes:
        """A literal. Its announced size is a stranger's word, and memory would be set aside for it."""
        self.room_bytes -= size
        if self.room_bytes < 0:
            raise self.abort(f"a literal of {size} bytes is more than was asked for")
        return super().read(size)


class Client(IMAPClient):  # type: ignore[misc]  # imapclient has no types
    """imapclient's client over such a connection."""

    def __init__(self, imap: Imap, tls: Tls | None, timeout_s: float, watch: Watch) -> None:
        self._wire = (imap, tls, timeout_s, watch)
        super().__init__(imap.host, port=imap.port, ssl=tls is not None, timeout=timeout_s)
        self.normalise_times = False  # INTERNALDATE with its own time zone
        self._imap.debug = 0  # imapclient sets 5, for which imaplib writes out every message as a repr

    def _create_IMAP4(self) -> Connection:  # noqa: N802  # imapclient's name
        return Connection(*self._wire)

    def authenticate(self, mechanism: str, first: bytes, answer: Callable[[bytes], bytes | None]) -> None:
        """Sign in by SASL: `first` is what we begin with, `answer` what we say to a challenge after that.

        A round trip is spared where the server takes the first message with the command (RFC 4959). Raises
        LoginError.
        """
        is_said = self.has_capability("SASL-IR") and len(first) < MOST_FIRST_BYTES

        def reply(challenge: bytes) -> bytes | None:
            nonlocal is_said
            if is_said:
                return answer(challenge)
            is_said = True
            return first

        words = (mechanism, b64encode(first).decode()) if is_said else (mechanism,)
        self._imap.literal = imaplib._Authenticator(reply).process
        try:
            status, said = self._imap._simple_command("AUTHENTICATE", *words)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as refused:  # BAD
            raise LoginError(str(refused)) from refused
        if status != "OK":
            raise LoginError(said[-1].decode("utf-8", "replace"))
        self._imap.state = "AUTH"

    def special_folders(self) -> list[tuple[tuple[bytes, ...], bytes, str]]:
        """The folders with a special use, as `list_folders` gives all of them (RFC 6154 §5.1).

        Not every server tells the use in the answer to a plain LIST.
        """
        status, answer = self._imap._simple_command("LIST", "(SPECIAL-USE)", '""', '"*"')
        self._checkok("LIST", status, answer)
        _, answer = self._imap._untagged_response(status, answer, "LIST")
        found: list[tuple[tuple[bytes, ...], bytes, str]] = self._proc_folder_list(answer)
        return found

    def rights(self, folder: str) -> frozenset[str]:
        """What we may do with a folder, a letter for each right (RFC 4314 §2.1)."""
        answer = self._command_and_check("myrights", self._normalise_folder(folder))
        rights = set(answer[-1].rpartition(b" ")[2].decode("ascii", "replace"))
        if "d" in rights and rights.isdisjoint("te"):  # as servers of RFC 2086 say both
            rights |= {"t", "e"}
        return frozenset(rights)

    def about(self, uids: Sequence[int]) -> dict[int, About]:
        """Flags, date and size of those of these messages that are there."""
        return self._about(uids, ABOUT)

    def about_with_id(self, uids: Sequence[int]) -> dict[int, About]:
        """As `about`, and the Message-ID field."""
        return self._about(uids, f"{ABOUT} BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")

    def _about(self, uids: Sequence[int], items: str) -> dict[int, About]:
        found: dict[int, About] = {}
        unusual = []
        for piece in self._fetched(uids, items):
            usual = _USUAL_ABOUT.fullmatch(piece) if isinstance(piece, bytes) else None
            if usual is None:
                unusual.append(piece)
                continue
            uid, flags, date, size = usual.groups()
            found[int(uid)] = _about(flags.split(), _moment(date), size)
        for uid, data in _parsed(unusual).items():
            if b"RFC822.SIZE" in data:
                id_fields = [value for name, value in data.items() if name.startswith(b"BODY[HEADER.FIELDS")]
                about = _about(data[b"FLAGS"], data[b"INTERNALDATE"], data[b"RFC822.SIZE"])
                found[uid] = msgspec.structs.replace(about, id_field=b"".join(filter(None, id_fields)))
        return {uid: found[uid] for uid in uids if uid in found}

    def bodies(self, uids: Sequence[int], part: tuple[str, bytes], size_bytes: int) -> dict[int, bytes]:
        """`WHOLE` or `HEADER` of these messages, flags untouched; `size_bytes`: what is expected altogether.

        Where the answer has the usual shape, literals are taken as imaplib gives them: imapclient goes
        through an answer byte by byte.
        """
        asked, given = part
        found: dict[int, bytes] = {}
        unusual = []
        with self._room_for(size_bytes):
            pieces = iter(self._fetched(uids, asked))
        for piece in pieces:
            usual = _USUAL.fullmatch(piece[0]) if isinstance(piece, tuple) else None
            if usual is None:
                unusual.append(piece)
            elif (end := next(pieces, b"")) == b")" and usual[2] == given:
                found[int(usual[1])] = piece[1]
            else:
                unusual += [piece, end]
        for uid, data in _parsed(unusual).items():
            if given in data:
                found[uid] = data[given] or b""  # a server answers NIL for an empty message
        return {uid: found[uid] for uid in uids if uid in found}

    def _fetched(self, uids: Sequence[int], items: str) -> list[Any]:
        """A FETCH's answer as imaplib gives it: lines, and pairs of a line's beginning and its literal."""
        if not uids:
            return []
        status, answer = self._imap.uid("FETCH", ",".join(map(str, uids)), f"(UID {items})")
        self._checkok("fetch", status, answer)
        return [] if answer == [None] else list(answer)

    @contextmanager
    def _room_for(self, size_bytes: int) -> Iterator[None]:
        """Room for messages of so many bytes; servers that do not count exactly may be wrong by as much."""
        self._imap.room_bytes = ANSWER_BYTES + 2 * size_bytes
        try:
            yield
        finally:
            self._imap.room_bytes = ANSWER_BYTES


def _about(flags: Sequence[bytes], internal_date: datetime | None, size: bytes | int) -> About:
    told = tuple(flag.decode("ascii", "replace") for flag in flags)
    return About(told, internal_date, min(int(size), LARGEST_BYTES))


def _moment(text: bytes) -> datetime | None:
    try:
        moment: datetime = parse_to_datetime(text, normalise=False)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def _parsed(pieces: list[Any]) -> dict[int, dict[bytes, Any]]:
    """By UID. What comes unasked names a message by its number in the folder alone, which is no UID."""
    if not pieces:
        return {}
    by_number = parse_fetch_response(pieces, normalise_times=False, uid_is_key=False)
    return {data[b"UID"]: data for data in by_number.values() if b"UID" in data}
