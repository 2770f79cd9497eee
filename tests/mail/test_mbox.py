"""mbox files: whatever is written to one is read from it again; those of other programs are read too."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from espomail.mail import export_label
from espomail.mail.export_label import Label
from espomail.mail.mbox import entries, written

AT = datetime(2026, 11, 4, 9, 5, 1, tzinfo=UTC)
LARGE = 10**9

pieces = st.sampled_from(
    [b"From ", b">", b"\n", b"\r\n", b"\r", b"\0", b"text", b"From x 10:00 2026", b"\xff"]
)
raws = st.lists(pieces, max_size=12).map(b"".join)


def mbox_of(*raws: bytes) -> bytes:
    labels = [Label(AT, is_unended=not raw.endswith(b"\n")) for raw in raws]
    return b"".join(written(raw, label.mark, AT) for raw, label in zip(raws, labels, strict=True))


def read(data: bytes, most_bytes: int = LARGE) -> list[bytes]:
    """The messages as an import takes them."""
    found = []
    for entry in entries(io.BytesIO(data), most_bytes):
        label = export_label.of_envelope(entry.envelope)
        found.append(entry.raw.removesuffix(b"\n") if label and label.is_unended else entry.raw)
    return found


@given(st.lists(raws, max_size=4))
@example([b"", b"\n", b"\r", b"\r\n\r", b"a\n\n", b"a\r\n\r\n"])
@example([b">" * 70_000 + b"From x", b"x" * 200_000, b">" * 65_534 + b"From x", b">" * 65_531 + b"From x\n"])
def test_what_is_written_is_read_again(raws: list[bytes]):
    assert read(mbox_of(*raws)) == raws


@given(st.lists(raws, max_size=4))
def test_whole_file_is_accounted_for(raws: list[bytes]):
    data = mbox_of(*raws)
    found = list(entries(io.BytesIO(data), LARGE))
    assert [entry.end for entry in found][-1:] == [len(data)][: len(found)]
    assert [entry.size for entry in found] == [len(raw) + (not raw.endswith(b"\n")) for raw in raws]


def test_every_message_stands_under_a_line_that_other_programs_know():
    assert mbox_of(b"Subject: x\r\n\r\nFrom here\r\n>From there\r\n") == (
        b"From espomail Wed Nov  4 09:05:01 2026\nSubject: x\r\n\r\n>From here\r\n>>From there\r\n\n"
    )


def test_of_a_large_message_only_the_beginning_is_held_and_the_next_one_is_found():
    (first, second) = entries(io.BytesIO(mbox_of(b"a" * 100_000 + b"\n", b"b\n")), 1000)
    assert (first.raw[:1000], first.size, second.raw) == (b"a" * 1000, 100_001, b"b\n")
    assert len(first.raw) < 1010


@pytest.mark.parametrize(
    ("data", "raws"),
    [
        (
            b"From a@b Wed Nov  4 09:05:01 2026\nA: 1\n\nFrom me to you\n\nFrom c Wed Nov  4 09:05 2026\nB\n",
            2,
        ),
        (
            b"From 17@xxx Wed Nov 04 09:05:01 +0000 2026\r\nA: 1\r\n\r\nFrom - Wed Nov 4 9:05:01 2026\r\n",
            2,
        ),
        (b"\n\nFrom a\nA: 1\n\nx\n\nFrom b\nB: 2\n\ny", 2),
        (b"\n", 0),
        (b"", 0),
    ],
    ids=["unquoted text", "CRLF", "without times", "blank", "empty"],
)
def test_mbox_of_another_program_is_read(data: bytes, raws: int):
    assert len(read(data)) == raws


def test_the_blank_line_between_messages_belongs_to_none():
    unix, dos = (read(f"From a{end}x{end}{end}From b{end}y{end}".encode()) for end in ("\n", "\r\n"))
    assert (unix, dos) == ([b"x\n", b"y\n"], [b"x\r\n", b"y\r\n"])


def test_what_is_no_mbox_is_refused():
    with pytest.raises(ValueError, match="does not begin"):
        read(b"Subject: x\n\nFrom me\n")


labels = st.builds(
    Label,
    st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.none() | st.integers(0, 10**14),
    st.booleans(),
)


@given(labels, st.integers(1, 2**31))
def test_label_is_read_from_a_file_name_and_from_an_mbox(label: Label, number: int):
    name = label.file_name(number)
    assert export_label.of_file_name(f"{name}.eml") == label
    assert export_label.of_file_name(f"{name}:2,S") == label
    (entry,) = entries(io.BytesIO(written(b"x\n", label.mark, label.received_at)), LARGE)
    assert export_label.of_envelope(entry.envelope) == label


@pytest.mark.parametrize(
    "name", ["1795597036.M1P2.host:2,S", "mail.eml", "1.espomail.eml", "1.2.espomail.txt"]
)
def test_names_of_others_are_no_labels(name: str):
    assert export_label.of_file_name(name) is None


@pytest.mark.parametrize(
    "envelope", ["espomail", "a@b Wed Nov  4 09:05:01 2026", "espomail Wed Nov 44 09:05:01 2026"]
)
def test_envelopes_of_others_are_no_labels(envelope: str):
    assert export_label.of_envelope(envelope) is None
