"""Connecting to an IMAP server and signing in."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Imap
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import clean, no_starttls, reaching, tls_context

if TYPE_CHECKING:
    from imapclient import IMAPClient

# A search over a large folder answers with one line of all its UIDs; imaplib takes a million bytes at most.
imaplib._MAXLINE = 64 * 1024**2  # type: ignore[attr-defined]

_TEMPORARY_CODES: Final = ("UNAVAILABLE", "INUSE", "LIMIT", "THROTTLED", "SERVERBUG", "CONTACTADMIN")


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
    except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as trouble:
        # What the libraries raise on an answer that is no IMAP.
        raise ServerTrouble(f"{doing}: the server's answer makes no sense: {clean(trouble)}") from trouble


def connect(imap: Imap, timeout_s: float) -> "IMAPClient":
    """A connection to the server, not yet signed in; encrypted as the configuration asks, or none at all.

    Raises ServerTrouble.
    """
    from imapclient import IMAPClient

    is_tls = imap.security == "tls"
    with told_as_trouble(f"{imap.host}:{imap.port}: the greeting"), reaching(imap):
        client = IMAPClient(
            imap.host,
            port=imap.port,
            ssl=is_tls,
            ssl_context=tls_context(imap) if is_tls else None,
            timeout=timeout_s,
        )
        with ExitStack() as on_trouble:
            on_trouble.callback(shut, client)
            if imap.security == "starttls":
                if not client.has_capability("STARTTLS"):
                    raise no_starttls(imap)
                client.starttls(tls_context(imap))
            on_trouble.pop_all()
    client.normalise_times = False  # INTERNALDATE with its own time zone
    client._imap.debug = 0  # imapclient sets 5, for which imaplib writes out every message as a repr
    return client


def shut(client: "IMAPClient") -> None:
    """Close the connection without a word; one that is broken already is no trouble."""
    with suppress(OSError):
        client.shutdown()


def log_in(client: "IMAPClient", imap: Imap, secret: str) -> None:
    """Sign in with LOGIN. Raises LoginRefused, or ServerTrouble where the server has a trouble of its own."""
    from imapclient.exceptions import LoginError

    with told_as_trouble(f"{imap.host}: signing in"):
        try:
            client.login(imap.username, secret)
        except LoginError as refused:
            if isinstance(refused.__context__, imaplib.IMAP4.abort):  # imapclient calls that a refusal, too
                raise refused.__context__ from None
            said = clean(refused).replace(secret, "********")
            if any(f"[{code}]" in said.upper() for code in _TEMPORARY_CODES):
                raise ServerTrouble(f"{imap.host}: no sign-in for now: {said}") from None
            raise LoginRefused(f"{imap.host}: login of {imap.username} refused: {said}") from None
