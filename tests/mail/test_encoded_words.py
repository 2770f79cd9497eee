"""RFC 2047 words, as the standard library writes them and as they are met in the wild."""

from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail import defects
from espomail.mail.encoded_words import decode
from espomail.mail.headers import text_of, unfold

LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), max_size=80)


@given(LINES.filter(lambda text: "=?" not in text and "\ufeff" not in text))
def test_what_the_standard_library_encodes_is_read_back(text: str) -> None:
    written = Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")
    assert text_of(unfold(written)).text == text.strip()


@given(st.binary(max_size=300))
def test_any_bytes_are_some_text(value: bytes) -> None:
    decode(value).text.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        (b"=?utf-8?Q?a?= b", "a b"),
        (b"a =?utf-8?Q?b?=", "a b"),
        (b"=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"),
        (b"=?utf-8?Q?a_b=20c?=", "a b c"),
        (b"=?utf-8?B?w7w?= =?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "üü"),
        (b"=?iso-8859-1?Q?=FC?= =?utf-8?Q?=C3=BC?=", "üü"),
        (b"=?utf-8?Q??=", ""),
        (b"=?utf-8?B?SGVsbG8?= =?utf-8?B?IFdvcmxk?=", "Hello World"),
        (b"=?us-ascii?Q?caf=E9?=", "café"),
        (b"=?utf-8?Q?=ED=A0=BD=ED=B8=80?=", "😀"),
        (b"=?", "=?"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
    ],
)
def test_words_are_read_as_meant(value: bytes, text: str) -> None:
    assert decode(value).text == text


def test_word_without_end_is_told() -> None:
    assert defects.BROKEN_ENCODED_WORD in decode(b"=?utf-8?Q?abc").defects


def test_raw_bytes_are_taken_for_the_charset_of_the_body() -> None:
    raw = "Привет".encode("koi8-r")
    assert decode(raw, "koi8-r").text == "Привет"
    assert decode("Привет".encode(), "koi8-r").text == "Привет"
