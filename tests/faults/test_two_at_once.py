"""Programs that work at the same time: each mail is taken in once, and each program comes to its turn."""

import itertools
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.crashing_desk import CrashingDesk
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_smtp import ScriptedSmtp

MAILS = 60


@pytest.fixture
def desk(tmp_path: Path, dovecot: Dovecot, scripted_smtp: ScriptedSmtp, user: str) -> CrashingDesk:
    made = CrashingDesk(tmp_path / "desk", dovecot, scripted_smtp, user, "keep")
    made.receive(MAILS)
    return made


def start(desk: CrashingDesk, *words: str) -> "subprocess.Popen[bytes]":
    return desk.program.start(*words, stderr=subprocess.PIPE)


def end(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def test_runs_at_the_same_time_take_each_mail_in_once(desk: CrashingDesk):
    running = [start(desk, "fetch", *(["--wait"] if number % 2 else [])) for number in range(6)]
    assert {end(process) for process in running} == {(0, b"")}
    assert len(desk.fetched()) == MAILS
    desk.assert_came_to(desk.picture())


def test_run_comes_to_its_turn_though_mail_is_handed_over_all_the_time(desk: CrashingDesk):
    is_over = threading.Event()

    def hand_over(giver: int) -> None:
        for number in itertools.count():
            if is_over.is_set():
                return
            desk.program.ok("ingest", "--mailbox", "support", stdin=mail(f"{giver}.{number}"))

    with ThreadPoolExecutor(4) as givers:
        handed = [givers.submit(hand_over, giver) for giver in range(4)]
        try:
            for _ in range(3):
                desk.receive(1)
                desk.program.ok("fetch")
                assert len(desk.fetched()) == desk.mails
        finally:
            is_over.set()
    for one in handed:
        one.result()


def test_run_waits_for_another_program_that_writes_for_ten_seconds(desk: CrashingDesk):
    with closing(sqlite3.connect(desk.program.folder / "espomail.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        running = start(desk, "fetch")
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=10)
        other.execute("ROLLBACK")
        assert end(running) == (0, b"")
    assert len(desk.fetched()) == MAILS
