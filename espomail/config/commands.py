"""Runs a program that prints a secret: no shell, no terminal, no prompt, and an end to waiting."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence


class CommandFailed(Exception):
    """`what` is for people; `output` may hold the secret, and is for masking `complaint` only."""

    def __init__(self, what: str, output: bytes = b"", complaint: bytes = b"") -> None:
        super().__init__(what)
        self.what = what
        self.output = output
        self.complaint = complaint


def output_of(command: Sequence[str], *, environ: Mapping[str, str], timeout_s: float) -> tuple[bytes, bytes]:
    """What the program wrote to stdout and stderr. Raises CommandFailed.

    It runs in a session of its own: without a controlling terminal nothing can prompt, and a time-out ends
    the program with everything that it started.
    """
    program = command[0]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,
        )
    except FileNotFoundError:
        where = "" if "/" in program else " on the PATH (cron's is short: write the whole path)"
        raise CommandFailed(f"there is no program {program}{where}") from None
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{program} cannot be started: {error}") from None
    try:
        output, complaint = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        output, complaint = _ended(process)
        raise CommandFailed(f"{program} did not end within {timeout_s:g} s", output, complaint) from None
    if process.returncode != 0:
        raise CommandFailed(f"{program} {_told(process.returncode)}", output, complaint)
    return output, complaint


def _ended(process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=1)
    except subprocess.TimeoutExpired:  # a grandchild left the session and holds the pipes open
        return b"", b""
    finally:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        process.wait()


def _told(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"failed with exit code {returncode}"
