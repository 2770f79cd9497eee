"""A run ends in time, whatever its servers do, and all mailboxes have their turn."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from espomail import run
from espomail.config import secrets
from espomail.config.load import load
from espomail.config.oauth2 import OAuth2
from espomail.config.schema import Imap
from espomail.errors import LoginRefused
from espomail.intake import health, journal, visit, visits
from espomail.intake import imap as imap_module
from espomail.intake.events import Left
from espomail.intake.messages import Position
from espomail.intake.turns import turns
from espomail.intake.visit import Order
from espomail.intake.visits import Visits
from espomail.report import FetchReport, FetchRequest
from espomail.sign_in import secret
from espomail.store.connection import close_database
from tests.office import Office
from tests.servers.ports import HOST, wait_until
from tests.servers.scripted_imap import DROP, SILENCE, ScriptedImap

MAILBOX = """
  {key}:
    kind: group
    address: {key}@example.com
    imap: {{host: {host}, port: {port}, security: none, username: {key}, password: p,
      fetch_since: 2026-01-01}}
"""


@pytest.fixture
def silent() -> Iterator[ScriptedImap]:
    with ScriptedImap() as server:
        server.answers("GREETING", SILENCE)
        yield server


@pytest.fixture
def sound() -> Iterator[ScriptedImap]:
    with ScriptedImap() as server:
        yield server


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_module, "GRACE_S", 0.3)


def fetch(folder: Path, mailboxes: dict[str, ScriptedImap], budget_s: float, **more: object) -> FetchReport:
    file = folder / "config.yaml"
    text = "mailboxes:" + "".join(
        MAILBOX.format(key=key, host=HOST, port=server.port) for key, server in mailboxes.items()
    )
    if not file.exists() or file.read_text() != text:
        file.write_text(text)
        file.chmod(0o600)
    return run.fetch(load(file), FetchRequest(budget_s=budget_s), **more)  # type: ignore[arg-type]


def test_silent_servers_do_not_make_a_run_last(silent: ScriptedImap, tmp_path: Path):
    began = time.monotonic()
    report = fetch(tmp_path, {f"m{number}": silent for number in range(30)}, 2)
    assert time.monotonic() - began < 15
    tried = [mailbox.ok for mailbox in report.mailboxes]
    assert set(tried) == {False, None}
    assert report.exit_code == 1


def test_secret_that_does_not_come_does_not_make_a_run_last(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(secret, "LEAST_S", 0.1)
    monkeypatch.setattr(visits, "PATIENCE_S", 30)
    monkeypatch.setattr(visits, "PATIENCE_SHARE", inf)
    sleeps = MAILBOX.replace("password: p", "password_command: [sleep, '60']")
    monkeypatch.setattr("tests.intake.test_budget.MAILBOX", sleeps)
    began = time.monotonic()
    (told,) = fetch(tmp_path, {"m": sound}, 1).mailboxes
    assert time.monotonic() - began < 15
    assert "sleep did not end within" in (told.error or "")


def test_silent_servers_keep_no_sound_one_waiting(silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path):
    mailboxes = {f"silent{number}": silent for number in range(30)} | {"sound": sound}
    report = fetch(tmp_path, mailboxes, 4)
    assert (report.mailboxes[-1].ok, report.mailboxes[-1].imported) == (True, 1)


def test_servers_that_keep_visits_waiting_leave_as_many_for_the_sound_ones(
    silent: ScriptedImap, tmp_path: Path
):
    """The visits end one soon after the other, so that the run has always something to do."""

    class Steady(ScriptedImap):
        going_on = most = 0

        def _say(self, connection: socket.socket, stage: str, tag: bytes, command: str = "") -> bool:
            if stage == "LOGIN":
                self.going_on += 1
                self.most = max(self.most, self.going_on)
                self.is_over.wait(0.1)
                self.going_on -= 1
            return super()._say(connection, stage, tag, command)

    with Steady() as steady:
        mailboxes = {f"silent{number}": silent for number in range(8)}
        mailboxes |= {f"steady{number}": steady for number in range(40)}
        report = fetch(tmp_path, mailboxes, 6)
        assert [box.ok for box in report.mailboxes] == [False] * 8 + [True] * 40
        assert steady.most > 4


def test_server_that_keeps_visits_waiting_has_no_more_of_them_while_others_wait(
    silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "CONNECTIONS", 2)
    monkeypatch.setattr(visits, "MOST_CONNECTIONS", 4)
    mailboxes = {f"silent{number}": silent for number in range(8)} | {"sound": sound}
    assert fetch(tmp_path, mailboxes, 2).mailboxes[-1].ok is True


def test_who_had_no_turn_comes_first_in_the_next_run(
    silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "MOST_CONNECTIONS", 1)
    monkeypatch.setattr(visits, "CONNECTIONS", 1)
    mailboxes = {"silent": silent, "sound": sound}
    assert [box.ok for box in fetch(tmp_path, mailboxes, 1.5).mailboxes] == [False, None]
    assert [box.ok for box in fetch(tmp_path, mailboxes, 1.5).mailboxes][1] is True


def test_one_server_is_not_given_more_than_its_share_of_connections(
    silent: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "MOST_AT_ONE_SERVER", 3)
    report = fetch(tmp_path, {f"m{number}": silent for number in range(12)}, 1.5)
    assert [box.ok for box in report.mailboxes].count(False) == 3


def test_mailbox_whose_login_is_refused_waits_and_is_tried_again_later(sound: ScriptedImap, tmp_path: Path):
    sound.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
    began = datetime.now(UTC)
    (first,) = fetch(tmp_path, {"m": sound}, 5).mailboxes
    assert first.ok is False
    assert first.next_try_at is not None
    assert 200 < (first.next_try_at - began).total_seconds() < 310
    report = fetch(tmp_path, {"m": sound}, 5)
    assert (report.mailboxes[0].ok, report.mailboxes[0].next_try_at) == (None, first.next_try_at)
    assert report.exit_code == 0
    sound.answers("LOGIN", b"{tag} OK done\r\n")
    (later,) = fetch(tmp_path, {"m": sound}, 5, clock=lambda: first.next_try_at).mailboxes
    assert (later.ok, later.imported, later.next_try_at) == (True, 1, None)


def test_changed_configuration_ends_the_waiting(sound: ScriptedImap, tmp_path: Path):
    sound.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
    fetch(tmp_path, {"m": sound}, 5)
    sound.answers("LOGIN", b"{tag} OK done\r\n")
    assert fetch(tmp_path, {"m": sound}, 5).mailboxes[0].ok is None
    later = datetime.now(UTC) + timedelta(seconds=5)
    os.utime(tmp_path / "config.yaml", (later.timestamp(), later.timestamp()))
    assert fetch(tmp_path, {"m": sound}, 5, clock=lambda: later).mailboxes[0].ok is True


def test_unreachable_server_is_tried_less_and_less_often(sound: ScriptedImap, tmp_path: Path):
    sound.answers("LOGIN", b"{tag} NO [UNAVAILABLE] later\r\n")
    (told,) = fetch(tmp_path, {"m": sound}, 5).mailboxes
    assert told.next_try_at is not None
    sound.answers("LOGIN", b"* BYE gone\r\n")
    waits = []
    for _ in range(3):
        now = told.next_try_at
        (told,) = fetch(tmp_path, {"m": sound}, 5, clock=lambda now=now: now).mailboxes
        waits.append(told.next_try_at - now)
    assert waits == sorted(set(waits))


def test_first_refused_login_waits_no_longer_since_the_network_was_away_before(
    sound: ScriptedImap, tmp_path: Path
):
    sound.answers("GREETING", DROP)
    now = datetime.now(UTC)
    waits = []
    for run_number in range(7):
        if run_number in (4, 6):
            sound.answers("GREETING", b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            sound.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
        elif run_number == 5:
            sound.answers("GREETING", DROP)
        (told,) = fetch(tmp_path, {"m": sound}, 5, clock=lambda now=now: now).mailboxes
        later = told.next_try_at or now
        waits.append(round((later - now).total_seconds() / 60))
        now = later
    assert waits == [0, 2, 4, 8, 5, 15, 15]


def test_command_that_is_cut_short_since_the_run_is_late_makes_no_mailbox_wait(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "PATIENCE_SHARE", inf)
    monkeypatch.setattr(secret, "LEAST_S", 0.1)
    sleeps = MAILBOX.replace("password: p", "password_command: [sleep, '60']")
    monkeypatch.setattr("tests.intake.test_budget.MAILBOX", sleeps)
    for _ in range(3):
        (told,) = fetch(tmp_path, {"m": sound}, 0.5).mailboxes
        assert "sleep did not end within" in (told.error or "")
        assert told.next_try_at is None


def test_command_that_had_enough_time_has_failed(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "PATIENCE_SHARE", inf)
    monkeypatch.setattr(secrets, "FAIR_S", 0.1)
    monkeypatch.setattr(secret, "LEAST_S", 0.2)
    sleeps = MAILBOX.replace("password: p", "password_command: [sleep, '60']")
    monkeypatch.setattr("tests.intake.test_budget.MAILBOX", sleeps)
    waits = [fetch(tmp_path, {"m": sound}, 0.5).mailboxes[0].next_try_at for _ in range(2)]
    assert [wait is None for wait in waits] == [True, False]


def test_command_that_ends_in_time_and_gives_nothing_has_failed_however_late_the_run(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fails = MAILBOX.replace("password: p", "password_command: ['false']")
    monkeypatch.setattr("tests.intake.test_budget.MAILBOX", fails)
    waits = [fetch(tmp_path, {"m": sound}, 5).mailboxes[0].next_try_at for _ in range(2)]
    assert [wait is None for wait in waits] == [True, False]


def test_wait_that_a_wrong_clock_has_set_is_not_kept(sound: ScriptedImap, tmp_path: Path):
    sound.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
    fetch(tmp_path, {"m": sound}, 5, clock=lambda: datetime(2040, 1, 1, tzinfo=UTC))
    sound.answers("LOGIN", b"{tag} OK done\r\n")
    assert fetch(tmp_path, {"m": sound}, 5).mailboxes[0].ok is True


def test_one_server_serves_more_mailboxes_than_it_is_given_connections(sound: ScriptedImap, tmp_path: Path):
    report = fetch(tmp_path, {f"m{number}": sound for number in range(20)}, 20)
    assert [box.ok for box in report.mailboxes] == [True] * 20


def test_visit_has_its_share_of_the_time_and_no_more(
    silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in (("MOST_CONNECTIONS", 1), ("CONNECTIONS", 1), ("SHORTEST_VISIT_S", 0.1)):
        monkeypatch.setattr(visits, name, value)
    report = fetch(tmp_path, {"silent": silent} | {f"m{number}": sound for number in range(3)}, 10)
    assert [box.ok for box in report.mailboxes] == [False, True, True, True]


def test_visit_without_an_end_is_given_up_when_the_time_is_over(
    silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(imap_module, "GRACE_S", 60)
    monkeypatch.setattr(visits, "PATIENCE_S", 0.5)
    began = time.monotonic()
    report = fetch(tmp_path, {"silent": silent, "sound": sound}, 2)
    assert time.monotonic() - began < 15
    assert [box.ok for box in report.mailboxes] == [False, True]
    assert "does not answer in time" in (report.mailboxes[0].error or "")


def late_order(folder: Path, sound: ScriptedImap, *keys: str) -> Order:
    """Mailboxes of which nothing is new, and for whose visits a second is left."""
    text = "".join(MAILBOX.format(key=key, host=HOST, port=sound.port) for key in keys)
    return Order(
        config=Office(folder, f"mailboxes: {text}").config,
        positions={(key, "INBOX"): Position("INBOX", 7, 1) for key in keys},
        limit=None,
        now=datetime.now(UTC),
        over_at=time.monotonic() + 1,
        ends_at=time.monotonic() + 2,
        is_dry_run=False,
    )


def test_visit_that_ends_while_it_is_given_up_is_not_told_as_too_slow(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    may_go_on = threading.Event()
    monkeypatch.setattr(visit, "secret_for", lambda *_, **__: may_go_on.wait() and "p")
    monkeypatch.setattr(visits, "PATIENCE_S", 0)
    order = late_order(tmp_path, sound, "m")
    mailboxes = order.config.mailboxes
    with Visits(list(mailboxes.values()), order) as going_on:

        def let_it_end_too_late() -> bool:
            wait_until(lambda: time.monotonic() > order.over_at, "the end of the time")
            may_go_on.set()
            wait_until(going_on._line._events.full, "the end of the visit and of its thread")
            return True

        assert list(going_on.events(let_it_end_too_late)) == [Left(mailboxes["m"], None)]
    close_database()


def test_visit_that_ends_once_it_was_given_up_is_not_told_again(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    may_end = threading.Event()
    monkeypatch.setattr(visit, "secret_for", lambda *_, **__: may_end.wait() and "p")
    monkeypatch.setattr(visits, "PATIENCE_S", 0)
    order = late_order(tmp_path, sound, "m", "n")
    with Visits(list(order.config.mailboxes.values()), order) as going_on:
        told = []
        for event in going_on.events(lambda: False):
            told.append(event.mailbox.key)
            if len(told) == 1:
                going_on._line._events.put(event)  # as its thread may have been about to
        assert sorted(told) == ["m", "n"]
    may_end.set()
    close_database()


def test_connection_that_breaks_off_when_the_time_is_over_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Late(ScriptedImap):
        def _say(self, connection: socket.socket, stage: str, tag: bytes, command: str = "") -> bool:
            return super()._say(connection, stage, tag, command) if stage != "BODY" else self.is_over.wait(1)

    monkeypatch.setattr(visits, "PATIENCE_SHARE", inf)
    monkeypatch.setattr(imap_module, "GRACE_S", 20)
    with Late() as late:
        (told,) = fetch(tmp_path, {"m": late}, 1).mailboxes
        assert "broke off" in (told.error or "")


def test_server_is_not_accused_of_our_own_slowness(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    keep = journal.keep

    def keep_slowly(*given: object) -> object:
        time.sleep(0.5)
        return keep(*given)

    monkeypatch.setattr(journal, "keep", keep_slowly)
    monkeypatch.setattr(visits, "PATIENCE_S", 30)
    monkeypatch.setattr(visits, "PATIENCE_SHARE", inf)
    report = fetch(tmp_path, {f"m{number}": sound for number in range(8)}, 2)
    assert [box.error for box in report.mailboxes] == [None] * 8


def test_fault_of_the_program_over_one_mailbox_stops_no_other(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    secret_for = visit.secret_for

    def faulty(imap: Imap, *more: object, **named: object) -> object:
        if imap.username == "bad":
            raise KeyError("surprise")
        return secret_for(imap, *more, **named)

    monkeypatch.setattr(visit, "secret_for", faulty)
    report = fetch(tmp_path, {"bad": sound, "good": sound}, 10)
    assert [box.ok for box in report.mailboxes] == [False, True]
    assert "a fault of the program: KeyError" in (report.mailboxes[0].error or "")
    assert any("Traceback" in line for line in report.news)


def test_machine_that_lets_few_threads_begin_has_its_mail_all_the_same(
    sound: ScriptedImap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started = []

    class Thread(threading.Thread):
        def start(self) -> None:
            if len(started) == 2:
                raise RuntimeError("can't start new thread")
            started.append(self)
            super().start()

    monkeypatch.setattr(visits, "threading", SimpleNamespace(**vars(threading) | {"Thread": Thread}))
    report = fetch(tmp_path, {f"m{number}": sound for number in range(6)}, 20)
    assert [box.ok for box in report.mailboxes] == [True] * 6


def test_folder_that_is_missing_makes_no_later_trouble_worse(sound: ScriptedImap, tmp_path: Path):
    sound.answers("STATUS", b"{tag} NO no such folder\r\n")
    for _ in range(5):
        (told,) = fetch(tmp_path, {"m": sound}, 5).mailboxes
        assert (told.ok, told.next_try_at) == (False, None)
    sound.answers("LOGIN", b"* BYE gone\r\n")
    assert fetch(tmp_path, {"m": sound}, 5).mailboxes[0].next_try_at is None


def test_broken_messages_in_two_folders_make_no_mailbox_wait(
    sound: ScriptedImap, tmp_path: Path, monkeypatch
):
    two_folders = MAILBOX.replace("fetch_since", "folders: [A, B], fetch_since")
    monkeypatch.setattr("tests.intake.test_budget.MAILBOX", two_folders)
    sound.answers("BODY", DROP)
    now = datetime.now(UTC)
    said = []
    for hours in range(4):
        later = now + timedelta(hours=hours)
        (told,) = fetch(tmp_path, {"m": sound}, 5, clock=lambda later=later: later).mailboxes
        said.append("broke off over the message with UID 1" in (told.error or ""))
    assert said == [False, False, True, True]
    assert told.next_try_at is None


def test_mailbox_that_somebody_has_allowed_anew_waits_no_longer(tmp_path: Path):
    office = Office(tmp_path)
    token = tmp_path / "token.json"
    imap = replace(office.config.mailboxes["support"].imap, oauth2=OAuth2(client_id="x", token_file=token))
    support = replace(office.config.mailboxes["support"], imap=imap)
    news, _ = health.of_mailboxes({"support": health.Fared(error="x", trouble=LoginRefused("x"))}, office.now)
    news.are_told()
    now = office.now + timedelta(minutes=1)
    os.utime(office.path, (0, 0))
    assert not turns([support], office.path, now, are_named=False).due
    token.touch()
    os.utime(token, (now.timestamp(), now.timestamp()))
    assert turns([support], office.path, now, are_named=False).due == [support]
    os.utime(token, (now.timestamp() + 99, now.timestamp() + 99))
    assert not turns([support], office.path, now, are_named=False).due, "a time to come tells nothing"
    close_database()
