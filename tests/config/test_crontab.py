"""crontab.example as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

CRONTAB = Path(__file__).parents[2] / "crontab.example"


def lines() -> list[str]:
    return [
        line for line in CRONTAB.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]


def test_crontab_runs_fetch_every_minute() -> None:
    jobs = [line for line in lines() if not re.match(r"[A-Z]+=", line)]
    assert jobs == ["* * * * * espomail fetch"]


def test_crontab_sets_who_is_told_and_where_programs_are() -> None:
    settings = dict(line.split("=", 1) for line in lines() if re.match(r"[A-Z]+=", line))
    assert set(settings) == {"MAILTO", "PATH"}
    assert "/usr/local/bin" in settings["PATH"].split(":")


def test_crontab_ends_with_a_newline_or_cron_would_drop_its_last_line() -> None:
    assert CRONTAB.read_bytes().endswith(b"\n")


def test_cron_itself_accepts_the_crontab() -> None:
    crontab = shutil.which("crontab")
    assert crontab, "Debian's package cron is missing"
    checked = subprocess.run(
        [crontab, "-n", str(CRONTAB)], capture_output=True, text=True, check=False, timeout=30
    )
    assert checked.returncode == 0, checked.stderr
