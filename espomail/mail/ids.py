"""Message-IDs brought to one form: in angle brackets, without white space, their case as it is."""

import hashlib
import re
from typing import Final

_BRACKETED = re.compile(r"<([^<>]*)>")
_UNWANTED = re.compile(r"[\s\x00-\x20\x7f<>]+")
_MOST_REFERENCES: Final = 1000
NO_MESSAGE_ID_DOMAIN: Final = "no-message-id.invalid"


def normalise(text: str) -> str:
    """The one Message-ID that a field's text holds, or an empty string."""
    bracketed = _BRACKETED.search(text)
    inner = _UNWANTED.sub("", bracketed[1] if bracketed is not None else text)
    return f"<{inner}>" if inner else ""


def several(text: str) -> tuple[str, ...]:
    """The Message-IDs of a References or In-Reply-To field, in order, each once.

    Of a list longer than any thread the first and the last ones are kept. Words around ids in angle brackets
    are comments; without any brackets each word with an `@` is an id.
    """
    found = [inner for inner in (_UNWANTED.sub("", one) for one in _BRACKETED.findall(text)) if inner]
    if not found:
        found = [_UNWANTED.sub("", word) for word in re.split(r"[\s,;]+", text) if "@" in word]
    unique = list(dict.fromkeys(f"<{inner}>" for inner in found if inner))
    if len(unique) > _MOST_REFERENCES:
        unique = [unique[0], *unique[1 - _MOST_REFERENCES :]]
    return tuple(unique)


def made_from(raw: bytes) -> str:
    """The Message-ID of a mail that has none: the same bytes give the same id."""
    return f"<{hashlib.sha256(raw).hexdigest()}@{NO_MESSAGE_ID_DOMAIN}>"
