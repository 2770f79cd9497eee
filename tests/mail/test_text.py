"""Subjects and bodies are compared as people would compare them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.text import looks_forwarded, subject_without_prefixes, text_digest


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "Re: Printer",
            "RE : Printer",
            "AW: WG: Printer",
            "Re[2]: Printer",
            "Re (3): Printer",
            "re:re:Printer",
        ),
        *("[support] Re: [#12] Printer", "SV: Printer", "Ответ: Printer", "回复：Printer", "返信: Printer"),
        *(
            "Fwd: FW: Printer",
            "TR: Printer",
            "RV: Printer",
            "Odp: Printer",
            "İLT: Printer",
            "  Re:  Printer ",
        ),
        *("[#12] Printer", "Trả lời: Printer", "Chuyển tiếp: Printer", "تعديل: Printer"[-7:]),
    ],
)
def test_marks_of_answers_do_not_count(subject: str) -> None:
    assert subject_without_prefixes(subject) == "Printer"


@pytest.mark.parametrize(
    "subject", ["Note: Printer", "Printer: Re: x", "Printer [new]", "Order 12: paper", "Re"]
)
def test_other_words_before_a_colon_stay(subject: str) -> None:
    assert subject_without_prefixes(subject) == subject


@given(st.text(max_size=100))
def test_marks_are_taken_off_wholly(subject: str) -> None:
    once = subject_without_prefixes(subject)
    assert subject_without_prefixes(once) == once
    assert subject_without_prefixes(f"Re: {subject}") == once


@pytest.mark.parametrize(
    "subject", ["Fwd: x", "FW: x", "WG: x", "TR: x", "RV: x", "[list] Fwd: x", "转发: x", "Enc: x"]
)
def test_forwarded_mail_is_known(subject: str) -> None:
    assert looks_forwarded(subject)


@pytest.mark.parametrize("subject", ["Re: Fwd: x", "Re: x", "x", "Forward: x", "fwd x", ""])
def test_other_mail_is_not_forwarded(subject: str) -> None:
    assert not looks_forwarded(subject)


def test_digest_does_not_see_white_space() -> None:
    assert text_digest("Hello  you\r\n\tthere ") == text_digest("Hello you\nthere")


@given(st.integers(1, 600), st.integers(1, 4), st.integers(1, 4))
def test_digest_of_a_long_text_does_not_see_how_it_is_wrapped(words: int, one: int, other: int) -> None:
    text = [f"word{number}" for number in range(words)]
    assert text_digest(("\n" * one).join(text)) == text_digest((" " * other).join(text))


def test_digest_sees_words_but_only_of_the_start() -> None:
    assert text_digest("Hello you") != text_digest("Hello me")
    assert text_digest("word " * 1000 + "a") == text_digest("word " * 1000 + "b")
