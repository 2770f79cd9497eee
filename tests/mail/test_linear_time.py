"""Hostile mails of 1, 10 and 100 times the size take 1, 10 and 100 times as long, not the square of it."""

import struct
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

import pytest

from espomail.mail.reading import read
from espomail.mail.text import looks_forwarded, subject_without_prefixes, text_digest

ALLOWED = (
    30.0  # ten times the size may take thirty times as long: small runs are noisy, squares give a hundred
)
TOO_SHORT_TO_JUDGE_S = 0.005
TRIES = 3  # a square fails each of them, a busy machine hardly


def whole(head: bytes, body: bytes = b"") -> bytes:
    return b"From: a@example.com\r\n" + head + b"\r\n\r\n" + body


def nested(depth: int) -> bytes:
    levels = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)
    )
    head, _, body = levels.partition(b"\r\n\r\n")
    return whole(head, body + b"\r\nHello")


def html(page: bytes) -> bytes:
    return whole(b"Content-Type: text/html; charset=utf-8", page)


def rich_text(text: bytes) -> bytes:
    """A winmail.dat with nothing but that text."""
    rtf = b"{\\rtf1 " + text
    packed = struct.pack("<II4sI", len(rtf) + 12, len(rtf), b"MELA", 0) + rtf
    data = struct.pack("<IHHII", 1, 0x0102, 0x1009, 1, len(packed)) + packed + b"\0" * (-len(packed) % 4)
    return b"\x78\x9f\x3e\x22\x01\x00" + struct.pack("<BHHI", 1, 0x9003, 6, len(data)) + data + b"\0\0"


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nesting": lambda n: nested(10 * n),
    "nested messages": lambda n: whole(
        b"Content-Type: message/rfc822", b"Content-Type: message/rfc822\r\n\r\n" * 50 * n
    ),
    "parts": lambda n: whole(
        b"Content-Type: multipart/mixed; boundary=b", b"--b\r\nContent-Type: a/b\r\n\r\nx\r\n" * 30 * n
    ),
    "parts of one name": lambda n: whole(
        b"Content-Type: multipart/mixed; boundary=b",
        b"--b\r\nContent-Type: a/b; name=a.b\r\n\r\n\r\n" * 30 * n,
    ),
    "long header": lambda n: whole(b"Subject: " + b"x y " * 5000 * n),
    "folded header": lambda n: whole(b"Subject: x" + b"\r\n x" * 2000 * n),
    "many headers": lambda n: whole(b"\r\n".join(b"X-%d: y" % i for i in range(500 * n))),
    "broken headers": lambda n: whole(b"broken line\r\n" * 500 * n + b"Subject: x"),
    "addresses": lambda n: whole(b"To: " + b"a@example.com, " * 200 * n),
    "address quotes": lambda n: whole(b"To: " + b'"' * 2001 * n),
    "address comments": lambda n: whole(b"To: " + b"(" * 2000 * n),
    "address brackets": lambda n: whole(b"To: " + b"<" * 2000 * n),
    "addresses without an at": lambda n: whole(b"To: " + b"a," * 1000 * n),
    "encoded words": lambda n: whole(b"Subject: " + b"=?utf-8?Q?=C3=BC?= " * 200 * n),
    "encoded words of two charsets": lambda n: whole(
        b"Subject: " + b"=?utf-8?Q?a?= =?koi8-r?Q?a?= " * 100 * n
    ),
    "unfinished encoded words": lambda n: whole(b"Subject: " + b"=?utf-8?Q?" * 500 * n),
    "encoded words with one end": lambda n: whole(b"Subject: " + b"=?a?q?" * 500 * n + b"?="),
    "parameters": lambda n: whole(b"Content-Type: a/b" + b";a=b" * 1000 * n),
    "parameter quotes": lambda n: whole(b'Content-Type: a/b; a="' + b'\\"' * 3000 * n),
    "references": lambda n: whole(b"References: " + b"<a@b>" * 1000 * n),
    "quoted text": lambda n: whole(b"", b"> quoted\r\n" * 5000 * n),
    "blank lines": lambda n: whole(b"", b"\r\n" * 20000 * n),
    "flowed text": lambda n: whole(b"Content-Type: text/plain; format=flowed", b"> a \r\n" * 2000 * n),
    "broken base64": lambda n: whole(b"Content-Transfer-Encoding: base64", b"!=\r\n\r\n" * 1000 * n),
    "files that begin": lambda n: whole(b"", b"begin 644 a\n" * 2000 * n),
    "files that never end": lambda n: whole(b"", b"begin 644 a\n#86)C\n" * 1000 * n),
    "file without an end": lambda n: whole(b"", b"begin 644 a\n" + b"#86)C\n" * 1000 * n),
    "rich text": lambda n: whole(b"Content-Type: application/ms-tnef", rich_text(b"{\\b a\\par " * 20 * n)),
    "bounces": lambda n: whole(b"Return-Path: <>", b"<a@b.c>: failed\n" * 200 * n),
    "blank lines in a report": lambda n: whole(
        b"Return-Path: <>\r\nContent-Type: message/delivery-status", b"\n \n" * 1000 * n
    ),
    "reported recipients": lambda n: whole(
        b"Return-Path: <>\r\nContent-Type: message/delivery-status",
        b"Final-Recipient: rfc822; a@b.c\nAction: failed\nStatus: 5.1.1\n\n" * 20 * n,
    ),
    "boundaries to guess": lambda n: whole(b"Content-Type: multipart/mixed", b"--\r\n--x y\r\n" * 2000 * n),
    "nested elements": lambda n: html(b"<div>" * 2000 * n),
    "open formatting": lambda n: html(b"<a href=x>y<div>" * 1000 * n),
    "attributes": lambda n: html(b"<p " + b" ".join(b"a%d=b" % i for i in range(300 * n)) + b">x"),
    "attributes with brackets": lambda n: html(
        b"<p " + b" ".join(b"a%d='<'" % i for i in range(300 * n)) + b">x"
    ),
    "ampersands": lambda n: html(b"&" * 10000 * n),
    "entities": lambda n: html(b"&nbsp;" * 600 * n),
    "images": lambda n: html(b"<img src=http://x>" * 300 * n),
    "unlabelled text": lambda n: whole(b"", b"\xd0\xcf\xf0\xee " * 2000 * n),
}


@pytest.mark.parametrize("hazard", HOSTILE)
def test_time_grows_with_the_size_of_the_mail(hazard: str) -> None:
    make = HOSTILE[hazard]
    read(make(1), is_partial=False)  # imports and caches
    mails = [make(size) for size in (4, 40, 400)]
    assert any(is_linear(partial(read, mail, is_partial=False) for mail in mails) for _ in range(TRIES))


@pytest.mark.parametrize("mark", ["Re: ", "[tag] ", "[", "a ", "Re[", "Re "])
def test_time_for_subjects_grows_with_their_length(mark: str) -> None:
    subjects = [mark * 1000 * n for n in (1, 100)]
    for use in (subject_without_prefixes, looks_forwarded, text_digest):
        assert any(is_linear(partial(use, subject) for subject in subjects) for _ in range(TRIES))


def is_linear(works: Iterable[Callable[[], object]]) -> bool:
    """Whether none takes more than `ALLOWED` times as long as the one before it."""
    times = [seconds(work) for work in works]
    return all(longer < max(shorter, TOO_SHORT_TO_JUDGE_S) * ALLOWED for shorter, longer in pairwise(times))


def seconds(work: Callable[[], object]) -> float:
    """CPU time, the better of two runs: the first of a size may have to fetch its memory from the system."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
