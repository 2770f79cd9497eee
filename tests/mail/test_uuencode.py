"""Files of the time before MIME are taken out of the text, and nothing else is."""

import binascii

from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.parse import attachment_bytes, parse
from espomail.mail.uuencode import split


def encoded(name: str, content: bytes, *, backtick: bool = True) -> str:
    lines = [
        binascii.b2a_uu(content[at : at + 45], backtick=backtick).decode()
        for at in range(0, len(content), 45)
    ]
    return f"begin 644 {name}\n{''.join(lines)}`\nend\n"


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_any_file_comes_out_of_the_text_as_it_was(content: bytes, backtick: bool) -> None:
    found = split(f"before\n{encoded('a b.bin', content, backtick=backtick)}after\n")
    assert found.text == "before\nafter\n"
    assert [(block.name, block.content()) for block in found.blocks] == [("a b.bin", content)]


@given(st.binary(min_size=1, max_size=300))
def test_blanks_that_a_server_cut_off_are_no_loss(content: bytes) -> None:
    lines = encoded("x", content, backtick=False).split("\n")
    found = split("\n".join(line.rstrip(" ") for line in lines))
    assert [block.content() for block in found.blocks] == [content]


def test_files_in_the_text_follow_the_attachments() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
        + encoded("one.txt", b"first").encode().replace(b"\n", b"\r\n")
        + b"--b\r\nContent-Type: image/png; name=two.png\r\n\r\nsecond\r\n--b--\r\n"
    )
    mail = parse(raw)
    assert mail.body_plain == "Hello"
    assert [(one.filename, one.content_type) for one in mail.attachments] == [
        ("two.png", "image/png"),
        ("one.txt", "text/plain"),
    ]
    assert [attachment_bytes(raw, index) for index in (1, 2)] == [b"second", b"first"]


@given(st.text(alphabet="`M #end\nbgin644 x", max_size=80))
def test_any_text_can_be_split(text: str) -> None:
    for block in split(f"begin 644 x\n{text}").blocks:
        block.content()
