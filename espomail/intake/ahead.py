"""Doing the next thing while the last one is being used: a generator that runs in a thread of its own."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class _End(Generic[T]):
    """The generator is through; `fault` is what it raised."""

    def __init__(self, fault: BaseException | None) -> None:
        self.fault = fault


@contextmanager
def ahead(items: Iterator[T], most: int = 2) -> Iterator[Iterator[T]]:
    """The items, made by another thread, at most so many before they are asked for.

    What the generator raises is raised here, after the items that came before. When the block is left early,
    the generator is stopped at its next item, and no thread is left behind.
    """
    made: queue.Queue[T | _End[T]] = queue.Queue(maxsize=most)
    is_left = threading.Event()

    def make() -> None:
        fault: BaseException | None = None
        try:
            for item in items:
                made.put(item)
                if is_left.is_set():
                    return
        except BaseException as raised:  # noqa: BLE001  # it is raised again, where the items are used
            fault = raised
        finally:
            made.put(_End(fault))

    def take() -> Iterator[T]:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.fault is not None:
            raise item.fault

    maker = threading.Thread(target=make, daemon=True)
    maker.start()
    try:
        yield take()
    finally:
        is_left.set()
        while maker.is_alive():
            try:
                made.get(timeout=0.05)
            except queue.Empty:
                continue
