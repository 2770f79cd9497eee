"""Whether the templates that a configuration names render, before a customer's mail finds out."""

from collections.abc import Iterator
from typing import Any

from espomail.config.faults import quoted
from espomail.config.schema import Config, Mailbox
from espomail.mail import templating
from espomail.mail.templating import Templates, TemplateTrouble

SAMPLE: dict[str, dict[str, Any]] = {
    "case": {
        "number": 123,
        "name": "The printer does not print",
        "status": "Assigned",
        "priority": "Normal",
        "description": "Hello, since yesterday nothing comes out.",
        "assigned_user": "anna",
        "teams": ["support"],
        "account": {"id": 1, "name": "Customer Ltd"},
        "contact": {"id": 1, "name": "Carl Customer"},
        "lead": None,
        "mailbox": "support",
        "created_at": "2026-11-24T10:00:00Z",
        "modified_at": "2026-11-24T10:00:00Z",
    },
    "contact": {
        "id": 1,
        "name": "Carl Customer",
        "first_name": "Carl",
        "last_name": "Customer",
        "emails": ["carl@customer.example"],
        "phone": "+49 30 1234",
        "title": "Dr.",
        "assigned_user": "anna",
        "teams": ["support"],
        "account": {"id": 1, "name": "Customer Ltd"},
    },
    "account": {
        "id": 1,
        "name": "Customer Ltd",
        "emails": ["office@customer.example"],
        "phone": "+49 30 1234",
        "website": "https://customer.example",
        "assigned_user": "anna",
        "teams": ["support"],
    },
    "user": {"key": "anna", "name": "Anna Novak", "emails": ["anna@example.com"], "signature": "Anna"},
    "mailbox": {"name": "support", "address": "support@example.com"},
    "email": {
        "id": 1,
        "message_id": "<1@customer.example>",
        "subject": "The printer does not print",
        "from": "carl@customer.example",
        "from_name": "Carl Customer",
        "to": ["support@example.com"],
        "cc": [],
        "reply_to": [],
        "date": "2026-11-24T10:00:00Z",
        "received_at": "2026-11-24T10:00:00Z",
        "size": 2048,
        "partial": False,
        "parent": {"type": "case", "id": 123, "name": "The printer does not print"},
        "account": {"id": 1, "name": "Customer Ltd"},
        "body_plain": "Hello, since yesterday nothing comes out.",
        "attachments": [
            {
                "index": 1,
                "filename": "page.pdf",
                "content_type": "application/pdf",
                "size": 1024,
                "inline": False,
            }
        ],
    },
}


def template_faults(config: Config) -> list[str]:
    """Templates that have no subject, or do not even render with everything known. Each names the mailbox."""
    return list(_troubles(config, dict(SAMPLE), needs_subject=True))


def template_oddities(config: Config) -> list[str]:
    """Templates that fail for a stranger's first mail: no contact, no account, nobody assigned."""
    unknown = dict.fromkeys(("contact", "account", "user"))
    case = SAMPLE["case"] | dict.fromkeys(("contact", "account", "assigned_user"))
    email = SAMPLE["email"] | {"account": None}
    return [
        f"{trouble} (for a sender who is no contact; write {{% if contact %}}…{{% endif %}} around it)"
        for trouble in _troubles(
            config, SAMPLE | {"case": case, "email": email} | unknown, needs_subject=False
        )
    ]


def _troubles(config: Config, values: dict[str, Any], *, needs_subject: bool) -> Iterator[str]:
    templates = templating.load(config.templates)
    for mailbox in config.mailboxes.values():
        trouble = _trouble(mailbox, templates, values, needs_subject=needs_subject)
        if trouble is not None:
            yield f"mailboxes.{mailbox.key}.auto_reply.template: {trouble}"


def _trouble(
    mailbox: Mailbox, templates: Templates, values: dict[str, Any], *, needs_subject: bool
) -> str | None:
    if mailbox.auto_reply is None:
        return None
    case = values["case"] if mailbox.case.create else None
    name = mailbox.auto_reply.template
    try:
        rendered = templates.render(name, values | {"case": case})
    except TemplateTrouble as trouble:
        return str(trouble)
    if needs_subject and not rendered.subject:
        return f"{quoted(name)} has no subject; its first line must be `Subject: …`"
    return None
