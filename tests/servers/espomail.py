"""The program itself, run as people run it: a process of its own, in a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from espomail.store.connection import close_database, open_database

PROGRAM = Path(sys.executable).with_name("espomail")


class Ended(NamedTuple):
    """What a command has said, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


class Espomail:
    """An installation in `folder`; `config` is its file, found by $ESPOMAIL_CONFIG."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.yaml"

    def configure(self, text: str) -> None:
        self.config.write_text(text, encoding="utf-8")
        self.config.chmod(0o600)

    @property
    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / ".config")}
        return {**os.environ, **home, "ESPOMAIL_CONFIG": str(self.config), "TZ": "UTC", "LC_ALL": "C.UTF-8"}

    def start(
        self,
        *arguments: object,
        through: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        **more: Any,
    ) -> "subprocess.Popen[bytes]":
        """Begin a command, perhaps `through` another one, and wait for nothing; `more` is for Popen."""
        return subprocess.Popen(
            [*through, PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            **more,
        )

    def run(
        self,
        *arguments: object,
        stdin: str | bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command to its end."""
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin or b"",
            capture_output=True,
            check=False,
            timeout=120,
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *arguments: object, **more: Any) -> str:
        """Run a command that has to succeed and to say nothing on stderr; gives its output."""
        ended = self.run(*arguments, **more)
        assert (ended.exit_code, ended.stderr) == (0, ""), ended
        return ended.stdout

    def json(self, *arguments: object, **more: Any) -> Any:
        """Run a command that has to succeed; gives what it prints as JSON."""
        return json.loads(self.ok(*arguments, "--json", **more))

    @contextmanager
    def database(self) -> Iterator[None]:
        """Its database, open in our own process."""
        open_database(f"sqlite:///{self.folder}/espomail.db", now=datetime.now(UTC))
        try:
            yield
        finally:
            close_database()
