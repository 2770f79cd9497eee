"""E-mails as people ask for them: lists by many conditions, one of them, its bytes."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from peewee import JOIN, fn

from espomail.crm.access import Access, no_such
from espomail.crm.email_lines import EmailLine, EmailPage, email_lines, email_page
from espomail.crm.listing import Listing
from espomail.crm.refs import LARGEST_ID, Ref
from espomail.crm.search import contains, like
from espomail.errors import NotFound, UnusableInput
from espomail.mail.parse import attachment_bytes
from espomail.store.changes import Row
from espomail.store.compression import decompress
from espomail.store.models import (
    Attachment,
    Email,
    EmailAddress,
    EmailMailbox,
    EmailText,
    EmailUser,
    RawMessage,
)
from espomail.store.read import rows_of

SENT_STATUSES = ("queued", "sending", "sent", "in-doubt")
OWN_FOLDERS = ("inbox", "archive", "trash")

SORTS: dict[str, Any] = {
    "id": Email.id,
    "message_id": Email.message_id,
    "subject": fn.LOWER(Email.subject),
    "from": Email.from_address,
    "from_name": fn.LOWER(Email.from_name),
    "date": Email.date,
    "received_at": Email.received_at,
    "status": Email.status,
    "attachments": Email.attachment_count,
    "size": Email.size,
}


class EmailFilter(Struct, frozen=True, kw_only=True):
    """Which e-mails are asked for. All that is given must hold."""

    mailbox: str | None = None
    parent: Ref | None = None
    sender: str | None = None  # an address; `*` stands for anything
    recipient: str | None = None  # an address in To, likewise
    since: datetime | None = None
    until: datetime | None = None  # this moment no longer counts
    folder: str | None = None  # inbox, sent, archive, trash, or the name of a folder
    is_unread: bool = False
    search: str | None = None


def listing(access: Access, wanted: EmailFilter = EmailFilter()) -> Listing[EmailLine]:  # noqa: B008
    """The e-mails that may be read and that are wanted, the newest first."""
    return Listing(
        line=EmailLine,
        query=_wanted(access, wanted),
        order=(Email.received_at.desc(), Email.id.desc()),
        sorts=SORTS,
        lines_of=lambda rows: email_lines(rows, access),
    )


def page(access: Access, email_id: int) -> EmailPage:
    """One e-mail. Raises NotFound where there is none that may be read."""
    return email_page(_readable(access, email_id), access)


def raw(access: Access, email_id: int) -> bytes:
    """The e-mail byte for byte as its server sent it; of a partial one the headers. Raises NotFound."""
    row = _readable(access, email_id)
    stored = RawMessage.get_or_none(RawMessage.id == row["raw_message"])
    if stored is None:
        raise NotFound(f"the bytes of e-mail {email_id} were not kept")
    return decompress(bytes(stored.data))


def attachment(access: Access, email_id: int, index: int) -> bytes:
    """The content of an attachment, as it is listed. Raises NotFound where there is none that may be read.

    Raises UnusableInput where this program reads the e-mail otherwise than the one that has listed it.
    """
    _readable(access, email_id)
    is_it = (Attachment.email == email_id) & (Attachment.part_index == index)
    listed = Attachment.get_or_none(is_it) if index <= LARGEST_ID else None
    if listed is None:
        raise NotFound(f"e-mail {email_id} has no attachment {index}; see: espomail email show {email_id}")
    try:
        content = attachment_bytes(raw(access, email_id), index)
    except IndexError:
        content = None
    if content is None or hashlib.sha256(content).hexdigest() != listed.sha256:
        raise UnusableInput(
            f"e-mail {email_id} came in under another version of espomail, which has read its attachments "
            f"otherwise; its bytes: espomail email raw {email_id} > mail.eml"
        )
    return content


class Stored(Struct, frozen=True, kw_only=True):
    """An e-mail with its bytes."""

    id: int
    received_at: datetime
    size: int  # bytes on the server, also of one of which only the header fields are here
    is_partial: bool
    raw: bytes | None  # None where they were not kept


def count(access: Access, wanted: EmailFilter) -> int:
    """How many e-mails `stored` gives."""
    return int(_wanted(access, wanted).count())


def stored(access: Access, wanted: EmailFilter) -> Iterator[Stored]:
    """The e-mails that may be read and that are wanted, in the order in which they came in."""
    last = 0
    while True:  # by portions: a long reading transaction would let the log of a busy database grow
        query = _wanted(access, wanted).select(*_OF_STORED).join(RawMessage, JOIN.LEFT_OUTER)
        rows = rows_of(query.where(Email.id > last).order_by(Email.id).limit(_STORED_PORTION))
        for row in rows:
            data = row.pop("data")
            yield Stored(**row, raw=None if data is None else decompress(bytes(data)))
            last = row["id"]
        if not rows:
            return


_OF_STORED = (Email.id, Email.received_at, Email.size, Email.is_partial, RawMessage.data)
_STORED_PORTION = 20


def _wanted(access: Access, wanted: EmailFilter) -> Any:
    return Email.select().where(~Email.is_deleted, access.emails(), *_conditions(access, wanted))


def _readable(access: Access, email_id: int) -> Row:
    if 0 < email_id <= LARGEST_ID:
        query = Email.select().where(Email.id == email_id, ~Email.is_deleted, access.emails())
        for row in rows_of(query):
            return row
    raise no_such("e-mail", email_id)


def _conditions(access: Access, wanted: EmailFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.mailbox is not None:
        met = EmailMailbox.select(EmailMailbox.email).where(EmailMailbox.mailbox == wanted.mailbox)
        found.append(Email.id.in_(met))
    if wanted.parent is not None:
        found.append((Email.parent_type == wanted.parent.kind) & (Email.parent_id == wanted.parent.id))
    if wanted.sender is not None:
        found.append(like(wanted.sender, Email.from_address))
    if wanted.recipient is not None:
        to = EmailAddress.select(EmailAddress.email).where(
            EmailAddress.role == "to", like(wanted.recipient, EmailAddress.address)
        )
        found.append(Email.id.in_(to))
    if wanted.since is not None:
        found.append(Email.received_at >= wanted.since)
    if wanted.until is not None:
        found.append(Email.received_at < wanted.until)
    if wanted.folder is not None:
        found.append(_in_folder(access, wanted.folder))
    if wanted.is_unread:
        found.append(Email.id.in_(_of_user(access).where(~EmailUser.is_read)))
    if wanted.search is not None:
        texts = EmailText.select(EmailText.email).where(contains(wanted.search, EmailText.body_plain))
        head = contains(wanted.search, Email.subject, Email.from_name, Email.from_address)
        found.append(head | Email.id.in_(texts))
    return found


def _in_folder(access: Access, folder: str) -> Any:
    user = access.user
    if folder == "sent":
        sent = Email.status.in_(SENT_STATUSES)
        return sent if user is None else sent & _sent_by(user.key, user.emails)
    if folder not in OWN_FOLDERS:
        filed = _of_user(access).where(EmailUser.folder == folder)
        return (Email.group_folder == folder) | Email.id.in_(filed)
    own = _of_user(access).where(EmailUser.in_trash == (folder == "trash"))
    if folder != "trash":
        own = own.where(EmailUser.in_archive == (folder == "archive"))
    if folder == "inbox":
        own = own.where(EmailUser.folder.is_null())
        return Email.id.in_(own) & Email.group_folder.is_null()
    return Email.id.in_(own)


def _sent_by(user: str, addresses: tuple[str, ...]) -> Any:
    return (Email.created_by == user) | Email.from_address.in_(addresses)


def _of_user(access: Access) -> Any:
    """The e-mails in the acting user's inbox, wherever that user has put them since."""
    return EmailUser.select(EmailUser.email).where(EmailUser.user == access.actor.user)
