"""Runs that somebody ends, and mails that end a run: no mail pays for what another, or nobody, has done."""

import fcntl
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

from espomail.intake.reader import WORTH_A_PROCESS
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Ended, Espomail
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST, free_port, wait_until

CONFIG = f"""
teams: {{support: {{}}}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    teams: [support]
    case: {{create: true}}
    imap: {{host: {HOST}, port: {free_port()}, security: none, username: u, password: p,
      fetch_since: 2026-01-01}}
"""

FAULTY = """
import os, time
from espomail.outbox import queue
from espomail.pipeline import decide

decide_soundly, deliver_soundly = decide.decide, queue.deliver_due

def stall_where(place):
    if os.environ.get("STALLS_AT") == place:
        open("stalled", "w").close()
        time.sleep(60)

def decide_badly(arrival, desk):
    stall_where("deciding")
    if arrival.parsed.subject == "Poison":
        os._exit(9)
    return decide_soundly(arrival, desk)

rounds = []

def deliver_late(*arguments, **named):
    rounds.append(arguments)
    if len(rounds) == 2:  # the first one sends what has waited
        stall_where("delivering")
    return deliver_soundly(*arguments, **named)

decide.decide, queue.deliver_due = decide_badly, deliver_late
"""
"""Imported by Python before the program starts: a mail that kills it, and moments at which it stalls."""


@pytest.fixture
def faulty(tmp_path: Path) -> Espomail:
    """An installation whose program fails as `FAULTY` says, and whose mail server is away."""
    (tmp_path / "sitecustomize.py").write_text(FAULTY)
    espomail = Espomail(tmp_path)
    espomail.configure(CONFIG)
    return espomail


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["INT", "TERM", "KILL"],
)
def test_program_that_prints_a_password_ends_with_ours_and_so_does_what_it_started(
    tmp_path: Path, number: signal.Signals, code: int
):
    espomail = Espomail(tmp_path)
    with socket.create_server((HOST, 0)) as server:
        command = ["sh", "-c", "sleep 60 & echo $$ $! > started; wait"]
        config = CONFIG.replace("password: p", f"password_command: {json.dumps(command)}")
        espomail.configure(re.sub(r"port: \d+", f"port: {server.getsockname()[1]}", config))
        run = espomail.start("fetch", stderr=subprocess.DEVNULL)
        started = tmp_path / "started"
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"), "the program starts")
        run.send_signal(number)
        assert run.wait(20) == code
    theirs = [Path("/proc", pid) for pid in started.read_text().split()]
    assert len(theirs) == 2
    wait_until(lambda: not any(one.exists() for one in theirs), "the end of the programs")


def keep(espomail: Espomail, *subjects: str) -> None:
    """Let mails come in while another run has the lock, so that they are kept and not decided."""
    with (espomail.folder / "espomail.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for subject in subjects:
            espomail.ok("ingest", "--mailbox", "support", stdin=mail(subject))


def fetch(espomail: Espomail) -> Ended:
    return espomail.run("fetch", environment={"PYTHONPATH": str(espomail.folder)})


def start_stalling(espomail: Espomail, stalls_at: str) -> "subprocess.Popen[bytes]":
    environment = {"PYTHONPATH": str(espomail.folder), "STALLS_AT": stalls_at}
    return espomail.start("fetch", environment=environment, stderr=subprocess.PIPE, process_group=0)


def fetch_and_end(espomail: Espomail, stalls_at: str, number: signal.Signals) -> None:
    """End a run once it stalls: Ctrl-C reaches all its processes, the other signals the program alone."""
    stalled = espomail.folder / "stalled"
    running = start_stalling(espomail, stalls_at)
    wait_until(stalled.exists, "the moment at which the run stalls")
    (os.killpg if number is signal.SIGINT else os.kill)(running.pid, number)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == (130 if number is signal.SIGINT else -number), said
    assert said == b""
    stalled.unlink()


def processes_of(group: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, its_group, *_ = file.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                found.append(int(file.parent.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_run_that_is_ended_with_the_processes_that_read_mails_for_it_says_nothing(
    faulty: Espomail, dovecot: Dovecot, user: str, number: signal.Signals
):
    dovecot.deliver(user, *(mail(f"Question {which}") for which in range(WORTH_A_PROCESS)))
    config = re.sub(r"port: \d+", f"port: {dovecot.imap_port}", CONFIG)
    faulty.configure(config.replace("username: u, password: p", f"username: {user}, password: {PASSWORD}"))
    with start_stalling(faulty, "deciding") as running:
        # Itself, multiprocessing's two, and the one that reads.
        wait_until(lambda: len(processes_of(running.pid)) > 3, "the process that reads")
        wait_until((faulty.folder / "stalled").exists, "the moment at which the run stalls")
        os.killpg(running.pid, number)
        said = running.communicate(timeout=60)[1]
    assert said == b""
    wait_until(lambda: not processes_of(running.pid), "the end of all of them")


def journal(espomail: Espomail) -> list[tuple[str, int]]:
    """Outcome and tries of each mail."""
    with closing(sqlite3.connect(espomail.folder / "espomail.db")) as database:
        return database.execute("SELECT outcome, tries FROM journal ORDER BY id").fetchall()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_mail_is_not_to_blame_for_a_run_that_somebody_ends(faulty: Espomail, number: signal.Signals):
    keep(faulty, "One", "Two")
    for _ in range(4):
        fetch_and_end(faulty, "deciding", number)
    assert journal(faulty) == [("new", 0), ("new", 0)]
    fetch(faulty)
    assert journal(faulty) == [("imported", 0), ("imported", 0)]


def test_mail_that_kills_the_program_is_parked_after_three_tries_and_stops_no_other(faulty: Espomail):
    keep(faulty, "One", "Poison", "Two")
    tries = [fetch(faulty), fetch(faulty), fetch(faulty), fetch(faulty)]
    assert ["a message is parked" in ended.stderr for ended in tries] == [False, False, True, False]
    assert journal(faulty) == [("imported", 0), ("quarantined", 3), ("imported", 0)]
    (parked,) = faulty.json("quarantine", "list")
    assert (parked["subject"], parked["tries"]) == ("Poison", 3)
    assert "has killed the process" in parked["error"]


def test_what_a_run_that_was_killed_did_not_tell_the_next_one_tells_once(faulty: Espomail):
    keep(faulty, "Poison")
    for _ in range(3):
        fetch_and_end(faulty, "delivering", signal.SIGKILL)
    assert journal(faulty) == [("quarantined", 3)]
    told, again = fetch(faulty), fetch(faulty)
    assert (told.exit_code, again.exit_code) == (1, 1)
    assert "folder ingest:: a message is parked: " in told.stderr
    assert "cannot be reached" in told.stderr
    assert again.stderr == ""
