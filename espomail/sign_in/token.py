"""An access token, as a mail server is shown it instead of a password."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec import Struct

USABLE: Final = re.compile(r"[\x21-\x7e]{1,32768}")
"""What may be a token: more than RFC 6750 §2.1 allows, and nothing that would end a SASL message."""


class Token(Struct, frozen=True, kw_only=True):
    """`newer` gives another one, if the server may only have refused this one for its age."""

    text: str
    expires_at: datetime | None = None  # None: not known
    authorized_at: datetime | None = None  # when somebody allowed it
    authorized_until: datetime | None = None  # None: not known
    newer: Callable[[], "Token | None"] = lambda: None

    def __repr__(self) -> str:
        return f"Token(********, expires_at={self.expires_at})"
