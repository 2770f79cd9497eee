"""The signed record token in the Message-IDs of our own mail: which mail it was, and of which record.

`<em1.INSTALLATION.KEY.KIND.TYPE.ID.EMAIL.UNIQUE.SIGNATURE@domain>`, all in lower case, so that a server that
folds the case of ids does not break the signature. An answer brings the token back in In-Reply-To or
References; nobody else can make one, so it may be trusted as far as the mail that carried it.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

Kind = Literal["reply", "auto-reply", "notification", "send"]

_KINDS: Final[Mapping[str, Kind]] = {kind: kind for kind in get_args(Kind)}
_PREFIX: Final = "em1"
_PURPOSE: Final = b"espomail record token 1\0"
_SIGNATURE_BYTES: Final = 16
_WORD = re.compile(r"[a-z0-9-]{1,40}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_NO_RECORD: Final = "none"
_LONGEST_CHARS: Final = 400


class Token(msgspec.Struct, frozen=True):
    """What a valid token says. `record_type` and `record_id` are both None for a mail about no record."""

    kind: Kind
    record_type: str | None
    record_id: int | None
    email_id: int
    unique: str


class Forged(msgspec.Struct, frozen=True):
    """An id with our installation's mark that we have not signed: somebody made it up, or it is damaged."""

    message_id: str


class Foreign(msgspec.Struct, frozen=True):
    """A token of another installation, which says nothing to this one."""

    installation_id: str


def make(token: Token, *, keys: Mapping[str, bytes], installation_id: str, domain: str) -> str:
    """The Message-ID that carries `token`, signed with the newest key: the last of `keys`.

    Raises ValueError for words that do not fit: ids, `unique` and `record_type` are of a-z, 0-9 and `-`.
    """
    key_id = next(reversed(list(keys)))
    words = (
        *(_PREFIX, installation_id, key_id, token.kind, token.record_type or _NO_RECORD),
        *(str(token.record_id or 0), str(token.email_id), token.unique),
    )
    for word in words:
        if _WORD.fullmatch(word) is None:
            raise ValueError(f"{word!r} cannot stand in a Message-ID token")
    signed = ".".join(words)
    return f"<{signed}.{_signature(signed, keys[key_id])}@{domain}>"


def read(
    message_id: str, *, keys: Mapping[str, bytes], installation_id: str
) -> Token | Forged | Foreign | None:
    """What a Message-ID says, if it is a token; None for any other. Never raises."""
    local = message_id.strip().removeprefix("<").rpartition("@")[0].lower()
    if len(local) > _LONGEST_CHARS or not local.startswith(f"{_PREFIX}."):
        return None
    words = local.split(".")
    if len(words) < 2 or _WORD.fullmatch(words[1]) is None:
        return None
    if words[1] != installation_id.lower():
        return Foreign(words[1])
    signed, _, signature = local.rpartition(".")
    key = keys.get(words[2]) if len(words) > 2 else None
    if key is None or not _is_same(signature, _signature(signed, key)):
        return Forged(message_id)
    return _token(words[3:-1]) or Forged(message_id)


def _token(words: list[str]) -> Token | None:
    if len(words) != 5 or (kind := _KINDS.get(words[0])) is None:
        return None
    _, record_type, record_id, email_id, unique = words
    if not _NUMBER.fullmatch(record_id) or not _NUMBER.fullmatch(email_id):
        return None
    has_record = record_type != _NO_RECORD
    return Token(
        kind=kind,
        record_type=record_type if has_record else None,
        record_id=int(record_id) if has_record else None,
        email_id=int(email_id),
        unique=unique,
    )


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("ascii"))


def _signature(signed: str, key: bytes) -> str:
    digest = hmac.new(key, _PURPOSE + signed.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.b32encode(digest[:_SIGNATURE_BYTES]).decode("ascii").rstrip("=").lower()
