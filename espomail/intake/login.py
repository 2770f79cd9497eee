"""Signing in to an IMAP server: LOGIN or PLAIN with a password, OAUTHBEARER or XOAUTH2 with a token."""

import imaplib
from typing import TYPE_CHECKING, Final, NoReturn

from espomail.config.schema import Imap
from espomail.config.secrets import maskable
from espomail.errors import LoginRefused, ServerTrouble
from espomail.intake.connect import told_as_trouble
from espomail.reach import clean
from espomail.sign_in.sasl import MECHANISMS, TokenExchange, chosen
from espomail.sign_in.token import Token

if TYPE_CHECKING:
    from imapclient.exceptions import LoginError

    from espomail.intake.wire import Client

_TEMPORARY_CODES: Final = ("UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG", "CONTACTADMIN")
_BAD: Final = " COMMAND ERROR: BAD "  # as imaplib tells of it


def log_in(client: "Client", imap: Imap, secret: str | Token) -> str:
    """Sign in with a password or a token; gives the method that the server has taken.

    Raises LoginRefused, or ServerTrouble where the server has a trouble of its own.
    """
    with told_as_trouble(f"{imap.host}: signing in"):
        if isinstance(secret, Token):
            return _with_token(client, imap, secret)
        return _with_password(client, imap, secret)


def _with_password(client: "Client", imap: Imap, password: str) -> str:
    from imapclient.exceptions import LoginError

    needs_plain = _needs_plain(client, imap, password)
    try:
        (client.plain_login if needs_plain else client.login)(imap.username, password)
    except LoginError as refused:
        _refuse(imap, refused, "", password)
    return "PLAIN" if needs_plain else "LOGIN"


def _with_token(client: "Client", imap: Imap, token: Token) -> str:
    from imapclient.exceptions import LoginError

    mechanism = chosen(lambda name: bool(client.has_capability(f"AUTH={name}")))
    if mechanism is None:
        said = f"takes no tokens: the server offers neither {' nor '.join(MECHANISMS)}"
        raise LoginRefused(f"{imap.host}: {said}; use a password, or another port")
    exchange = TokenExchange(mechanism, imap, token)
    try:
        client.authenticate(mechanism, exchange.first, exchange.answer)
    except LoginError as refused:
        newer = None if _is_temporary(refused) else token.newer()
        if newer is not None:
            return _with_token(client, imap, newer)
        _refuse(
            imap, refused, f"the token: {exchange.reason}" if exchange.reason else "the token", token.text
        )
    return mechanism


def _refuse(imap: Imap, refused: "LoginError", what: str, secret: str) -> NoReturn:
    if isinstance(refused.__context__, imaplib.IMAP4.abort):  # imapclient calls that a refusal, too
        raise refused.__context__ from None
    said = clean(refused, *maskable(secret))
    if _is_temporary(refused):
        raise ServerTrouble(f"{imap.host}: no sign-in for now: {said}") from None
    why = f"{what}: {said}" if what else said
    raise LoginRefused(f"{imap.host}: login of {imap.username} refused: {why}") from None


def _is_temporary(refused: "LoginError") -> bool:
    """Whether the server has a trouble of its own. BAD says nothing of a login: it has not understood."""
    said = str(refused).upper()
    return _BAD in said or any(f"[{code}]" in said for code in _TEMPORARY_CODES)


def _needs_plain(client: "Client", imap: Imap, password: str) -> bool:
    """Whether LOGIN will not do: the server forbids it, or it cannot carry the password's letters."""
    is_forbidden = client.has_capability("LOGINDISABLED")
    if is_forbidden and imap.security == "none":
        said = f"{imap.host}: takes no password in clear text; set security: starttls, or tls"
        raise ServerTrouble(said, is_temporary=False)
    is_simple = all(text.isascii() and text.isprintable() for text in (imap.username or "", password))
    if is_simple and not is_forbidden:
        return False
    if not client.has_capability("AUTH=PLAIN"):
        why = "forbids LOGIN" if is_forbidden else "login and password have letters that LOGIN cannot carry"
        instead = (
            "; it takes tokens: set oauth2"
            if chosen(lambda name: client.has_capability(f"AUTH={name}"))
            else ""
        )
        raise LoginRefused(f"{imap.host}: {why}, and the server does not offer PLAIN{instead}")
    return True
