"""What a run has kept and not decided is decided alone; a try counts where it was the mail that failed."""

import os
import signal
import time
from pathlib import Path

import pytest

from espomail.errors import TryAgainLater
from espomail.intake import journal, limits, settle
from espomail.intake.left_over import settle_left_over
from espomail.intake.messages import Position, RawMessage
from espomail.intake.settle import Failed, Pace
from espomail.pipeline.way import Step
from espomail.store.changes import put
from espomail.store.models import Case, Counter, Journal, database
from tests.intake.test_settle import DECISION, with_a_step_that_breaks
from tests.office import Office, mail


def keep(office: Office, *subjects: str) -> None:
    """Let a run keep mails with these subjects, and end before it decides them."""
    messages = [
        RawMessage("INBOX", 7, uid, (), office.now, mail(subject), 9)
        for uid, subject in enumerate(subjects, start=1)
    ]
    journal.keep("support", messages, Position("INBOX", 7, len(messages)))


def die(way):
    os._exit(9)


def be_killed(way):
    os.kill(os.getpid(), signal.SIGKILL)


def take_all_memory(way):
    return bytearray(64 * 1024**3)


def take_all_time(way):
    while True:
        pass


@pytest.mark.parametrize(
    ("disaster", "said"),
    [
        (die, "has killed the process"),
        (be_killed, "has killed the process"),
        (take_all_time, "taken a minute"),
        (take_all_memory, "MemoryError"),
    ],
)
def test_mail_that_kills_what_decides_it_is_parked_after_three_tries_and_the_others_go_on(
    office, monkeypatch, disaster, said
):
    monkeypatch.setattr(limits, "PROCESSOR_S", 1)
    with_a_step_that_breaks(monkeypatch, disaster)
    keep(office, "One", "Poison", "Two")
    tries = [office.try_again(), office.try_again(), office.try_again()]
    failed = [one for settled in tries for one in settled if isinstance(one, Failed)]
    assert [one.is_parked for one in failed] == [False, False, True]
    assert said in failed[-1].error
    assert [len(settled) for settled in tries] == [3, 1, 1]
    assert office.try_again() == []
    assert office.rows(Journal, "outcome", "tries") == [("imported", 0), ("quarantined", 3), ("imported", 0)]
    assert office.rows(Case, "name") == ["One", "Two"]


def test_fault_of_the_program_over_one_mail_stops_no_other(office, monkeypatch):
    load = settle.load

    def refuse_poison(arrivals, context, ids):
        if arrivals[0].parsed.subject == "Poison":
            raise AttributeError("no such thing")
        return load(arrivals, context, ids)

    monkeypatch.setattr(settle, "load", refuse_poison)
    keep(office, "Poison", "One")
    failed, _ = office.try_again()
    assert failed.error == "AttributeError: no such thing"
    assert office.rows(Journal, "outcome", "tries") == [("new", 1), ("imported", 0)]


def be_stopped(way):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


def find_the_disk_full(way):
    database.pragma("max_page_count", database.pragma("page_count"))
    return Step(DECISION, way, (put(Counter, table="x" * 1_000_000, last=1),))


@pytest.mark.parametrize("step", [be_stopped, find_the_disk_full])
def test_trouble_that_is_no_mails_fault_costs_no_mail_a_try(office, monkeypatch, step):
    with_a_step_that_breaks(monkeypatch, step)
    keep(office, "Poison")
    for _ in range(4):
        with pytest.raises(TryAgainLater):
            office.try_again()
    assert office.rows(Journal, "outcome", "tries") == [("new", 0)]
    monkeypatch.undo()
    office.try_again()
    assert office.rows(Case, "name") == ["Poison"]


def test_run_that_is_over_leaves_the_rest_as_it_was(office):
    keep(office, "One", "Two", "Three")
    moments = iter([False, False, True])
    assert len(list(settle_left_over(office.context, Pace(), ["support"], lambda: next(moments)))) == 1
    assert office.rows(Journal, "outcome") == ["imported", "new", "new"]


def children() -> set[str]:
    """The processes that this one has started and not waited for."""
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }


def test_run_that_is_interrupted_leaves_no_process_behind(office, monkeypatch):
    with_a_step_that_breaks(monkeypatch, lambda way: time.sleep(60))
    keep(office, "One", "Poison")
    before = children()
    settling = settle_left_over(office.context, Pace(), ["support"], lambda: False)
    next(settling)
    assert children() > before
    settling.close()
    assert children() == before
    assert office.rows(Journal, "outcome", "tries") == [("imported", 0), ("new", 0)]
