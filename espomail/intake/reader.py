"""Reading kept messages: in a process of its own while many come in, here and now when few do.

Reading cannot raise, but C code can hang or take all memory, and no alarm of ours would stop it. A batch that
the reading process has died over is read again, each message alone in a process under limits.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from espomail.errors import TryAgainLater
from espomail.intake.journal import Kept
from espomail.intake.limits import limit
from espomail.mail.reading import Reading, read, read_many, unpack

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.context import ForkServerContext

WORTH_A_PROCESS: Final = 100  # messages; starting a process takes as long as reading so many


class Unreadable(msgspec.Struct, frozen=True):
    """A message that nothing could be made of within the limits."""

    because: str


class Reader:
    """Reads batches of messages while the caller does something else. Close it, or use it in a `with`."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None  # reads batches, once it is there
        self._starting: threading.Thread | None = None  # makes it
        self._cell: ProcessPoolExecutor | None = None  # reads one message at a time, under limits

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._starting is not None and self._starting.is_alive():
            self._starting.join()
        for pool in (self._pool, self._cell):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def start(self, kept: Sequence[Kept], *, more: int = 0) -> "Callable[[], Sequence[Reading | Unreadable]]":
        """Begin to read; the function that is given back waits for the readings, in the same order.

        `more` is how many messages are known to come.
        """
        if not kept:
            return list
        is_worth_it = len(kept) + more >= WORTH_A_PROCESS and (os.cpu_count() or 1) > 1
        if self._starting is None and is_worth_it and _may_start_python():
            self._starting = threading.Thread(target=self._start_pool, daemon=True)
            with suppress(RuntimeError):
                self._starting.start()
        pool = self._pool
        if pool is None:
            return lambda: read_all(kept)
        try:
            future = pool.submit(read_many, [(one.raw, one.is_partial) for one in kept])
        except BrokenExecutor:  # it has died over an earlier batch, or for want of memory
            self._give_up(pool)
            return lambda: read_all(kept)
        return lambda: self._result(pool, future, kept)

    def _start_pool(self) -> None:
        """In a thread: the first batches are read here meanwhile, and so are all where there can be none."""
        with suppress(OSError, EOFError, RuntimeError):  # the system lets no process, or no thread, begin
            pool = _new_pool(max(1, (os.cpu_count() or 2) - 1))
            pool.submit(read_many, []).result()
            self._pool = pool

    def _give_up(self, pool: "ProcessPoolExecutor") -> None:
        """Let another one be started, unless it is already: several batches may have been in hand."""
        if self._pool is pool:
            self._pool = self._starting = None

    def _result(
        self, pool: "ProcessPoolExecutor", future: "Future[bytes]", kept: Sequence[Kept]
    ) -> Sequence[Reading | Unreadable]:
        try:
            return unpack(future.result())
        except (BrokenExecutor, MemoryError):
            self._give_up(pool)
            return [self.read_alone(one) for one in kept]

    def read_alone(self, kept: Kept) -> Reading | Unreadable:
        """Read one message under limits of memory and processor time, in a process that may die of it.

        Raises TryAgainLater where the system lets no process begin.
        """
        cell = self._living_cell()
        try:
            return unpack(cell.submit(_read_limited, kept.raw, kept.is_partial).result())[0]
        except BrokenExecutor:
            self._cell = None
            return Unreadable("reading it has killed the process that read it, or taken a minute")
        except MemoryError as limits:
            return Unreadable(f"reading it takes more than {limits} of memory")

    def _living_cell(self) -> "ProcessPoolExecutor":
        """A cell that answers, so that its death is the doing of the message that it is given."""
        if self._cell is not None:
            with suppress(BrokenExecutor):
                self._cell.submit(read_many, []).result()
                return self._cell
        try:
            self._cell = _new_pool(1)
            self._cell.submit(read_many, []).result()
        except (OSError, EOFError, RuntimeError) as trouble:
            self._cell = None
            raise TryAgainLater(f"no process can be started to read mail in: {trouble}") from trouble
        return self._cell


def read_all(kept: Sequence[Kept]) -> list[Reading]:
    """Read the messages in this process."""
    return [read(one.raw, is_partial=one.is_partial) for one in kept]


def _may_start_python() -> bool:
    """Root may have started us with a Python that is not for the owner of the database, who we are by now."""
    return os.access(sys.executable, os.X_OK)


def _new_pool(processes: int) -> "ProcessPoolExecutor":
    from concurrent.futures import ProcessPoolExecutor  # long to import for runs without mail

    context = _context()
    _start_quiet_server()
    return ProcessPoolExecutor(processes, context, initializer=_end_with_the_program)


def _start_quiet_server() -> None:
    """Start what forks the other processes, so that they say nothing when all of us are told to stop.

    Ctrl-C is for the program alone, with which they end. Where SIGTERM ends it, multiprocessing's tracker
    sees to its semaphores, and would complain of them.
    """
    from multiprocessing import forkserver, resource_tracker

    quiet = "ignore:resource_tracker"
    sys.warnoptions.append(quiet)  # as other Pythons that multiprocessing starts are given it
    resource_tracker.ensure_running()  # it has a way of its own with signals
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        sys.warnoptions.remove(quiet)


def _end_with_the_program() -> None:
    """In the other process: a program that is killed tells nobody, and would leave it waiting for ever."""
    import threading

    threading.Thread(target=_wait_for_the_program, daemon=True).start()


def _wait_for_the_program() -> None:
    import multiprocessing

    program = multiprocessing.parent_process()
    if program is not None:
        program.join()
        os._exit(0)


def _context() -> "ForkServerContext":
    import multiprocessing

    # A fork would copy our threads' locks and the database's connection.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["espomail.mail.reading"])
    return context


def _read_limited(raw: bytes, is_partial: bool) -> bytes:
    """In the other process: what is over the limits raises MemoryError, or ends the process."""
    memory_bytes = limit(len(raw))
    try:
        return read_many([(raw, is_partial)])
    except MemoryError:
        raise MemoryError(f"{memory_bytes // 1024**2} MB") from None
