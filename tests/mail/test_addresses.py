"""Address lists: what is written by the rules is read back; what breaks them is read as it was meant."""

from email.utils import formataddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.addresses import parse
from espomail.mail.message import Address

LOCAL = st.text("abcxyz0189.-_+", min_size=1, max_size=20).map(lambda local: f"a{local}z")
DOMAIN = st.lists(st.text("abcz09", min_size=1, max_size=10), min_size=2, max_size=4).map(".".join)
PRINTABLE = st.characters(
    exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp"], exclude_characters="<>"
)
NAME = st.text(PRINTABLE, max_size=30).map(lambda name: " ".join(name.split()))
UNLIKE_MARKS = NAME.filter(lambda name: "=?" not in name and not (name[:1] == "'" == name[-1:]))


def address_lists() -> st.SearchStrategy[list[Address]]:
    one = st.builds(
        lambda local, domain, name: Address(f"{local}@{domain}", name), LOCAL, DOMAIN, UNLIKE_MARKS
    )
    return st.lists(one, max_size=5, unique_by=lambda address: address.address)


@given(address_lists())
def test_list_written_by_the_standard_library_is_read_back(addresses: list[Address]) -> None:
    written = ", ".join(formataddr((one.name, one.address)) for one in addresses)
    assert list(parse([written])) == addresses


@given(st.text(st.characters(max_codepoint=0x7F), max_size=200))
def test_any_text_gives_only_addresses(text: str) -> None:
    for one in parse([text]):
        assert one.address.count("@") >= 1
        assert one.address == one.address.lower()
        assert not one.address.startswith("@")
        assert not one.address.endswith("@")


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("a@b.c, a@b.c", ["a@b.c"]),
        ("a@b.c,,;d@e.f", ["a@b.c", "d@e.f"]),
        ("Team: a@b.c, d@e.f;, g@h.i", ["a@b.c", "d@e.f", "g@h.i"]),
        ("undisclosed-recipients:;", []),
        ("Novak, Anna <a@b.c>, Ben <d@e.f>", ["a@b.c", "d@e.f"]),
        ("(comment, with comma) a@b.c (and (nested) more)", ["a@b.c"]),
        ('"a@b.c, d@e.f" <g@h.i>', ["g@h.i"]),
        ("<a@b.c> <d@e.f>", ["d@e.f"]),
        ("a@b.c <not an address>", ["a@b.c"]),
        ("mailto:a@b.c", ["a@b.c"]),
        ("@", []),
        ("a@", []),
        ("@b.c", []),
        ("@@b.c", []),
        ("=?utf-8?Q?a=3Cb?=@c.d", ["ab@c.d"]),
    ],
)
def test_lists_are_read_as_meant(written: str, addresses: list[str]) -> None:
    assert [one.address for one in parse([written])] == addresses


def test_address_in_a_name_is_not_taken_for_the_address() -> None:
    assert parse(['"boss@bank.example" <evil@example.net>']) == (
        Address("evil@example.net", "boss@bank.example"),
    )
