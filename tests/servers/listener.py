"""A server of our own making on a loopback port: it listens, and a subclass says what it serves."""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.servers.ports import HOST


class Listener:
    """Start it with `with`. It serves each connection in a thread of its own, and leaves none behind."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._served: list[tuple[socket.socket, threading.Thread]] = []

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # closing it would wake nobody who waits in it
        self._accepting.join()
        self._listener.close()
        for connection, thread in self._served:
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            assert not thread.is_alive(), f"{self} still serves somebody"

    def serve(self, connection: socket.socket) -> None:
        """Serve a connection until either side ends it, or `is_over` is set; then it is closed."""
        raise NotImplementedError

    def _accept(self) -> None:
        while not self.is_over.is_set():
            with suppress(OSError):  # it is over, or whoever came has gone
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._served.append((connection, thread))
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the client has gone
            self.serve(connection)


def reset_when_closed(connection: socket.socket) -> None:
    """Let a connection be broken off at its end, as by a router that has forgotten it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
