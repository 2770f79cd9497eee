"""HTML from strangers: made harmless, and made into text. Guarded: the libraries are quadratic in nesting."""

import re
from typing import Final, NamedTuple

from espomail.mail import defects

MOST_CHARS: Final = 2 * 1024 * 1024
_MOST_CHARS_FOR_TEXT: Final = 8 * 1024 * 1024
_DEEPEST: Final = 500
_MOST_ATTRIBUTES: Final = 200
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,30})")
_TAG_WITH_ATTRIBUTES = re.compile(r"<[A-Za-z][^<>]{600,}")
_SELF_CLOSING: Final = frozenset(
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
        *(
            "p",
            "li",
            "dt",
            "dd",
            "td",
            "th",
            "tr",
            "tbody",
            "thead",
            "tfoot",
            "option",
            "colgroup",
        ),  # their end is often left out
    }
)
_URL_SCHEMES: Final = {"http", "https", "mailto", "tel", "cid"}
# As nh3 writes it: double quotes around every value, and none inside.
_IMAGE = re.compile(r'<img(?: [A-Za-z:_-]+(?:="[^"]*")?)*>')
_REMOTE_SOURCE = re.compile(r' src="(?!cid:)[^"]*"')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


class Sanitised(NamedTuple):
    html: str
    defect: str | None = None


def sanitise(html: str) -> Sanitised:
    """`html` without anything that acts or fetches: no scripts, forms, styles; of images only the mail's own.

    What is too large or nested too deep to be read in good time comes out empty; its text can still be shown.
    """
    html = _scrubbed(html)
    if len(html) > MOST_CHARS:
        return Sanitised("", defects.HTML_TOO_LARGE)
    if _is_too_deep(html):
        return Sanitised("", defects.HTML_TOO_DEEP)
    import nh3

    try:
        clean = nh3.clean(html, url_schemes=_URL_SCHEMES, link_rel="noopener noreferrer nofollow")
    except (ValueError, TypeError, RuntimeError):
        return Sanitised("", defects.HTML_UNREADABLE)
    if "<img" in clean:
        clean = _IMAGE.sub(lambda image: _REMOTE_SOURCE.sub("", image[0]), clean)
    return Sanitised(clean.strip())


def text_of(html: str) -> str:
    """What a reader would see of `html`, as plain text with its lines and lists."""
    from resiliparse.extract.html2text import extract_plain_text

    try:
        text = str(extract_plain_text(_scrubbed(html)[:_MOST_CHARS_FOR_TEXT], preserve_formatting=True))
    except (ValueError, TypeError, RuntimeError):
        return re.sub(r"<[^<>]*>", " ", html)
    return _BLANK_LINES.sub("\n\n", _LONE_SURROGATE.sub("\ufffd", text).replace("\0", "")).strip()


def _scrubbed(html: str) -> str:
    return (
        _LONE_SURROGATE.sub("\ufffd", html).replace("\0", "") if not html.isascii() or "\0" in html else html
    )


def _is_too_deep(html: str) -> bool:
    """Whether more elements may stand in each other, or attributes in one, than any page needs. Linear."""
    if html.count("<") > _DEEPEST:
        is_open: dict[str, int] = {}
        depth = 0
        for closes, name in _TAG.findall(html.lower()):
            if name in _SELF_CLOSING:
                continue
            if not closes:
                is_open[name] = is_open.get(name, 0) + 1
                depth += 1
                if depth > _DEEPEST:
                    return True
            elif is_open.get(name, 0):
                is_open[name] -= 1
                depth -= 1
    return any(
        len(tag[0].split(None, _MOST_ATTRIBUTES)) > _MOST_ATTRIBUTES
        for tag in _TAG_WITH_ATTRIBUTES.finditer(html)
    )
