"""Reading a large mail takes less than six times its size, itself included, however broken it is."""

import base64
import binascii
import tracemalloc
from collections.abc import Callable

import pytest

from espomail.mail.reading import read

ALLOWED = 6.0
MEGABYTES = 10
CONTENT = bytes(range(256)) * 3 * 1024


def in_base64() -> bytes:
    return base64.encodebytes(CONTENT * MEGABYTES).replace(b"\n", b"\r\n")


def damaged(step: int) -> bytes:
    encoded = bytearray(in_base64())
    encoded[::step] = b"!" * len(encoded[::step])
    return bytes(encoded)


def uuencoded() -> bytes:
    lines = [binascii.b2a_uu(CONTENT[at : at + 45]) for at in range(0, len(CONTENT) // 45 * 45, 45)]
    return b"begin 644 a.bin\n" + b"".join(lines * MEGABYTES) + b"`\nend\n"


ATTACHED: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "sound": ("application/pdf", "base64", in_base64),
    "rarely damaged": ("application/pdf", "base64", lambda: damaged(1_000_003)),
    "often damaged": ("application/pdf", "base64", lambda: damaged(101)),
    "a lone last digit": ("application/pdf", "base64", lambda: in_base64() + b"Q"),
    "a footer": ("application/pdf", "base64", lambda: in_base64() + b"\r\n\r\nThis list is dear to us.\r\n"),
    "quoted-printable": (
        "text/plain; charset=utf-8",
        "quoted-printable",
        lambda: b"Gr=C3=BC=C3=9Fe=20\r\n" * 500_000,
    ),
    "uuencoded part": ("application/pdf", "x-uuencode", uuencoded),
    "uuencoded in the text": ("text/plain", "7bit", uuencoded),
    "html": ("text/html", "7bit", lambda: b"<p>Hello <b>world</b></p>\r\n" * 400_000),
}


@pytest.mark.parametrize("attached", ATTACHED)
def test_reading_takes_less_than_six_times_the_size(attached: str) -> None:
    kind, encoding, make = ATTACHED[attached]
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    raw = (
        b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n"
        + head.encode()
        + make()
        + b"\r\n--b--\r\n"
    )
    assert len(raw) > MEGABYTES * 900_000
    tracemalloc.start()
    try:
        read(raw, is_partial=False)
        peak = tracemalloc.get_traced_memory()[1] + len(raw)
    finally:
        tracemalloc.stop()
    assert peak < ALLOWED * len(raw)
