"""Debian's cron, running the lines of a crontab.

A host has one cron: it is started when none runs, and else we are its guest. Either way our lines stand in
a file of their own in /etc/cron.d, with a login before the command, as crontab.example says. Needs root.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.ports import wait_until
from tests.servers.private_server import installed

LOCK = Path("/run/crond.pid")
TABLES = Path("/etc/cron.d")

# Cron would mail what a command says; this stands where cron starts a shell, and keeps it. A killed test
# leaves its crontab to a cron of the host: the first job that finds the test gone takes it away.
SHELL = """#!/bin/sh
[ -d /proc/{tests} ] || {{ rm -f {table}; exit; }}
/bin/sh "$@" >>{folder}/output 2>&1 </dev/null
echo $? >>{folder}/ended
"""


class Cron:
    """Start it with `with`. `environment` is set before the first job, and wins over the crontab's own."""

    def __init__(
        self, crontab: str, *, login: str = "root", environment: Mapping[str, str] | None = None
    ) -> None:
        self._program = installed("cron", "cron")
        self.login = login
        self.folder = Path(tempfile.mkdtemp(prefix="cron-", dir="/tmp"))
        self.table = TABLES / f"espomail-tests-{os.getpid()}-{self.folder.name[5:].replace('_', '-')}"
        self._crontab = crontab
        self._environment = {**(environment or {}), "SHELL": str(self.folder / "shell")}
        self._own: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def ended(self) -> list[int]:
        """The exit codes of the commands that have ended, the oldest first."""
        return [int(code) for code in _text(self.folder / "ended").split()]

    @property
    def output(self) -> str:
        """All that the commands have said: what cron would have mailed."""
        return _text(self.folder / "output")

    def wait_for_run(self, number: int = 1) -> None:
        """Wait until so many commands have ended. Cron starts them at full minutes."""
        wait_until(lambda: self._is_served() and len(self.ended) >= number, "cron", 75 + 60 * number)

    def _start(self) -> None:
        shell = self.folder / "shell"
        shell.write_text(SHELL.format(folder=self.folder, table=self.table, tests=os.getpid()))
        shell.chmod(0o755)
        owner = pwd.getpwnam(self.login)
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        table = self.folder / "table"
        table.write_text(_system_crontab(self._crontab, self.login, self._environment))
        table.chmod(0o644)
        shutil.copy(table, self.table)
        self._is_served()

    def _stop(self) -> None:
        self.table.unlink(missing_ok=True)
        if self._own is not None:
            self._own.terminate()
            self._own.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_served(self) -> bool:
        """See to it that a cron is running: the host's may be stopped while we are its guest."""
        if self._own is not None and self._own.poll() is None:
            return True
        if _is_running():
            return True
        said = _text(self.folder / "cron.log")
        if said:
            raise ChildProcessError(f"cron has ended: {said}")
        with (self.folder / "cron.log").open("wb") as log:
            self._own = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", self._program, "-f"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return True


def _is_running() -> bool:
    """Whether some cron holds cron's lock."""
    if not LOCK.exists():
        return False
    with LOCK.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _system_crontab(crontab: str, login: str, environment: Mapping[str, str]) -> str:
    """A user's crontab in the form of /etc/cron.d; its settings, then ours, then its jobs."""
    settings, jobs = [], []
    for line in crontab.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in "*@" or line[0].isdigit():
            fields = 1 if line[0] == "@" else 5
            *times, command = line.split(maxsplit=fields)
            jobs.append(" ".join([*times, login, command]))
        else:
            settings.append(line)
    settings += [f"{name}={value}" for name, value in environment.items()]
    return "\n".join([*settings, *jobs, ""])


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
