"""What a template is filled with: case, contact, account, user, mailbox and email, by JSON field names."""

from typing import Any

from espomail.crm.desk import Desk
from espomail.crm.refs import Ref, parent_of
from espomail.crm.related import full_name
from espomail.pipeline.email_to_case import subject_of, text_of
from espomail.pipeline.way import Way
from espomail.store.changes import Row
from espomail.store.fields import utc_text

Values = dict[str, Any]


def values_for_templates(way: Way, desk: Desk) -> Values:
    """The values for the answer to one mail. What there is not (a contact, a case) is None."""
    contact = _contact(way, desk)
    account = desk.record(Ref("account", way.account)) if way.account is not None else None
    return {
        "case": _case(way, desk),
        "contact": contact and _contact_values(contact, desk),
        "account": account and _record_values(account, "account", desk) | {"website": account["website"]},
        "user": _user(way, desk),
        "mailbox": {"name": way.arrival.mailbox.key, "address": way.arrival.mailbox.own_address},
        "email": _email(way, desk),
    }


def _contact(way: Way, desk: Desk) -> Row | None:
    number = way.case["contact"] if way.case else None
    if number is not None:
        return desk.record(Ref("contact", number))
    return next(iter(desk.records_at(way.arrival.sender_address or "", "contact")), None)


def _case(way: Way, desk: Desk) -> Values | None:
    case = way.case
    if case is None:
        return None
    return {
        "number": case["id"],
        **{name: case[name] for name in ("name", "status", "priority", "description", "assigned_user")},
        "teams": sorted(way.case_teams),
        **{kind: _named(case[kind], kind, desk) for kind in ("account", "contact", "lead")},
        "mailbox": case["mailbox"],
        "created_at": utc_text(case["created_at"]),
        "modified_at": utc_text(case["modified_at"]),
    }


def _contact_values(contact: Row, desk: Desk) -> Values:
    own = {name: contact[name] for name in ("first_name", "last_name", "title")}
    account = _named(contact["account"], "account", desk)
    return _record_values(contact, "contact", desk) | own | {"account": account}


def _record_values(record: Row, kind: str, desk: Desk) -> Values:
    ref = Ref(kind, record["id"])
    return {
        "id": ref.id,
        "name": _name(record, kind),
        "emails": desk.addresses_of(ref),
        "phone": record["phone"],
        "assigned_user": record["assigned_user"],
        "teams": sorted(desk.teams_of(ref)),
    }


def _named(number: int | None, kind: str, desk: Desk) -> Values | None:
    record = desk.record(Ref(kind, number)) if number is not None else None
    return {"id": record["id"], "name": _name(record, kind)} if record is not None else None


def _name(record: Row, kind: str) -> str:
    return full_name(record) if kind == "contact" else str(record["name"])


def _user(way: Way, desk: Desk) -> Values | None:
    user = desk.context.user(way.assignee or "")
    if user is None:
        return None
    return {"key": user.key, "name": user.name, "emails": list(user.emails), "signature": user.signature}


def _email(way: Way, desk: Desk) -> Values:
    arrival, mail = way.arrival, way.arrival.parsed
    parent = way.parent or (parent_of(way.stored) if way.stored else None)
    named = parent and _named(parent.id, parent.kind, desk)
    if named is None and parent is not None and way.case is not None:
        named = {"id": parent.id, "name": way.case["name"]}
    return {
        "id": way.email_id,
        "message_id": mail.message_id,
        "subject": subject_of(way),
        "from": arrival.sender_address,
        "from_name": mail.sender.name if mail.sender else "",
        "to": [one.address for one in mail.to],
        "cc": [one.address for one in mail.cc],
        "reply_to": [one.address for one in mail.reply_to],
        "date": utc_text(mail.date) if mail.date else None,
        "received_at": utc_text(arrival.received_at),
        "size": arrival.size,
        "partial": arrival.is_partial,
        "parent": parent and named and {"type": parent.kind, **named},
        "account": _named(way.account, "account", desk),
        "body_plain": text_of(way, desk),
        "attachments": [
            {name: getattr(part, name) for name in ("index", "filename", "content_type", "size", "inline")}
            for part in mail.attachments
        ],
    }
