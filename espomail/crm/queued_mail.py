"""A mail of ours on its way out: its record, its bytes and its place in the outbox, written together."""

from msgspec import Struct

from espomail.crm.address_rows import address_rows
from espomail.crm.arrival import message_id_key
from espomail.crm.notes import Giver
from espomail.crm.refs import Ref
from espomail.mail.compose import Outgoing, compose
from espomail.mail.text import subject_without_prefixes, text_digest
from espomail.store.changes import Changes, add
from espomail.store.compression import compress
from espomail.store.models import Email, EmailMailbox, EmailTeam, EmailText, Outbox, RawMessage


class Letter(Struct, frozen=True, kw_only=True):
    """A mail with what it belongs to. `envelope_sender` is empty for the null reverse-path."""

    email_id: int
    mail: Outgoing
    kind: str  # auto-reply | reply | send | notification
    mailbox: str  # whose SMTP server takes it
    envelope_sender: str
    parent: Ref | None
    account: int | None
    replied_to: int | None
    teams: frozenset[str]


def queue_letter(letter: Letter, giver: Giver) -> Changes:
    """Its rows: due now, and to be sent once they are committed."""
    mail, raw = letter.mail, compose(letter.mail)
    raw_id = giver.next_id(RawMessage)
    return (
        add(RawMessage, id=raw_id, data=compress(raw)),
        *_record(letter, raw_id, len(raw), giver),
        add(EmailMailbox, email=letter.email_id, mailbox=letter.mailbox),
        *(add(EmailTeam, email=letter.email_id, team=team) for team in sorted(letter.teams)),
        add(
            Outbox,
            id=giver.next_id(Outbox),
            state="waiting",
            kind=letter.kind,
            mailbox=letter.mailbox,
            envelope_sender=letter.envelope_sender,
            recipients=[one.address for one in (*mail.to, *mail.cc)],
            email=letter.email_id,
            case=letter.parent.id if letter.parent is not None and letter.parent.kind == "case" else None,
            queued_at=giver.now,
            next_try_at=giver.now,
        ),
    )


def _record(letter: Letter, raw_id: int, size: int, giver: Giver) -> Changes:
    mail, parent = letter.mail, letter.parent
    email = add(
        Email,
        id=letter.email_id,
        message_id=mail.message_id,
        message_id_key=message_id_key(mail.message_id),
        subject=mail.subject,
        subject_key=subject_without_prefixes(mail.subject),
        text_key=text_digest(mail.text),
        from_address=mail.sender.address,
        from_name=mail.sender.name,
        date=mail.date,
        received_at=giver.now,
        status="queued",
        is_auto=letter.kind == "auto-reply",
        size=size,
        raw_message=raw_id,
        parent_type=parent.kind if parent else None,
        parent_id=parent.id if parent else None,
        account=letter.account,
        replied_to=letter.replied_to,
    )
    text = add(
        EmailText,
        email=letter.email_id,
        body_plain=mail.text,
        references=mail.references,
        in_reply_to=[mail.in_reply_to] if mail.in_reply_to else [],
        reply_to=[one.address for one in mail.reply_to],
        defects=[],
        trace=[],
    )
    addresses = address_rows(
        letter.email_id, sender=mail.sender, to=mail.to, cc=mail.cc, reply_to=mail.reply_to
    )
    return (email, text, *addresses)
