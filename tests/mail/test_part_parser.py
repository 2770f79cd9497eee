"""The parser of parts finds what the standard library's own finds, whatever the boundary is."""

from email.feedparser import FeedParser
from email.message import Message

from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.part_parser import PartParser

boundaries = st.text(st.characters(codec="ascii", exclude_characters='"\r\n\0'), min_size=1, max_size=70)
tails = st.sampled_from(["", "--", " ", "\t ", "-- \t", "x", "-", "--x", "---", "\r"])
line_ends = st.sampled_from(["\n", "\r\n", "\r", ""])


def shape(message: Message) -> object:
    payload = message.get_payload()
    parts = [shape(part) for part in payload] if isinstance(payload, list) else payload
    return message.items(), parts, message.preamble, message.epilogue, [type(one) for one in message.defects]


def parsed(parser: FeedParser, text: str) -> object:
    parser.feed(text)
    return shape(parser.close())


@given(
    boundary=boundaries,
    lines=st.lists(st.tuples(st.booleans(), st.text("ab-: \t", max_size=8), tails, line_ends), max_size=12),
)
def test_parts_are_the_same_as_the_librarys(boundary: str, lines: list[tuple[bool, str, str, str]]):
    escaped = boundary.replace("\\", "\\\\").replace('"', '\\"')
    text = f'Content-Type: multipart/mixed; boundary="{escaped}"\n\n'
    for is_separator, words, tail, line_end in lines:
        text += (f"--{boundary}{tail}" if is_separator else words) + line_end
    assert parsed(PartParser(), text) == parsed(FeedParser(), text)


def test_no_expression_is_compiled_for_a_boundary(monkeypatch):
    import re

    compiled = []
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given))
    parsed(PartParser(), 'Content-Type: multipart/mixed; boundary="one"\n\n--one\n\nText\n--one--\n')
    assert compiled == []
