"""Deciding what an earlier run has kept and died over: each message alone, in a process that may die of it.

A try counts once this program has seen it fail: the rules have raised, or the other process has died or met
its limits. Nothing is written beforehand. So whoever ends the program, and a disk that is full, is never
taken for the fault of the message that happened to be in hand.
"""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from espomail.crm.context import Context
from espomail.errors import EspomailError, TryAgainLater
from espomail.intake import journal
from espomail.intake.journal import Kept
from espomail.intake.limits import lift, limit
from espomail.intake.pipe import STOPPING
from espomail.intake.reader import read_all
from espomail.intake.settle import Pace, Settled, fail, settle_kept
from espomail.pipeline.decide import Outcome
from espomail.store.connection import close_database, open_database

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class _Died(NamedTuple):
    """How the other process ended before its time."""

    in_hand: int | None  # the entry that it was deciding
    signal: int | None


def settle_left_over(
    context: Context, pace: Pace, mailboxes: Sequence[str], is_over: Callable[[], bool]
) -> Iterator[Settled]:
    """Decide the messages, the oldest first, until the time is over. The database is closed meanwhile.

    Raises what keeps the other process from working and is no fault of a message, as a full disk.
    """
    entries = journal.left_over(mailboxes)
    while entries and not is_over():
        died = None
        for told in _by_another_process(entries, context, pace, is_over):
            if isinstance(told, _Died):
                died = told
            else:
                yield told
        if died is None:
            return
        if died.in_hand is None or died.signal in STOPPING:
            raise TryAgainLater("the process that decides messages was stopped; the next run goes on")
        entries = [entry for entry in entries if entry > died.in_hand]
        if (kept := journal.again(died.in_hand)) is not None:  # it may have died after the commit
            yield fail(kept, "deciding it has killed the process that did, or taken a minute", context)


def _by_another_process(
    entries: Sequence[int], context: Context, pace: Pace, is_over: Callable[[], bool]
) -> Iterator[Settled | _Died]:
    """What has become of the messages, and at the end how the process died, if it did."""
    from multiprocessing import Pipe

    ours, theirs = Pipe()
    in_hand = None
    has_died = False
    close_database()  # a connection to SQLite must not go through a fork
    try:
        child = _fork()
        if not child:
            ours.close()
            _work(entries, context, pace, is_over, theirs)
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
            theirs.close()
            for told in iter(ours.recv, None):
                if isinstance(told, Exception):
                    raise told
                in_hand = told if isinstance(told, int) else None
                if in_hand is None:
                    yield told
        except (EOFError, ConnectionError):
            has_died = True
        finally:
            ours.close()
            if not has_died:
                os.kill(child, signal.SIGTERM)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        open_database(context.config.database, now=context.now)
    if has_died:
        yield _Died(in_hand, -code if code < 0 else None)


def _fork() -> int:
    """As os.fork, but nothing stops either process until it is ready for that."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        return os.fork()
    except OSError as trouble:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        raise TryAgainLater(f"no process can be started: {trouble.strerror}") from trouble


def _work(
    entries: Sequence[int],
    context: Context,
    pace: Pace,
    is_over: Callable[[], bool],
    pipe: "Connection[object, object]",
) -> NoReturn:
    """In the other process: tell the entry of each message, then what has become of it; None at the end."""
    try:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        threading.Thread(target=_end_with_the_program, args=(pipe,), daemon=True).start()
        open_database(context.config.database, now=context.now)
        for entry in entries:
            if is_over():
                break
            if (kept := journal.again(entry)) is None:
                continue
            pipe.send(entry)
            for settled in _settle_alone(kept, context, pace):
                pipe.send(settled._replace(changes=()) if isinstance(settled, Outcome) else settled)
        close_database()
        pipe.send(None)
    except Exception as trouble:  # noqa: BLE001  # it is raised again, where somebody hears of it
        with suppress(OSError):  # unless there is nobody any more
            pipe.send(trouble)
    finally:
        os._exit(0)


def _end_with_the_program(pipe: "Connection[object, object]") -> None:
    """A program that is killed tells nobody; what it left behind would hold its lock."""
    pipe.poll(None)  # the program sends nothing, so what comes is the pipe's end
    os._exit(0)


def _settle_alone(kept: Kept, context: Context, pace: Pace) -> Iterator[Settled]:
    memory_bytes = limit(len(kept.raw))
    try:
        yield from settle_kept([kept], read_all([kept]), context, pace)
    except EspomailError:  # the database's trouble, and no fault of the message
        raise
    except MemoryError:
        lift()
        yield fail(kept, f"deciding it takes more than {memory_bytes // 1024**2} MB of memory", context)
    except Exception as fault:  # noqa: BLE001  # the guard around one message: no mail may stop the others
        yield fail(kept, "".join(traceback.format_exception(fault)), context)
