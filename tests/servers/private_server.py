"""A real server of our own: its processes, on loopback ports, and its files in a folder that goes with it.

A subclass says how it is configured and started. Needs root, as these servers have users of their own.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.servers.certificates import Authority
from tests.servers.ports import HOST, free_port, is_listening, wait_until

# The kernel tells timeout(1) of the end of the tests: a server that changes its user would lose that signal.
# Whoever does not end by it is killed: a Cyrus whose worker died at a bad time hears of nothing any more.
ENDS_WITH_THE_TESTS: Final = ("setpriv", "--pdeathsig", "TERM", "timeout", "--kill-after", "5", "0")


class PrivateServer:
    """Start it with `with`. Ports are attributes; `ca_file` is what a client has to trust."""

    def __init__(self, ports: int, names: Sequence[str] = ("localhost", HOST), until_days: int = 30) -> None:
        self.ports = [free_port() for _ in range(ports)]
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self}-".lower(), dir="/tmp"))
        self.folder.chmod(0o755)
        authority = Authority(self.folder)
        self.ca_file = authority.ca_file
        self.certificate, self.key = authority.certify(*names, until_days=until_days)
        self._process: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return type(self).__name__

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, also again after `stop`; it keeps its ports and its mail. It ends with this process."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*ENDS_WITH_THE_TESTS, *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        for port in self.ports:
            wait_until(partial(self._is_listening, port), f"{self} on port {port}")

    def stop(self) -> None:
        """Stop it with all its processes."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=20)

    def log(self) -> str:
        """What it has logged so far."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _command(self) -> Sequence[str | Path]:
        """What starts it, and stays until it ends."""
        raise NotImplementedError

    def _is_listening(self, port: int) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise ChildProcessError(f"{self} has ended: {self.log()[-2000:]}")
        return is_listening(port)


def installed(program: str, *packages: str) -> str:
    """The path of a program that may stand in /usr/sbin; FileNotFoundError names the packages it comes in."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None:
        raise FileNotFoundError(f"{program} is not installed: apt-get install {' '.join(packages)}")
    return path
