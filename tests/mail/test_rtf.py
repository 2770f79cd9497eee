"""Of Rich Text the reader's text is left: no controls, tables of fonts or markup in it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.rtf import decompressed, text


def test_compressed_text_is_unpacked_as_the_specification_shows() -> None:
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (rb"{\rtf1 Hello\par world}", "Hello\nworld"),
        (rb"{\rtf1\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}{\f2\fcharset128 Gothic;}}\f2 \'93\'fa\'96\'7b}", "日本"),
        (rb"{\rtf1\u-10179?\u-8704?}", "😀"),
        (rb"{\rtf1\uc2\u8364 ab\uc0\u8364 c}", "€€c"),
        (rb"{\rtf1{\*\htmltag84 <b>}bold{\*\htmltag92 </b>}}", "bold"),
        (rb"{\rtf1{\pict 0123456789}a\bin4 {{}}b}", "ab"),
        (rb"{\rtf1 \{a\}\~\\}", "{a}\xa0\\"),
        (rb"{\rtf1 a{\b b}c}}}}d", "abcd"),
        (b"no rtf", ""),
    ],
)
def test_text_is_what_a_reader_sees(source: bytes, shown: str) -> None:
    assert text(source) == shown


@given(
    st.lists(
        st.sampled_from([b"{", b"}", b"\\u55357 ", b"\\'ff", b"\\f1 ", b"a", b"\\bin99 ", b"\\*", b"\\"])
    )
)
def test_any_tokens_can_be_read(tokens: list[bytes]) -> None:
    text(b"{\\rtf1" + b"".join(tokens)).encode()


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_any_bytes_can_be_unpacked(data: bytes, size: int) -> None:
    assert len(decompressed(struct.pack("<II4sI", len(data), size, b"LZFu", 0) + data)) <= min(size, 1700)
