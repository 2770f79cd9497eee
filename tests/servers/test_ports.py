"""Ports of the tests: one that is given away is nobody else's, though its server comes later."""

import socket

import pytest

from tests.servers.ports import HOST, free_port, is_listening


def test_port_is_kept_for_the_server_that_is_told_of_it():
    port = free_port()
    assert not is_listening(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
    for _ in range(2):  # it may also end, and start again
        with socket.create_server((HOST, port)):
            assert is_listening(port)
