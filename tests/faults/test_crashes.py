"""Runs that are killed, anywhere and again and again: afterwards all is as if nothing had happened.

ESPOMAIL_KILLS=300 for so many of them, and ESPOMAIL_SEED for other ones, as `script/crashes` has it.
"""

import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.crashing_desk import DONE, CrashingDesk, Picture
from tests.faults.killing import Step
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_smtp import ScriptedSmtp

KILLS = int(os.environ.get("ESPOMAIL_KILLS", "30"))
SEED = int(os.environ.get("ESPOMAIL_SEED", "0"))
SETTINGS = KEEP, DELETE, MOVE = "keep", "delete", f"{{move: {DONE}}}"
FEW, MANY = 20, 200
IN_A_ROW = KILLS // 2 // len(SETTINGS)
EACH = KILLS >= 300  # whether a run is killed at each of its steps

NewDesk = Callable[[str], CrashingDesk]


@pytest.fixture
def new_desk(tmp_path: Path, dovecot: Dovecot, user: str) -> Iterator[NewDesk]:
    """Makes desks, each with servers and a mailbox of its own."""
    numbers = itertools.count(1)
    with ExitStack() as servers:

        def new(after_import: str = "keep") -> CrashingDesk:
            number = next(numbers)
            smtp = servers.enter_context(ScriptedSmtp())
            return CrashingDesk(tmp_path / str(number), dovecot, smtp, f"{number}.{user}", after_import)

        yield new


@pytest.fixture(scope="module")
def pictures() -> dict[int, Picture]:
    """What so many mails come to where nothing happens."""
    return {}


def undisturbed(new_desk: NewDesk, pictures: dict[int, Picture], mails: int) -> Picture:
    if mails not in pictures:
        desk = new_desk("keep")
        desk.receive(mails)
        desk.fetch()
        pictures[mails] = desk.picture()
        desk.assert_came_to(pictures[mails])
    return pictures[mails]


@pytest.mark.parametrize(
    ("step", "after_import", "stride", "least"),
    [
        ("commit", KEEP, 9, 30),
        ("commit", DELETE, 13, 30),
        ("commit", MOVE, 13, 30),
        ("tell", DELETE, 1, 6),
        ("tell", MOVE, 1, 6),
        ("send", KEEP, 3, 8),
    ],
)
def test_run_killed_at_any_step_is_taken_up_where_it_was(
    new_desk: NewDesk, pictures: dict[int, Picture], step: Step, after_import: str, stride: int, least: int
):
    expected = undisturbed(new_desk, pictures, FEW)
    for moment in itertools.count(1, 1 if EACH else stride):
        desk = new_desk(after_import)
        desk.receive(FEW)
        if not desk.is_killed_at(step, moment):
            break
        desk.assert_nothing_is_lost()
        desk.fetch()
        desk.assert_came_to(expected)
    assert moment > least


@pytest.mark.parametrize("after_import", SETTINGS)
def test_runs_killed_again_and_again_come_to_the_same_end(
    new_desk: NewDesk, pictures: dict[int, Picture], after_import: str
):
    chance = random.Random(f"{SEED} {after_import}")
    desk = new_desk(after_import)
    for _ in range(IN_A_ROW):
        desk.receive(max(20, MANY // IN_A_ROW))
        if chance.random() < 0.5:
            desk.is_killed_at("commit", chance.randrange(1, 40))
        else:
            desk.is_killed_after(chance.uniform(0, 0.3))
        desk.assert_nothing_is_lost()
    assert desk.kills
    desk.fetch()
    desk.assert_came_to(undisturbed(new_desk, pictures, desk.mails))
