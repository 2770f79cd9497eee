"""A parser that is shown the skeleton finds the same parts as one that is shown all."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail import skeleton
from espomail.mail.parse import attachment_bytes, parse
from tests.mail.golden_mails import mails
from tests.mail.mutations import mutated

LINES = st.sampled_from(
    [
        b"",
        b"--b",
        b"--b--",
        b"-- ",
        b"--",
        b"Content-Type: text/html",
        b"text",
        b" ",
        b"x" * 200,
        b"a\r",
        b"\0",
    ]
)
BODIES = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n"])), max_size=30).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(BODIES)
def test_skeleton_filled_is_the_body(body: bytes) -> None:
    shown = skeleton.of(body)
    assert shown is None or skeleton.filled(shown, body) == body


@given(BODIES)
def test_same_parts_come_out_of_any_body(body: bytes) -> None:
    assert_same_parts(b"Content-Type: multipart/mixed; boundary=b\n\n" + body)


@pytest.mark.parametrize("mail", mails(), ids=lambda mail: mail.stem)
def test_same_parts_come_out_of_golden_mails(mail: Path) -> None:
    assert_same_parts(mail.read_bytes())


def test_same_parts_come_out_of_damaged_mails() -> None:
    for raw in mutated(1000, seed=11):
        assert_same_parts(raw)


def test_long_stretches_are_left_out() -> None:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\n" + b"long text\r\n" * 10_000 + b"--b--\r\n"
    shown = skeleton.of(body)
    assert shown is not None
    assert len(shown) < 100


def assert_same_parts(raw: bytes) -> None:
    with_skeleton = parse(raw)
    contents = [attachment_bytes(raw, attachment.index) for attachment in with_skeleton.attachments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skeleton, "of", lambda body: None)
        assert parse(raw) == with_skeleton
        assert [attachment_bytes(raw, one.index) for one in with_skeleton.attachments] == contents
