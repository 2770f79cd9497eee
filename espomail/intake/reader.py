"""Reading kept messages: in a process of its own while many come in, here and now when few do."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Final, Self

import msgspec

from espomail.intake.journal import Kept
from espomail.mail.reading import Reading, read

WORTH_A_PROCESS: Final = 100  # messages; starting a process takes as long as reading so many

_decoder = msgspec.msgpack.Decoder(list[Reading])


class Reader:
    """Reads batches of messages while the caller does something else. Close it, or use it in a `with`."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def start(self, kept: Sequence[Kept], *, more: int = 0) -> Callable[[], list[Reading]]:
        """Begin to read; the function that is given back waits for the readings, in the same order.

        `more` is how many messages are known to come.
        """
        is_worth_it = len(kept) + more >= WORTH_A_PROCESS and (os.cpu_count() or 1) > 1
        if self._pool is None and is_worth_it:
            self._pool = _new_pool()
        if self._pool is None:
            return lambda: read_all(kept)
        future = self._pool.submit(_read_far, [(one.raw, one.is_partial) for one in kept])
        return lambda: self._result(future, kept)

    def _result(self, future: "Future[bytes]", kept: Sequence[Kept]) -> list[Reading]:
        try:
            return _decoder.decode(future.result())
        except BrokenProcessPool:
            self._pool = None
            return read_all(kept)


def read_all(kept: Sequence[Kept]) -> list[Reading]:
    """Read the messages in this process."""
    return [read(one.raw, is_partial=one.is_partial) for one in kept]


def _new_pool() -> ProcessPoolExecutor:
    import multiprocessing

    # A fork would copy our threads' locks and the database's connection.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["espomail.intake.reader"])
    return ProcessPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1), mp_context=context)


def _read_far(messages: Sequence[tuple[bytes, bool]]) -> bytes:
    """In the other process. msgpack crosses over faster than pickle."""
    return msgspec.msgpack.encode([read(raw, is_partial=is_partial) for raw, is_partial in messages])
