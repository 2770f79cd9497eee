"""What a server of somebody else's answers in JSON."""

from typing import Any

import msgspec


def object_in(answer: bytes) -> dict[str, Any]:
    """The object of JSON that an answer is; an empty one where it is anything else, as a page for people.

    Letters that are not UTF-8 are replaced: what it says beside them counts.
    """
    try:
        return msgspec.json.decode(answer.decode("utf-8", "replace"), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return {}
