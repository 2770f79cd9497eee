"""Whose SMTP server sends for a mailbox."""

import pytest

from espomail.config.schema import Config, Imap, Mailbox, Smtp
from espomail.config.sending import sending_mailbox


def box(key: str, address: str = "", *, sends: bool = False, shared: bool = False, user: str | None = None):
    return Mailbox(
        key=key,
        kind="personal" if user else "group",
        user=user,
        address=address or f"{key}@example.com",
        imap=Imap(host="imap.example.com", fetch_since="2026-01-01"),
        smtp=Smtp(host=f"smtp.{key}.example", shared=shared) if sends else None,
    )


def sender_for(key: str, *boxes: Mailbox, system: str | None = None) -> str | None:
    config = Config(mailboxes={one.key: one for one in boxes}, system_mailbox=system)
    found = sending_mailbox(config, config.mailboxes[key])
    return found.key if found is not None else None


SYSTEM = box("system", sends=True, shared=True)


@pytest.mark.parametrize(
    ("boxes", "sender"),
    [
        ([box("a", sends=True), box("b", "a@example.com", sends=True)], "a"),
        ([box("a"), box("b", "a@example.com", sends=True)], "b"),
        ([box("a"), box("b", "other@example.com", sends=True)], "system"),
        ([box("a"), box("b", "a@example.com", sends=True, user="anna")], "system"),
        ([box("a", user="anna"), box("b", "a@example.com", sends=True)], "b"),
        (
            [
                box("a", user="anna"),
                box("b", "a@example.com", sends=True),
                box("c", "a@example.com", sends=True, user="anna"),
            ],
            "c",
        ),
    ],
    ids=["its own", "same address", "shared", "not a colleague's", "a group's", "the owner's first"],
)
def test_mailbox_without_a_server_borrows_that_of_its_address_and_then_the_shared_one(boxes, sender):
    assert sender_for("a", *boxes, SYSTEM, system="system") == sender


def test_server_that_is_not_shared_sends_for_nobody_else():
    assert sender_for("a", box("a"), box("system", sends=True), system="system") is None
    assert sender_for("a", box("a"), SYSTEM) is None
