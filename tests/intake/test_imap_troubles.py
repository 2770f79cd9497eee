"""IMAP servers that fall silent, break off or talk nonsense: each ends in time, and says what it was."""

import time
from collections.abc import Iterator
from datetime import date

import pytest

from espomail.config.schema import Imap
from espomail.errors import ServerTrouble
from espomail.intake import imap as imap_module
from espomail.intake.imap import sign_in
from espomail.intake.messages import Position, RawMessage
from tests.servers.ports import HOST
from tests.servers.scripted_imap import DROP, MESSAGE, SILENCE, ScriptedImap

STAGES = ["GREETING", "LOGIN", "STATUS", "EXAMINE", "SEARCH", "ABOUT", "BODY"]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap() as scripted:
        yield scripted


def fetched(server: ScriptedImap, patience_s: float = 5) -> list[RawMessage]:
    imap = Imap(
        host=HOST,
        port=server.port,
        security="none",
        username="me",
        fetch_since=date(2020, 1, 1),
        place="mailboxes.m.imap",
    )
    with sign_in(imap, "secret", deadline=time.monotonic() + patience_s) as session:
        batches = session.new_messages(Position("INBOX"), since=imap.fetch_since, limit=9, max_size=10**6)
        return [message for batch in batches for message in batch.messages]


def test_server_that_behaves_is_read(server):
    assert [message.raw for message in fetched(server)] == [MESSAGE]


@pytest.mark.parametrize("stage", STAGES)
def test_server_that_falls_silent_is_given_up_in_time(server, monkeypatch, stage):
    monkeypatch.setattr(imap_module, "GRACE_S", 0.2)
    server.answers(stage, SILENCE)
    with pytest.raises(ServerTrouble, match=r"does not answer in time|broke"):
        fetched(server, patience_s=0.2)


@pytest.mark.parametrize("stage", STAGES)
def test_server_that_breaks_off_is_told(server, stage):
    server.answers(stage, DROP)
    with pytest.raises(ServerTrouble, match=HOST):
        fetched(server)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    "nonsense", [b"HTTP/1.1 400 Bad Request\r\n", b"\xff\xfe\x00\r\n", b"* ((((\r\n{tag} OK\r\n"]
)
def test_server_that_talks_nonsense_is_told(server, stage, nonsense):
    server.answers(stage, nonsense + DROP)
    with pytest.raises(ServerTrouble, match=HOST):
        fetched(server)


@pytest.mark.parametrize("stage", STAGES[1:])
@pytest.mark.parametrize("word", [b"NO", b"BAD"])
def test_server_that_refuses_is_quoted_without_its_control_characters(server, stage, word):
    server.answers(stage, b"{tag} " + word + b" not \x1b[31mtoday\r\n")
    with pytest.raises(ServerTrouble, match=r"not .*\[31mtoday"):
        fetched(server)


def test_literal_that_is_cut_off_gives_no_message(server):
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[] {5000}\r\nFrom: a" + DROP)
    with pytest.raises(ServerTrouble, match=r"broke|makes no sense"):
        fetched(server)


def test_message_that_nobody_asked_for_is_passed_over(server):
    stranger = b"* 9 FETCH (UID 99 BODY[] {3}\r\nabc)\r\n"
    server.answers("BODY", stranger + b"* 1 FETCH (UID 1 BODY[] {3}\r\nxyz)\r\n{tag} OK done\r\n")
    assert [(message.uid, message.raw) for message in fetched(server)] == [(1, b"xyz")]


def test_message_that_the_server_has_but_does_not_give_out_is_not_taken_for_a_deleted_one(server):
    server.answers("BODY", b"{tag} OK nothing\r\n")
    with pytest.raises(ServerTrouble, match="does not give out the message with UID 1"):
        fetched(server)


def test_message_that_is_nil_is_empty(server):
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[] NIL)\r\n{tag} OK done\r\n")
    assert [message.raw for message in fetched(server)] == [b""]


@pytest.mark.parametrize("code", [b"UNAVAILABLE", b"INUSE", b"LIMIT"])
def test_login_refused_for_now_is_no_wrong_password(server, code):
    server.answers("LOGIN", b"{tag} NO [" + code + b"] try later\r\n")
    with pytest.raises(ServerTrouble, match="no sign-in for now") as trouble:
        fetched(server)
    assert trouble.value.is_temporary
