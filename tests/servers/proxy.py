"""A bad network: a proxy on loopback that passes on what client and server say, or spoils it, as told."""

import select
import socket
import time
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Final

from tests.servers.listener import Listener, reset_when_closed
from tests.servers.ports import HOST

LONGEST_FAULT_S: Final = 30.0  # then the connection ends, so that no test hangs for ever
_SOME_BYTES: Final = 65536
_GLANCE_S: Final = 0.05


class Then(Enum):
    """What becomes of the connection once a fault has come."""

    GO_ON = auto()
    CUT = auto()  # closed in order, as by a server that ends
    RESET = auto()  # broken off, as by a router that has forgotten it
    SILENCE = auto()  # open, and nothing comes any more
    DRIP = auto()  # what the server says, byte by byte


@dataclass(frozen=True)
class Fault:
    """Where a connection goes bad, and how. Unless it is to GO_ON, what the server says after that is lost.

    The place is the first, in all that the server says on one connection, that comes after so many bytes, and
    after the bytes `seen`, and after those that the client has `asked`.
    """

    then: Then
    after_bytes: int = 0
    seen: bytes = b""
    asked: bytes = b""
    saying: bytes = b""  # what the client is told there, as if the server said it
    drip_s: float = 0.3  # the time between two bytes


class Proxy(Listener):
    """Start it with `with`. Clients connect to `port`; all of them meet the `fault`, if there is any."""

    def __init__(self, server_port: int) -> None:
        super().__init__()
        self.fault: Fault | None = None
        self.said = b""  # by the server, on the last connection
        self.asked = b""  # by the client, on the last connection
        self.faults_met = 0
        self._server_port = server_port

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection((HOST, self._server_port)) as server:
            for one in (connection, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Connection(self, connection, server).pass_on()


class _Connection:
    """One client's connection. It lasts until either side ends it, or its fault does."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._fault = proxy.fault
        self._said = bytearray()
        self._asked = bytearray()
        self._passed = 0  # bytes of what the server has said
        self._has_ended = False
        self._ends_at = inf

    def pass_on(self) -> None:
        while not self._proxy.is_over.is_set() and not self._has_ended:
            self._meet_fault()
            if self._has_ended:
                return
            readable, _, _ = select.select([self._client, self._server], [], [], _GLANCE_S)
            for one in readable:
                data = one.recv(_SOME_BYTES)
                if not data:
                    return
                if one is self._client:
                    self._hear(data)
                else:
                    self._said += data
                    self._proxy.said = bytes(self._said)

    def _hear(self, data: bytes) -> None:
        self._asked += data
        self._proxy.asked = bytes(self._asked)
        self._server.sendall(data)

    def _meet_fault(self) -> None:
        """Pass on what is sound of what the server has said, and spoil the rest."""
        place = self._place_of_fault()
        if place is None:
            self._pass(len(self._said))
            return
        self._pass(place)
        fault, self._fault = self._fault, None
        assert fault is not None
        self._proxy.faults_met += 1
        self._client.sendall(fault.saying)
        if fault.then is Then.GO_ON:
            self._pass(len(self._said))
            return
        self._has_ended = True
        self._ends_at = time.monotonic() + LONGEST_FAULT_S
        if fault.then is Then.RESET:
            reset_when_closed(self._client)
        elif fault.then is Then.SILENCE:
            self._say_no_more()
        elif fault.then is Then.DRIP:
            self._drip(fault.drip_s)

    def _place_of_fault(self) -> int | None:
        """Where in what the server says the fault comes; None as long as it has not come."""
        fault = self._fault
        if fault is None or fault.asked not in self._asked:
            return None
        place = max(self._passed, fault.after_bytes)
        if fault.seen:
            found = self._said.find(fault.seen)
            if found < 0:
                return None
            place = max(place, found + len(fault.seen))
        return place if place <= len(self._said) else None

    def _pass(self, until: int) -> None:
        if until > self._passed:
            self._client.sendall(self._said[self._passed : until])
            self._passed = until

    def _say_no_more(self) -> None:
        while self._client_waits():
            pass

    def _drip(self, drip_s: float) -> None:
        next_at = 0.0
        while self._client_waits():
            if self._server in select.select([self._server], [], [], 0)[0]:
                self._said += self._server.recv(_SOME_BYTES)
            if time.monotonic() >= next_at:
                self._pass(min(self._passed + 1, len(self._said)))
                next_at = time.monotonic() + drip_s

    def _client_waits(self) -> bool:
        """Whether the client is still there, after a glance at what it says, which the server is told."""
        if self._proxy.is_over.is_set() or time.monotonic() > self._ends_at:
            return False
        if not select.select([self._client], [], [], _GLANCE_S)[0]:
            return True
        data = self._client.recv(_SOME_BYTES)
        if data:
            self._hear(data)
        return bool(data)
