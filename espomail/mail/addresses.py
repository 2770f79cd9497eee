"""Address lists as they are met in the wild: what can be understood is, the rest is left out. Linear in time.

The list is cut at its commas and semicolons by one pass over its special characters; when quotes or comments
turn out unbalanced the pass is made once more with them taken for plain characters.
"""

import re
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from espomail.mail import encoded_words, headers
from espomail.mail.message import Address

_SIMPLE = re.compile(
    r'(?:"([^"\\<>\x00-\x1f]{0,200})"\s*|([^"(),:;<>@\[\]\\\x00-\x1f]{0,200}?)\s*)'
    r"<([^\s<>()\[\]:;@,\"\\\x00-\x20]{1,200}@[A-Za-z0-9.-]{1,255})>"
)
_BARE = re.compile(r"[^\s<>()\[\]:;@,\"\\\x00-\x20]{1,200}@[A-Za-z0-9.-]{1,255}")
_SPECIAL = re.compile(r'\\.|["(),;<>:]', re.DOTALL)
_ANY_ADDRESS = re.compile(r"[^\s<>()\[\]:;@,\"'\\]{1,200}@[^\s<>()\[\]:;@,\"'\\]{1,255}")
_ENCODED_WORD = re.compile(
    rb"=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,2000}\?=(?:\s+=\?[^?\s]{1,60}\?[bBqQ]\?[^?]{0,2000}\?=)*"
)
# Encoded words stand aside while the list is cut, since they may hold commas: each as one private character.
_TOKENS_FROM: Final = 0xF0000
_TOKEN = re.compile("[\U000f0000-\U000ffffd]")
_UNWANTED = re.compile(r"[<>\x00-\x20\x7f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_QUOTE_OR_PAIR = re.compile(r'\\(.)|"', re.DOTALL)
_LONELY = re.compile(r"[^\s\"]+@[^\s\"]+")
_QUOTED_LOCAL_PART = re.compile(r'"[^"<>\x00-\x1f\\]{1,200}"@[A-Za-z0-9.-]{1,255}')
_MOST_GLUED: Final = 4
_LONGEST_CHARS: Final = 1000


class _Item(NamedTuple):
    """One entry of a list: what stands outside of brackets, in the last of them, and in comments."""

    outside: str
    bracketed: str | None
    comment: str
    ends_with: str


def parse(raws: Iterable[str], hint: str | None = None) -> tuple[Address, ...]:
    """Every usable address in the raw values of the fields of one name, each once, in order."""
    found: dict[str, Address] = {}
    for raw in raws:
        for address in _parse_one(raw, hint):
            found.setdefault(address.address, address)
    return tuple(found.values())


def _parse_one(value: str, hint: str | None) -> list[Address]:
    if value.isascii() and "=?" not in value:
        simple = _SIMPLE.fullmatch(value)
        if simple is not None:
            name = simple[1] if simple[1] is not None else simple[2]
            return _usable(simple[3], _name(name, []))
        if _BARE.fullmatch(value) is not None:
            return _usable(value, "")
    tokens: list[str] = []

    def set_aside(word: re.Match[bytes]) -> bytes:
        tokens.append(encoded_words.decode(word[0], hint).text)
        return chr(_TOKENS_FROM + len(tokens) - 1).encode() if len(tokens) < 0xFFF0 else b"?"

    text = encoded_words.decode(_ENCODED_WORD.sub(set_aside, headers.bytes_of(value)), hint).text
    return [address for item in _glued(_items(text)) for address in _address_of(item, tokens)]


def _items(text: str) -> list[_Item]:
    items = _cut(text, quotes=True, comments=True)
    if items is None:
        items = _cut(text, quotes=False, comments=True)
    if items is None:
        items = _cut(text, quotes=True, comments=False)
    return items if items is not None else _cut(text, quotes=False, comments=False) or []


def _cut(text: str, *, quotes: bool, comments: bool) -> list[_Item] | None:
    """The entries of a list, or None where a quote or a comment never ends."""
    items: list[_Item] = []
    outside: list[str] = []
    comment: list[str] = []
    bracketed: list[str] | None = None
    in_quotes = in_brackets = False
    depth = 0
    at = 0

    def take(piece: str) -> None:
        if depth:
            comment.append(piece)
        elif in_brackets and bracketed is not None:
            bracketed.append(piece)
        else:
            outside.append(piece)

    def finish(separator: str) -> None:
        nonlocal outside, comment, bracketed
        inner = "".join(bracketed) if bracketed is not None else None
        item = _Item("".join(outside).strip(), inner, "".join(comment).strip(), separator)
        if item.outside or item.bracketed or item.comment:
            items.append(item)
        outside, comment, bracketed = [], [], None

    for special in _SPECIAL.finditer(text):
        take(text[at : special.start()])
        at = special.end()
        sign = special[0]
        if in_quotes:
            in_quotes = sign != '"'
            take(sign)
        elif depth:
            depth += (sign == "(") - (sign == ")")
            if depth:
                take(sign)
        elif sign == '"' and quotes:
            in_quotes = True
            take(sign)
        elif sign == "(" and comments:
            depth = 1
            comment.append(" ")
        elif sign == "<":
            in_brackets, bracketed = True, []
        elif sign == ">":
            in_brackets = False
        elif sign in ",;" and not (in_brackets and bracketed and "@" in bracketed[0][:1]):
            in_brackets = False
            finish(sign)
        elif sign == ":" and not in_brackets and _names_a_group(outside):
            outside.clear()
        else:
            take(sign)
    if in_quotes or depth:
        return None
    take(text[at:])
    finish("")
    return items


def _names_a_group(outside: list[str]) -> bool:
    before = "".join(outside[-3:])
    return "@" not in before and before.strip().lower() != "mailto"


def _glued(items: list[_Item]) -> list[_Item]:
    """`Novak, Anna <anna@example.com>` is one entry: what has no address belongs to the next that has one."""
    glued: list[_Item] = []
    waiting: deque[str] = deque(maxlen=_MOST_GLUED)
    for item in items:
        if (
            item.bracketed is None
            and "@" not in item.outside
            and "@" not in item.comment
            and item.ends_with == ","
        ):
            waiting.append(item.outside)
            continue
        if waiting and item.bracketed is not None and item.outside:
            item = item._replace(outside=", ".join((*waiting, item.outside)))
        waiting.clear()
        glued.append(item)
    return glued


def _address_of(item: _Item, tokens: list[str]) -> list[Address]:
    if item.bracketed is not None and "@" in (inner := _restored(item.bracketed, tokens)):
        return _usable(inner, _name(item.outside or item.comment, tokens))
    whole = _restored(f"{item.outside} {item.bracketed or ''}", tokens)
    if item.bracketed is None and (
        _LONELY.fullmatch(item.outside) is not None or _QUOTED_LOCAL_PART.fullmatch(item.outside) is not None
    ):
        return _usable(_restored(item.outside, tokens), _name(item.comment, tokens))
    candidate = _ANY_ADDRESS.search(whole[: 10 * _LONGEST_CHARS]) or _ANY_ADDRESS.search(
        item.comment[: 10 * _LONGEST_CHARS]
    )
    if candidate is None:
        return []
    rest = whole.replace(candidate[0], " ") if item.outside else ""
    return _usable(
        candidate[0], _name(item.comment if item.comment and "@" not in item.comment else rest, tokens)
    )


def _usable(address: str, name: str) -> list[Address]:
    address = address.strip()
    if _QUOTED_LOCAL_PART.fullmatch(address) is None:
        address = _UNWANTED.sub("", address).strip("',;")
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if address.startswith("@") and ":" in address:
        address = address.rpartition(":")[2]  # a source route (RFC 5322 §4.4)
    local, at, domain = address.rpartition("@")
    domain = domain.strip(".")
    if not local or local.startswith("@") or not domain or len(address) > _LONGEST_CHARS:
        return []
    return [Address(f"{local}{at}{domain}".lower(), name)]


def _name(text: str, tokens: list[str]) -> str:
    text = _QUOTE_OR_PAIR.sub(r"\1", text) if '"' in text or "\\" in text else text
    text = headers.one_line(_restored(text, tokens)).replace("<", " ").replace(">", " ")
    text = " ".join(text.split())
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == "'" else text


def _restored(text: str, tokens: list[str]) -> str:
    if not tokens:
        return text
    return _TOKEN.sub(lambda token: _token_text(token[0], tokens), text)


def _token_text(token: str, tokens: list[str]) -> str:
    number = ord(token) - _TOKENS_FROM
    return tokens[number] if number < len(tokens) else ""
