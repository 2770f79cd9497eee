"""What a template is filled with: case, contact, account, user, mailbox and email, by JSON field names."""

from typing import Any

from espomail.crm.desk import Desk
from espomail.crm.refs import Ref
from espomail.pipeline.email_to_case import subject_of
from espomail.pipeline.way import Way
from espomail.store.fields import utc_text

Values = dict[str, Any]


def values_for_templates(way: Way, desk: Desk) -> Values:
    """The values for the answer to one mail. What there is not (a contact, a case) is None."""
    contact = _contact(way, desk)
    account = desk.record(Ref("account", way.account)) if way.account is not None else None
    return {
        "case": _case(way, account, contact),
        "contact": contact and _named(contact, desk, "contact", title=contact["title"]),
        "account": account and _named(account, desk, "account", website=account["website"]),
        "user": _user(way, desk),
        "mailbox": {"name": way.arrival.mailbox.key, "address": way.arrival.mailbox.own_address},
        "email": _email(way),
    }


def _contact(way: Way, desk: Desk) -> Values | None:
    number = way.case["contact"] if way.case else None
    if number is not None:
        found = desk.record(Ref("contact", number))
    else:
        address = way.arrival.sender.address if way.arrival.sender else ""
        found = next(iter(desk.records_at(address, "contact")), None)
    return None if found is None else dict(found)


def _case(way: Way, account: Any, contact: Any) -> Values | None:
    case = way.case
    if case is None:
        return None
    return {
        "number": case["id"],
        "name": case["name"],
        "status": case["status"],
        "priority": case["priority"],
        "description": case["description"],
        "assigned_user": case["assigned_user"],
        "teams": sorted(way.case_teams),
        "account": account and {"id": account["id"], "name": account["name"]},
        "contact": contact and {"id": contact["id"], "name": full_name(contact)},
        "mailbox": case["mailbox"],
        "created_at": utc_text(case["created_at"]),
        "modified_at": utc_text(case["modified_at"]),
    }


def _named(record: Any, desk: Desk, kind: str, **more: Any) -> Values:
    values = {
        "id": record["id"],
        "name": full_name(record) if kind == "contact" else record["name"],
        "emails": desk.addresses_of(Ref(kind, record["id"])),
        "phone": record["phone"],
        "assigned_user": record["assigned_user"],
    }
    if kind == "contact":
        values |= {"first_name": record["first_name"], "last_name": record["last_name"]}
    return values | more


def full_name(contact: Any) -> str:
    return f"{contact['first_name']} {contact['last_name']}".strip()


def _user(way: Way, desk: Desk) -> Values | None:
    user = desk.context.user(way.assignee or "")
    if user is None:
        return None
    return {"key": user.key, "name": user.name, "emails": list(user.emails), "signature": user.signature}


def _email(way: Way) -> Values:
    mail = way.arrival.parsed
    return {
        "id": way.email_id,
        "message_id": mail.message_id,
        "subject": subject_of(way),
        "from": mail.sender.address if mail.sender else None,
        "from_name": mail.sender.name if mail.sender else "",
        "to": [one.address for one in mail.to],
        "cc": [one.address for one in mail.cc],
        "date": utc_text(mail.date) if mail.date else None,
        "received_at": utc_text(way.arrival.received_at),
        "body_plain": mail.body_plain,
    }
