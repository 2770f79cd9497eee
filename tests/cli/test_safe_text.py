"""Text of strangers steers nothing that shows it."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.cli.safe_text import csv_text, json_text, safe_line, safe_lines, tsv_text

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f]")
HOSTILE = st.text(
    st.sampled_from("aä\\\t\n\r\x00\x1b\x7f\x85\x9b\u061c\u200f\u2028\u202e\u2066\U000e0041=+-@'\",")
)


@given(HOSTILE | st.text())
def test_no_form_for_people_lets_a_steering_character_through(text: str) -> None:
    assert not STEERING.search(safe_line(text))
    assert not STEERING.search(safe_lines(text).replace("\n", ""))
    assert not STEERING.search(tsv_text(text))
    assert not STEERING.search(csv_text(text).replace("\n", ""))


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cf", "Zl", "Zp", "Cs"), include_characters="\t\n\r\\"))
)
def test_tsv_gives_back_every_harmless_text(text: str) -> None:
    signs = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
    written = tsv_text(text)
    assert "\t" not in written
    assert "\n" not in written
    assert re.sub(r"\\(.)", lambda escape: signs[escape[1]], written) == text


@given(HOSTILE | st.text(st.characters(exclude_categories=("Cs",))))
def test_json_means_the_same_and_steers_nothing(text: str) -> None:
    written = json_text(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(written) == {text: [text]}
    assert not STEERING.search(written)


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1", "-1", "@cmd"])
def test_what_a_spreadsheet_would_compute_is_quoted_in_csv(text: str) -> None:
    assert csv_text(text) == f"'{text}"


def test_harmless_text_stays_as_it_is() -> None:
    for text in ("Grüße aus Köln", "你好 👩‍👩‍👧", "שלום", "a\N{NO-BREAK SPACE}b"):
        assert safe_line(text) == tsv_text(text) == csv_text(text) == text
