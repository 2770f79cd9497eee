"""Damaged mails: sound ones with bytes flipped, cut, doubled and mixed; the same seed gives the same."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mail.golden_mails import mails

_SNIPPETS = (
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b"\xc3",
        b" ",
        b"\t",
        b"--",
        b"=?",
        b"?=",
        b"=?utf-8?B?",
        b"=?x?q?",
    ),
    *(
        b"<",
        b">",
        b'"',
        b"(",
        b")",
        b",",
        b";",
        b":",
        b"@",
        b"\\",
        b"=",
        b"%",
        b"&",
        b"<div>",
        b"<a ",
        b"\x1b$B",
    ),
    *(
        b"Content-Type: ",
        b"multipart/mixed; boundary=b\r\n\r\n--b\r\n",
        b"charset=",
        b"base64",
        b"filename*0*=",
    ),
    *(
        b"Content-Type: multipart/alternative\r\n",
        b"Content-Type: text/html\r\n",
        b"boundary=",
        b"--b--",
        b"From ",
    ),
    *(b"Content-Transfer-Encoding: base64\r\n", b"\xef\xbb\xbf", b"\r\n\r\n", b"Message-ID: <", b"9" * 50),
)
LARGEST_BYTES = 20_000


def mutated(count: int, *, seed: int, of: Sequence[bytes] = ()) -> Iterator[bytes]:
    """`count` damaged mails, made of the golden ones or of those that are given."""
    chance = random.Random(seed)
    sound = of or [mail for mail in map(Path.read_bytes, mails()) if len(mail) <= LARGEST_BYTES]
    for _ in range(count):
        mail = bytearray(chance.choice(sound))
        for _ in range(chance.choice((1, 1, 2, 3, 5, 10))):
            _damage(mail, chance, sound)
        yield bytes(mail)


def _damage(mail: bytearray, chance: random.Random, sound: Sequence[bytes]) -> None:
    at = chance.randrange(len(mail) + 1)
    end = min(len(mail), at + chance.choice((1, 2, 4, 16, 64, 256)))
    match chance.randrange(7):
        case 0:
            mail[at:end] = chance.randbytes(end - at)
        case 1:
            del mail[at:end]
        case 2:
            mail[at:at] = mail[at:end] * chance.choice((1, 2, 10))
        case 3:
            mail[at:at] = chance.choice(_SNIPPETS)
        case 4:
            del mail[at:]
        case 5:
            other = chance.choice(sound)
            start = chance.randrange(len(other) + 1)
            mail[at:at] = other[start : start + chance.choice((10, 100, 1000))]
        case _ if mail:
            mail[at % len(mail)] ^= 1 << chance.randrange(8)
