"""One run at a time."""

import errno
import os
import subprocess
import sys
import threading

import pytest

from espomail.config.load import load
from espomail.errors import EspomailError, NotPermitted, TryAgainLater
from espomail.intake.lock import lock_file, run_lock


def test_second_run_goes_without_the_lock(office):
    loaded = load(office.path)
    with (
        run_lock(loaded, waits=False, fails=False) as first,
        run_lock(loaded, waits=False, fails=False) as second,
    ):
        assert (first, second) == (True, False)


def test_database_named_by_a_link_has_one_lock(office, tmp_path):
    link = tmp_path / "linked.db"
    link.symlink_to(office.config.database_file)
    other = office.path.with_name("other.yaml")
    other.write_text(f"database: sqlite:///{link}\n{office.path.read_text()}")
    other.chmod(0o600)
    with (
        run_lock(load(office.path), waits=False, fails=False),
        run_lock(load(other), waits=False, fails=False) as is_ours,
    ):
        assert not is_ours


def test_second_run_fails_when_it_is_told_to(office):
    loaded = load(office.path)
    with (
        run_lock(loaded, waits=False, fails=True),
        pytest.raises(TryAgainLater, match="another run"),
        run_lock(loaded, waits=False, fails=True),
    ):
        pass


def test_second_run_waits_when_it_is_told_to(office):
    loaded = load(office.path)
    done = threading.Event()

    def second():
        with run_lock(loaded, waits=True, fails=False) as is_ours:
            assert is_ours
            done.set()

    with run_lock(loaded, waits=False, fails=False):
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.1)
    assert done.wait(5)
    thread.join()


def test_run_that_dies_gives_the_lock_back(office):
    loaded = load(office.path)
    holder = f"""
import fcntl, os, time
fcntl.flock(os.open({str(lock_file(loaded))!r}, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with run_lock(loaded, waits=False, fails=False) as is_ours:
        assert not is_ours
    process.kill()
    process.wait()
    process.stdout.close()
    with run_lock(loaded, waits=False, fails=False) as is_ours:
        assert is_ours


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, TryAgainLater, "the disk is full"),
        (errno.EROFS, NotPermitted, "read-only"),
        (errno.EACCES, NotPermitted, "read-only"),
    ],
)
def test_lock_that_cannot_be_made_is_told_with_its_file(
    office, monkeypatch, number: int, kind: type[EspomailError], said: str
):
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(kind, match=rf"espomail\.db\.lock: .*{said}"),
        run_lock(load(office.path), waits=False, fails=False),
    ):
        pass
