"""Reading in another process gives what reading here gives."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from espomail.errors import TryAgainLater
from espomail.intake import reader as reader_module
from espomail.intake.journal import Kept
from espomail.intake.reader import Reader, read_all
from espomail.mail.reading import NOTHING
from tests.office import NOW, mail
from tests.servers.ports import wait_until

KEPT = [Kept(n, n, "m", "INBOX", n, NOW, 1, n % 7 == 0, mail(f"Grüße {n}", body="x" * n)) for n in range(120)]


def begin(reader: Reader) -> None:
    """Let the reader begin its other process, and wait for that."""
    reader.start(KEPT)
    wait_until(lambda: reader._pool is not None, "the process that reads")


def test_note_in_the_place_of_a_text_is_none_that_tells_two_mails_alike():
    partial = [one for one in KEPT if one.is_partial]
    assert {reading.text_key for reading in read_all(partial)} == {NOTHING}


def test_few_messages_are_read_here():
    with Reader() as reader:
        assert reader.start(KEPT[:5])() == read_all(KEPT[:5])
        assert reader._pool is None


def test_many_messages_are_read_in_another_process_with_the_same_result(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        assert reader.start(KEPT)() == read_all(KEPT)
        begin(reader)
        assert reader.start(KEPT)() == read_all(KEPT)
        assert reader.start(KEPT[:3])() == read_all(KEPT[:3])


@pytest.mark.parametrize(
    ("disaster", "said"),
    [
        ("os._exit(7)", "has killed the process"),
        ("bytearray(64 * 1024**3)", "of memory"),
        ("os.kill(os.getpid(), 9)", "has killed the process"),
    ],
)
def test_message_that_ends_the_process_that_reads_it_is_told_from_the_others(tmp_path, disaster, said):
    """In a program of its own, whose reader meets with a disaster in one message."""
    program = """
import os
from espomail.intake import reader
from tests.intake.test_reader import KEPT, begin
if __name__ == "__main__":
    import multiprocessing
    context = multiprocessing.get_context("forkserver")
    reader._context = lambda: context
    context.set_forkserver_preload(["disaster"])
    with reader.Reader() as reading:
        begin(reading)
        for result in reading.start(KEPT)():
            if isinstance(result, reader.Unreadable):
                print(result.because)
"""
    disaster_module = f"""
import os
from espomail.mail import reading
whole = reading.read
def read(raw, *, is_partial):
    if "Grüße 66".encode() in raw:
        {disaster}
    return whole(raw, is_partial=is_partial)
reading.read = read
"""
    (tmp_path / "disaster.py").write_text(disaster_module)
    (tmp_path / "program.py").write_text(program)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{root}"},
    )
    assert done.returncode == 0, done.stderr
    (told,) = done.stdout.splitlines()
    assert said in told


def test_process_that_dies_takes_no_message_with_it(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        begin(reader)
        for process in reader._pool._processes.values():
            process.kill()
        assert reader.start(KEPT)() == read_all(KEPT)


def test_batches_that_come_after_a_process_has_died_are_read_as_well(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        begin(reader)
        pool = reader._pool
        in_hand = reader.start(KEPT)
        for process in pool._processes.values():
            process.kill()
        wait_until(lambda: pool._broken, "notice of the process that has died")
        later = reader.start(KEPT)
        assert [in_hand(), later(), reader.start(KEPT)()] == [read_all(KEPT)] * 3


def test_several_batches_over_which_a_process_has_died_do_not_end_the_next_one(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        begin(reader)
        in_hand = [reader.start(KEPT), reader.start(KEPT)]
        for process in reader._pool._processes.values():
            process.kill()
        assert in_hand[0]() == read_all(KEPT)
        begin(reader)
        next_one = reader._pool
        assert in_hand[1]() == read_all(KEPT)
        assert reader._pool is next_one


def test_message_is_not_blamed_for_a_process_that_died_before_it():
    with Reader() as reader:
        assert reader.read_alone(KEPT[0]) == read_all(KEPT)[0]
        for process in reader._cell._processes.values():
            process.kill()
            process.join()
        assert reader.read_alone(KEPT[1]) == read_all(KEPT)[1]


def test_message_waits_where_no_process_can_be_had(monkeypatch):
    def refused(_processes: int) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(reader_module, "_new_pool", refused)
    with Reader() as reader, pytest.raises(TryAgainLater, match="no process can be started"):
        reader.read_alone(KEPT[0])


def test_program_that_is_killed_leaves_no_process_behind(tmp_path):
    program = """
import os, signal
from espomail.intake import reader
from tests.intake.test_reader import begin
if __name__ == "__main__":
    reader.os.cpu_count = lambda: 2
    reading = reader.Reader()
    begin(reading)
    print(*reading._pool._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == -9
    readers = [Path("/proc", number) for number in done.stdout.split()]
    assert readers
    wait_until(lambda: not any(one.exists() for one in readers), "the end of the reading processes")
