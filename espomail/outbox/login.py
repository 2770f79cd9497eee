"""Signing in to an SMTP server: PLAIN or LOGIN with a password, OAUTHBEARER or XOAUTH2 with a token."""

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from typing import TYPE_CHECKING, Final, NoReturn

from espomail.config.schema import Smtp
from espomail.config.secrets import maskable
from espomail.errors import LoginRefused, ServerTrouble
from espomail.outbox.connect import answer
from espomail.sign_in.sasl import MECHANISMS, TokenExchange, chosen
from espomail.sign_in.token import Token

if TYPE_CHECKING:
    from smtplib import SMTP

TAKEN: Final = 235
CHALLENGE: Final = 334
LONGEST_LINE: Final = 12_000  # an AUTH command may be 12,288 long (RFC 4954 §4)


def log_in(client: "SMTP", smtp: Smtp, secret: str | Token) -> str:
    """Sign in with a password or a token; gives the method that the server has taken.

    Raises LoginRefused, or ServerTrouble where the server has a trouble of its own, and smtplib's errors.
    """
    if isinstance(secret, Token):
        return _with_token(client, smtp, secret)
    return _with_password(client, smtp, secret)


def _with_password(client: "SMTP", smtp: Smtp, password: str) -> str:
    """PLAIN, whose texts are UTF-8 (RFC 4616), before the others, which take ASCII alone."""
    import smtplib

    username, offered = smtp.username or "", _offered(client)
    is_ascii = username.isascii() and password.isascii()
    method = next((name for name in ("PLAIN", "LOGIN", "CRAM-MD5") if name in offered), None)
    if method is None:
        if chosen(offered.__contains__):
            raise LoginRefused(f"{smtp.host}: takes tokens, and no password: set oauth2")
        raise smtplib.SMTPNotSupportedError(f"no login with a password is offered, but {_listed(offered)}")
    if method != "PLAIN" and not is_ascii:
        said = "login and password have letters that only PLAIN can carry, and the server does not offer it"
        raise LoginRefused(f"{smtp.host}: {said}")
    if method == "PLAIN":
        first = _coded("\0".join(("", username, password)).encode())
        code, said_back = client.docmd("AUTH", f"PLAIN {first}")
        if code != TAKEN:
            _refuse(smtp, code, said_back, "", password)
        return method
    client.user, client.password = username, password
    try:
        client.auth(method, client.auth_login if method == "LOGIN" else client.auth_cram_md5)
    except smtplib.SMTPAuthenticationError as refused:
        _refuse(smtp, refused.smtp_code, refused.smtp_error, "", password)
    return method


def _with_token(client: "SMTP", smtp: Smtp, token: Token) -> str:
    mechanism = chosen(_offered(client).__contains__)
    if mechanism is None:
        said = f"takes no tokens: the server offers {_listed(_offered(client))}"
        raise LoginRefused(f"{smtp.host}: {said}, neither {' nor '.join(MECHANISMS)}; use a password")
    exchange = TokenExchange(mechanism, smtp, token)
    code, said_back = _exchanged(client, exchange)
    if code == TAKEN:
        return mechanism
    newer = token.newer() if 500 <= code < 600 else None
    if newer is None:
        what = f"the token: {exchange.reason}" if exchange.reason else "the token"
        _refuse(smtp, code, said_back, what, token.text)
    return _with_token(client, smtp, newer)


def _exchanged(client: "SMTP", exchange: TokenExchange) -> tuple[int, bytes]:
    """The server's last answer. A challenge after the first message tells why it refuses."""
    first = _coded(exchange.first)
    command = f"{exchange.mechanism} {first}"
    if len(command) < LONGEST_LINE:
        code, said = client.docmd("AUTH", command)
    else:
        code, said = client.docmd("AUTH", exchange.mechanism)
        if code == CHALLENGE:
            code, said = client.docmd(first)
    while code == CHALLENGE:
        reply = exchange.answer(_decoded(said))
        code, said = client.docmd("*" if reply is None else _coded(reply))
        if reply is None:
            break
    return code, said


def _refuse(smtp: Smtp, code: int, said_back: bytes | str, what: str, secret: str) -> NoReturn:
    said = answer(code, said_back, *maskable(secret))
    why = f"{what}: {said}" if what else said
    if not 500 <= code < 600:
        raise ServerTrouble(f"{smtp.host}: no sign-in for now: {why}") from None
    raise LoginRefused(f"{smtp.host}: login of {smtp.username} refused: {why}") from None


def _offered(client: "SMTP") -> list[str]:
    return client.esmtp_features.get("auth", "").upper().split()


def _listed(offered: list[str]) -> str:
    return ", ".join(offered) or "no login"


def _coded(message: bytes) -> str:
    return b64encode(message).decode()


def _decoded(challenge: bytes) -> bytes:
    try:
        return b64decode(challenge)
    except NoBase64:
        return challenge
