"""What servers and the network say, as it is told to people."""

import imaplib
import smtplib
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from espomail import reach
from espomail.config.schema import Imap
from espomail.config.validate import decode_amount
from espomail.errors import ServerTrouble, TryAgainLater
from espomail.reach import (
    LONGEST_SAID_CHARS,
    Tls,
    Watch,
    addresses_of,
    clean,
    connected,
    tls_context,
    watched,
)
from tests.servers.ports import HOST


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that never says anything."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"NO \xff such user\r\n\x1b[31m", "NO \ufffd such user [31m"),
        (imaplib.IMAP4.error(b"[ALERT] Mailbox is full"), "[ALERT] Mailbox is full"),
        (
            imaplib.IMAP4.error("LOGIN command error: BAD [b'Try later']"),
            "LOGIN command error: BAD Try later",
        ),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), "Connection unexpectedly closed"),
        (ValueError(), ""),
    ],
)
def test_what_was_said_is_told_in_its_own_words(said: object, told: str) -> None:
    assert clean(said) == told


@pytest.mark.parametrize("before", [0, LONGEST_SAID_CHARS - 15, LONGEST_SAID_CHARS - 5, LONGEST_SAID_CHARS])
def test_no_piece_of_the_secret_is_left_where_a_long_text_is_cut(before: int) -> None:
    told = clean(f"{'x' * before}hunter2-hunter2 was wrong", "hunter2-hunter2")
    assert "hunt" not in told
    assert len(told) <= LONGEST_SAID_CHARS


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), (b"\0\xff", "no certificate or crl found")],
)
def test_a_ca_file_that_is_none_is_told_without_error_numbers(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    settings = {"host": "localhost", "fetch_since": "2026-11-01", "ca_file": str(file)}
    told = rf"ca\.pem cannot be used: {why}; name a file with certificates in PEM$"
    with pytest.raises(ServerTrouble, match=told):
        tls_context(msgspec.convert(settings, Imap, dec_hook=decode_amount))


def test_connection_that_comes_after_the_time_is_over_is_cut_at_once(silent: int) -> None:
    watch = Watch()
    watch.cut()
    with connected(HOST, silent, 5, watch) as connection:
        assert connection.recv(1) == b""


def test_handshake_ends_when_the_time_is_over(silent: int) -> None:
    server = Imap(host=HOST, port=silent, fetch_since=date(2026, 1, 1))
    with watched(0.1, "the server") as watch:
        connection = connected(HOST, silent, 5, watch)
        with pytest.raises(OSError, match=r"EOF|reset|not connected|Broken pipe"):
            Tls(server, watch).wrap_socket(connection, server_hostname=HOST)


def test_host_is_looked_up_though_the_system_lets_no_thread_begin(monkeypatch):
    def no_thread(**_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(reach, "threading", SimpleNamespace(Thread=no_thread))
    assert (HOST, 25) in [one[4] for one in addresses_of("localhost", 25, 5)]


def test_connection_that_nobody_can_watch_over_is_for_later(monkeypatch):
    class NoThread:
        def __init__(self, **_: object) -> None:
            pass

        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(reach, "_watchman", reach._Watchman())
    monkeypatch.setattr(reach, "threading", SimpleNamespace(Thread=NoThread))
    with pytest.raises(TryAgainLater, match="no thread can be started"), reach.watched(5, "somewhere"):
        pass
