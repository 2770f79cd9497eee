"""What makes HTML dangerous to *read*: found in linear time, before a library whose time is quadratic in it.

Measured on 2 MB: `<div>` nested 300,000 times keeps nh3 busy for half a minute, one tag with 200,000
attributes the text extractor for five, and two million bare ampersands nh3 for half a minute again.
"""

import re
from collections.abc import Iterator
from enum import Enum
from html import unescape
from typing import Final

_DEEPEST: Final = 500
_MOST_ATTRIBUTES: Final = 300
_ATTRIBUTES_MATTER_CHARS: Final = 30_000  # in less, even one tag of nothing but attributes is read in 0.1 s
_MOST_BARE_AMPERSANDS: Final = 5_000
_MOST_AMPERSANDS: Final = 100_000
_PIECE_CHARS: Final = 256 * 1024

_TAG = re.compile(r"<(/?)([a-z][a-z0-9:-]{0,30})")
_END_IS_OFTEN_LEFT_OUT: Final = frozenset(
    {
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "source",
            "track",
            "wbr",
        ),
        *("p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "colgroup"),
    }
)
# A tag as the HTML standard's tokenizer reads it, tried from each `<` wherever it stands, so that no comment,
# script or quote can hide one. Bounded, so that the search takes at most _MOST_ATTRIBUTES steps a character.
_MANY_ATTRIBUTES = re.compile(
    r"<[A-Za-z][^\s/>]{0,60}+"
    r"(?:[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"?|'[^']*+'?|[^\s>]*+))?+)"
    rf"{{{_MOST_ATTRIBUTES}}}"
)
_BARE_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});)")
_ANY_TAG = re.compile(r"<[^<>]*+>")
_UNSEEN: Final = (("<style", "</style"), ("<script", "</script"), ("<!--", "-->"))


class Hazard(Enum):
    """Why a page is not given to the libraries."""

    DEPTH = "elements nested deeper than any page needs"
    ATTRIBUTES = "a tag with more attributes than any page needs"
    AMPERSANDS = "more ampersands than any page needs"


def hazard_of(html: str) -> Hazard | None:
    """The hazard in `html`, if any."""
    if html.count("<") - html.count("</") > _DEEPEST and _is_too_deep(html.lower()):
        return Hazard.DEPTH
    if len(html) > _ATTRIBUTES_MATTER_CHARS and _MANY_ATTRIBUTES.search(html) is not None:
        return Hazard.ATTRIBUTES
    return Hazard.AMPERSANDS if html.count("&") > _MOST_AMPERSANDS else None


def with_ampersands_escaped(html: str) -> str:
    """`html` without the bare ampersands that are slow in their thousands."""
    return _BARE_AMPERSAND.sub("&amp;", html) if html.count("&") > _MOST_BARE_AMPERSANDS else html


def text_by_hand(html: str) -> str:
    """A rough text of a page that no library should read: all that is not a tag, a script or a style."""
    for opening, closing in _UNSEEN:
        html = _without(html, opening, closing)
    return unescape("".join(_ANY_TAG.sub(" ", piece) for piece in _pieces(html)))


def _pieces(html: str) -> Iterator[str]:
    """`html` cut between tags: replacing in many places takes several times the room of the text."""
    at = 0
    while at < len(html):
        end = at + _PIECE_CHARS
        if end < len(html) and (tag := html.rfind("<", at, end)) > at:
            end = tag
        yield html[at:end]
        at = end


def _is_too_deep(lower: str) -> bool:
    is_open: dict[str, int] = {}
    depth = 0
    for tag in _TAG.finditer(lower):
        closes, name = tag.groups()
        if name in _END_IS_OFTEN_LEFT_OUT:
            continue
        if not closes:
            is_open[name] = is_open.get(name, 0) + 1
            depth += 1
            if depth > _DEEPEST:
                return True
        elif is_open.get(name, 0):
            is_open[name] -= 1
            depth -= 1
    return False


def _without(html: str, opening: str, closing: str) -> str:
    lower = html.lower()
    if len(lower) != len(html):  # a few letters grow when they are lowered, and places would shift
        lower = html
    kept: list[str] = []
    at = 0
    while (start := lower.find(opening, at)) >= 0:
        kept.append(html[at:start])
        end = lower.find(closing, start)
        if end < 0:
            return "".join(kept)
        at = end + len(closing)
    kept.append(html[at:])
    return "".join(kept)
