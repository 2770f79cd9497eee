"""Asking somebody to allow us an account at a provider of tokens, and keeping what comes of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from espomail.config.oauth2 import OAuth2
from espomail.config.schema import Mailbox, Server
from espomail.errors import TryAgainLater, WrongConfiguration, WrongUsage
from espomail.sign_in import browser, device_code, token_file
from espomail.sign_in.grant import granted

Way = Literal["browser", "device"]
Protocol = Literal["imap", "smtp"]


class ToDo(Struct, frozen=True, kw_only=True):
    """What somebody has to do: open `url` in a browser, and type `code` in there, if there is one."""

    url: str
    code: str | None
    valid_s: float


class Authorized(Struct, frozen=True, kw_only=True):
    """What somebody has allowed. `until` is None where the provider does not say."""

    mailbox: str
    account: str
    scopes: tuple[str, ...]
    until: datetime | None
    file: str


def authorize(
    mailbox: Mailbox,
    *,
    protocol: Protocol | None,
    way: Way | None,
    port: int,
    clock: Callable[[], datetime],
    tell: Callable[[ToDo], None],
    complain: Callable[[str], None],
) -> Authorized:
    """Have somebody allow us the mailbox's account, and keep the tokens. `tell` is told what is to be done,
    `complain` what was done wrong.

    Raises WrongConfiguration where the mailbox has no such sign-in, WrongUsage where the provider has no such
    way, LoginRefused where it is not allowed, ServerTrouble.
    """
    server, oauth2 = _server(mailbox, protocol)
    account = server.username or ""
    with token_file.locked(oauth2, 0) as is_free:
        if not is_free:
            raise TryAgainLater(f"{oauth2.token_file}: a run is renewing these tokens; try again later")
        with token_file.replacing(oauth2):
            pass  # what cannot be kept is not asked for
    if _way(oauth2, way) == "device":
        code = device_code.begin(oauth2)
        tell(ToDo(url=code.url, code=code.user_code, valid_s=code.valid_s))
        answer = device_code.wait(oauth2, code)
    else:
        with browser.Visit(oauth2, account, port) as visit:
            tell(ToDo(url=visit.url, code=None, valid_s=browser.LONGEST_WAIT_S))
            answer = visit.wait(complain)
    grant = granted(oauth2, account, answer, clock().replace(microsecond=0))
    with token_file.locked(oauth2, 60) as is_ours:
        if not is_ours:
            raise token_file.busy(oauth2)
        with token_file.replacing(oauth2) as save:
            save(grant)
    return Authorized(
        mailbox=mailbox.key,
        account=account,
        scopes=grant.scopes,
        until=grant.authorized_until,
        file=str(oauth2.token_file),
    )


def _server(mailbox: Mailbox, protocol: Protocol | None) -> tuple[Server, OAuth2]:
    """The server to be signed in to, and how. Without a protocol, the first that wants tokens."""
    servers: tuple[tuple[str, Server | None], ...] = (("imap", mailbox.imap), ("smtp", mailbox.smtp))
    for name, server in servers:
        if protocol in (None, name) and server is not None and server.oauth2 is not None:
            return server, server.oauth2
    place = f"mailboxes.{mailbox.key}.{protocol or 'imap'}"
    raise WrongConfiguration(f"{place}.oauth2: is missing; without it there is nothing to be allowed")


def _way(oauth2: OAuth2, way: Way | None) -> Way:
    """Typing a code in elsewhere is easier than coming back to this machine, where the provider has it."""
    there: dict[Way, str | None] = {"device": oauth2.device_url, "browser": oauth2.authorization_url}
    if way is None:
        return "device" if oauth2.device_url else "browser"
    if there[way] is None:
        key = {"device": "device_url", "browser": "authorization_url"}[way]
        raise WrongUsage(f"--way {way}: the provider has none for mail; {oauth2.place}.{key} would name it")
    return way
