"""E-mails as they are listed and shown. The fields are those that machines read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct, field

from espomail.crm.access import Access
from espomail.crm.listing import Named, Parent
from espomail.crm.mentions import hide_unreadable
from espomail.crm.refs import Ref, parent_of
from espomail.crm.related import grouped, named, names_of, parent_named, readable_emails
from espomail.mail.parse import harmless_html
from espomail.store.changes import Row
from espomail.store.compression import decompress
from espomail.store.models import (
    Attachment,
    EmailAddress,
    EmailMailbox,
    EmailTeam,
    EmailText,
    EmailUser,
    RawMessage,
)
from espomail.store.read import rows_of


class EmailHead(Struct, frozen=True, kw_only=True):
    """What a list and a page have in common."""

    id: int
    message_id: str
    subject: str
    from_: str | None = field(name="from")
    from_name: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    date: datetime | None
    received_at: datetime
    status: str
    is_auto: bool
    outsider: bool
    partial: bool
    parent: Parent | None
    account: Named | None
    mailboxes: tuple[str, ...]
    users: tuple[str, ...]
    teams: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.id}: {self.subject}"


class EmailLine(EmailHead, frozen=True, kw_only=True):
    """An e-mail in a list. `read` is the acting user's mark; None where it is not in that user's inbox."""

    IN_TABLE: ClassVar = ("id", "received_at", "from", "subject", "parent", "status", "read")

    attachments: int
    size: int
    read: bool | None


class AttachmentLine(Struct, frozen=True, kw_only=True):
    """One attachment of an e-mail."""

    index: int
    filename: str
    content_type: str
    size: int
    inline: bool
    content_id: str | None
    sha256: str

    IN_TABLE: ClassVar = ("index", "filename", "content_type", "size", "inline")

    def __str__(self) -> str:
        return self.filename


class Findings(Struct, frozen=True, kw_only=True):
    """What our own mail server found out about the sender."""

    spf: str
    dkim: str
    dmarc: str
    verdict: str

    def __str__(self) -> str:
        return f"spf={self.spf} dkim={self.dkim} dmarc={self.dmarc} verdict={self.verdict}"


class TraceStep(Struct, frozen=True, kw_only=True):
    """What one rule decided when the e-mail came in."""

    rule: str
    because: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.because}"


class EmailPage(EmailHead, frozen=True, kw_only=True):
    """An e-mail with all that is shown of it."""

    NOT_ON_PAGE: ClassVar = ("body_html",)
    TEXTS: ClassVar = ("body_plain", "body_html")

    attachments: tuple[AttachmentLine, ...]
    size: int
    read: bool | None
    reply_to: tuple[str, ...]
    in_reply_to: str | None
    references: tuple[str, ...]
    replied_to: int | None
    body_plain: str
    body_html: str
    authentication: Findings | None
    defects: tuple[str, ...]
    trace: tuple[TraceStep, ...]


def email_lines(rows: Sequence[Row], access: Access) -> Iterator[EmailLine]:
    """The e-mails with what belongs to them, as the acting user sees them."""
    heads = _heads(rows, access)
    marks = _read_marks(list(heads), access.actor.user)
    for row in rows:
        yield EmailLine(
            **heads[row["id"]],
            attachments=row["attachment_count"],
            size=row["size"],
            read=marks.get(row["id"]),
        )


def email_page(row: Row, access: Access) -> EmailPage:
    """One e-mail with its texts, attachments and trace."""
    email_id = row["id"]
    text = next(iter(rows_of(EmailText.select().where(EmailText.email == email_id))), _NO_TEXT)
    attachments = Attachment.select().where(Attachment.email == email_id).order_by(Attachment.part_index)
    found = text["authentication"]
    return EmailPage(
        **_heads([row], access)[email_id],
        attachments=tuple(_attachment(one) for one in rows_of(attachments)),
        size=row["size"],
        read=_read_marks([email_id], access.actor.user).get(email_id),
        reply_to=tuple(text["reply_to"]),
        in_reply_to=next(iter(text["in_reply_to"]), None),
        references=tuple(text["references"]),
        replied_to=next(iter(readable_emails(access, {row["replied_to"]} - {None})), None),
        body_plain=text["body_plain"],
        body_html=_harmless_html(row),
        authentication=found and Findings(spf=found[0], dkim=found[1], dmarc=found[2], verdict=found[3]),
        defects=tuple(text["defects"]),
        trace=_trace(text["trace"], access),
    )


def _trace(decisions: Sequence[tuple[str, str]], access: Access) -> tuple[TraceStep, ...]:
    reasons = hide_unreadable([because for _, because in decisions], access)
    rules = (rule for rule, _ in decisions)
    return tuple(TraceStep(rule=rule, because=because) for rule, because in zip(rules, reasons, strict=True))


def _harmless_html(row: Row) -> str:
    """Made when it is shown: what is harmless is for today's program to say, and few mails are ever shown."""
    stored = RawMessage.get_or_none(RawMessage.id == row["raw_message"])
    return "" if stored is None or row["is_partial"] else harmless_html(decompress(bytes(stored.data))).html


_NO_TEXT: Mapping[str, Any] = {
    "body_plain": "",
    **dict.fromkeys(("reply_to", "in_reply_to", "references", "defects", "trace"), ()),
    "authentication": None,
}


def _heads(rows: Sequence[Row], access: Access) -> dict[int, dict[str, Any]]:
    """By id, what the e-mails show in a list and on a page alike."""
    ids = [row["id"] for row in rows]
    to, cc = (
        grouped(
            EmailAddress,
            EmailAddress.email,
            ids,
            EmailAddress.address,
            EmailAddress.position,
            EmailAddress.role == role,
        )
        for role in ("to", "cc")
    )
    mailboxes = grouped(EmailMailbox, EmailMailbox.email, ids, EmailMailbox.mailbox, EmailMailbox.mailbox)
    users = grouped(EmailUser, EmailUser.email, ids, EmailUser.user, EmailUser.user)
    teams = grouped(EmailTeam, EmailTeam.email, ids, EmailTeam.team, EmailTeam.team)
    parents = {row["id"]: parent_of(row) for row in rows}
    accounts = {Ref("account", row["account"]) for row in rows if row["account"] is not None}
    names = names_of(access, accounts | {parent for parent in parents.values() if parent is not None})
    return {
        row["id"]: {
            "id": row["id"],
            "message_id": row["message_id"],
            "subject": row["subject"],
            "from_": row["from_address"],
            "from_name": row["from_name"],
            "to": to[row["id"]],
            "cc": cc[row["id"]],
            "date": row["date"],
            "received_at": row["received_at"],
            "status": row["status"],
            "is_auto": row["is_auto"],
            "outsider": row["is_outsider"],
            "partial": row["is_partial"],
            "parent": parent_named(names, parents[row["id"]]),
            "account": named(names, "account", row["account"]),
            "mailboxes": mailboxes[row["id"]],
            "users": users[row["id"]],
            "teams": teams[row["id"]],
        }
        for row in rows
    }


def _read_marks(ids: Sequence[int], user: str | None) -> Mapping[int, bool]:
    if user is None:
        return {}
    query = EmailUser.select().where(EmailUser.email.in_(ids), EmailUser.user == user)
    return {row["email"]: row["is_read"] for row in rows_of(query)}


def _attachment(row: Row) -> AttachmentLine:
    names = ("filename", "content_type", "size", "inline", "sha256")
    return AttachmentLine(
        index=row["part_index"], content_id=row["content_id"] or None, **{name: row[name] for name in names}
    )
