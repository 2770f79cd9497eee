"""Mail from an MTA: 0 once it is safe, 75 for everything else, and each mail once whatever happens."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.office import mail
from tests.servers.espomail import Espomail
from tests.servers.ports import wait_until
from tests.stories.conftest import Desk

INGEST = ("ingest", "--mailbox", "support")


@pytest.fixture(autouse=True)
def configured(desk: Desk) -> None:
    """Each test begins with a configuration, and without a database."""


def start(espomail: Espomail, raw: bytes | None, *before: str) -> subprocess.Popen[bytes]:
    """Hand a mail over, and wait for nothing; without a mail stdin stays open."""
    process = espomail.start(*INGEST, through=before, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    if raw is not None:
        assert process.stdin is not None
        process.stdin.write(raw)
        process.stdin.close()
        process.stdin = None
    return process


def end(process: subprocess.Popen[bytes]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def subjects(espomail: Espomail) -> list[str]:
    """The subjects of all e-mails that came in, in order."""
    return sorted(one["subject"] for one in espomail.json("email", "list") if one["status"] == "archived")


def names(espomail: Espomail) -> list[str]:
    """The names of all cases, in order."""
    return sorted(case["name"] for case in espomail.json("case", "list"))


def test_mail_becomes_a_case_at_once_even_before_there_is_a_database(espomail: Espomail):
    raw = mail("First of all")
    assert espomail.ok(*INGEST, stdin=raw) == ""
    assert names(espomail) == ["First of all"]
    assert espomail.ok("email", "raw", 1).encode() == raw.replace(b"\r\n", b"\r\n")


def test_answer_goes_out_with_the_next_fetch(desk: Desk):
    customer = desk.customer("carl")
    desk.espomail.ok(*INGEST, stdin=mail("Hello", f"Carl <{customer}>"))
    desk.espomail.ok("fetch")
    (answer,) = desk.mail_of(customer)
    assert "[#1]" in answer["Subject"]


def test_line_that_is_the_envelope_is_no_part_of_the_mail(espomail: Espomail):
    raw = mail("Enveloped")
    espomail.ok(*INGEST, stdin=b"From carl@customer.example  Wed Nov 25 09:00:00 2026\n" + raw)
    assert espomail.run("email", "raw", 1).stdout.encode() == raw


def test_mail_over_the_size_limit_is_kept_whole_since_no_server_has_it(desk: Desk):
    desk.configure(("fetch_since: 2026-01-01", "fetch_since: 2026-01-01\n      max_size: 1K"))
    raw = mail("Large", body="word " * 2_000)
    desk.espomail.ok(*INGEST, stdin=raw)
    assert desk.espomail.ok("email", "raw", 1).encode() == raw
    assert desk.espomail.json("email", "show", 1)["partial"] is False


def test_server_is_told_nothing_of_mail_that_it_never_had(desk: Desk):
    desk.configure(("fetch_since: 2026-01-01", "fetch_since: 2026-01-01\n      after_import: delete"))
    desk.espomail.ok(*INGEST, stdin=mail())
    desk.espomail.ok("fetch", "--no-send")


@pytest.mark.parametrize(
    "words",
    [
        ("ingest",),
        ("ingest", "--mailbox"),
        ("ingest", "--mailbox", "nobody"),
        ("ingest", "--mailbox", "support", "more"),
        ("--bogus", "ingest", "--mailbox", "support"),
        ("--config", "/nowhere/config.yaml", "ingest", "--mailbox", "support"),
        ("--as", "anna", "ingest", "--mailbox", "support"),
        ("ingest", "--mailbox", "support", "--json", "--format", "bogus"),
    ],
    ids=" ".join,
)
def test_wrong_call_lets_the_mta_try_again(espomail: Espomail, words: Sequence[str]):
    ended = espomail.run(*words, stdin=mail())
    assert (ended.exit_code, ended.stdout) == (75, "")
    assert ended.stderr.startswith("espomail: error: ") or '"error"' in ended.stderr


def test_no_mail_at_all_is_not_taken_for_one(espomail: Espomail):
    assert espomail.run(*INGEST, stdin=b"").exit_code == 75


@pytest.mark.parametrize("text", ["mailboxes: {}\n", "not: [yaml", ""])
def test_wrong_configuration_lets_the_mta_try_again(espomail: Espomail, text: str):
    espomail.configure(text)
    assert espomail.run(*INGEST, stdin=mail()).exit_code == 75


def test_database_that_is_none_lets_the_mta_try_again(espomail: Espomail):
    (espomail.folder / "espomail.db").write_bytes(b"this is no database" * 1_000)
    assert espomail.run(*INGEST, stdin=mail()).exit_code == 75


@pytest.mark.parametrize("module", ["click", "msgspec", "peewee", "yaml"])
def test_library_that_cannot_be_imported_lets_the_mta_try_again(
    espomail: Espomail, tmp_path: Path, module: str
):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / f"{module}.py").write_text("raise ImportError('half installed')\n")
    ended = espomail.run(*INGEST, stdin=mail(), environment={"PYTHONPATH": str(broken)})
    assert ended.exit_code == 75
    assert "half installed" in ended.stderr


def test_full_disk_lets_the_mta_try_again(espomail: Espomail):
    espomail.ok(*INGEST, stdin=mail("Before"))
    raw = mail("Too much", body=os.urandom(400_000).hex())
    assert end(start(espomail, raw, "prlimit", "--fsize=100000")) == 75
    assert espomail.run(*INGEST, stdin=raw).exit_code == 0
    assert subjects(espomail) == ["Before", "Too much"]


def test_mta_that_stops_the_program_is_told_to_try_again(espomail: Espomail):
    process = start(espomail, None)
    status = Path(f"/proc/{process.pid}/status")
    wait_until(lambda: _catches(status, signal.SIGTERM), "the program to be ready for SIGTERM")
    process.terminate()
    assert end(process) == 75


def test_other_commands_are_told_what_they_always_were(espomail: Espomail):
    assert espomail.run("case", "show", "ingest").exit_code == 2
    assert espomail.run("fetch", "ingest").exit_code == 66


def test_database_that_is_locked_for_ten_seconds_is_waited_for(espomail: Espomail):
    espomail.ok(*INGEST, stdin=mail("Before"))
    with closing(sqlite3.connect(espomail.folder / "espomail.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        process = start(espomail, mail("Waits"))
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        other.execute("ROLLBACK")
        assert end(process) == 0
    assert subjects(espomail) == ["Before", "Waits"]


def test_mail_is_kept_while_a_run_goes_on_and_the_next_run_decides_it(espomail: Espomail):
    espomail.ok(*INGEST, stdin=mail("Before"))
    with (espomail.folder / "espomail.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert espomail.run(*INGEST, stdin=mail("Meanwhile")).exit_code == 0
        assert names(espomail) == ["Before"]
    espomail.ok("fetch", "--no-send")
    assert names(espomail) == ["Before", "Meanwhile"]


def test_mail_that_kills_the_program_is_safe_and_the_next_run_decides_it(espomail: Espomail, tmp_path: Path):
    deadly = tmp_path / "deadly"
    (deadly / "resiliparse").mkdir(parents=True)
    (deadly / "resiliparse" / "__init__.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    raw = mail("Deadly", Content_Type="text/html", body="<p>Hello</p>")
    ended = espomail.run(*INGEST, stdin=raw, environment={"PYTHONPATH": str(deadly)})
    assert ended.exit_code == 0
    assert names(espomail) == []
    espomail.ok("fetch", "--no-send")
    assert names(espomail) == ["Deadly"]


def test_many_at_once_and_a_fetch_beside_them_lose_and_double_nothing(desk: Desk):
    espomail = desk.espomail
    desk.dovecot.deliver(desk.address, *(mail(f"Fetched {number}") for number in range(10)))
    waiting = {f"Handed over {number}" for number in range(10)}
    for _ in range(10):
        handed = {subject: start(espomail, mail(subject)) for subject in waiting}
        assert espomail.run("fetch", "--no-send").exit_code in {0, 75}
        codes = {subject: end(process) for subject, process in handed.items()}
        assert set(codes.values()) <= {0, 75}
        waiting = {subject for subject, code in codes.items() if code}
        if not waiting:
            break
    espomail.ok("fetch", "--no-send")
    expected = sorted(f"{how} {number}" for how in ("Fetched", "Handed over") for number in range(10))
    assert subjects(espomail) == expected
    assert names(espomail) == expected


def test_killed_at_any_moment_and_tried_again_each_mail_is_there_once(espomail: Espomail):
    espomail.ok(*INGEST, stdin=mail("Mail 0"))
    for number in range(1, 16):
        raw = mail(f"Mail {number}")
        process = start(espomail, raw)
        try:
            process.communicate(timeout=0.02 * number)
        except subprocess.TimeoutExpired:
            process.kill()
        if end(process):
            assert espomail.run(*INGEST, stdin=raw).exit_code == 0
    espomail.ok("fetch", "--no-send")
    expected = sorted(f"Mail {number}" for number in range(16))
    assert subjects(espomail) == expected
    assert names(espomail) == expected
    assert espomail.ok("reconcile") == ""


def _catches(status: Path, number: signal.Signals) -> bool:
    """Whether that process has a handler for the signal."""
    caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


MOST_MEMORY = 5.5  # times the mail's size, Python itself included


def memory_of_all(pid: int) -> int:
    """Bytes that the process and those that it has begun hold now, what they share counted once."""
    process = Path(f"/proc/{pid}")
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
        children = (process / f"task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return 0
    own = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return own + sum(memory_of_all(int(child)) for child in children)


def test_large_mail_takes_less_than_five_and_a_half_times_its_size(espomail: Espomail, tmp_path: Path):
    file = tmp_path / "large.eml"
    file.write_bytes(mail("Large", body="It does not work at all, in none of our offices.\r\n" * 1_000_000))
    most = 0
    with file.open("rb") as raw, subprocess.Popen(["/bin/cat"], stdin=raw, stdout=subprocess.PIPE) as mta:
        process = espomail.start(*INGEST, stdin=mta.stdout)
        while process.poll() is None:
            most = max(most, memory_of_all(process.pid))
            time.sleep(0.005)
    assert process.returncode == 0
    assert names(espomail) == ["Large"]
    assert 1 < most / file.stat().st_size < MOST_MEMORY
