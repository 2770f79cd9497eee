"""HTML from strangers acts and fetches nothing, and its text can always be read."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail import defects
from espomail.mail.html import Page
from espomail.mail.html_guard import Hazard, hazard_of, text_by_hand, with_ampersands_escaped

PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "<p>",
                "</p>",
                "<b>",
                "<img src=",
                "<img alt='",
                "<a href=",
                "http://x/y",
                "cid:a",
                "javascript:x",
            ),
            *(
                "<script>",
                "</script>",
                "<style>",
                "<!--",
                "-->",
                ">",
                "'",
                '"',
                " src=",
                " onerror=",
                "text",
                "&",
            ),
            *(
                "<svg>",
                "<table>",
                "<td background=",
                "<link href=",
                "<meta http-equiv=refresh content=",
                "\0",
                "\ud800",
            ),
        ]
    ),
    max_size=30,
).map("".join)


class Tags(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@given(PIECES)
def test_nothing_acts_and_nothing_is_fetched(html: str) -> None:
    clean = Page(html).sanitised().html
    found = Tags(clean)
    assert not found.names & {"script", "style", "link", "meta", "svg", "form", "iframe", "object", "base"}
    for name, value in found.attributes:
        assert not name.startswith("on")
        assert name not in {"style", "background", "srcset", "poster"}
        assert name != "src" or value.startswith("cid:")
        assert name != "href" or not value.lower().startswith(("javascript:", "data:", "vbscript:"))


@given(PIECES)
def test_text_can_be_read_of_anything(html: str) -> None:
    for text in (Page(html).text(), text_by_hand(html)):
        assert "<script" not in text or "<script" in html
    Page(html).text().encode("utf-8")


@pytest.mark.parametrize(
    ("html", "hazard"),
    [
        ("<div>" * 501, Hazard.DEPTH),
        ("<div></b>" * 501, Hazard.DEPTH),
        ("<div></div>" * 5000, None),
        ("<p>" * 5000 + "<li>" * 5000 + "<br>" * 5000, None),
        ("<p " + " ".join(f"a{n}=b" for n in range(9000)) + ">", Hazard.ATTRIBUTES),
        ("<p " + " ".join(f"a{n}='>'" for n in range(9000)) + ">", Hazard.ATTRIBUTES),
        ("<p " + " ".join(f'a{n}="<"' for n in range(9000)) + ">", Hazard.ATTRIBUTES),
        ("<!-- <p b=' --><p " + " ".join(f"a{n}" for n in range(9000)) + ">", Hazard.ATTRIBUTES),
        ("<p style='" + "color:red; " * 9000 + "'>", None),
        ("<p>" + "many words " * 9000, None),
        ("&amp;" * 100_001, Hazard.AMPERSANDS),
    ],
)
def test_what_takes_the_libraries_long_is_found(html: str, hazard: Hazard | None) -> None:
    assert hazard_of(html) is hazard


def test_page_that_is_too_large_is_shown_as_text_only() -> None:
    page = Page("<p>word</p>" * 300_000)
    assert page.sanitised() == ("", defects.HTML_TOO_LARGE)
    assert page.text().startswith("word")


def test_text_of_a_page_that_is_too_deep_is_still_read() -> None:
    page = Page("<div>" * 20_000 + "in the depth")
    assert page.sanitised() == ("", defects.HTML_TOO_DEEP)
    assert page.text() == "in the depth"


def test_text_keeps_lines_lists_and_cells_apart() -> None:
    text = Page("<h1>Title</h1><p>One<br>two</p><ul><li>a<li>b</ul><table><tr><td>c<td>d</table>").text()
    assert text.split() == ["Title", "One", "two", "•", "a", "•", "b", "c", "d"]


def test_ampersands_mean_the_same_when_escaped() -> None:
    page = "&" * 6000 + "&amp;&lt;&#65;&x"
    assert Page(with_ampersands_escaped(page)).text() == Page(page).text()
