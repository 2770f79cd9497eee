"""Text of the configuration that goes to servers and into headers stays on one line, whatever is typed."""

import re
from collections.abc import Iterator
from typing import Final

from espomail.config.faults import Fault, Path

# Control characters, what Python and mail programs take for the end of a line, and halves of characters.
_UNWANTED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Text for people, phrases to look for, arguments of programs, and secrets, of which the first line counts.
_MAY_HAVE_LINES: Final = frozenset(
    {
        "signature",
        "body_contains",
        "body_contains_all",
        *("password", "password_command", "token_command", "client_secret", "client_secret_command"),
    }
)


def character_faults(data: object, path: Path = ()) -> Iterator[Fault]:
    """Each text of the file's content that is more than one line, or holds control characters."""
    if isinstance(data, str):
        found = _UNWANTED.search(data)
        if found is not None:
            yield Fault(path, f"must be one line without control characters; it holds U+{ord(found[0]):04X}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from character_faults(item, (*path, index))
    elif isinstance(data, dict):
        for key, value in data.items():
            if key not in _MAY_HAVE_LINES:
                yield from character_faults(value, (*path, key))
