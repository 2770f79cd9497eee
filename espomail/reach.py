"""Reaching a server, of mail or of tokens: trusted certificates only, and each trouble told in one line."""

import heapq
import ipaddress
import itertools
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol

from espomail.config.section import MASK
from espomail.errors import ServerTrouble, TryAgainLater

SILENCE_S: Final = 25.0  # how long a server may say nothing
SLOWEST_BYTES_PER_S: Final = 100_000  # messages that travel as fast as this may take their time
LONGEST_SAID_CHARS: Final = 300
_BYTES_OF_PYTHON = re.compile(r"""\[?\bb(['"])(.*?)\1\]?""", re.DOTALL)
_OPENSSL = re.compile(r"\[\w+: \w+\] (.*) \(_ssl\.c:\d+\)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it."""


class Server(Protocol):
    """A server as it is reached, of whatever kind: `place` is where it stands in the configuration."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def ca_file(self) -> Path | None: ...
    @property
    def place(self) -> str: ...


class Watch:
    """Cuts a connection off once its time is over: whoever waits for it finds at once that it has ended.

    A time-out of the socket alone does not do that, since it begins anew with each byte that arrives. A watch
    that has cut goes on to do so: a connection that it is given later has no time at all.
    """

    def __init__(self) -> None:
        self.has_cut = False
        self.cut_at: float | None = None  # a moment of the monotonic clock; None: it watches no longer
        self._sock: socket.socket | None = None

    def over(self, sock: socket.socket) -> None:
        """Watch this connection from now on, instead of an earlier one or of what it was before its TLS."""
        self._sock = sock
        if self.has_cut:  # looked at after `_sock` is set, as `cut` sets it before it looks there
            self.cut()

    def allow(self, time_s: float) -> None:
        """So much time from now on, whatever was left."""
        self.cut_at = time.monotonic() + max(0.0, time_s)
        _watchman.wake_for(self, self.cut_at)

    def stop(self) -> None:
        """Watch no longer."""
        self.cut_at = None

    def cut(self) -> None:
        """End the connection under whoever waits for it: its reader sees the end, its writer an error."""
        self.has_cut = True
        if self._sock is not None:
            with suppress(OSError):
                # An SSLSocket's own `shutdown` would first let what is being written go on in clear text.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class _Watchman:
    """The one thread that cuts off, for all watches: a thread for each would cost more than a visit."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, int, Watch]] = []
        self._serial = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def wake_for(self, watch: Watch, moment: float) -> None:
        """Raises TryAgainLater where the system lets no thread begin."""
        with self._changed:
            heapq.heappush(self._alarms, (moment, next(self._serial), watch))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_watch, daemon=True)
                try:
                    self._thread.start()
                except RuntimeError as trouble:
                    raise TryAgainLater(f"no thread can be started: {trouble}") from trouble
            elif self._alarms[0][2] is watch:
                self._changed.notify()

    def _keep_watch(self) -> None:
        while True:
            with self._changed:
                while not self._alarms or self._alarms[0][0] > time.monotonic():
                    left_s = self._alarms[0][0] - time.monotonic() if self._alarms else None
                    self._changed.wait(left_s)
                moment, _, watch = heapq.heappop(self._alarms)
            if watch.cut_at == moment:
                watch.cut()


_watchman = _Watchman()


@contextmanager
def watched(time_s: float, where: str) -> Iterator[Watch]:
    """A watch that is wound up for so many seconds. A ServerTrouble that comes of its cut says so."""
    watch = Watch()
    watch.allow(time_s)
    try:
        yield watch
    except ServerTrouble as trouble:
        if watch.has_cut:
            raise ServerTrouble(f"{where}: the server does not answer in time: it is too slow") from trouble
        raise
    finally:
        watch.stop()


def clean(said: object, *secrets: str) -> str:
    """What a server or an exception said, for one line of ours: no control characters, not too long.

    Secrets are masked wherever they are repeated. Only then is the text cut, which could leave half of one.
    """
    text = _told(said) if isinstance(said, Exception) else _text(said)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _CONTROL.sub(" ", text).strip()[:LONGEST_SAID_CHARS]


def _told(trouble: Exception) -> str:
    """What an exception says, without Python's way of writing bytes and error numbers."""
    if isinstance(trouble, OSError) and trouble.strerror:
        return _OPENSSL.sub(r"\1", _text(trouble.strerror))
    return _BYTES_OF_PYTHON.sub(lambda found: found[2], _text(*trouble.args[:1]) if trouble.args else "")


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def tls_context(server: Server) -> ssl.SSLContext:
    """Certificate and host name are always verified, against the system's authorities or `ca_file`."""
    try:
        return _context(server.ca_file)
    except (OSError, ssl.SSLError) as trouble:
        advice = "name a file with certificates in PEM"
        said = f"{server.place}.ca_file: {server.ca_file} cannot be used: {clean(trouble)}; {advice}"
        raise ServerTrouble(said, is_temporary=False) from None


class Tls:
    """TLS with a server, under watch from the handshake on. To libraries it looks like an SSLContext."""

    def __init__(self, server: Server, watch: Watch) -> None:
        self._context = tls_context(server)
        self._watch = watch

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        """The connection, encrypted. Raises OSError."""
        wrapped = self._context.wrap_socket(
            sock, server_hostname=server_hostname, do_handshake_on_connect=False
        )
        try:
            self._watch.over(wrapped)
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def addresses_of(host: str, port: int | None, time_s: float) -> Sequence[AddressInfo]:
    """What the system knows of the host. Raises OSError, also when the time is over, or ValueError.

    A look-up cannot be cut: one that takes too long is left to a thread of its own. An address needs none.
    """
    if _is_address(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    answers: queue.SimpleQueue[Sequence[AddressInfo] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as trouble:
            answers.put(trouble)

    try:
        threading.Thread(target=look_up, daemon=True).start()
    except RuntimeError:  # the system lets no more threads begin
        look_up()
    try:
        answer = answers.get(timeout=max(0.1, time_s))
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def connected(host: str, port: int, time_s: float, watch: Watch) -> socket.socket:
    """A connection to one of the host's addresses, which share the time; it is watched. Raises OSError."""
    ends_at = time.monotonic() + time_s
    addresses = addresses_of(host, port, time_s)
    trouble = OSError("the host has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as its_trouble:  # as where the kernel has no IPv6
            trouble = its_trouble
            continue
        connection.settimeout(max(0.1, (ends_at - time.monotonic()) / (len(addresses) - number)))
        try:
            connection.connect(address)
        except OSError as its_trouble:
            connection.close()
            trouble = its_trouble
        else:
            connection.settimeout(time_s)
            watch.over(connection)
            return connection
    raise trouble


@lru_cache(maxsize=100)
def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Made once for all servers: reading the system's authorities takes longer than a handshake."""
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


@contextmanager
def reaching(server: Server) -> Iterator[None]:
    """Whatever the network does while we connect becomes a ServerTrouble that says what to do."""
    where = f"{server.host}:{server.port}"
    try:
        yield
    except ssl.SSLCertVerificationError as trouble:
        raise ServerTrouble(_about_certificate(where, server, trouble), is_temporary=False) from trouble
    except ssl.SSLError as trouble:
        said = (
            f"{where}: no TLS can be agreed on ({clean(trouble.reason or trouble)}); check port and security"
        )
        raise ServerTrouble(said) from trouble
    except socket.gaierror as trouble:
        raise ServerTrouble(f"{where}: the host is not known: {clean(trouble.strerror)}") from trouble
    except TimeoutError as trouble:
        raise ServerTrouble(f"{where}: the server does not answer in time") from trouble
    except OSError as trouble:
        raise ServerTrouble(f"{where}: cannot be reached: {clean(trouble.strerror or trouble)}") from trouble


def no_starttls(server: Server) -> ServerTrouble:
    """A server that offers no STARTTLS, or somebody in between who hides it, gets nothing from us."""
    where = f"{server.host}:{server.port}"
    return ServerTrouble(f"{where}: offers no STARTTLS, and nothing is sent in clear text; try security: tls")


def _about_certificate(where: str, server: Server, trouble: ssl.SSLCertVerificationError) -> str:
    said = clean(trouble.verify_message)
    if "expired" in said:
        hint = "it has to be renewed on the server"
    elif "match" in said:
        hint = f"it is not made out to {server.host}; write as host the name that it is made out to"
    else:
        hint = "if it comes from an authority of your own, name that one's certificate as ca_file"
    return f"{where}: the server's certificate is not trusted: {said}; {hint}"
