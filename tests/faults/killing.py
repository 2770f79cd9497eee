"""The real program, killed where a test wants: before or after any step that lasts, or after some time."""

import subprocess
from pathlib import Path
from typing import Literal

from tests.servers.espomail import Espomail

Step = Literal["commit", "tell", "copy", "send"]
"""A commit; what is done on the mail server; each part of a move there, where it takes several; writing to an
SMTP server, twice for a message."""

KILLER = """
import os, signal, sys

def around(owner, name, moment):
    soundly = getattr(owner, name)
    def step(*arguments, **named):
        moment()
        result = soundly(*arguments, **named)
        moment()
        return result
    setattr(owner, name, step)

def kill_at(step, number):
    from espomail.intake import deeds, imap, wire
    from espomail.outbox import line
    from espomail.store import connection
    passed = 0
    def moment():
        nonlocal passed
        passed += 1
        if passed == number:
            os.killpg(0, signal.SIGKILL)
    steps = {
        "commit": [(connection.Database, "commit")],
        "tell": [
            (imap.Session, "append"),
            *((deeds.Deeds, name) for name in ("mark_seen", "move", "delete")),
        ],
        "copy": [(wire.Client, name) for name in ("copy", "delete_messages", "uid_expunge")],
        "send": [(line.Line, "send")],
    }
    for owner, name in steps[step]:
        around(owner, name, moment)

def kill_after(seconds):
    from espomail import run
    fetch = run.fetch
    def fetch_for_so_long(*arguments, **named):
        signal.setitimer(signal.ITIMER_REAL, seconds)  # nothing catches SIGALRM: the kernel ends the process
        return fetch(*arguments, **named)
    run.fetch = fetch_for_so_long

def in_batches_of(size):
    from espomail.intake import download, settle
    download.FIRST_BATCH = download.LARGEST_BATCH = size
    settle.Pace.__init__.__defaults__ = (size,)
    settle.Pace.MOST = size

if sys.orig_argv[1].endswith("/espomail"):
    in_batches_of(5)
    if "KILL_AT" in os.environ:
        step, number = os.environ["KILL_AT"].split()
        kill_at(step, int(number))
    if "KILL_AFTER" in os.environ:
        kill_after(float(os.environ["KILL_AFTER"]))
"""
"""Imported by Python before the program starts. In a process that the program has forked it counts on."""


class Killable(Espomail):
    """An installation whose runs can be killed, in small batches, so that there are many steps."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.said = ""  # on stderr, by the last run that was to be killed
        (folder / "sitecustomize.py").write_text(KILLER)

    def killed_at(self, step: Step, moment: int) -> bool:
        """One run, killed with all its processes before (1, 3, …) or after (2, 4, …) a step of this kind.

        Says whether it was: it may have ended.
        """
        return self._killed({"KILL_AT": f"{step} {moment}"})

    def killed_after(self, seconds: float) -> bool:
        """One run, killed so long after its beginning; other processes of its have to end by themselves."""
        return self._killed({"KILL_AFTER": str(seconds)})

    def _killed(self, when: dict[str, str]) -> bool:
        environment = {**when, "PYTHONPATH": str(self.folder)}
        running = self.start(
            "fetch", "--wait", environment=environment, stderr=subprocess.PIPE, process_group=0
        )
        self.said = said = running.communicate(timeout=120)[1].decode()
        assert "Traceback" not in said, said
        assert running.returncode <= 1, said
        return running.returncode < 0
