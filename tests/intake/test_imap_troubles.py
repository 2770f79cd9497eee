"""IMAP servers that fall silent, break off or talk nonsense: each ends in time, and says what it was."""

import socket
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from espomail.config.schema import Imap
from espomail.errors import LoginRefused, ServerTrouble
from espomail.intake import imap as imap_module
from espomail.intake.connect import Refused
from espomail.intake.imap import sign_in
from espomail.intake.messages import Batch, Known, Position, RawMessage, Target
from tests.servers.ports import HOST, unanswering
from tests.servers.scripted_imap import DRIP, DROP, MESSAGE, SILENCE, ScriptedImap

PASSWORD = "secret"
START = Position("INBOX")
ABOUT_THREE = b"".join(
    b'* %d FETCH (UID %d FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 3)\r\n' % (uid, uid)
    for uid in (1, 2, 3)
)
DONE = b"{tag} OK done\r\n"
STAGES = ["GREETING", "LOGIN", "STATUS", "EXAMINE", "SEARCH", "ABOUT", "BODY"]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap() as scripted:
        yield scripted


def imap_of(server: ScriptedImap) -> Imap:
    return Imap(
        host=HOST,
        port=server.port,
        security="none",
        username="me",
        fetch_since=date(2020, 1, 1),
        place="mailboxes.m.imap",
    )


def fetched(
    server: ScriptedImap,
    patience_s: float = 5,
    *,
    secret: str = PASSWORD,
    position: Position = START,
    max_size: int = 10**6,
    security: Literal["none", "starttls"] = "none",
) -> list[RawMessage]:
    imap = msgspec.structs.replace(imap_of(server), security=security)
    with sign_in(imap, secret, deadline=time.monotonic() + patience_s) as session:
        batches = session.new_messages(
            position, since=imap.fetch_since, limit=9, max_size=max_size, now=datetime.now(UTC)
        )
        return [message for batch in batches for message in batch.messages]


def test_server_that_behaves_is_read(server):
    assert [message.raw for message in fetched(server)] == [MESSAGE]


def test_folder_without_anything_new_costs_three_commands(server):
    read = Position("INBOX", uidvalidity=7, last_uid=1, last_date=datetime(2026, 11, 24, tzinfo=UTC))
    assert fetched(server, position=read) == []
    assert [line.split()[1] for line in server.heard.splitlines()] == [b"LOGIN", b"STATUS", b"LOGOUT"]


def test_new_mail_costs_seven_commands_and_the_last_known_one_is_looked_at_with_it(server):
    hold_three(server)
    server.answers("BODY", body(3) + DONE)
    read = Position("INBOX", 7, 2, datetime(2026, 11, 24, 10, tzinfo=UTC), special_use="")
    assert [message.uid for message in fetched(server, position=read)] == [3]
    commands = [line.split()[1:5] for line in server.heard.splitlines() if b"CAPABILITY" not in line]
    names = [b"LOGIN", b"STATUS", b"EXAMINE", b"UID", b"UID", b"UID", b"LOGOUT"]
    assert [command[0] for command in commands] == names
    assert commands[4][1:3] == [b"FETCH", b"2,3"]


@pytest.mark.parametrize("stage", STAGES)
def test_server_that_falls_silent_is_given_up_in_time(server, monkeypatch, stage):
    monkeypatch.setattr(imap_module, "GRACE_S", 0.2)
    server.answers(stage, SILENCE)
    with pytest.raises(ServerTrouble, match=r"does not answer in time|broke"):
        fetched(server, patience_s=0.2)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("begin", [b"", b"* 1 FETCH (UID 1 BODY[] {99999}\r\n"])
def test_server_that_sends_a_byte_now_and_then_is_given_up_in_time(server, monkeypatch, stage, begin):
    monkeypatch.setattr(imap_module, "GRACE_S", 0.2)
    server.answers(stage, begin + DRIP)
    began = time.monotonic()
    with pytest.raises(ServerTrouble, match="does not answer in time: it is too slow"):
        fetched(server, patience_s=0.2)
    assert time.monotonic() - began < 5


def test_time_that_is_over_before_there_is_a_connection_ends_it_as_well(server, monkeypatch):
    """The server's name is looked up slowly."""
    look_up = socket.getaddrinfo

    def slowly(*of: Any, **kinds: Any) -> Any:
        time.sleep(0.5)
        return look_up(*of, **kinds)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    monkeypatch.setattr(imap_module, "GRACE_S", 0.2)
    server.answers("GREETING", b"* OK " + DRIP)
    began = time.monotonic()
    with pytest.raises(ServerTrouble, match="does not answer in time: it is too slow"):
        fetched(server, patience_s=0)
    assert time.monotonic() - began < 5


def test_address_of_the_host_that_does_not_answer_leaves_time_for_the_others(server, monkeypatch):
    with unanswering("127.0.0.2") as address:
        both = [address, (HOST, server.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in both]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        monkeypatch.setattr(imap_module, "SILENCE_S", 4)
        began = time.monotonic()
        assert [message.raw for message in fetched(server)] == [MESSAGE]
        assert time.monotonic() - began < 3.5


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


def hold_three(server: ScriptedImap) -> None:
    """Let the folder have three messages; of what is in them the server says nothing yet."""
    server.answers("STATUS", b'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT 4)\r\n' + DONE)
    server.answers("EXAMINE", b"* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n" + DONE)
    server.answers("SEARCH", b"* SEARCH 1 2 3\r\n" + DONE)
    server.answers("ABOUT", ABOUT_THREE + DONE)


def body(uid: int) -> bytes:
    return b"* %d FETCH (UID %d BODY[] {3}\r\nxyz)\r\n" % (uid, uid)


def batches_until_refused(
    server: ScriptedImap, said: str, known: Mapping[int, Known] | None = None
) -> list[Batch]:
    """The batches that come before the server's refusal is told."""
    batches: list[Batch] = []
    with sign_in(imap_of(server), PASSWORD, deadline=time.monotonic() + 5) as session:
        new = session.new_messages(
            Position("INBOX", uidvalidity=7),
            since=date(2020, 1, 1),
            limit=9,
            max_size=10**6,
            now=datetime.now(UTC),
            recall=lambda _uidvalidity, _from_uid: known or {},
        )
        with pytest.raises(Refused, match=said):
            batches.extend(new)
    return batches


@pytest.mark.parametrize("how", ["left out", "refused"])
def test_message_that_is_withheld_keeps_no_other_back(server, how):
    hold_three(server)
    if how == "left out":
        server.answers("BODY", body(1) + body(3) + DONE)
        said = "does not give out the message with UID 2; move"
    else:
        server.answers("BODY", body(1) + b"{tag} NO some \x1b[31mmail is broken\r\n", to="FETCH 1,2,3 ")
        server.answers("BODY", body(1) + DONE, to="FETCH 1 ")
        server.answers("BODY", b"{tag} NO this mail is broken\r\n", to="FETCH 2 ")
        server.answers("BODY", body(3) + DONE, to="FETCH 3 ")
        said = r"does not give out the message with UID 2 \(.*this mail is broken\); move"
    (batch,) = batches_until_refused(server, said)
    assert [message.uid for message in batch.messages] == [1, 3]
    assert (batch.position.last_uid, batch.remaining) == (1, 1)


def test_message_that_is_withheld_is_asked_for_again_and_what_is_known_is_not(server):
    hold_three(server)
    server.answers("ABOUT", ABOUT_THREE.splitlines(keepends=True)[1] + DONE)
    server.answers("BODY", DONE)
    known = {uid: Known(uid, datetime(2026, 11, 24, 10, tzinfo=UTC), 3) for uid in (1, 3)}
    (batch,) = batches_until_refused(server, "does not give out the message with UID 2", known)
    assert batch.messages == []
    assert [line.split()[3] for line in server.heard.splitlines() if b" FETCH " in line] == [b"3,2", b"2"]


def test_what_is_known_above_one_that_is_withheld_may_be_another_message_by_now(server):
    hold_three(server)
    server.answers("BODY", body(1) + body(2) + body(3) + DONE)
    known = {uid: Known(uid, datetime(2026, 11, 23, 10, tzinfo=UTC), 3) for uid in (2, 3)}
    (batch,) = batches_until_refused(server, "UID 3 is another message's than when it was read", known)
    assert [message.uid for message in batch.messages] == [1, 2, 3]


def test_folder_of_which_the_server_gives_nothing_is_told_as_a_whole(server):
    hold_three(server)
    server.answers("BODY", b"{tag} NO not now\r\n")
    assert batches_until_refused(server, "folder INBOX: the server said: .*not now") == []


@pytest.mark.parametrize("stage", ["GREETING", "LOGIN"])
def test_signing_in_ends_in_time_however_long_the_session_may_last(server, monkeypatch, stage):
    monkeypatch.setattr(imap_module, "LONGEST_SIGN_IN_S", 0.3)
    server.answers(stage, b"* OK still here" + DRIP)
    began = time.monotonic()
    with (
        pytest.raises(ServerTrouble, match="too slow"),
        sign_in(imap_of(server), PASSWORD, deadline=began + 600),
    ):
        pass
    assert time.monotonic() - began < 10


def test_session_may_last_longer_than_signing_in(server, monkeypatch):
    monkeypatch.setattr(imap_module, "LONGEST_SIGN_IN_S", 0.3)
    with sign_in(imap_of(server), PASSWORD, deadline=time.monotonic() + 600) as session:
        time.sleep(0.5)  # nothing can be waited for: the session must live on
        assert session.folders() == ["INBOX"]


def test_message_refused_in_one_folder_is_no_suspect_where_the_connection_breaks_in_another(server):
    hold_three(server)
    server.answers("BODY", b"{tag} NO not these\r\n")
    server.answers("ABOUT", DROP, to="FETCH 1 ")
    imap = imap_of(server)
    asked = {"since": imap.fetch_since, "limit": 9, "max_size": 10**6, "now": datetime.now(UTC)}
    other = Position("Other", 7, last_date=datetime.now(UTC), suspects=(1,))
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 5) as session:
        with pytest.raises(Refused, match="not these"):
            list(session.new_messages(START, **asked))
        with pytest.raises(ServerTrouble, match="broke off"):
            next(session.new_messages(other, **asked, suspects_only=True))


@pytest.mark.parametrize("digits", [19, 20, 400])
def test_size_beyond_reason_is_that_of_a_large_message(server, digits):
    about = b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE %s)\r\n'
    server.answers("ABOUT", about % (b"9" * digits) + DONE)
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[HEADER]<0> {9}\r\nFrom: a\r\n)\r\n" + DONE)
    (message,) = fetched(server)
    assert (message.is_partial, message.size) == (True, 2**53 - 1)


@pytest.mark.parametrize("stage", ["EXAMINE", "SEARCH"])
def test_uid_that_no_server_can_have_makes_no_sense(server, stage):
    huge = b"9" * 20
    server.answers("EXAMINE", b"* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %s] x\r\n" % huge + DONE)
    if stage == "SEARCH":
        server.answers("EXAMINE", b"* OK [UIDVALIDITY 7] x\r\n" + DONE)
        server.answers("SEARCH", b"* SEARCH " + huge + b"\r\n" + DONE)
    with pytest.raises(ServerTrouble, match="makes no sense"):
        fetched(server)


def test_large_message_on_a_slow_line_ends_with_the_time_of_its_mailbox(server, monkeypatch):
    monkeypatch.setattr(imap_module, "GRACE_S", 0.2)
    about = b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 9000000)\r\n'
    server.answers("ABOUT", about + DONE)
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[] {9000000}\r\n" + DRIP)
    began = time.monotonic()
    with pytest.raises(ServerTrouble, match="it is too slow"):
        fetched(server, patience_s=0.2, max_size=10**8)
    assert time.monotonic() - began < 5


def new_batches(server: ScriptedImap, position: Position, *, limit: int = 9, **more: Any) -> list[Batch]:
    """What one visit to a folder brings."""
    imap = imap_of(server)
    asked = {"since": imap.fetch_since, "limit": limit, "max_size": 10**8, "now": datetime.now(UTC), **more}
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 5) as session:
        return list(session.new_messages(position, **asked))


def test_suspect_that_is_given_out_at_last_hides_none_below_that_is_still_to_come(server):
    hold_three(server)
    server.answers("BODY", body(3) + DONE)
    read = Position("INBOX", 7, 0, datetime.now(UTC), special_use="", suspects=(3,))
    (batch,) = new_batches(server, read, suspects_only=True)
    assert [message.uid for message in batch.messages] == [3]
    assert (batch.position.last_uid, batch.position.suspects, batch.remaining) == (0, (), 2)


def test_only_so_many_messages_are_asked_for_as_are_wanted(server):
    hold_three(server)
    server.answers("BODY", body(1) + DONE)
    assert [len(batch.messages) for batch in new_batches(server, START, limit=1)] == [1]
    assert [line.split()[3] for line in server.heard.splitlines() if b" FETCH " in line] == [b"1", b"1"]


@pytest.mark.parametrize("answer", [SILENCE, b"* 1 FETCH (UID 1 BODY[] {9000000}\r\n" + DRIP])
def test_message_for_which_the_time_was_too_short_is_no_suspect(server, monkeypatch, answer):
    monkeypatch.setattr(imap_module, "SILENCE_S", 1)
    monkeypatch.setattr(imap_module, "GRACE_S", -3)
    hold_three(server)
    server.answers("BODY", answer)
    imap = imap_of(server)
    batches: list[Batch] = []
    with (
        pytest.raises(ServerTrouble, match="does not answer in time"),
        sign_in(imap, PASSWORD, deadline=time.monotonic() + 5) as session,
    ):
        batches.extend(
            session.new_messages(
                START, since=imap.fetch_since, limit=9, max_size=10**8, now=datetime.now(UTC)
            )
        )
    assert batches == []


@pytest.mark.parametrize(
    ("target", "copied"),
    [(Target("Done", 7, 2), [11]), (Target("Done", 7, 3), []), (Target("Done", 6, 9), [11])],
    ids=["since", "before", "the folder was made anew"],
)
def test_of_messages_that_are_alike_as_many_are_copied_as_the_target_has_more_since(server, target, copied):
    server.answers("LIST", b'* LIST () "/" "Done"\r\n' + DONE)
    server.answers("SEARCH", b"* SEARCH 2\r\n" + DONE)
    server.answers("ABOUT", ABOUT_THREE.splitlines(keepends=True)[1] + DONE)
    alike = datetime(2026, 11, 24, 10, tzinfo=UTC)
    known = {10: Known(1, alike, 4), 11: Known(2, alike, 3), 12: Known(3, alike, 3)}
    with sign_in(imap_of(server), PASSWORD, deadline=time.monotonic() + 5) as session:
        assert list(session.deeds.copied(target, known)) == copied


def test_message_that_only_looks_like_the_known_one_is_taken_in_and_what_is_here_counts_as_read(server):
    hold_three(server)
    server.answers(
        "ABOUT",
        ABOUT_THREE.replace(b'UID 3 FLAGS () INTERNALDATE "24', b'UID 3 FLAGS () INTERNALDATE "25') + DONE,
    )
    server.answers("BODY", body(1) + body(2) + DONE)
    known = {
        1: Known(1, datetime(2026, 11, 24, 10, tzinfo=UTC), 4),
        3: Known(2, datetime(2026, 11, 25, 10, tzinfo=UTC), 3),
    }
    (batch,) = new_batches(server, START, recall=lambda _uidvalidity, _from_uid: known)
    assert [message.uid for message in batch.messages] == [1, 2]
    assert (batch.position.last_uid, batch.position.last_date) == (3, known[3].received_at)


def test_mail_that_the_servers_days_have_kept_from_us_is_no_other_than_was_read(server):
    hold_three(server)
    server.answers(
        "ABOUT", ABOUT_THREE.replace(b"24-Nov-2026 10:00:00 +0000", b"23-Nov-2026 23:00:00 -0500", 1) + DONE
    )
    server.answers("BODY", body(2) + body(3) + DONE)
    read = Position("INBOX", 7, 1, datetime(2026, 11, 24, tzinfo=UTC), special_use="")
    (batch,) = new_batches(server, read, since=date(2026, 11, 24))
    assert [message.uid for message in batch.messages] == [2, 3]


def test_folder_that_gets_no_part_of_the_portion_tells_how_much_is_left(server):
    hold_three(server)
    with sign_in(imap_of(server), PASSWORD, deadline=time.monotonic() + 5) as session:
        (batch,) = session.new_messages(
            START, since=date(2020, 1, 1), limit=0, max_size=10**6, now=datetime.now(UTC)
        )
    assert batch == Batch([], msgspec.structs.replace(START, special_use=""), 3)


@pytest.mark.parametrize("size", [10**8, 10**12, 2**62, 10**30])
def test_announced_size_far_beyond_the_message_is_not_believed(server, size):
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[] {%d}\r\nFrom" % size)
    with pytest.raises(ServerTrouble, match=f"a literal of {size} bytes is more than was asked for"):
        fetched(server)


def test_answer_nested_beyond_reason_makes_no_sense(server):
    server.answers("BODY", b"* 1 FETCH " + b"(" * 100_000 + b"\r\n{tag} OK done\r\n")
    with pytest.raises(ServerTrouble, match="makes no sense"):
        fetched(server)


@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (BODY[] {3}\r\nxyz UID 1)\r\n",
        b"* 1 FETCH (FLAGS (\\Seen) UID 1 BODY[] {3}\r\nxyz)\r\n",
        b'* 1 FETCH (UID 1 BODY[] "xyz")\r\n',
        b"* 1 FETCH (UID 1 BODY[] {3}\r\nxyz FLAGS (\\Seen))\r\n",
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (uid 1 body[] {3}\r\nxyz)\r\n* 2 EXISTS\r\n",
    ],
)
def test_message_is_found_in_an_answer_of_any_shape(server, answer):
    server.answers("BODY", answer + b"{tag} OK done\r\n")
    assert [message.raw for message in fetched(server)] == [b"xyz"]


@pytest.mark.parametrize(
    "about",
    [
        b'RFC822.SIZE 44 UID 1 INTERNALDATE "24-Nov-2026 11:00:00 +0100" FLAGS (\\Seen)',
        b'UID 1 FLAGS (\\Seen) INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 44',
        b'UID 1 FLAGS (\\Seen) INTERNALDATE "24-Nov-2026 05:00:00 -0500" RFC822.SIZE 44 MODSEQ (12)',
    ],
)
def test_flags_and_date_are_found_in_an_answer_of_any_shape(server, about):
    of_another = b"* 1 FETCH (FLAGS (\\Deleted))\r\n"  # the first message of the folder, not UID 1
    server.answers("ABOUT", b"* 3 FETCH (" + about + b")\r\n" + of_another + b"{tag} OK done\r\n")
    (message,) = fetched(server)
    assert message.flags == (r"\Seen",)
    assert message.internal_date == datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert message.internal_date.utcoffset() == timedelta(0)


def test_message_whose_date_cannot_be_read_is_taken_for_an_old_one(server):
    server.answers(
        "ABOUT",
        b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "99-Foo-2026 10:00:00 +0000" RFC822.SIZE 44)\r\n'
        b"{tag} OK done\r\n",
    )
    (message,) = fetched(server)
    assert message.raw == MESSAGE
    assert message.internal_date == datetime(2020, 1, 1, tzinfo=UTC)


def test_folder_set_back_to_an_older_state_is_told_before_its_new_mail_is_missed(server):
    with pytest.raises(ServerTrouble, match="next UID is 2, but UIDs up to 9 have been read") as trouble:
        fetched(server, position=Position("INBOX", uidvalidity=7, last_uid=9))
    assert not trouble.value.is_temporary


def test_password_is_not_sent_in_clear_text_to_a_server_that_forbids_it(server):
    server.answers("GREETING", b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] ready\r\n")
    server.answers("CAPABILITY", b"* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN\r\n{tag} OK done\r\n")
    with pytest.raises(ServerTrouble, match="no password in clear text; set security: starttls") as trouble:
        fetched(server)
    assert not trouble.value.is_temporary
    assert b"secret" not in server.heard
    assert b"AUTHENTICATE" not in server.heard


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n", "offers no STARTTLS"),
        (b"* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK done\r\n", "STARTTLS"),
    ],
    ids=["hidden", "refused"],
)
def test_nothing_is_sent_in_clear_text_where_somebody_takes_starttls_away(server, said, told):
    server.answers("GREETING", b"* OK ready\r\n")
    server.answers("CAPABILITY", said)
    with pytest.raises(ServerTrouble, match=told):
        fetched(server, security="starttls")
    assert b"LOGIN" not in server.heard
    assert b"AUTHENTICATE" not in server.heard
    assert b"secret" not in server.heard


def test_password_that_the_server_has_no_way_to_take_is_told_and_not_shown(server):
    with pytest.raises(LoginRefused, match="letters that LOGIN cannot carry") as refused:
        fetched(server, secret="größe-s3cr3t")
    assert "s3cr3t" not in str(refused.value)


def test_of_a_header_without_end_the_beginning_is_taken(server):
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[HEADER]<0> {9}\r\nFrom: a\r\n)\r\n{tag} OK done\r\n")
    (message,) = fetched(server, max_size=10)
    assert (message.raw, message.is_partial, message.size) == (b"From: a\r\n", True, 44)
    assert b"BODY.PEEK[HEADER]<0.1048576>" in server.heard


def test_message_that_is_nil_is_empty(server):
    server.answers("BODY", b"* 1 FETCH (UID 1 BODY[] NIL)\r\n{tag} OK done\r\n")
    assert [message.raw for message in fetched(server)] == [b""]


@pytest.mark.parametrize("code", [b"UNAVAILABLE", b"INUSE", b"LIMIT"])
def test_login_refused_for_now_is_no_wrong_password(server, code):
    server.answers("LOGIN", b"{tag} NO [" + code + b"] try later\r\n")
    with pytest.raises(ServerTrouble, match="no sign-in for now") as trouble:
        fetched(server)
    assert trouble.value.is_temporary


def test_password_of_a_letter_is_not_looked_for_in_what_a_server_says(server):
    server.answers("LOGIN", b"{tag} NO Authentication failed\r\n")
    with pytest.raises(LoginRefused, match="Authentication failed"):
        fetched(server, secret="i")


def test_login_that_the_server_does_not_understand_is_no_wrong_password(server):
    server.answers("LOGIN", b"{tag} BAD internal confusion\r\n")
    with pytest.raises(ServerTrouble, match=r"no sign-in for now: .*internal confusion") as trouble:
        fetched(server)
    assert not isinstance(trouble.value, LoginRefused)
    assert trouble.value.is_temporary
