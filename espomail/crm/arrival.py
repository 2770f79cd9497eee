"""A mail that has arrived: what it is, and where and when it was met."""

import hashlib
from datetime import datetime

import msgspec

from espomail.config.schema import Mailbox
from espomail.mail.message import Address, ParsedMail
from espomail.mail.reading import Reading

LONGEST_INDEXED_ID = 200

SENT_FOLDERS = frozenset({"sent", "sent items", "sent messages", "sent mail", "sent-mail"})
"""How clients call the folder of what was sent, the folders above it left out."""

IMPORTED = "import:"
"""Where mail is met that an operator brings in files; no server's folder."""
PIPED = "ingest:"
"""Where mail is met that an MTA brings."""


def message_id_key(message_id: str) -> str:
    """What stands in an index for a Message-ID: the id, or its hash where no database would index it."""
    if len(message_id) <= LONGEST_INDEXED_ID:
        return message_id
    return "sha256:" + hashlib.sha256(message_id.encode()).hexdigest()


def own_id_key(mail: ParsedMail) -> str:
    """The same for the Message-ID that a mail has come with; empty where it had none."""
    return message_id_key(mail.message_id) if mail.has_own_id else ""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a folder, read and waiting for its decision. It is safe in the journal already."""

    reading: Reading
    mailbox: Mailbox
    folder: str
    special_use: str | None = None  # what its server says the folder is for (RFC 6154)
    received_at: datetime  # INTERNALDATE, aware UTC
    size: int  # bytes on the server, also of a message of which only the headers were taken
    is_partial: bool
    journal_id: int
    raw_id: int

    @property
    def parsed(self) -> ParsedMail:
        return self.reading.parsed

    @property
    def sender(self) -> Address | None:
        return self.parsed.sender

    @property
    def sender_address(self) -> str | None:
        return self.sender.address if self.sender else None

    @property
    def is_from_sent_folder(self) -> bool:
        """Whether it was met in the folder in which the mailbox keeps what was sent."""
        smtp = self.mailbox.smtp
        if smtp is not None and self.folder == smtp.save_sent:
            return True
        return self.special_use == "sent" or (not self.special_use and self._own_folder_name in SENT_FOLDERS)

    @property
    def is_draft(self) -> bool:
        """Whether it lies where the mailbox keeps what nobody has sent yet."""
        return self.special_use == "drafts" or (not self.special_use and self._own_folder_name == "drafts")

    @property
    def _own_folder_name(self) -> str:
        return self.folder.replace("/", ".").rpartition(".")[2].lower()

    @property
    def is_on_a_server(self) -> bool:
        """Whether there is a server that may be told what to do with it."""
        return self.folder not in {IMPORTED, PIPED}

    @property
    def lookup_addresses(self) -> tuple[str, ...]:
        """The addresses whose records may be the mail's parent."""
        mail = self.parsed
        found = [*([mail.sender] if mail.sender else []), *mail.reply_to, *mail.to[:1]]
        return tuple(one.address for one in found)
