"""Showing a token to a mail server by SASL: which mechanism, what is said, and what a refusal means.

OAUTHBEARER is RFC 7628; XOAUTH2 is Google's, which Microsoft knows alone.
"""

import re
from collections.abc import Callable
from typing import Final

from espomail.config.servers import Server
from espomail.reach import clean
from espomail.sign_in.answer import object_in
from espomail.sign_in.token import Token

MECHANISMS: Final = ("OAUTHBEARER", "XOAUTH2")  # the better one first
END: Final = {"OAUTHBEARER": b"\x01", "XOAUTH2": b""}
"""What ends the exchange once the server has told why it refuses: without it, it would wait for ever."""

_MEANINGS: Final = (
    (re.compile(r"invalid_token|40[01]"), "it is no longer good, or belongs to another account or service"),
    (re.compile(r"insufficient_scope|403"), "it does not allow this; the scopes are too few"),
    (re.compile(r"invalid_request"), "the server does not understand the request"),
    (re.compile(r"temporar|5\d\d"), "the server cannot check it for now"),
)


class TokenExchange:
    """One try to sign in. After a refusal `reason` tells what the server has said about it."""

    def __init__(self, mechanism: str, server: Server, token: Token) -> None:
        self.mechanism = mechanism
        self.first = _first_message(mechanism, server, token.text)
        self.reason = ""
        self._is_over = False

    def answer(self, challenge: bytes) -> bytes | None:
        """What to say to a challenge after the first message; None to break off, should there be another."""
        if self._is_over:
            return None
        self._is_over = True
        self.reason = in_words(challenge)
        return END[self.mechanism]


def chosen(is_offered: Callable[[str], bool]) -> str | None:
    """The mechanism to use, of those that the server offers."""
    return next((name for name in MECHANISMS if is_offered(name)), None)


def in_words(challenge: bytes) -> str:
    """What a server's JSON says about a token that it refuses (RFC 7628 §3.2.2). Whatever it is, one line."""
    told = object_in(challenge)
    status = clean(told.get("status", ""))
    meaning = next((words for pattern, words in _MEANINGS if pattern.search(status)), "")
    scope = clean(told.get("scope") or "")
    details = (f"status {status}" if status else "", f"it wants the scope {scope}" if scope else "")
    told_so = "; ".join(filter(None, details))
    return f"{meaning} ({told_so})" if meaning else told_so or clean(challenge)


def _first_message(mechanism: str, server: Server, token: str) -> bytes:
    username = server.username or ""
    if mechanism == "XOAUTH2":
        return f"user={username}\x01auth=Bearer {token}\x01\x01".encode()
    name = username.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 §4
    return f"n,a={name},\x01host={server.host}\x01port={server.port}\x01auth=Bearer {token}\x01\x01".encode()
