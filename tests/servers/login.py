"""A login for a service, as an operator would make it: its home holds the configuration and the database.

Needs root. An interpreter that stands in root's home is nothing that this login could run, so a program of
its own starts espomail with one that it can.
"""

import json
import os
import pwd
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.espomail import Ended, Espomail

NAME = "espomail-tests"
TREE = Path(__file__).resolve().parent.parent.parent

PROGRAM = """#!/bin/sh
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={paths} exec {python} -c \
'import sys; from espomail.cli.entry import main; sys.exit(main())' "$@"
"""


class Login:
    """Start it with `with`: the login is there until the end."""

    name = NAME
    _as_login = ("setpriv", "--reuid", NAME, "--regid", NAME, "--clear-groups")

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="login-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.home = self.folder / "home"
        self.program = self.folder / "espomail"

    def __enter__(self) -> Self:
        self._remove()
        subprocess.run(
            ["useradd", "--system", "--create-home", "--home-dir", str(self.home), NAME], check=True
        )
        paths = ":".join([str(TREE), *site.getsitepackages()])
        self.program.write_text(PROGRAM.format(paths=paths, python=self._python()))
        self.program.chmod(0o755)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, text: str) -> None:
        """Write the configuration that espomail finds by itself."""
        folder = self.home / ".config" / "espomail"
        folder.mkdir(parents=True, exist_ok=True)
        Espomail(folder).configure(text)
        for path in (folder.parent, folder, folder / "config.yaml"):
            shutil.chown(path, NAME, NAME)

    def forget(self) -> None:
        """Remove the configuration and the database."""
        shutil.rmtree(self.home / ".config", ignore_errors=True)

    def run(self, *command: object, stdin: bytes = b"") -> Ended:
        """Run espomail as this login."""
        done = subprocess.run(
            [*self._as_login, self.program, *map(str, command)],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
            cwd="/",
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def json(self, *command: object) -> Any:
        """Run a command that has to succeed; gives what it prints as JSON."""
        ended = self.run(*command, "--json")
        assert (ended.exit_code, ended.stderr) == (0, ""), ended
        return json.loads(ended.stdout)

    def _python(self) -> str:
        """An interpreter of our version that the login can run."""
        candidates = [sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"]
        for python in candidates:
            # The shell has none of root's rights any more; setpriv still does when it starts a program.
            tried = subprocess.run(
                [*self._as_login, "sh", "-c", f"exec {python} -c ''"], capture_output=True, check=False
            )
            if tried.returncode == 0:
                return python
        raise FileNotFoundError(f"no interpreter that other logins can run; tried {' and '.join(candidates)}")

    def _remove(self) -> None:
        try:
            pwd.getpwnam(NAME)
        except KeyError:
            return
        subprocess.run(["userdel", NAME], check=True, capture_output=True)
