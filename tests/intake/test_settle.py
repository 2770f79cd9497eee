"""The second commit: what one mail breaks is that mail's alone."""

import pytest

from espomail.intake import journal
from espomail.intake.settle import Failed, Pace
from espomail.pipeline import decide as decide_module
from espomail.pipeline.email_to_case import make_or_join_case
from espomail.pipeline.way import Step
from espomail.store.changes import add
from espomail.store.models import Case, Email, EmailTeam, Journal, Note, Outbox
from espomail.store.models import RawMessage as StoredRaw
from tests.office import mail


def with_a_step_that_breaks(monkeypatch, step):
    """A step after Email-to-Case, for the mail with the subject «Poison»."""

    def poisoned(way, desk):
        return step(way) if way.arrival.parsed.subject == "Poison" else Step(DECISION, way)

    at = decide_module.STEPS.index(make_or_join_case) + 1
    steps = (*decide_module.STEPS[:at], poisoned, *decide_module.STEPS[at:])
    monkeypatch.setattr(decide_module, "STEPS", steps)


DECISION = decide_module.Decision("poison", "none")


def boom(way):
    raise ZeroDivisionError("no such number")


def row_that_points_at_nothing(way):
    return Step(DECISION, way, (add(EmailTeam, email=4711, team="x"),))


@pytest.mark.parametrize("step", [boom, row_that_points_at_nothing])
@pytest.mark.parametrize("batch", [1, 2, 400])
def test_mail_that_breaks_the_rules_waits_and_the_others_of_its_batch_go_on(office, monkeypatch, step, batch):
    with_a_step_that_breaks(monkeypatch, step)
    settled = office.receive(mail("One"), mail("Poison"), mail("Two"), batch=batch)
    assert [isinstance(one, Failed) for one in settled] == [False, True, False]
    assert office.rows(Journal, "outcome") == ["imported", "new", "imported"]
    assert office.rows(Case, "id", "name", "assigned_user") == [(1, "One", "anna"), (2, "Two", "boris")]


def test_mail_that_breaks_the_rules_is_parked_after_three_tries(office, monkeypatch):
    with_a_step_that_breaks(monkeypatch, boom)
    tries = [office.receive(mail("Poison")), office.try_again(), office.try_again()]
    assert [one.is_parked for (one,) in tries] == [False, False, True]
    assert office.try_again() == []
    assert office.rows(Journal, "outcome", "tries") == [("quarantined", 3)]


def test_mail_that_breaks_the_rules_once_is_taken_in_by_the_next_run(office, monkeypatch):
    with_a_step_that_breaks(monkeypatch, boom)
    office.receive(mail("Poison"))
    monkeypatch.undo()
    office.try_again()
    assert office.rows(Case, "name") == ["Poison"]


def test_mail_that_breaks_the_rules_leaves_nothing_behind_but_its_bytes_and_the_report(office, monkeypatch):
    with_a_step_that_breaks(monkeypatch, boom)
    office.receive(mail("Poison"))
    assert office.rows(Case) == office.rows(Email) == office.rows(Note) == office.rows(Outbox) == []
    assert len(office.rows(StoredRaw)) == 1
    (entry,) = office.rows(Journal)
    assert entry["error"].startswith("Traceback")
    assert "ZeroDivisionError: no such number" in entry["error"]


def test_parked_mail_is_taken_in_once_the_fault_is_mended(office, monkeypatch):
    with_a_step_that_breaks(monkeypatch, boom)
    office.receive(mail("Poison"))
    office.try_again()
    office.try_again()
    monkeypatch.undo()
    office.write(journal.retry(1))
    office.try_again()
    assert office.rows(Case, "name") == ["Poison"]


def test_batches_shrink_when_the_lock_is_held_for_long_and_grow_again():
    pace = Pace(100)
    pace.learn(100, took_s=0.4)
    assert pace.size == 25
    pace.learn(25, took_s=0.01)
    assert pace.size == 50
    pace.learn(1, took_s=5)
    assert pace.size == 1
