"""Loopback ports for private servers, and waiting for a condition instead of for a time."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")
HOST = "127.0.0.1"

_kept: list[socket.socket] = []


def free_port() -> int:
    """A port that nothing listens on, kept until this process ends: only a server told of it takes it."""
    keeper = socket.socket()
    keeper.bind((HOST, 0))
    # The kernel gives it to nobody who asks for any port; who names it, and sets the same, may listen there.
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _kept.append(keeper)
    port: int = keeper.getsockname()[1]
    return port


def wait_until(condition: Callable[[], T], what: str, timeout_s: float = 30) -> T:
    """Wait until the condition gives something true, and give that; AssertionError after the time-out."""
    over_at = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < over_at, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.02)
    return answer


def is_listening(port: int) -> bool:
    """Whether something takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


@contextmanager
def unanswering(host: str) -> Iterator[tuple[str, int]]:
    """An address where nobody answers a call, nor refuses it."""
    with socket.create_server((host, 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(3):  # the kernel answers nobody once so many wait
            caller = waiting.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        yield full.getsockname()
