"""A run ends in time, whatever its servers do, and all mailboxes have their turn."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from espomail import run
from espomail.config.load import load
from espomail.intake import imap as imap_module
from espomail.intake import visits
from espomail.report import FetchReport, FetchRequest
from tests.servers.ports import HOST
from tests.servers.scripted_imap import SILENCE, ScriptedImap

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


def test_silent_servers_keep_no_sound_one_waiting(silent: ScriptedImap, sound: ScriptedImap, tmp_path: Path):
    mailboxes = {f"silent{number}": silent for number in range(30)} | {"sound": sound}
    report = fetch(tmp_path, mailboxes, 4)
    assert (report.mailboxes[-1].ok, report.mailboxes[-1].imported) == (True, 1)


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
    time_to_come = time.time() + 5
    os.utime(tmp_path / "config.yaml", (time_to_come, time_to_come))
    assert fetch(tmp_path, {"m": sound}, 5).mailboxes[0].ok is True


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


def test_wait_that_a_wrong_clock_has_set_is_not_kept(sound: ScriptedImap, tmp_path: Path):
    sound.answers("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")
    fetch(tmp_path, {"m": sound}, 5, clock=lambda: datetime(2040, 1, 1, tzinfo=UTC))
    sound.answers("LOGIN", b"{tag} OK done\r\n")
    assert fetch(tmp_path, {"m": sound}, 5).mailboxes[0].ok is True
