"""The addresses of an e-mail as rows, by which it is found."""

from collections.abc import Sequence

from espomail.mail.message import Address
from espomail.store.changes import Changes, add
from espomail.store.models import EmailAddress


def address_rows(
    email_id: int,
    *,
    sender: Address | None,
    to: Sequence[Address],
    cc: Sequence[Address],
    reply_to: Sequence[Address],
) -> Changes:
    """The rows of From, To, Cc and Reply-To."""
    lists = {"from": (sender,) if sender else (), "to": to, "cc": cc, "reply_to": reply_to}
    return tuple(
        add(EmailAddress, email=email_id, role=role, position=position, address=one.address, name=one.name)
        for role, found in lists.items()
        for position, one in enumerate(found)
    )
