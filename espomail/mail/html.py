"""HTML from strangers: made harmless, and made into text."""

import re
from functools import cached_property
from typing import Final, NamedTuple

from espomail.mail import defects
from espomail.mail.html_guard import Hazard, hazard_of, text_by_hand, with_ampersands_escaped

MOST_CHARS: Final = 2 * 1024 * 1024
_MOST_CHARS_FOR_TEXT: Final = 8 * 1024 * 1024
_MOST_CHARS_WHEN_DEEP: Final = 256 * 1024
_URL_SCHEMES: Final = {"http", "https", "mailto", "tel", "cid"}
# As nh3 writes it: double quotes around every value, and none inside.
_IMAGE = re.compile(r'<img(?: [A-Za-z:_-]+(?:="[^"]*")?)*>')
_ATTRIBUTE = re.compile(r' ([A-Za-z:_-]+)="([^"]*)"')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n[ \t]*+(?:\n[ \t]*+){2,}")
_DEFECT_OF: Final = {
    Hazard.DEPTH: defects.HTML_TOO_DEEP,
    Hazard.ATTRIBUTES: defects.HTML_TOO_COMPLEX,
    Hazard.AMPERSANDS: defects.HTML_TOO_COMPLEX,
}


class Sanitised(NamedTuple):
    html: str
    defect: str | None = None


class Page:
    """An HTML text out of a mail; its hazards are looked for once, however it is then shown."""

    def __init__(self, html: str) -> None:
        self.is_too_large = len(html) > MOST_CHARS
        self.source = _with_comments_closed(_scrubbed(html[:_MOST_CHARS_FOR_TEXT]))

    @cached_property
    def hazard(self) -> Hazard | None:
        return hazard_of(self.source[:MOST_CHARS])

    def sanitised(self) -> Sanitised:
        """The page without what acts or fetches: no scripts, forms, styles; of images only the mail's own.

        What is too large or too deep to be read in good time comes out empty; its text can still be shown.
        """
        if self.is_too_large:
            return Sanitised("", defects.HTML_TOO_LARGE)
        if self.hazard is not None:
            return Sanitised("", _DEFECT_OF[self.hazard])
        import nh3

        html = with_ampersands_escaped(self.source)
        try:
            clean = nh3.clean(html, url_schemes=_URL_SCHEMES, link_rel="noopener noreferrer nofollow")
        except (ValueError, TypeError, RuntimeError):
            return Sanitised("", defects.HTML_UNREADABLE)
        if "<img" in clean:
            clean = _IMAGE.sub(lambda image: _ATTRIBUTE.sub(_unless_remote, image[0]), clean)
        return Sanitised(clean.strip())

    def text(self) -> str:
        """What a reader would see of the page, as plain text with its lines and lists."""
        if self.hazard is Hazard.ATTRIBUTES:
            return _tidied(text_by_hand(self.source))
        most = _MOST_CHARS_WHEN_DEEP if self.hazard is Hazard.DEPTH else MOST_CHARS
        return _tidied(_extracted(self.source[:most]) + text_by_hand(self.source[most:]))


def _with_comments_closed(html: str) -> str:
    """`html` without a comment that never ends, so that the rest of the mail is not lost in it."""
    last_end = html.rfind("-->")
    start = html.find("<!--", last_end + 3 if last_end >= 0 else 0)
    return html if start < 0 else html[:start] + html[start:].replace("<!--", "<!")


def _unless_remote(attribute: re.Match[str]) -> str:
    return attribute[0] if attribute[1] != "src" or attribute[2][:4].lower() == "cid:" else ""


def _extracted(html: str) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    try:
        return str(extract_plain_text(html, preserve_formatting=True))
    except (ValueError, TypeError, RuntimeError):
        return text_by_hand(html)


def _tidied(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _scrubbed(text)).strip()


def _scrubbed(html: str) -> str:
    return (
        _LONE_SURROGATE.sub("\ufffd", html).replace("\0", "") if not html.isascii() or "\0" in html else html
    )
