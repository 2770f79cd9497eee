"""Connecting to an IMAP server."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Imap
from espomail.errors import ServerTrouble
from espomail.reach import Watch, clean, no_starttls, reaching, tls_context

if TYPE_CHECKING:
    from espomail.intake.wire import Client

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
