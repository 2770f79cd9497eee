"""Durations, sizes and limits are read as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.config.amounts import Duration, Limit, Size


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("30d", timedelta(days=30)),
    ],
)
def test_duration_is_a_number_with_a_unit(text: str, span: timedelta) -> None:
    assert Duration.parse(text) == span


@pytest.mark.parametrize(("text", "size"), [("7", 7), ("500K", 512_000), ("25M", 26_214_400), ("1G", 2**30)])
def test_size_counts_in_1024(text: str, size: int) -> None:
    assert Size.parse(text) == size


@pytest.mark.parametrize("text", ["", "5", "0d", "-1d", "1.5h", "5 m", "5M", "1w", "٣d", "1d\n", None, 5])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a duration like"):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["", "0", "25MB", "25 M", "-1K", "1.5G", True, 2.5])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a size like"):
        Size.parse(text)


@pytest.mark.parametrize("text", ["", "5", "5 in", "5 per 2h", "5 in 2", "in 2h", "5  in 2h"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a limit like"):
        Limit.parse(text)


@given(st.from_regex(Duration.PATTERN, fullmatch=True))
def test_duration_means_the_same_however_it_is_written(text: str) -> None:
    assert Duration.parse(Duration.parse(text).written) == Duration.parse(text)


@given(st.from_regex(Size.PATTERN, fullmatch=True))
def test_size_means_the_same_however_it_is_written(text: str) -> None:
    assert Size.parse(Size.parse(text).written) == Size.parse(text)


@given(st.from_regex(Limit.PATTERN, fullmatch=True))
def test_limit_means_the_same_however_it_is_written(text: str) -> None:
    assert Limit.parse(Limit.parse(text).written) == Limit.parse(text)
