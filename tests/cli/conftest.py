"""The program as people call it, on the office of the tests."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from espomail.cli.main import main
from espomail.store import connection
from tests.office import CONFIG, Office

PROGRAM = Path(sys.executable).with_name("espomail")


@dataclass
class Said:
    """How a call ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a call that asked for JSON."""
        error: dict[str, Any] = json.loads(self.err)["error"]
        return error

    @property
    def rows(self) -> list[list[str]]:
        """The cells of TSV."""
        return [line.split("\t") for line in self.out.splitlines()]


Program = Callable[..., Said]
OfficeWith = Callable[[str, str], Office]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")
    connection.close_database()


@pytest.fixture
def office_with(tmp_path: Path) -> Iterator[Callable[[str, str], Office]]:
    """An office in whose configuration one text stands for another."""
    yield lambda old, new: Office(tmp_path / "office", CONFIG.replace(old, new))
    connection.close_database()


@pytest.fixture
def espomail(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Program:
    """Call the program in this process, its output not a terminal; `--as` is said by `user`."""

    def call(*words: object, user: str | None = None, environ: dict[str, str] | None = None) -> Said:
        config = {"ESPOMAIL_CONFIG": str(tmp_path / "office" / "config.yaml")}
        before = [] if user is None else ["--as", user]
        capfdbinary.readouterr()
        code = main([*before, *map(str, words)], config if environ is None else environ)
        out, err = capfdbinary.readouterr()
        return Said(code, out.decode(), err.decode())

    return call


@pytest.fixture
def on_terminal(tmp_path: Path) -> Program:
    """Call the program on a terminal, whose lines come back as they would be seen, with what is `typed`."""

    def call(
        *words: object, typed: str | None = None, environ: dict[str, str] | None = None, columns: int = 80
    ) -> Said:
        ours, its = pty.openpty()
        if typed is not None:
            os.write(ours, typed.encode())
        process = subprocess.Popen(
            [PROGRAM, *map(str, words)],
            stdin=subprocess.DEVNULL if typed is None else its,
            stdout=its,
            stderr=subprocess.PIPE,
            env={
                **os.environ,
                "TERM": "xterm",
                "COLUMNS": str(columns),
                "ESPOMAIL_CONFIG": str(tmp_path / "office" / "config.yaml"),
                **(environ or {}),
            },
        )
        os.close(its)
        out = b""
        while some := _read(ours):
            out += some
        os.close(ours)
        _, err = process.communicate()
        return Said(process.returncode, out.decode().replace("\r\n", "\n"), err.decode())

    return call


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux tells the end of a terminal so
        return b""
