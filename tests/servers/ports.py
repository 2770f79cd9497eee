"""Loopback ports for private servers, and waiting for a condition instead of for a time."""

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")
HOST = "127.0.0.1"

# Below those that the kernel gives to clients, which could take one before its server does.
_PORTS = range(15000, 32000)
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on, and that this process has not given before."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        if port in _given or is_listening(port):
            continue
        _given.add(port)
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
