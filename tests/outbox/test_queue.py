"""What becomes of the mail that waits in the outbox."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from peewee import IntegrityError, OperationalError

from espomail import run
from espomail.config.load import load
from espomail.crm import outgoing
from espomail.errors import ServerTrouble
from espomail.intake import imap
from espomail.outbox import queue, smtp
from espomail.outbox.copies import MOST_TRIES
from espomail.outbox.queue import Delivered
from espomail.outbox.untold import untold
from espomail.report import FetchReport, FetchRequest
from espomail.sign_in import secret
from espomail.store import connection
from espomail.store.changes import change
from espomail.store.models import Email, Note, Outbox, SentCopy
from tests.office import CONFIG, NOW, Office, mail
from tests.servers.ports import HOST, free_port
from tests.servers.scripted_imap import ANSWERS, SILENCE, ScriptedImap
from tests.servers.scripted_smtp import DRIP, DROP, ScriptedSmtp

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SALES = """
  sales:
    kind: group
    address: sales@example.com
    imap: {host: 127.0.0.1, port: 1, security: none, password: x, fetch_since: 2026-01-01}
    teams: [sales]
    case: {create: true}
    auto_reply: {template: case-received}
"""


class Post(Office):
    """An office whose SMTP server says what the test wants."""

    def __init__(self, folder: Path, server: ScriptedSmtp) -> None:
        self.server = server
        super().__init__(folder, self.text())

    def text(self, *replaced: tuple[str, str], more: str = "") -> str:
        text = CONFIG
        for old, new in (
            ("host: imap.example.com", "host: 127.0.0.1, port: 1, security: none"),
            ("smtp: {host: smtp.example.com}", f"smtp: {{{self.at(self.server.port)}}}"),
            *replaced,
        ):
            assert old in text
            text = text.replace(old, new)
        return text + more

    def at(self, port: int) -> str:
        return f"host: {HOST}, port: {port}, security: none"

    def configure(self, *replaced: tuple[str, str], more: str = "") -> None:
        self.path.write_text(self.text(*replaced, more=more), encoding="utf-8")
        self.config = load(self.path).config

    def deliver(self, at: datetime = NOW, *, within_s: float = inf) -> Delivered:
        return queue.deliver_due(self.config, lambda: at, deadline=time.monotonic() + within_s)

    def fetch(self, at: datetime = NOW) -> FetchReport:
        """A whole run; its IMAP servers cannot be reached."""
        report = run.fetch(load(self.path), FetchRequest(), clock=lambda: at)
        connection.open_database(self.config.database, now=at)
        return report

    def told(self) -> tuple[str, ...]:
        """What a run would tell of its messages, which is remembered as told."""
        news = untold()
        news.are_told()
        return news.lines

    def set(self, number: int = 1, **values: Any) -> None:
        self.write((change(Outbox, number, **values),))

    def retry(self, number: int = 1, at: datetime = NOW) -> None:
        self.write(outgoing.retry([number], at))

    def outbox(self, *columns: str) -> list[Any]:
        return self.rows(Outbox, *columns)

    def notes(self, kind: str) -> list[str]:
        return [text for type_, text in self.rows(Note, "type", "text") if type_ == kind]

    def statuses(self) -> list[str]:
        """Of the mails that we wrote."""
        return [status for status in self.rows(Email, "status") if status != "archived"]


@pytest.fixture
def post(tmp_path: Path, scripted_smtp: ScriptedSmtp) -> Iterator[Post]:
    yield Post(tmp_path / "office", scripted_smtp)
    connection.close_database()


def told_of_smtp(report: FetchReport) -> list[str]:
    return [line for line in report.news if "(SMTP)" in line or line.startswith("outbox")]


# --- whose server


def test_mailbox_without_a_server_sends_by_the_shared_one_of_the_system_mailbox(post: Post):
    shared = (
        f"smtp: {{{post.at(post.server.port)}}}",
        f"smtp: {{{post.at(post.server.port)}, shared: true}}",
    )
    post.configure(shared, more=f"{SALES}system_mailbox: support\n")
    post.receive(mail("Price?", to="sales@example.com"), mailbox="sales")
    post.receive(mail("Help!"))
    assert post.deliver().outbox.sent == 2
    assert post.outbox("state") == ["sent", "sent"]
    assert post.server.verbs.count("EHLO") == 1


def test_mail_without_a_server_waits_and_tells_why_when_that_begins_and_ends(post: Post):
    post.receive(mail())
    post.configure(("  support:\n", "  help:\n"))
    (line,) = told_of_smtp(post.fetch())
    assert (
        line == "mailbox support (SMTP): is not in the configuration any more; its mail waits in the outbox"
    )
    assert post.outbox("state", "error", "tries") == [("waiting", line.partition(": ")[2], 0)]
    assert told_of_smtp(post.fetch()) == []
    post.configure()
    assert told_of_smtp(post.fetch()) == ["mailbox support (SMTP): works again"]
    assert post.outbox("state", "error") == [("sent", None)]


def test_mailbox_that_lost_its_server_is_told_with_the_key(post: Post):
    post.receive(mail())
    post.configure(
        (f"    smtp: {{{post.at(post.server.port)}}}\n", ""),
        ("    auto_reply: {template: case-received, from_name: Example Support}\n", ""),
    )
    trouble = post.deliver().troubles["support"] or ""
    assert trouble.startswith("mailboxes.support.smtp: is missing, and system_mailbox shares none")
    assert post.outbox("error") == [trouble]


def test_mail_whose_server_cannot_be_reached_tells_why_it_waits_and_has_not_been_tried(post: Post):
    post.receive(mail())
    post.configure((f"port: {post.server.port}", f"port: {free_port()}"))
    assert post.fetch().exit_code == 1
    ((state, tries, error, next_try_at),) = post.outbox("state", "tries", "error", "next_try_at")
    assert (state, tries, next_try_at) == ("waiting", 0, NOW)
    assert "cannot be reached" in error


def test_slow_server_leaves_the_others_their_time(post: Post, monkeypatch):
    monkeypatch.setattr(smtp, "LEAST_S", 0.1)
    with ScriptedSmtp() as slow:
        slow.answers("EHLO", DRIP)
        post.configure(
            (f"port: {post.server.port}", f"port: {slow.port}"),
            more=SALES.replace("teams", f"smtp: {{{post.at(post.server.port)}}}\n    teams"),
        )
        post.receive(mail("Help!"))
        post.receive(mail("Price?", to="sales@example.com"), mailbox="sales")
        began = time.monotonic()
        delivered = post.deliver(within_s=2)
    assert time.monotonic() - began < 6
    assert "too slow" in (delivered.troubles["support"] or "")
    assert post.outbox("state") == ["waiting", "sent"]


def test_nothing_is_begun_after_the_deadline(post: Post):
    post.receive(mail())
    assert post.deliver(within_s=-1).outbox.waiting == 1
    assert post.server.verbs == []
    assert post.outbox("tries", "error") == [(0, None)]


def test_message_is_left_alone_when_the_time_is_over_before_its_server_is_ready(post: Post, monkeypatch):
    monkeypatch.setattr(smtp, "LEAST_S", 1)
    post.server.answers("RSET", "silence")
    post.receive(*(mail(f"Question {number}", f"c{number}@customer.example") for number in range(2)))
    post.deliver(within_s=1)
    assert post.outbox("state", "tries") == [("sent", 1), ("waiting", 0)]


def test_mail_that_waits_for_its_next_try_tells_its_own_reason(post: Post):
    post.server.answers("RCPT", "450 later")
    post.receive(mail("One", "c1@customer.example"))
    post.deliver()
    post.receive(mail("Two", "c2@customer.example"))
    post.configure((f"port: {post.server.port}", f"port: {free_port()}"))
    post.deliver()
    first, second = post.outbox("error")
    assert "450 later" in first
    assert "cannot be reached" in second


@pytest.mark.parametrize("where", ["secret_for", "after"], ids=["before a message", "within a message"])
def test_fault_of_the_program_over_one_server_stops_no_other_and_is_told_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, where: str
):
    as_it_is, calls = getattr(queue, where), list[object]()

    def faulty(*given: Any, **named: Any) -> Any:
        calls.append(given)
        if len(calls) == 1 or (where == "secret_for" and given[0].place.startswith("mailboxes.support")):
            raise IntegrityError("surprise")
        return as_it_is(*given, **named)

    monkeypatch.setattr(queue, where, faulty)
    login = f"{post.at(post.server.port)}, username: x, password: x"
    post.configure(
        (post.at(post.server.port), login), more=SALES.replace("teams", f"smtp: {{{login}}}\n    teams")
    )
    post.receive(mail("Help!"))
    post.receive(mail("Price?", to="sales@example.com"), mailbox="sales")
    first, second = post.deliver(), post.deliver()
    assert first.troubles["sales"] is None
    assert (first.troubles["support"] or "").startswith("a fault of the program: IntegrityError")
    assert ["Traceback" in line for line in first.news] == [True]
    assert "Traceback" not in "".join(second.news)
    assert post.outbox("state") == ["waiting" if where == "secret_for" else "in-doubt", "sent"]


def test_database_that_fails_is_no_trouble_of_one_server(post: Post, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(queue, "take", full)
    post.receive(mail())
    with pytest.raises(OperationalError):
        post.deliver()


SLEEPS = "username: x, password_command: [sleep, '60']"


def test_secret_that_does_not_come_leaves_the_others_their_time(post: Post, monkeypatch):
    monkeypatch.setattr(secret, "LEAST_S", 0.1)
    post.configure(
        (post.at(post.server.port), f"{post.at(post.server.port)}, {SLEEPS}"),
        more=SALES.replace("teams", f"smtp: {{{post.at(post.server.port)}}}\n    teams"),
    )
    post.receive(mail("Help!"))
    post.receive(mail("Price?", to="sales@example.com"), mailbox="sales")
    delivered = post.deliver(within_s=2)
    assert "sleep did not end within" in (delivered.troubles["support"] or "")
    assert post.outbox("state") == ["waiting", "sent"]


@pytest.mark.parametrize("at_once", [True, False])
def test_server_that_closes_after_each_message_gets_all_of_them_in_one_run(post: Post, at_once: bool):
    post.server.hangs_up = at_once
    if not at_once:
        post.server.answers("RSET", DROP, DROP)
    post.receive(*(mail(f"Question {number}", f"c{number}@customer.example") for number in range(3)))
    assert post.deliver().outbox.sent == 3
    assert post.outbox("tries") == [1, 1, 1]


def test_mail_that_is_cancelled_meanwhile_is_not_sent(post: Post):
    post.receive(*(mail(f"Question {number}", f"c{number}@customer.example") for number in range(2)))

    def clock() -> datetime:
        if post.server.received:  # the first one is out; somebody cancels the second
            Outbox.update(state="cancelled").where(Outbox.id == 2).execute()
        return NOW

    delivered = queue.deliver_due(post.config, clock)
    assert (delivered.outbox.sent, delivered.outbox.waiting) == (1, 0)
    assert post.outbox("state") == ["sent", "cancelled"]
    assert len(post.server.received) == 1


# --- refused


def test_mail_that_is_refused_for_good_is_told_once_and_leaves_the_run_done_in_part(post: Post):
    post.receive(mail())
    post.server.answers("RCPT", "550 5.1.1 no such user")
    first, second = post.fetch(), post.fetch(NOW + MINUTE)
    said = "the auto-reply to carl@customer.example was refused: 550 5.1.1 no such user"
    assert told_of_smtp(first) == [f"outbox: {said}; `espomail outbox retry 1` tries again"]
    assert (first.has_trouble, told_of_smtp(second)) == (True, [])


# --- in doubt


def test_mail_that_a_killed_run_left_in_a_servers_hands_is_told_once_and_never_sent_by_itself(post: Post):
    post.receive(mail())
    post.set(state="sending", tries=1)
    first, second = post.fetch(NOW + MINUTE), post.fetch(NOW + DAY)
    (line,) = told_of_smtp(first)
    assert "not known whether the auto-reply to carl@customer.example was delivered" in line
    assert "`espomail outbox retry 1` sends it again" in line
    assert (first.outbox.in_doubt, second.outbox.in_doubt) == (1, 0)
    assert told_of_smtp(second) == []
    assert post.outbox("state", "next_try_at") == [("in-doubt", None)]
    assert post.statuses() == ["in-doubt"]
    (note,) = post.notes("post")
    assert "not known whether" in note
    assert "outbox retry 1" in note
    assert post.server.received == []

    post.retry(at=NOW + DAY)
    assert post.deliver(NOW + DAY).outbox.sent == 1
    assert post.statuses() == ["sent"]
    assert post.notes("email-sent") == [post.rows(Email, "subject")[1]]


def test_mail_whose_connection_breaks_before_the_answer_is_told_likewise(post: Post):
    post.receive(mail())
    post.server.answers("END", DROP)
    delivered = post.deliver()
    assert delivered.outbox.in_doubt == 1
    assert "not known whether" in post.told()[0]
    assert post.outbox("state", "next_try_at") == [("in-doubt", None)]
    assert post.statuses() == ["in-doubt"]
    assert len(post.notes("post")) == 1


def test_note_of_a_doubt_notifies_nobody(post: Post):
    post.receive(mail())
    before = post.dump()["Notification"]
    post.server.answers("END", DROP)
    post.deliver()
    assert post.dump()["Notification"] == before


# --- some recipients and not others


def test_mail_that_goes_to_its_recipients_one_by_one_is_noted_as_sent_once(post: Post):
    post.receive(mail())
    post.set(recipients=["a@x.example", "b@x.example"])
    post.server.answers("RCPT", "450 later", "450 later", "250 ok", "450 later", "250 ok")
    for number in range(3):
        post.deliver(NOW + number * 10 * MINUTE)
        assert len(post.notes("email-sent")) == min(number, 1)
    assert [one.recipients for one in post.server.received] == [["a@x.example"], ["b@x.example"]]
    assert post.outbox("state", "sent_at") == [("sent", NOW + 10 * MINUTE)]
    assert post.statuses() == ["sent"]


def test_recipient_refused_for_good_later_leaves_the_mail_sent_and_is_noted(post: Post):
    post.receive(mail())
    post.set(recipients=["a@x.example", "b@x.example"])
    post.server.answers("RCPT", "250 ok", "450 later", "550 no such user")
    post.deliver()
    assert (post.outbox("state", "recipients"), post.statuses()) == ([("waiting", ["b@x.example"])], ["sent"])
    assert post.deliver(NOW + MINUTE).outbox.failed == 1
    assert (post.outbox("state"), post.statuses()) == (["sent"], ["sent"])
    assert post.notes("post") == ["The auto-reply to b@x.example was refused: 550 no such user"]


# --- too late


@pytest.mark.parametrize(
    ("kind", "days"), [("auto-reply", 2), ("notification", 2), ("reply", 5), ("send", 5)]
)
def test_mail_that_waited_too_long_is_given_up_though_its_server_is_back(post: Post, kind: str, days: int):
    post.receive(mail())
    post.set(kind=kind, error=f"{HOST}: cannot be reached")
    delivered = post.deliver(NOW + days * DAY + MINUTE)
    assert (delivered.outbox.sent, delivered.outbox.failed) == (0, 1)
    assert post.told()[0].startswith("outbox: 1 messages waited for too long and were given up")
    assert post.server.received == []
    assert (post.outbox("state", "next_try_at"), post.statuses()) == ([("failed", None)], ["failed"])
    (note,) = post.notes("post")
    assert note.startswith(f"The {kind} to carl@customer.example was given up: it waited since 2026-11-24")
    assert note.endswith("cannot be reached")
    post.deliver(NOW + days * DAY + MINUTE)
    assert post.told() == ()


@pytest.mark.parametrize(("kind", "days"), [("auto-reply", 2), ("reply", 5)])
def test_mail_is_sent_up_to_its_limit(post: Post, kind: str, days: int):
    post.receive(mail())
    post.set(kind=kind)
    assert post.deliver(NOW + days * DAY - MINUTE).outbox.sent == 1


def test_mail_that_is_sent_again_by_hand_has_all_its_time_again(post: Post):
    post.receive(mail())
    post.deliver(NOW + 3 * DAY)
    post.retry(at=NOW + 3 * DAY)
    assert post.deliver(NOW + 4 * DAY).outbox.sent == 1


# --- the empty envelope sender


def test_mail_refused_for_its_empty_sender_goes_out_once_another_one_is_configured(post: Post):
    post.receive(mail())
    post.server.answers("MAIL", "550 5.7.1 sender denied")
    assert post.deliver().outbox.failed == 1
    assert "auto_reply.envelope_sender" in post.notes("post")[0]
    name = "from_name: Example Support"
    post.configure((name, f"{name}, envelope_sender: bounces@example.com"))
    post.retry()
    post.deliver()
    assert [one.sender for one in post.server.received] == ["bounces@example.com"]


# --- copies for Sent folders


def with_copies(post: Post) -> None:
    port = post.at(post.server.port)
    post.configure((f"smtp: {{{port}}}", f"smtp: {{{port}, save_sent: Sent}}"))


def test_copy_is_wanted_once_of_a_mail_that_is_taken_in_parts(post: Post):
    with_copies(post)
    post.receive(mail())
    post.set(recipients=["a@x.example", "b@x.example"])
    post.server.answers("RCPT", "250 ok", "450 later")
    post.deliver()
    post.write((change(SentCopy, 1, tries=3),))
    post.deliver(NOW + MINUTE)
    assert post.rows(SentCopy, "outbox", "mailbox", "tries") == [(1, "support", 3)]


def test_copy_that_fails_is_tried_again_so_often_and_told_when_that_begins(post: Post):
    with_copies(post)
    post.receive(mail())
    post.deliver()
    moments = [NOW + number * timedelta(hours=4) for number in range(MOST_TRIES + 2)]
    told = [
        run.save_sent(post.config, lambda at=at: at, deadline=time.monotonic() + 60)  # type: ignore[misc]
        for at in moments
    ]
    assert told[0][0].startswith("mailbox support (Sent): sent mail is not saved, which is tried again: ")
    assert [lines for lines in told[1:] if lines] == [
        ["mailbox support: 1 copies of sent mail were not saved"]
    ]
    assert post.rows(SentCopy) == []
    assert post.outbox("state") == ["sent"]


def test_copy_waits_for_the_next_run_when_the_time_is_over(post: Post):
    with_copies(post)
    post.receive(mail())
    post.deliver()
    assert run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() - 1) == []
    assert post.rows(SentCopy, "tries") == [0]


def with_three_copies(post: Post, imap_port: int) -> None:
    """They are due, and their server is there."""
    with_copies(post)
    post.path.write_text(post.path.read_text().replace("port: 1,", f"port: {imap_port},"))
    post.config = load(post.path).config
    post.receive(*(mail(f"Question {number}", f"carl{number}@customer.example") for number in range(3)))
    post.deliver()


def test_server_that_lets_nobody_in_costs_one_copy_a_try_and_is_asked_once(post: Post):
    with ScriptedImap() as server:
        server.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
        with_three_copies(post, server.port)
        for minute in range(5):
            run.save_sent(post.config, lambda at=NOW + minute * MINUTE: at, deadline=time.monotonic() + 60)
        assert post.rows(SentCopy, "outbox", "tries") == [(1, 2), (2, 0), (3, 0)]
        assert server.heard.count(b"LOGIN") == 2  # at once, and a minute later


def test_copy_counts_a_try_once_it_has_its_turn(post: Post):
    with ScriptedImap() as server:
        server.answers("LIST", b"{tag} NO no folders today\r\n")
        with_three_copies(post, server.port)
        for tries in ([1, 0, 0], [1, 1, 0], [1, 1, 1]):
            run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() + 60)
            assert post.rows(SentCopy, "tries") == tries


def test_copy_over_which_the_connection_breaks_once_another_is_saved_counts_a_try(
    post: Post, monkeypatch: pytest.MonkeyPatch
):
    saved = []

    def append_one(session: imap.Session, folder: str, raw: bytes, at: datetime) -> None:
        if saved:
            raise ServerTrouble("the connection broke")
        saved.append(raw)

    monkeypatch.setattr(imap.Session, "append", append_one)
    with ScriptedImap() as server:
        with_three_copies(post, server.port)
        run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() + 60)
    assert post.rows(SentCopy, "outbox", "tries") == [(2, 1), (3, 0)]


def test_fault_of_the_program_over_a_copy_stops_nothing_and_is_told_once(post: Post, monkeypatch):
    def faulty(*_: object, **__: object) -> None:
        raise KeyError("surprise")

    with_copies(post)
    post.receive(mail())
    post.deliver()
    monkeypatch.setattr(run, "secret_for", faulty)
    line, report = run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() + 60)
    assert line.endswith("which is tried again: a fault of the program: KeyError: 'surprise'")
    assert report.startswith("Traceback")
    later = NOW + timedelta(hours=4)
    assert run.save_sent(post.config, lambda: later, deadline=time.monotonic() + 60) == []


def test_copy_whose_secret_does_not_come_is_given_up_in_time(post: Post, monkeypatch):
    monkeypatch.setattr(secret, "LEAST_S", 0.1)
    with_copies(post)
    post.receive(mail())
    post.deliver()
    as_it_was = "security: none, username: support, password: x"
    text = post.path.read_text()
    assert as_it_was in text
    post.path.write_text(text.replace(as_it_was, f"security: none, {SLEEPS}"))
    post.config = load(post.path).config
    (line,) = run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() + 0.5)
    assert "sleep did not end within" in line


def test_silent_server_makes_a_short_run_last_little_longer_for_a_copy(post: Post):
    with ScriptedImap() as silent:
        silent.answers("GREETING", SILENCE)
        with_three_copies(post, silent.port)
        began = time.monotonic()
        (line,) = run.save_sent(post.config, lambda: NOW, deadline=began + 0.5)
    assert "does not answer in time" in line
    assert time.monotonic() - began < 5


def test_copy_that_the_configuration_does_not_want_any_more_is_forgotten(post: Post):
    with_copies(post)
    post.receive(mail())
    post.deliver()
    post.configure()
    assert run.save_sent(post.config, lambda: NOW, deadline=time.monotonic() + 60) == []
    assert post.rows(SentCopy) == []


def test_copy_of_what_a_shared_server_sent_goes_to_the_mailbox_of_that_server(post: Post):
    port = post.at(post.server.port)
    shared = (f"smtp: {{{port}}}", f"smtp: {{{port}, shared: true, save_sent: Sent}}")
    post.configure(shared, more=f"{SALES}system_mailbox: support\n")
    post.receive(mail("Price?", to="sales@example.com"), mailbox="sales")
    post.deliver()
    assert post.rows(SentCopy, "mailbox") == ["support"]


def test_silent_imap_server_keeps_no_mail_waiting(post: Post, monkeypatch: pytest.MonkeyPatch):
    """Run after run its silence takes all the time there is."""
    monkeypatch.setattr(imap, "GRACE_S", 1)
    with ScriptedImap() as silent:
        silent.answers("GREETING", SILENCE)
        post.configure(("port: 1, security: none", f"port: {silent.port}, security: none"))
        post.receive(mail())
        report = run.fetch(load(post.path), FetchRequest(budget_s=1), clock=lambda: NOW)
    assert report.mailboxes[0].ok is False
    assert report.outbox.sent == 1


def test_silent_imap_server_keeps_no_answer_of_a_short_run_waiting(post: Post):
    with ScriptedImap() as silent, ScriptedImap() as sound:
        silent.answers("GREETING", SILENCE)
        sound.answers("ABOUT", ANSWERS["ABOUT"].replace(b"24-Nov-2026 10", b"24-Nov-2026 12"))
        more = SALES.replace("port: 1,", f"port: {silent.port},").replace(
            "    auto_reply: {template: case-received}\n", ""
        )
        post.configure(("port: 1, security: none", f"port: {sound.port}, security: none"), more=more)
        began = time.monotonic()
        report = run.fetch(load(post.path), FetchRequest(budget_s=2.5), clock=lambda: NOW)
        took_s = time.monotonic() - began
    assert [box.ok for box in report.mailboxes] == [True, False]
    assert (report.outbox.sent, took_s < 5) == (1, True)
