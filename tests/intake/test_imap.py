"""Sessions with a real IMAP server."""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from espomail.config.schema import Imap
from espomail.crm.arrival import own_id_key
from espomail.errors import LoginRefused, ServerTrouble
from espomail.intake.connect import connect, shut, told_as_trouble
from espomail.intake.imap import sign_in
from espomail.intake.messages import Known, Position, RawMessage
from espomail.mail.parse import parse_headers
from espomail.reach import Watch
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST, free_port

LONG_AGO = date(2020, 1, 1)
START = Position("INBOX")
only_dovecot = pytest.mark.parametrize("mailboxes", ["dovecot"], indirect=True)


@pytest.fixture
def imap(mailboxes: Mailboxes, user: str) -> Imap:
    mailboxes.add_user(user)
    return Imap(
        host=HOST,
        port=mailboxes.imap_port,
        security="none",
        username=user,
        fetch_since=LONG_AGO,
        place="mailboxes.m.imap",
    )


def fetched(
    imap: Imap,
    position: Position = START,
    *,
    since: date = LONG_AGO,
    limit: int = 10_000,
    max_size: int = 10**8,
    now: datetime | None = None,
) -> tuple[list[RawMessage], Position]:
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        messages = []
        for batch in session.new_messages(
            position, since=since, limit=limit, max_size=max_size, now=now or datetime.now(UTC)
        ):
            messages += batch.messages
            position = batch.position
    return messages, position


def as_known(message: RawMessage) -> Known:
    return Known(
        1, message.internal_date, message.size, message_id_key=own_id_key(parse_headers(message.raw))
    )


def tls(imap: Imap, mailboxes: Mailboxes, **changes: object) -> Imap:
    return msgspec.structs.replace(
        imap,
        **{
            "port": mailboxes.imaps_port,
            "security": "tls",
            "ca_file": mailboxes.ca_file,
            "host": "localhost",
            **changes,
        },
    )


def test_messages_come_with_their_bytes_their_date_and_their_flags_untouched(mailboxes, user, imap):
    at = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
    mailboxes.deliver(user, mail("One"), at=at)
    mailboxes.deliver(user, mail("Two"), flags=[r"\Flagged"])
    messages, position = fetched(imap)
    assert [message.raw for message in messages] == [mail("One"), mail("Two")]
    assert messages[0].internal_date == at
    assert messages[1].flags == (r"\Flagged", r"\Recent") or r"\Flagged" in messages[1].flags
    assert position.last_uid == 2
    assert mailboxes.flags(user) == [set(), {r"\Flagged"}]


def test_only_what_is_above_the_position_comes_again(mailboxes, user, imap):
    mailboxes.deliver(user, mail("One"))
    _, position = fetched(imap)
    assert fetched(imap, position) == ([], position)
    mailboxes.deliver(user, mail("Two"))
    messages, later = fetched(imap, position)
    assert [message.raw for message in messages] == [mail("Two")]
    assert later.last_uid == 2


def test_first_run_takes_only_mail_since_the_configured_day_and_the_next_one_what_is_new(
    mailboxes, user, imap
):
    mailboxes.deliver(user, mail("Old"), at=datetime(2026, 1, 1, tzinfo=UTC))
    messages, position = fetched(imap, since=date(2026, 6, 1))
    assert messages == []
    assert position.last_uid == 1
    mailboxes.deliver(user, mail("New"))
    messages, _ = fetched(imap, position, since=date(2026, 6, 1))
    assert [message.raw for message in messages] == [mail("New")]


def test_first_run_in_portions_leaves_older_mail_alone_whatever_its_uid(mailboxes, user, imap):
    day = {"old": datetime(2026, 1, 1, tzinfo=UTC), "new": datetime(2026, 7, 1, tzinfo=UTC)}
    for age in ("new", "old", "new", "old", "new", "old"):
        mailboxes.deliver(user, mail(age), at=day[age])
    position, got = START, []
    for _ in range(4):
        messages, position = fetched(imap, position, since=date(2026, 6, 1), limit=1)
        got += [message.uid for message in messages]
    assert got == [1, 3, 5]
    assert position.last_uid == 6
    mailboxes.deliver(user, mail("moved here later"), at=day["old"])
    assert [one.uid for one in fetched(imap, position, since=date(2026, 6, 1))[0]] == [7]


def test_new_uidvalidity_brings_all_again_that_a_server_with_a_wrong_clock_may_have_taken_in(
    mailboxes, user, imap
):
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    mailboxes.command(user, "create", mailboxes.name("Box"))
    mailboxes.deliver(user, mail("Long ago"), folder=mailboxes.name("Box"), at=now - timedelta(days=9))
    mailboxes.deliver(user, mail("Lately"), folder=mailboxes.name("Box"), at=now)
    mailboxes.deliver(
        user, mail("Far ahead"), folder=mailboxes.name("Box"), at=datetime(2035, 1, 1, tzinfo=UTC)
    )
    _, position = fetched(imap, Position(mailboxes.name("Box")), now=now)
    position = msgspec.structs.replace(position, uidvalidity=position.uidvalidity - 1)
    messages, _ = fetched(imap, position, now=now)
    assert [message.raw for message in messages] == [mail("Lately"), mail("Far ahead")]


def test_new_uidvalidity_in_portions_brings_nothing_from_before_the_configured_day(mailboxes, user, imap):
    mailboxes.command(user, "create", mailboxes.name("Box"))
    for month in (8, 1, 8, 1):
        mailboxes.deliver(
            user, mail(str(month)), folder=mailboxes.name("Box"), at=datetime(2026, month, 1, tzinfo=UTC)
        )
    position, got = (
        Position(
            mailboxes.name("Box"), uidvalidity=1, last_uid=50, last_date=datetime(2026, 7, 1, tzinfo=UTC)
        ),
        [],
    )
    for _ in range(3):
        messages, position = fetched(imap, position, since=date(2026, 6, 1), limit=1)
        got += [message.raw for message in messages]
    assert got == [mail("8"), mail("8")]


def test_new_uidvalidity_brings_what_came_since_the_last_date_again(mailboxes, user, imap):
    now = datetime.now(UTC)
    mailboxes.command(user, "create", mailboxes.name("Box"))
    mailboxes.deliver(user, mail("Long ago"), folder=mailboxes.name("Box"), at=now - timedelta(days=9))
    mailboxes.deliver(user, mail("Lately"), folder=mailboxes.name("Box"), at=now)
    _, position = fetched(imap, Position(mailboxes.name("Box")))
    position = msgspec.structs.replace(position, uidvalidity=position.uidvalidity - 1)
    messages, later = fetched(imap, position)
    assert [message.raw for message in messages] == [mail("Lately")]
    assert later.uidvalidity == position.uidvalidity + 1


def test_many_messages_come_in_portions_each_with_its_position(mailboxes, user, imap):
    mailboxes.deliver(user, *[mail(str(number)) for number in range(450)])
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        batches = list(
            session.new_messages(START, since=LONG_AGO, limit=420, max_size=10**6, now=datetime.now(UTC))
        )
    assert [message.uid for batch in batches for message in batch.messages] == list(range(1, 421))
    assert [batch.position.last_uid for batch in batches][-1] == 420
    assert [batch.remaining for batch in batches][-1] == 30
    assert [len(batch.messages) for batch in batches] == [25, 50, 60, 60, 60, 60, 60, 45]


def test_batches_are_limited_in_bytes_too(mailboxes, user, imap):
    mailboxes.deliver(user, *[mail(str(number), body="x" * 1_500_000) for number in range(4)])
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 300) as session:
        batches = list(
            session.new_messages(START, since=LONG_AGO, limit=10, max_size=10**8, now=datetime.now(UTC))
        )
    assert [len(batch.messages) for batch in batches] == [2, 2]


def test_message_over_the_maximum_size_comes_as_its_header_alone(mailboxes, user, imap):
    mailboxes.deliver(user, mail("Big", body="x" * 5000), mail("Small"))
    messages, _ = fetched(imap, max_size=2000)
    assert [message.is_partial for message in messages] == [True, False]
    assert b"Subject: Big" in messages[0].raw
    assert b"xxx" not in messages[0].raw
    assert messages[0].size > 5000


def test_hole_left_by_a_deleted_message_is_passed_over(mailboxes, user, imap):
    mailboxes.deliver(user, *[mail(str(number)) for number in range(5)])
    client = mailboxes.client(user)
    client.select()
    client.store("2,5", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()
    messages, position = fetched(imap)
    assert [message.uid for message in messages] == [1, 3, 4]
    assert position.last_uid == 5


def test_messages_deleted_while_they_are_fetched_are_holes(mailboxes, user, imap):
    mailboxes.deliver(user, *[mail(str(number)) for number in range(120)])
    got: list[int] = []
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        for batch in session.new_messages(
            START, since=LONG_AGO, limit=10_000, max_size=10**8, now=datetime.now(UTC)
        ):
            if not got:
                client = mailboxes.client(user)
                client.select()
                client.uid("STORE", "60:70,120", "+FLAGS", r"(\Deleted)")
                client.expunge()
                client.logout()
            got += [message.uid for message in batch.messages]
            position = batch.position
    # Dovecot may still give out what others have deleted since the folder was selected.
    assert set(range(1, 60)) | set(range(71, 120)) <= set(got)
    assert got == sorted(set(got))
    assert position.last_uid == 120


@only_dovecot
def test_message_without_any_bytes_is_a_message(dovecot, user, imap):
    dovecot.deliver_file(user, b"")
    dovecot.deliver(user, mail("After"))
    messages, _ = fetched(imap)
    assert sorted(message.raw for message in messages) == [b"", mail("After")]


def test_folder_with_a_name_in_another_script_is_read(mailboxes, user, imap):
    on_the_wire = mailboxes.name("&BB4EQgQyBDUEQgRL- &- co")
    mailboxes.command(user, "create", f'"{on_the_wire}"')
    mailboxes.deliver(user, mail("Привет".encode().hex()), folder=on_the_wire)
    messages, _ = fetched(imap, Position(mailboxes.name("Ответы & co")))
    assert len(messages) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encrypted_session_trusts_the_configured_authority(mailboxes, user, imap, security):
    mailboxes.deliver(user, mail("One"))
    port = mailboxes.imaps_port if security == "tls" else mailboxes.imap_port
    assert len(fetched(tls(imap, mailboxes, security=security, port=port))[0]) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_session_ends_with_its_time_when_it_is_encrypted_too(mailboxes, imap, security):
    port = mailboxes.imaps_port if security == "tls" else mailboxes.imap_port
    watch = Watch()
    client = connect(tls(imap, mailboxes, security=security, port=port), 5, watch)
    watch.cut()
    with pytest.raises(ServerTrouble, match="the server broke off"), told_as_trouble("waiting"):
        client.noop()
    shut(client)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"ca_file": None},
            "certificate is not trusted: unable to get local issuer certificate; if it comes",
        ),
        ({"ca_file": Path("/nowhere.pem")}, "ca_file: /nowhere.pem cannot be used"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid:.*: the host is not known"),
    ],
)
def test_server_that_cannot_be_trusted_or_found_is_told_with_what_to_do(mailboxes, imap, change, said):
    with pytest.raises(ServerTrouble, match=said):
        fetched(tls(imap, mailboxes, **change))


@only_dovecot
def test_certificate_for_another_host_is_refused(user, imap):
    with (
        Dovecot(names=["elsewhere.example"]) as other,
        pytest.raises(ServerTrouble, match="it is not made out to localhost; write as host the name"),
    ):
        fetched(tls(imap, other))


@only_dovecot
def test_expired_certificate_is_refused(user, imap):
    with (
        Dovecot(until_days=-1) as expired,
        pytest.raises(ServerTrouble, match=r"expired.*renewed on the server"),
    ):
        fetched(tls(imap, expired))


def test_clear_text_server_on_a_tls_port_is_told(mailboxes, imap):
    with pytest.raises(ServerTrouble, match="no TLS can be agreed on"):
        fetched(tls(imap, mailboxes, port=mailboxes.imap_port))


def test_wrong_password_is_a_refused_login_that_does_not_show_it(imap):
    with (
        pytest.raises(LoginRefused, match=r"login of user.* refused") as refused,
        sign_in(imap, "wrong-secret", deadline=time.monotonic() + 30),
    ):
        pass
    assert "wrong-secret" not in str(refused.value)


@only_dovecot
def test_port_on_which_nothing_listens_is_told(imap):
    with pytest.raises(ServerTrouble, match=r"cannot be reached: Connection refused"):
        fetched(msgspec.structs.replace(imap, port=free_port()))


def test_missing_folder_is_told_with_those_that_are_there(mailboxes, user, imap):
    mailboxes.command(user, "create", mailboxes.name("Archive"))
    there = ", ".join(sorted([mailboxes.name("Archive"), "INBOX"]))
    with pytest.raises(ServerTrouble, match=f"there is no folder 'Box'; there are: {there}$") as trouble:
        fetched(imap, Position("Box"))
    assert not trouble.value.is_temporary


def test_of_many_folders_some_are_named(mailboxes, user, imap):
    for number in range(25):
        mailboxes.command(user, "create", mailboxes.name(f"Folder-{number:02}"))
    with pytest.raises(ServerTrouble, match=r"there are: .*Folder-00, .*Folder-18.* and 6 more$"):
        fetched(imap, Position("Box"))


@only_dovecot
@pytest.mark.parametrize("security", ["none", "tls"])
def test_user_name_in_another_script_signs_in(dovecot, user, imap, security):
    name = f"größe-{user}"
    dovecot_imap = imap if security == "none" else tls(imap, dovecot)
    assert fetched(msgspec.structs.replace(dovecot_imap, username=name))[0] == []


def test_messages_are_marked_moved_and_deleted_one_by_one(mailboxes, user, imap):
    mailboxes.deliver(user, *[mail(str(number)) for number in range(4)])
    mailboxes.command(user, "store", "4", "+FLAGS", r"(\Deleted)", folder="INBOX")
    messages, position = fetched(imap)
    first, second, third, _ = ({one.uid: as_known(one)} for one in messages)
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        session.deeds.mark_seen("INBOX", position.uidvalidity, first)
        session.deeds.move("INBOX", position.uidvalidity, second, mailboxes.name("Done"))
        session.deeds.delete("INBOX", position.uidvalidity, third)
    assert mailboxes.messages(user) == [mail("0"), mail("3")]
    assert mailboxes.flags(user) == [{r"\Seen"}, {r"\Deleted"}]
    assert mailboxes.messages(user, mailboxes.name("Done")) == [mail("1")]


def test_folder_that_is_only_the_way_to_another_is_made_before_mail_is_moved_there(mailboxes, user, imap):
    mailboxes.command(user, "create", mailboxes.name("Done", "Old"))
    mailboxes.deliver(user, mail("One"))
    (message,), position = fetched(imap)
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        session.deeds.move("INBOX", position.uidvalidity, {1: as_known(message)}, mailboxes.name("Done"))
    assert mailboxes.messages(user, mailboxes.name("Done")) == [mail("One")]


@only_dovecot
@pytest.mark.parametrize("name", ["%", "a*"])
def test_folder_whose_name_is_a_pattern_is_made_as_any_other(mailboxes, user, imap, name):
    mailboxes.command(user, "create", "abc")
    mailboxes.deliver(user, mail("One"))
    (message,), position = fetched(imap)
    with sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session:
        session.deeds.move("INBOX", position.uidvalidity, {1: as_known(message)}, name)
    assert mailboxes.messages(user, name) == [mail("One")]


@pytest.mark.parametrize("mailboxes", ["cyrus"], indirect=True)
def test_what_a_login_may_not_do_is_told_with_what_to_do(mailboxes, user, imap):
    mailboxes.deliver(user, mail("One"))
    (message,), position = fetched(imap)
    mailboxes.set_rights(user, "lr")
    with (
        pytest.raises(ServerTrouble, match="Permission denied; have this login given the right"),
        sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session,
    ):
        session.deeds.mark_seen("INBOX", position.uidvalidity, {1: as_known(message)})


@pytest.mark.parametrize("mailboxes", ["cyrus"], indirect=True)
def test_folder_that_cannot_be_made_is_told_with_how_folders_are_named(imap):
    with (
        pytest.raises(ServerTrouble, match=r"Permission denied; names of folders begin with INBOX\. on this"),
        sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session,
    ):
        session.append("Sent", mail("One"), datetime.now(UTC))


def test_nothing_is_changed_in_a_folder_that_has_new_uids(mailboxes, user, imap):
    mailboxes.deliver(user, mail("One"))
    (message,), _ = fetched(imap)
    with (
        pytest.raises(ServerTrouble, match="has new UIDs; deleting is given up"),
        sign_in(imap, PASSWORD, deadline=time.monotonic() + 30) as session,
    ):
        session.deeds.delete("INBOX", 12345, {1: as_known(message)})
    assert len(mailboxes.messages(user)) == 1
