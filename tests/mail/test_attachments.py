"""Attachments have names that any file system takes, and their content can be had again."""

import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.attachments import Names, safe, type_of
from espomail.mail.parse import attachment_bytes, parse
from espomail.mail.tnef import Inner, Winmail, unpack


@given(st.text(max_size=300))
def test_any_name_becomes_safe(wanted: str) -> None:
    name = safe(wanted)
    assert name == Path(name).name or name == ""
    assert not set(name) & set('/\\<>:"|?*\0\n\r\x1b\u202e')
    assert not name.startswith(".")
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= 220
    assert safe(name) == name


@given(st.lists(st.text("aA.() 1", max_size=6), max_size=30))
def test_names_are_unique_whatever_is_wanted(wanted: list[str]) -> None:
    names = Names()
    given_out = [names.take(one, "text/plain", index) for index, one in enumerate(wanted, start=1)]
    assert len({name.casefold() for name in given_out}) == len(given_out)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("offer.pdf", "offer.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.txt", "y.txt"),
        ("folder/", "folder"),
        ("NUL", "_NUL"),
        ("aux.txt", "_aux.txt"),
        ("a  b\t.txt", "a b .txt"),
        ("x\u202ecod.exe", "xcod.exe"),
        ("...", ""),
        ("Größe.pdf", "Größe.pdf"),
    ],
)
def test_name_is_as_close_as_is_safe(wanted: str, name: str) -> None:
    assert safe(wanted) == name


def test_long_name_keeps_its_ending() -> None:
    assert safe("ä" * 300 + ".pdf").endswith("ä.pdf")


def test_type_of_a_file_inside_another_is_told_by_its_name() -> None:
    assert type_of("a.PDF") == "application/pdf"
    assert type_of("a.txt") == "text/plain"
    assert type_of("a") == "application/octet-stream"


def test_attachment_that_is_not_there_is_an_index_error() -> None:
    for index in (0, 1, -1):
        with pytest.raises(IndexError):
            attachment_bytes(b"From: a@example.com\r\n\r\ntext", index)


def tnef_object(level: int, name: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<BHHI", level, name, kind, len(data)) + data + b"\0\0"


def winmail(*objects: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join(objects)


def tnef_file(name: bytes, content: bytes) -> bytes:
    return (
        tnef_object(2, 0x9002, 6, b"\0" * 14)
        + tnef_object(2, 0x8010, 1, name + b"\0")
        + tnef_object(2, 0x800F, 6, content)
    )


def test_winmail_is_unpacked_in_its_place() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
        + winmail(tnef_file(b"one.txt", b"first"), tnef_file(b"../two.pdf", b"second"))
        + b"\r\n--b\r\nContent-Type: image/png; name=last.png\r\n\r\nx\r\n--b--\r\n"
    )
    mail = parse(raw)
    assert [(one.filename, one.content_type, one.size) for one in mail.attachments] == [
        ("one.txt", "text/plain", 5),
        ("two.pdf", "application/pdf", 6),
        ("last.png", "image/png", 1),
    ]
    assert [attachment_bytes(raw, index) for index in (1, 2, 3)] == [b"first", b"second", b"x"]


def test_winmail_that_cannot_be_read_stays_an_attachment() -> None:
    raw = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nno TNEF at all"
    assert [one.filename for one in parse(raw).attachments] == ["winmail.dat"]


@pytest.mark.parametrize(
    "data",
    [
        winmail(tnef_object(1, 0x9003, 6, b"\xff\xff\xff\xff")),
        winmail(tnef_object(1, 0x9003, 6, b"\xff\xff\xff\xff" + struct.pack("<HHI", 0x1002, 1, 0xFFFFFFFF))),
        winmail(tnef_object(1, 0x9004, 6, b"\xff\xff\xff\xff" + b"\0" * 8)),
        winmail(*[tnef_object(1, 0x9003, 6, b"")] * 200_000),
    ],
    ids=["properties", "values", "recipients", "objects"],
)
def test_counts_of_a_stranger_are_not_believed(data: bytes) -> None:
    start = time.process_time()
    assert unpack(data) == Winmail()
    assert time.process_time() - start < 2


@given(st.binary(max_size=300))
def test_any_bytes_can_be_unpacked(data: bytes) -> None:
    unpack(winmail(data))
    files = unpack(winmail(tnef_file(b"a", b"b"), data)).files
    assert files[:1] in ((), (Inner("a", b"b"),))
