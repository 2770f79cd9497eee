"""Reading in another process gives what reading here gives."""

from espomail.intake import reader as reader_module
from espomail.intake.journal import Kept
from espomail.intake.reader import Reader, read_all
from tests.office import NOW, mail

KEPT = [Kept(n, n, "m", "INBOX", n, NOW, 1, n % 7 == 0, mail(f"Grüße {n}", body="x" * n)) for n in range(120)]


def test_few_messages_are_read_here():
    with Reader() as reader:
        assert reader.start(KEPT[:5])() == read_all(KEPT[:5])
        assert reader._pool is None


def test_many_messages_are_read_in_another_process_with_the_same_result(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        assert reader.start(KEPT)() == read_all(KEPT)
        assert reader._pool is not None
        assert reader.start(KEPT[:3])() == read_all(KEPT[:3])


def test_process_that_dies_takes_no_message_with_it(monkeypatch):
    monkeypatch.setattr(reader_module.os, "cpu_count", lambda: 2)
    with Reader() as reader:
        reader.start(KEPT)()
        for process in reader._pool._processes.values():
            process.kill()
        assert reader.start(KEPT)() == read_all(KEPT)
