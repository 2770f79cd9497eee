"""Saving the e-mail: one record, the teams it is assigned to, the users whose inbox it is in."""

from collections.abc import Iterable

from espomail.config.schema import GroupFolder
from espomail.crm.address_rows import address_rows
from espomail.crm.arrival import message_id_key
from espomail.crm.desk import Desk
from espomail.crm.refs import parent_of
from espomail.mail.message import Address
from espomail.mail.parse import NOTE_OF_HEADER
from espomail.pipeline.email_to_case import subject_of
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Changes, Row, add, change, remove
from espomail.store.models import (
    Attachment,
    Case,
    Email,
    EmailMailbox,
    EmailReference,
    EmailTeam,
    EmailText,
    EmailUser,
    Journal,
    RawMessage,
)

RULE = "archive"


def archive(way: Way, desk: Desk) -> Step:
    """Save a new e-mail; let a stored one gain what this copy of it brings."""
    way = way.after(users=_users(way, desk), teams=_teams(way, desk))
    known_users = desk.users_of_email(way.email_id) if way.stored is not None else {}
    way = way.after(new_users=frozenset(way.users) - known_users.keys())
    if way.stored is None:
        return Step(Decision(RULE, _summary(way)), way, (*_rows_of_email(way), *_links(way, desk)))
    newly_assigned = tuple(
        change(EmailUser, way.email_id, user, is_assigned=True)
        for user, row in known_users.items()
        if way.users.get(user) and not row["is_assigned"]
    )
    newly_filed = tuple(
        change(EmailUser, way.email_id, user, folder=folder)
        for user, row in known_users.items()
        if row["folder"] is None and (folder := _own_folder(way, user)) is not None
    )
    changes = _links(way, desk) + newly_assigned + newly_filed + _corrections(way.stored, way)
    if way.is_completing:
        changes += _completed(way.stored, way, desk)
    return Step(Decision(RULE, f"e-mail {way.email_id} gains {len(changes)} links"), way, changes)


# --- who sees it


def _users(way: Way, desk: Desk) -> dict[str, bool]:
    """The users whose inbox it is in, each with whether as an assigned one."""
    context, mailbox, mail = desk.context, way.arrival.mailbox, way.arrival.parsed
    users: dict[str, bool] = {}

    def put(found: Iterable[str | None], *, is_assigned: bool) -> None:
        for key in found:
            user = context.user(key) if key else None
            if user is not None and user.active:
                users[user.key] = users.get(user.key, False) or is_assigned

    def owners(addresses: Iterable[Address]) -> list[str | None]:
        found = (context.users_by_address.get(one.address) for one in addresses)
        return [user.key if user else None for user in found]

    put(owners([*([mail.sender] if mail.sender else []), *mail.to]), is_assigned=True)
    put(owners(mail.cc), is_assigned=False)
    if mailbox.kind == "personal":
        put([mailbox.user], is_assigned=True)
    if not way.is_auto:
        put([way.assignee], is_assigned=True)
    teams = set(_folder(way, desk).teams)
    if mailbox.kind == "group" and mailbox.all_team_users:
        teams.update(mailbox.teams)
    for team in sorted(teams):
        put([user.key for user in context.team_users(team)], is_assigned=False)
    return users


def _teams(way: Way, desk: Desk) -> frozenset[str]:
    mailbox = way.arrival.mailbox
    teams = set(_folder(way, desk).teams) | way.case_teams
    if mailbox.kind == "group":
        teams.update(mailbox.teams)
        if mailbox.case.create and mailbox.case.team is not None:
            teams.add(mailbox.case.team)
    if way.replied_to is not None:
        teams |= desk.teams_of_email(way.replied_to)
    return frozenset(teams)


def _folder(way: Way, desk: Desk) -> GroupFolder:
    return desk.context.config.group_folders.get(way.group_folder or "", GroupFolder())


# --- rows


def _rows_of_email(way: Way) -> Changes:
    arrival, mail = way.arrival, way.arrival.parsed
    email_id = way.email_id
    email = add(
        Email,
        id=email_id,
        message_id=mail.message_id,
        message_id_key=message_id_key(mail.message_id),
        subject=subject_of(way),
        subject_key=arrival.reading.subject_key,
        text_key=arrival.reading.text_key,
        from_address=mail.sender.address if mail.sender else None,
        from_name=mail.sender.name if mail.sender else "",
        date=mail.date,
        received_at=arrival.received_at,
        status="sent" if way.was_sent_here else "archived",
        is_auto=way.is_auto,
        is_outsider=way.is_outsider,
        failed_dmarc=way.failed_dmarc,
        is_partial=arrival.is_partial,
        size=arrival.size,
        attachment_count=len(mail.attachments),
        raw_message=arrival.raw_id,
        parent_type=way.parent.kind if way.parent else None,
        parent_id=way.parent.id if way.parent else None,
        account=way.account,
        replied_to=way.replied_to,
        group_folder=way.group_folder,
    )
    shown = way.authentication
    text = add(
        EmailText,
        email=email_id,
        body_plain=mail.body_plain,
        references=mail.references,
        in_reply_to=mail.in_reply_to,
        reply_to=[one.address for one in mail.reply_to],
        defects=way.defects,
        trace=[],
        authentication=[shown.spf, shown.dkim, shown.dmarc, shown.verdict] if shown else None,
    )
    answered = dict.fromkeys(message_id_key(one) for one in (*mail.in_reply_to, *mail.references))
    references = tuple(add(EmailReference, email=email_id, message_id_key=key) for key in answered)
    addresses = address_rows(email_id, sender=mail.sender, to=mail.to, cc=mail.cc, reply_to=mail.reply_to)
    return (email, text, *references, *addresses, *_attachments(way))


def _attachments(way: Way) -> Changes:
    return tuple(
        add(
            Attachment,
            email=way.email_id,
            part_index=part.index,
            filename=part.filename,
            content_type=part.content_type,
            size=part.size,
            inline=part.inline,
            content_id=part.content_id,
            sha256=part.sha256,
        )
        for part in way.arrival.parsed.attachments
    )


def _links(way: Way, desk: Desk) -> Changes:
    """The mailbox, teams and users that the e-mail does not have yet."""
    is_new = way.stored is None
    mailboxes = {way.arrival.mailbox.key} - (set() if is_new else desk.mailboxes_of_email(way.email_id))
    teams = way.teams - (frozenset() if is_new else desk.teams_of_email(way.email_id))
    return (
        *(add(EmailMailbox, email=way.email_id, mailbox=mailbox) for mailbox in sorted(mailboxes)),
        *(add(EmailTeam, email=way.email_id, team=team) for team in sorted(teams)),
        *(
            add(
                EmailUser,
                email=way.email_id,
                user=user,
                is_assigned=way.users[user],
                is_read=way.is_marked_read or user == way.user,
                folder=_own_folder(way, user),
            )
            for user in sorted(way.new_users)
        ),
    )


def _own_folder(way: Way, user: str) -> str | None:
    mailbox = way.arrival.mailbox
    return mailbox.folder if mailbox.kind == "personal" and mailbox.user == user else None


def _corrections(stored: Row, way: Way) -> Changes:
    """What this copy tells of the stored e-mail that was not known before: its parent, that we sent it."""
    found: dict[str, object] = {}
    if way.parent is not None and way.parent != parent_of(stored):
        found = {
            "parent_type": way.parent.kind,
            "parent_id": way.parent.id,
            "account": way.account,
            "is_outsider": way.is_outsider,
            "replied_to": way.replied_to or stored["replied_to"],
        }
    if way.was_sent_here and stored["status"] == "archived":
        found["status"] = "sent"
    return (change(Email, way.email_id, **found),) if found else ()


def _completed(stored: Row, way: Way, desk: Desk) -> Changes:
    """Put the whole mail in the place of its header: its bytes, its text and what it has attached."""
    arrival, mail = way.arrival, way.arrival.parsed
    whole: Changes = (
        change(
            Email,
            way.email_id,
            text_key=arrival.reading.text_key,
            is_auto=way.is_auto,
            is_partial=False,
            size=arrival.size,
            attachment_count=len(mail.attachments),
            raw_message=arrival.raw_id,
        ),
        change(EmailText, way.email_id, body_plain=mail.body_plain, defects=way.defects),
        *_attachments(way),
    )
    if (header := stored["raw_message"]) is not None:
        entries = desk.entries_with(header)
        whole += (
            *(change(Journal, entry, raw_message=None) for entry in entries),
            remove(RawMessage, header),
        )
    case = way.case or (desk.record(way.parent) if way.parent and way.parent.kind == "case" else None)
    if case is None or case["first_email"] != way.email_id or case["description"] != NOTE_OF_HEADER:
        return whole
    return (*whole, change(Case, case["id"], description=mail.body_plain))


def _summary(way: Way) -> str:
    inboxes = ", ".join(sorted(way.users)) or "nobody"
    teams = ", ".join(sorted(way.teams)) or "none"
    return f"saved as e-mail {way.email_id}; in the inbox of {inboxes}; teams: {teams}"
