"""Records and e-mails that a rule's reason or note names, hidden from whoever may not read them."""

import re
from collections.abc import Sequence
from typing import Final

from espomail.crm.access import Access
from espomail.crm.refs import MODELS, Ref
from espomail.crm.related import names_of, readable_emails

E_MAIL: Final = "e-mail"
_MENTION: Final = re.compile(rf"\b({'|'.join(MODELS)}|{E_MAIL})(?::| #?)([0-9]{{1,18}})\b")
"""A record as `Ref` writes it, a case also with its number, or an e-mail with its id."""


def hide_unreadable(texts: Sequence[str], access: Access) -> list[str]:
    """The texts without the ids of records and e-mails that are not there, or that may not be read."""
    named = {_ref(found) for text in texts for found in _MENTION.finditer(text)}
    emails = readable_emails(access, {ref.id for ref in named if ref.kind == E_MAIL})
    records = names_of(access, [ref for ref in named if ref.kind != E_MAIL])

    def shown(found: re.Match[str]) -> str:
        ref = _ref(found)
        is_readable = ref.id in emails if ref.kind == E_MAIL else ref in records
        article = "an" if ref.kind[0] in "ae" else "a"
        return found[0] if is_readable else f"{article} {ref.kind} that you may not read"

    return [_MENTION.sub(shown, text) for text in texts]


def _ref(found: re.Match[str]) -> Ref:
    return Ref(found[1], int(found[2]))
