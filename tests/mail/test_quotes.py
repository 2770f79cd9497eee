"""The short view of a text shows what was written, and hides the signature and the quotation at its end."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.quotes import split

QUOTE = "> Dear Anna,\n> is your printer well?\n>> No.\n"


@given(st.text(st.sampled_from("> \n-a:@1\r"), max_size=300))
def test_nothing_is_lost(text: str) -> None:
    parts = split(text)
    assert parts.written + parts.signature + parts.quoted == text


@pytest.mark.parametrize(
    "attribution",
    [
        *(
            "On Tue, 24 Nov 2026 at 10:00, Support <support@example.org> wrote:",
            "Am 24.11.2026 schrieb Support:",
        ),
        *("Le 24 nov. 2026 à 10:00, Support a écrit :", "El 24 nov 2026, Support escribió:"),
        *(
            "Il giorno 24 nov 2026 Support ha scritto:",
            "24 ноября 2026 г. Support написал:",
            "Op 24-11-2026 schreef S:",
        ),
        *(
            "On Tue, 24 Nov 2026 at 10:00, Support\n<support@example.org> wrote:",
            "在 2026年11月24日，Support 写道：",
        ),
    ],
)
def test_quotation_under_an_attribution_is_set_apart(attribution: str) -> None:
    parts = split(f"It burns.\n\n{attribution}\n{QUOTE}")
    assert parts.written.strip() == "It burns."
    assert parts.quoted.startswith(attribution)


def test_quotation_without_marks_is_set_apart_too() -> None:
    assert split("It burns.\n\nOn 24 Nov 2026 Support wrote:\nDear Anna,\n").written == "It burns.\n\n"


@pytest.mark.parametrize(
    "head",
    [
        "-----Original Message-----\nFrom: Support\n",
        "-------- Ursprüngliche Nachricht --------\n",
        "________________________________\nFrom: Support\nSent: Tuesday\nTo: Anna\nSubject: Printer\n",
        "Von: Support\nGesendet: Dienstag\nAn: Anna\nBetreff: Drucker\n",
        "---------- Forwarded message ---------\n",
    ],
)
def test_message_below_its_headers_is_set_apart(head: str) -> None:
    parts = split(f"It burns.\n\n{head}\nDear Anna,\n")
    assert (parts.written, parts.quoted) == ("It burns.\n\n", f"{head}\nDear Anna,\n")


def test_signature_is_set_apart() -> None:
    parts = split(f"It burns.\n-- \nAnna\nExample Ltd\n\nOn 24 Nov 2026 S wrote:\n{QUOTE}")
    assert (parts.written, parts.signature) == ("It burns.\n", "-- \nAnna\nExample Ltd\n\n")


def test_answers_between_quoted_lines_stay() -> None:
    text = f"On 24 Nov 2026 S wrote:\n{QUOTE}It is not.\n{QUOTE}It burns.\n"
    assert split(text).written == text


def test_quoted_lines_at_the_end_are_set_apart_without_an_attribution() -> None:
    assert split(f"It burns.\n{QUOTE}").quoted == QUOTE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It burns.",
        QUOTE,
        "She wrote:\nhelp me\n",
        "From: a street\nin town\n",
        "a -- b\n",
        "-- \nonly a signature",
    ],
)
def test_text_without_a_quotation_stays_whole(text: str) -> None:
    assert split(text).written == text


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "\n",
            "On ",
            "Am schrieb ",
            "> \n",
            "From: x\n",
            "-- \n",
            "On 1 wrote:\n",
            "____________ ",
            "wrote: 1",
            " ",
        )
    ],
)
def test_time_grows_with_the_length_of_the_text(piece: str) -> None:
    start = time.process_time()
    split(piece * 300_000)
    assert time.process_time() - start < 2
