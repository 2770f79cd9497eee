"""What of a mail's parts is its text, and what is attached. Only plain text and HTML are ever text."""

import re
from html import escape
from typing import Final, NamedTuple

from espomail.mail import charsets, defects, html, params, transfer, uuencode
from espomail.mail.structure import Part

_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE
)
_META_WITHIN_BYTES: Final = 4096
_LOOKS_LIKE_HTML = re.compile(r"\s*<(?:!doctype html|html)\b", re.IGNORECASE)
_QUOTES = re.compile(r">*")


class Sorted(NamedTuple):
    """The leaves of a message by what they are for."""

    texts: list[Part]
    attached: list[Part]


class Text(NamedTuple):
    """The text of a mail, and the files that stood in it."""

    plain: str
    files: tuple[uuencode.Block, ...]


class _Segment:
    """A stretch of the mail's text: plain, HTML, or both (the two sides of a multipart/alternative)."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.html: list[html.Page] = []
        self.files: list[uuencode.Block] = []


def sort(parts: list[Part]) -> Sorted:
    """Which parts are the text. One that has a file name is, when no other part could be."""
    texts = [part for part in parts if _is_text(part) and not _filename(part)]
    if not texts:
        texts = [part for part in parts if _is_text(part)][:1]
    chosen = {id(part) for part in texts}
    return Sorted(texts, [part for part in parts if id(part) not in chosen])


def disposition(part: Part, hint: str | None = None) -> params.Structured:
    raw = part.message.field("content-disposition")
    return params.parse(raw, hint) if raw else params.Structured("", {})


def plain(texts: list[Part], found: list[str]) -> Text:
    """The text of a mail in the order of its parts; made from HTML where a part has no other side."""
    segments = _segments(texts, found)
    sides = [_plain_side(segment) for segment in segments]
    return Text("\n\n".join(text for text in sides if text), _files_in(segments))


def files_in(texts: list[Part]) -> tuple[uuencode.Block, ...]:
    """The files that stand in the text of a mail."""
    return _files_in(_segments(texts, []))


def _files_in(segments: list[_Segment]) -> tuple[uuencode.Block, ...]:
    return tuple(file for segment in segments for file in segment.files)


def harmless_html(texts: list[Part], found: list[str]) -> str:
    """The same as HTML that may be shown; empty where there is none, or none that can be made harmless."""
    segments = _segments(texts, found)
    return _sanitised(segments, found) if any(segment.html for segment in segments) else ""


def _segments(texts: list[Part], found: list[str]) -> list[_Segment]:
    segments: dict[object, _Segment] = {}
    for part in texts:
        segment = segments.setdefault(part.alternative or id(part), _Segment())
        text, files = _text_of(part, found)
        segment.files.extend(files)
        if not text.strip():
            continue
        is_html = part.message.kind == "text/html"
        is_html = is_html or (
            not segment.plain and len(texts) == 1 and _LOOKS_LIKE_HTML.match(text) is not None
        )
        if is_html:
            segment.html.append(html.Page(text))
        elif text not in segment.plain:
            segment.plain.append(text)
    return list(segments.values())


def _text_of(part: Part, found: list[str]) -> uuencode.Split:
    """The decoded text of a leaf, its lines ended by \\n, and the files in it."""
    declared = part.message.structured_type()
    data = transfer.content(part.message, found)
    label = declared.parameters.get("charset")
    if declared.value == "text/html" and (label is None or charsets.codec_of(label) in (None, "ascii")):
        meta = _META_CHARSET.search(data, 0, _META_WITHIN_BYTES)
        label = meta[1].decode("ascii") if meta is not None else label
    if b"\0" in data and not (label and (charsets.codec_of(label) or "").startswith("utf_")):
        found.append(defects.NUL_CHARACTERS)
    text, defect = charsets.decode(data, label)
    if defect is not None:
        found.append(defect)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if declared.value == "text/html":
        return uuencode.Split(text, ())
    split = uuencode.split(text)
    if declared.parameters.get("format", "").lower() == "flowed":
        delete_space = declared.parameters.get("delsp", "").lower() == "yes"
        return split._replace(text=_unflowed(split.text, delete_space=delete_space))
    return split


def _is_text(part: Part) -> bool:
    kind = part.message.kind
    if kind not in ("text/plain", "text/html") and not kind.startswith("multipart/"):
        return False
    return disposition(part).value != "attachment"


def _filename(part: Part) -> str:
    return disposition(part).parameters.get("filename", "") or part.message.structured_type().parameters.get(
        "name", ""
    )


def _plain_side(segment: _Segment) -> str:
    texts = segment.plain or [page.text() for page in segment.html]
    return "\n\n".join(text.strip("\n").rstrip() for text in texts)


def _sanitised(segments: list[_Segment], found: list[str]) -> str:
    pieces: list[str] = []
    for segment in segments:
        for page in segment.html:
            clean = page.sanitised()
            if clean.defect is not None:
                found.append(clean.defect)
                return ""  # a page in parts would pass for the whole
            pieces.append(clean.html)
        if not segment.html:
            pieces.extend(f"<pre>{escape(text.strip(), quote=False)}</pre>" for text in segment.plain)
    return "\n".join(pieces)


def _unflowed(text: str, *, delete_space: bool) -> str:
    """RFC 3676: lines that end in a blank go on in the next one of the same quoting depth."""
    lines: list[str] = []
    open_depth = -1  # of a paragraph that goes on
    pieces: list[str] = []
    for line in text.split("\n"):
        match = _QUOTES.match(line)
        depth = match.end() if match is not None else 0
        content = line[depth:]
        content = content.removeprefix(" ")
        if pieces and depth != open_depth:
            lines.append("".join(pieces))
            pieces = []
        if not pieces:
            pieces = [">" * depth + " " if depth else ""]
        flows = content.endswith(" ") and content != "-- "
        pieces.append(content[:-1] if flows and delete_space else content)
        open_depth = depth
        if not flows:
            lines.append("".join(pieces))
            pieces = []
    if pieces:
        lines.append("".join(pieces))
    return "\n".join(lines)
