"""Loopback ports for private servers, and waiting for a condition instead of for a time."""

import random
import socket
import time
from collections.abc import Callable
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
