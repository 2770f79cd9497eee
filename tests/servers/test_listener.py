"""Servers of our own making: they end with their test, whoever is still connected."""

import socket
import threading
from collections.abc import Callable

import pytest

from tests.servers.conversation import Conversation
from tests.servers.listener import Listener
from tests.servers.ports import HOST, wait_until
from tests.servers.scripted_imap import SILENCE, ScriptedImap
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.servers.token_server import TokenServer


def silent_imap() -> ScriptedImap:
    server = ScriptedImap()
    server.answers("GREETING", SILENCE)
    return server


def conversation() -> Conversation:
    return Conversation("220 hello", "221 bye")


@pytest.mark.parametrize("server_of", [ScriptedImap, silent_imap, ScriptedSmtp, TokenServer, conversation])
def test_server_leaves_no_thread_behind_though_a_client_stays(server_of: Callable[[], Listener]):
    before = {*threading.enumerate()}
    with socket.socket() as client:
        with server_of() as server:
            client.connect((HOST, server.port))
            wait_until(lambda: len({*threading.enumerate()} - before) == 2, "the client's thread")
        assert {*threading.enumerate()} <= before
        while client.recv(4096):  # up to the end that the server has made
            pass


def test_server_that_nobody_has_called_leaves_no_thread_behind():
    before = {*threading.enumerate()}
    with conversation():
        pass
    assert {*threading.enumerate()} <= before
