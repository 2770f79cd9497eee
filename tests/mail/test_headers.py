"""Where the header ends, and what of it is read."""

from hypothesis import example, given
from hypothesis import strategies as st

from espomail.mail import headers

BLANKS = [b"\n", b"\r\n"]
FIELDS = [b"Subject: Pump\n", b"Subject: Pump\r\n"]


@example(first=FIELDS[0], fields=[], rest=[b"\r\n", b"\n", b"It leaks.\n"])
@example(first=FIELDS[1], fields=[FIELDS[0]], rest=[b"\n", b"\r\n", b"It leaks.\n"])
@given(
    first=st.sampled_from(FIELDS),
    fields=st.lists(st.sampled_from(FIELDS), max_size=3),
    rest=st.lists(st.sampled_from([*BLANKS, *FIELDS]), max_size=6),
)
def test_header_ends_at_the_first_blank_line_whatever_ends_the_lines(
    first: bytes, fields: list[bytes], rest: list[bytes]
) -> None:
    lines = [first, *fields, *rest]
    end = next((at for at, line in enumerate(lines) if line in BLANKS), len(lines))
    block = headers.split(b"".join(lines))
    assert len(block.fields) == end
    assert block.body == b"".join(lines[end + 1 :])
