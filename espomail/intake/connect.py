"""Connecting to an IMAP server."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Imap
from espomail.errors import ServerTrouble
from espomail.reach import Tls, Watch, clean, no_starttls, reaching, watched

if TYPE_CHECKING:
    from espomail.intake.wire import Client

GOODBYE_S: Final = 2.0  # nothing depends on it
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


class Refused(ServerTrouble):
    """The server has answered, only not as we wished: it can be asked for other things."""


@contextmanager
def told_as_trouble(doing: str) -> Iterator[None]:
    """Whatever a server or the network does while we are `doing` something becomes a ServerTrouble.

    It is a Refused where the connection can be used for more.
    """
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
        raise Refused(f"{doing}: the server said: {clean(trouble)}") from trouble
    except NO_IMAP as trouble:
        raise ServerTrouble(f"{doing}: the server's answer makes no sense") from trouble


def connect(imap: Imap, timeout_s: float, watch: Watch) -> "Client":
    """A connection to the server, not yet signed in; encrypted as the configuration asks, or none at all.

    `timeout_s` is how long the server may be silent; the watch is over the connection from its first byte.
    Raises ServerTrouble.
    """
    from espomail.intake.wire import Client

    tls = None if imap.security == "none" else Tls(imap, watch)
    with told_as_trouble(f"{imap.host}:{imap.port}: the greeting"), reaching(imap):
        client = Client(imap, tls if imap.security == "tls" else None, timeout_s, watch)
        with ExitStack() as on_trouble:
            on_trouble.callback(shut, client)
            if imap.security == "starttls":
                if not client.has_capability("STARTTLS"):
                    raise no_starttls(imap)
                client.starttls(tls)
            on_trouble.pop_all()
    return client


def leave(client: "Client") -> None:
    """Say goodbye, if the server still listens; that it does not is no trouble any more."""
    try:
        with watched(GOODBYE_S, "leaving") as watch, told_as_trouble("leaving"):
            watch.over(client.socket())
            client.logout()
    except ServerTrouble:
        shut(client)


def shut(client: "Client") -> None:
    """Close the connection without a word; one that is broken already is no trouble."""
    with suppress(OSError):
        client.shutdown()
