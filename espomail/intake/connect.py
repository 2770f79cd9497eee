"""Connecting to an IMAP server and signing in."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Imap
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import Watch, clean, no_starttls, reaching, tls_context

if TYPE_CHECKING:
    from espomail.intake.wire import Client

_TEMPORARY_CODES: Final = ("UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG", "CONTACTADMIN")
NO_IMAP: Final = (  # what the libraries raise on an answer that is no IMAP
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def told_as_trouble(doing: str) -> Iterator[None]:
    """Whatever a server or the network does while we are `doing` something becomes a ServerTrouble."""
    from imapclient.exceptions import IMAPClientError

    try:
        yield
    except ServerTrouble:
        raise
    except TimeoutError as trouble:
        raise ServerTrouble(f"{doing}: the server does not answer in time") from trouble
    except (OSError, ssl.SSLError) as trouble:
        raise ServerTrouble(f"{doing}: the connection broke: {clean(trouble)}") from trouble
    except imaplib.IMAP4.abort as trouble:
        raise ServerTrouble(f"{doing}: the server broke off: {clean(trouble)}") from trouble
    except (imaplib.IMAP4.error, IMAPClientError) as trouble:
        raise ServerTrouble(f"{doing}: the server said: {clean(trouble)}") from trouble
    except NO_IMAP as trouble:
        raise ServerTrouble(f"{doing}: the server's answer makes no sense") from trouble


def connect(imap: Imap, timeout_s: float, watch: Watch) -> "Client":
    """A connection to the server, not yet signed in; encrypted as the configuration asks, or none at all.

    `timeout_s` is how long the server may be silent; the watch is over the connection from its first byte.
    Raises ServerTrouble.
    """
    from espomail.intake.wire import Client

    context = None if imap.security == "none" else tls_context(imap)
    with told_as_trouble(f"{imap.host}:{imap.port}: the greeting"), reaching(imap):
        client = Client(imap, context if imap.security == "tls" else None, timeout_s, watch)
        with ExitStack() as on_trouble:
            on_trouble.callback(shut, client)
            if imap.security == "starttls":
                if not client.has_capability("STARTTLS"):
                    raise no_starttls(imap)
                client.starttls(context)
            on_trouble.pop_all()
    return client


def shut(client: "Client") -> None:
    """Close the connection without a word; one that is broken already is no trouble."""
    with suppress(OSError):
        client.shutdown()


def log_in(client: "Client", imap: Imap, secret: str) -> None:
    """Sign in with LOGIN, or with PLAIN where LOGIN will not do.

    Raises LoginRefused, or ServerTrouble where the server has a trouble of its own.
    """
    from imapclient.exceptions import LoginError

    with told_as_trouble(f"{imap.host}: signing in"):
        sign_in = client.plain_login if _needs_plain(client, imap, secret) else client.login
        try:
            sign_in(imap.username, secret)
        except LoginError as refused:
            if isinstance(refused.__context__, imaplib.IMAP4.abort):  # imapclient calls that a refusal, too
                raise refused.__context__ from None
            said = clean(refused).replace(secret or "\0", "********")
            if any(f"[{code}]" in said.upper() for code in _TEMPORARY_CODES):
                raise ServerTrouble(f"{imap.host}: no sign-in for now: {said}") from None
            raise LoginRefused(f"{imap.host}: login of {imap.username} refused: {said}") from None


def _needs_plain(client: "Client", imap: Imap, secret: str) -> bool:
    """Whether LOGIN will not do: the server forbids it, or it cannot carry the secret's letters."""
    is_forbidden = client.has_capability("LOGINDISABLED")
    if is_forbidden and imap.security == "none":
        said = f"{imap.host}: takes no password in clear text; set security: starttls, or tls"
        raise ServerTrouble(said, is_temporary=False)
    is_simple = all(text.isascii() and text.isprintable() for text in (imap.username or "", secret))
    if is_simple and not is_forbidden:
        return False
    if not client.has_capability("AUTH=PLAIN"):
        why = "forbids LOGIN" if is_forbidden else "login and password have letters that LOGIN cannot carry"
        raise LoginRefused(f"{imap.host}: {why}, and the server does not offer PLAIN")
    return True
