"""RFC 2047 encoded words as they are met in the wild, read from bytes. Linear in time; never raises.

No white space is asked for around a word; blanks inside one are borne, and so are language tags (RFC 2231
§5), missing padding, and a word whose end was cut off. Neighbours of one charset are joined before they are
decoded, since senders cut in the middle of a character.
"""

import binascii
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

from espomail.mail import charsets, defects, lenient_base64

_START = re.compile(rb"=\?([^?\s\x00-\x20]{0,60})\?([bBqQ])\?")
_BLANKS: Final = b" \t\r\n"


class Word(NamedTuple):
    """Plain bytes (`charset` None), or the payload of an encoded word."""

    payload: bytes
    charset: str | None = None
    encoding: str = ""
    is_broken: bool = False


class Text(NamedTuple):
    text: str
    defects: tuple[str, ...] = ()


def decode(value: bytes, hint: str | None = None) -> Text:
    """The text of an unfolded value; raw 8-bit bytes in it are UTF-8, `hint`, or what they look like."""
    pieces: list[str] = []
    found: list[str] = []
    for run in _runs(value):
        if run[0].charset is None:
            decoded = charsets.decode(run[0].payload, None, hint)
            if not run[0].payload.isascii():
                found.append(defects.RAW_8BIT_HEADER)
            pieces.append(decoded.text)
            continue
        decoded = charsets.decode(_payload_bytes(run), run[0].charset, hint)
        if decoded.defect is not None:
            found.append(decoded.defect)
        if any(word.is_broken for word in run):
            found.append(defects.BROKEN_ENCODED_WORD)
        pieces.append(decoded.text)
    return Text("".join(pieces), tuple(dict.fromkeys(found)))


def _runs(value: bytes) -> Iterator[list[Word]]:
    """Words that belong together: neighbours of one charset, with nothing but blanks between them."""
    run: list[Word] = []
    for word in _words(value):
        if run and word.charset is not None and run[0].charset == word.charset:
            run.append(word)
            continue
        if run:
            yield run
        run = [word]
    if run:
        yield run


def _words(value: bytes) -> Iterator[Word]:
    at = 0  # what stands before it has been given out
    look_from = 0
    end = -1  # the next `?=`, looked for only once it has been passed
    after_word = False
    while (start := _START.search(value, look_from)) is not None:
        content = start.end()
        if end < content:
            end = value.find(b"?=", content)
            end = len(value) if end < 0 else end
        following = value.find(b"=?", content, end)
        is_broken = end == len(value) or (0 <= following < end - 1)
        stop = following if 0 <= following < end - 1 else end
        payload = value[content:stop]
        if is_broken:
            payload = payload.split(None, 1)[0] if payload.strip() else b""
        between = value[at : start.start()]
        if between and not (after_word and not between.strip(_BLANKS)):
            yield Word(between)
        yield Word(payload, start[1].decode("ascii", "replace").lower(), start[2].decode().lower(), is_broken)
        at = content + len(payload) if is_broken else end + 2
        look_from = at
        after_word = True
    if at < len(value):
        yield Word(value[at:])


def _payload_bytes(run: list[Word]) -> bytes:
    pieces: list[bytes] = []
    for encoding, words in groupby(run, key=lambda word: word.encoding):
        payloads = [word.payload for word in words]
        if encoding == "q":
            pieces.extend(binascii.a2b_qp(payload, header=True) for payload in payloads)
        elif _is_one_base64_text(payloads):
            pieces.append(lenient_base64.decode(b"".join(payloads)))
        else:
            pieces.extend(map(lenient_base64.decode, payloads))
    return b"".join(pieces)


def _is_one_base64_text(payloads: list[bytes]) -> bool:
    """Whether base64 was cut into words within a group of four digits, not each word encoded for itself."""
    lengths = [len(lenient_base64.digits_of(payload)) for payload in payloads]
    padding = payloads[-1].rstrip().count(b"=")
    is_cut = any(length % 4 for length in lengths[:-1])
    is_padded = any(b"=" in payload for payload in payloads[:-1])
    return is_cut and not is_padded and (sum(lengths) + padding) % 4 == 0
