"""Runs a program that prints a secret: no shell, no terminal, no prompt, and an end to waiting."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final, Self

LONGEST_OUTPUT_BYTES: Final = 64 * 1024  # OAuth2 tokens run to some kilobytes
LONGEST_COMPLAINT_BYTES: Final = 64 * 1024  # of more the rest is not kept
READ_BYTES: Final = 16 * 1024
LAST_READS: Final = 2 * LONGEST_OUTPUT_BYTES // READ_BYTES
GUARD: Final = 'read -r group && ! read -r _ && kill -s KILL -- "-$group"'  # nobody writes a second line
LOOKS_AGAIN_S: Final = 0.05  # whether the program has ended, where something it started keeps its pipes


class CommandFailed(Exception):
    """`what` is for people; `output` may hold the secret, and is for masking `complaint` only."""

    def __init__(self, what: str, output: bytes = b"", complaint: bytes = b"") -> None:
        super().__init__(what)
        self.what = what
        self.output = output
        self.complaint = complaint


def output_of(command: Sequence[str], *, environ: Mapping[str, str], timeout_s: float) -> tuple[bytes, bytes]:
    """What the program wrote to stdout and stderr until it ended. Raises CommandFailed.

    It runs in a session of its own: without a controlling terminal nothing can prompt, and a time-out ends
    the program with everything that it started, as does the end of ours, whatever brings it about. A daemon
    that it leaves behind, such as an agent, lives on.
    """
    program = command[0]
    with _Guard(program) as guard:
        process = _started(command, environ)
        with _Heard(process) as heard:
            guard.watch_over(process.pid)
            trouble = heard.listen(timeout_s)
    output, complaint = bytes(heard.output), bytes(heard.complaint)
    if trouble is None and process.returncode != 0:
        trouble = _told(process.returncode)
    if trouble is not None:
        raise CommandFailed(f"{program} {trouble}", output, complaint)
    return output, complaint


def _started(command: Sequence[str], environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    program = command[0]
    try:
        return subprocess.Popen(
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
    except OSError as error:
        raise _no_start(program, error) from None
    except ValueError:  # what no program can be given
        raise CommandFailed(f"{program} cannot be started: an argument holds a NUL") from None


def _no_start(program: str, error: OSError) -> CommandFailed:
    return CommandFailed(f"{program} cannot be started: {error.strerror}")


class _Guard:
    """A process that outlives ours, and ends a program with its process group once ours has ended.

    We could not do so ourselves: SIGKILL leaves no time to, and SIGTERM none but between two steps of Python.
    """

    def __init__(self, program: str) -> None:
        """Raises CommandFailed."""
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", GUARD],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # what is sent to our process group must not end it
            )
        except OSError as error:
            raise _no_start(program, error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def watch_over(self, group: int) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(
                BrokenPipeError
            ):  # it has been killed; the program still has its time-out
                self._process.stdin.write(b"%d\n" % group)
                self._process.stdin.flush()


class _Heard:
    """What a program has written so far. At the end it is stopped, and its pipes are closed."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.output, self.complaint = bytearray(), bytearray()
        self._process = process
        self._selector = selectors.DefaultSelector()
        for pipe, kept in ((process.stdout, self.output), (process.stderr, self.complaint)):
            assert pipe is not None  # noqa: S101  # both were asked for
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._process)
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def listen(self, timeout_s: float) -> str | None:
        """Read until the program has ended; gives what is wrong where it does not."""
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None:
            if not self._selector.get_map():  # it has closed both, and still works on something
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(0.0, deadline - time.monotonic()))
            else:
                self._read(LOOKS_AGAIN_S)
            if len(self.output) > LONGEST_OUTPUT_BYTES:
                break
            if time.monotonic() >= deadline and self._process.poll() is None:
                return f"did not end within {timeout_s:.0f} s"
        for _ in range(LAST_READS):  # what the pipes still hold; another program may go on filling them
            if len(self.output) > LONGEST_OUTPUT_BYTES or not self._read(0):
                break
        if len(self.output) > LONGEST_OUTPUT_BYTES:
            return f"printed more than {LONGEST_OUTPUT_BYTES} bytes, which is no secret"
        return None

    def _read(self, wait_s: float) -> bool:
        """Take what is there; whether anything was."""
        was_any = False
        for key, _ in self._selector.select(wait_s):
            some = os.read(key.fd, READ_BYTES)
            if not some:
                self._selector.unregister(key.fileobj)
            elif key.data is self.output or len(self.complaint) < LONGEST_COMPLAINT_BYTES:
                key.data.extend(some)
            was_any = was_any or bool(some)
        return was_any


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):  # it may have left its process group
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _told(returncode: int) -> str:
    if -returncode in list(signal.Signals):
        return f"was ended by {signal.Signals(-returncode).name}"
    if returncode < 0:
        return f"was ended by signal {-returncode}"
    return f"failed with exit code {returncode}"
