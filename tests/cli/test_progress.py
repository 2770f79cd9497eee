"""The progress bar: on a terminal, and gone when the work is done."""

import os
import pty
import sys
from datetime import UTC, datetime

import pytest

from espomail.cli.invocation import Invocation
from espomail.cli.progress import CLEAR_LINE, Progress

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def shown(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], verbosity: int = 0) -> str:
    """What a run of two steps leaves on a terminal."""
    ours, its = pty.openpty()
    with os.fdopen(its, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        progress = Progress(Invocation(NOW, environ, verbosity=verbosity))
        progress("support\x1b", 1, 4)
        progress("support\x1b", 4, 4)
        progress.end()
        print("end", file=terminal, flush=True)
        out = ""
        while not out.endswith("end\r\n"):  # a terminal gives what it has so far
            out += os.read(ours, 65536).decode()
    os.close(ours)
    return out


def test_it_is_drawn_and_taken_away_again(monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown(monkeypatch, {"TERM": "xterm"})
    assert "[######..................] 1/4" in out
    assert "[########################] 4/4" in out
    assert out.endswith(f"{CLEAR_LINE}end\r\n")
    assert "support\x1b" not in out


@pytest.mark.parametrize(("environ", "verbosity"), [({"TERM": "dumb"}, 0), ({}, 0), ({"TERM": "xterm"}, -1)])
def test_it_is_not_drawn_where_it_is_of_no_use(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], verbosity: int
) -> None:
    assert shown(monkeypatch, environ, verbosity) == "end\r\n"
