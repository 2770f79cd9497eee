"""A disk that is full, or may not be written: each command says so, and nothing is lost by it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.office import mail
from tests.servers.espomail import Espomail
from tests.servers.ports import HOST
from tests.servers.scripted_imap import ScriptedImap

CONFIG = """
teams: {{support: {{}}}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    teams: [support]
    case: {{create: true}}
    imap: {{host: {host}, port: {port}, security: none, username: u, password: p, fetch_since: 2026-01-01}}
"""
ASKING = [("fetch", "--dry-run"), ("reconcile",)]
READING = [("case", "list"), ("email", "list"), ("email", "show", 1), ("mailbox", "status")]


class Disk:
    """A file system of 4 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=True)

    def fill(self) -> None:
        """Leave no room at all."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def make_room(self) -> None:
        self._filler.unlink()

    def allow(self, what: str) -> None:
        """Let it be written (`rw`), or read only (`ro`)."""
        subprocess.run(["mount", "-o", f"remount,{what}", self.folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.folder], check=True)


@pytest.fixture
def disk(root: None, tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.unmount()


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with ScriptedImap() as scripted:
        yield scripted


@pytest.fixture
def installed(disk: Disk, server: ScriptedImap) -> Espomail:
    espomail = Espomail(disk.folder)
    espomail.configure(CONFIG.format(host=HOST, port=server.port))
    return espomail


@pytest.mark.parametrize("is_new", [True, False], ids=["no database yet", "a database"])
def test_mail_that_finds_the_disk_full_is_taken_in_once_there_is_room(
    disk: Disk, installed: Espomail, is_new: bool
):
    if not is_new:
        installed.ok("db", "upgrade")
    disk.fill()
    for _ in range(4):
        ended = installed.run("fetch")
        assert (ended.exit_code, ended.stdout) == (75, "")
        assert "the disk is full; make room" in ended.stderr, ended
        assert installed.run("ingest", "--mailbox", "support", stdin=mail("Piped")).exit_code == 75
    disk.make_room()
    assert installed.run("fetch").exit_code == 0
    assert [email["subject"] for email in installed.json("email", "list")] == ["x"]
    assert installed.json("quarantine", "list") == []


def test_database_on_a_file_system_that_is_read_only_can_be_read(disk: Disk, installed: Espomail):
    installed.ok("fetch")
    disk.allow("ro")
    for words in (*READING, *ASKING):
        ended = installed.run(*words, "--json")
        assert ended.exit_code in (0, 1), ended
        assert "error" not in ended.stderr, ended
    assert [case["name"] for case in installed.json("case", "list")] == ["x"]


@pytest.mark.parametrize("is_in_the_log", [False, True], ids=["closed", "as a killed program leaves it"])
def test_database_on_a_full_disk_can_be_read(disk: Disk, installed: Espomail, is_in_the_log: bool):
    installed.ok("fetch")
    rename(disk.folder / "espomail.db", is_killed=is_in_the_log)
    disk.fill()
    for words in READING:
        ended = installed.run(*words, "--json")
        assert ended.exit_code in (0, 1), ended
        assert "error" not in ended.stderr, ended
    assert [case["name"] for case in installed.json("case", "list")] == ["renamed"]
    ended = installed.run("account", "create", "--name", "x")
    assert (ended.exit_code, ended.stdout) == (75, "")
    assert "the disk is full; make room" in ended.stderr
    disk.make_room()
    assert installed.ok("db", "check") == ""
    assert [case["name"] for case in installed.json("case", "list")] == ["renamed"]


def rename(database: Path, *, is_killed: bool) -> None:
    """Give all cases another name. Whoever does so is killed, or has closed the database before the end."""
    ended = subprocess.run([sys.executable, "-c", RENAME, database, str(is_killed)], check=False)
    assert ended.returncode == (-9 if is_killed else 0)
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
    assert database.with_name(f"{database.name}-wal").exists() is is_killed


RENAME = """
import os, sqlite3, sys
opened = sqlite3.connect(sys.argv[1], isolation_level=None)
opened.execute('UPDATE "case" SET name = ?', ("renamed",))
if sys.argv[2] == "True":
    os.kill(os.getpid(), 9)
opened.close()
"""


def test_doctor_says_that_the_database_cannot_be_written(disk: Disk, installed: Espomail):
    installed.ok("fetch")
    disk.allow("ro")
    ended = installed.run("doctor", "--json")
    (found,) = [one for one in json.loads(ended.stdout) if one["what"] == "database"]
    assert (ended.exit_code, found["level"]) == (1, "error")
    assert f"{disk.folder} and {disk.folder}/espomail.db: it cannot be written" in found["said"]
    (lock,) = [one for one in json.loads(ended.stdout) if one["what"] == "lock"]
    assert found["advice"] == lock["advice"] == "mount it for writing"
    disk.allow("rw")
    findings = json.loads(installed.run("doctor", "--json").stdout)
    assert [one["level"] for one in findings if one["what"] == "database"] == ["ok"]


def test_commands_that_write_say_that_a_file_system_is_read_only(disk: Disk, installed: Espomail):
    installed.ok("fetch")
    disk.allow("ro")
    for words in (("fetch",), ("account", "create", "--name", "x"), ("outbox", "flush")):
        ended = installed.run(*words)
        assert (ended.exit_code, ended.stdout) == (77, ""), ended
        assert "read-only" in ended.stderr, ended
    disk.allow("rw")
    installed.ok("fetch")


def test_folder_in_the_place_of_the_database_is_a_fault_of_the_configuration(installed: Espomail):
    (installed.folder / "espomail.db").mkdir()
    for words in (("fetch",), ("case", "list"), ("db", "upgrade"), ("quarantine", "list")):
        ended = installed.run(*words)
        assert ended.exit_code == 78
        assert "is a folder" in ended.stderr, ended
