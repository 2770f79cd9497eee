"""What is attached to a mail: each file with what is said of it and its content.

A winmail.dat is unpacked in its place; files that stood in the text come last.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

from espomail.mail import attachments, bodies, headers, ids, tnef, transfer, uuencode
from espomail.mail.message import Attachment
from espomail.mail.structure import Part

_WINMAIL: Final = "winmail.dat"


class File(NamedTuple):
    """One file, its content not yet decoded."""

    wanted_name: str
    content_type: str
    inline: bool
    content_id: str
    content: Callable[[list[str]], bytes]  # adds what is wrong to the list


def listed(
    parts: Sequence[Part], in_text: Sequence[uuencode.Block], found: list[str]
) -> tuple[Attachment, ...]:
    """The attachments as a mail lists them, each decoded once for its size and digest."""
    names = attachments.Names()
    listing: list[Attachment] = []
    for index, file in enumerate(_files(parts, in_text), start=1):
        content = file.content(found)
        listing.append(
            Attachment(
                index=index,
                filename=names.take(file.wanted_name, file.content_type, index),
                content_type=file.content_type,
                size=len(content),
                inline=file.inline,
                content_id=file.content_id,
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
    return tuple(listing)


def content(parts: Sequence[Part], in_text: Sequence[uuencode.Block], index: int) -> bytes:
    """The content of the file with that index, counted from 1. Raises IndexError where there is none."""
    for number, file in enumerate(_files(parts, in_text), start=1):
        if number == index:
            return file.content([])
    raise IndexError(index)


def winmails(parts: Sequence[Part]) -> Iterator[tnef.Winmail]:
    """Every winmail.dat among the parts, unpacked."""
    return (tnef.unpack(file.content([])) for file in map(_file, parts) if _is_winmail(file))


def _files(parts: Sequence[Part], in_text: Sequence[uuencode.Block]) -> Iterator[File]:
    for part in parts:
        file = _file(part)
        inner = tnef.unpack(file.content([])).files if _is_winmail(file) else ()
        if inner:
            yield from (_inner(one.name, partial(_same, one.content)) for one in inner)
        else:
            yield file
    for block in in_text:
        yield _inner(block.name, block.content)


def _file(part: Part) -> File:
    declared = part.message.structured_type()
    disposition = bodies.disposition(part, declared.parameters.get("charset"))
    content_id = headers.text_of(part.message.field("content-id")).text
    return File(
        wanted_name=disposition.parameters.get("filename") or declared.parameters.get("name") or "",
        content_type=declared.value,
        inline=disposition.value == "inline" or (bool(content_id) and disposition.value != "attachment"),
        content_id=ids.normalise(content_id)[1:-1],
        content=lambda found: transfer.content(part.message, found),
    )


def _is_winmail(file: File) -> bool:
    return file.content_type in tnef.TYPES or file.wanted_name.lower() == _WINMAIL


def _inner(name: str, content: Callable[[], bytes]) -> File:
    """A file of which only the name is known."""
    kind = attachments.type_of(name)
    return File(name, kind, inline=False, content_id="", content=lambda _: content())


def _same(content: bytes) -> bytes:
    return content
