"""A generator that runs ahead in a thread of its own."""

import threading

import pytest

from espomail.intake.ahead import ahead


def test_items_come_in_order():
    with ahead(iter(range(50))) as items:
        assert list(items) == list(range(50))


def test_what_the_generator_raises_comes_after_the_items_before_it():
    def broken():
        yield 1
        yield 2
        raise ValueError("three")

    seen = []
    with pytest.raises(ValueError, match="three"), ahead(broken()) as items:
        seen.extend(iter(items))
    assert seen in ([1, 2], [])


def test_it_is_never_further_ahead_than_allowed():
    made = []
    step = threading.Event()

    def slow():
        for number in range(20):
            made.append(number)
            step.set()
            yield number

    with ahead(slow(), most=2) as items:
        assert next(items) == 0
        assert len(made) <= 5


def test_leaving_early_leaves_no_thread_behind():
    before = threading.active_count()
    with ahead(iter(range(1_000_000)), most=2) as items:
        assert next(items) == 0
    assert threading.active_count() == before


def test_fault_of_the_caller_is_the_callers():
    with pytest.raises(KeyError), ahead(iter(range(10))) as items:
        next(items)
        raise KeyError("mine")
