"""The parameters of a structured field: `text/plain; charset=utf-8`, however they are quoted. Linear."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from espomail.mail import charsets, encoded_words, headers

_PARAMETER = re.compile(
    r';\s*([^\s=;"]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.)*+)"(?=\s*(?:[;(]|\Z))|([^;]*))', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}")
_LONGEST_CHARS: Final = 32_768
_CACHED_CHARS: Final = 300
_EMPTY: Final[dict[str, str]] = {}


class Structured(NamedTuple):
    """A field's value in lower case and its parameters by name in lower case, decoded."""

    value: str
    parameters: Mapping[str, str]


def parse(raw: str, hint: str | None = None) -> Structured:
    """An unfolded Content-Type or Content-Disposition. `filename*` goes before `filename` (RFC 6266 §4.3)."""
    if len(raw) <= _CACHED_CHARS:
        return _parse_short(raw, hint)
    return _parse(raw, hint)


def _parse(raw: str, hint: str | None) -> Structured:
    text = raw if raw.isascii() else charsets.decode(headers.bytes_of(raw), None, hint).text
    head, semicolon, _ = text.partition(";")
    if not semicolon:
        return Structured(head.strip().strip('"').lower(), _EMPTY)
    plain: dict[str, str] = {}
    extended: list[tuple[str, str]] = []
    for found in _PARAMETER.finditer(text[:_LONGEST_CHARS], len(head)):
        name = found[1].lower()
        given = _unquoted(found[2]) if found[2] is not None else _bare(found[3])
        if "*" in name:
            extended.append((name, given))
        else:
            plain.setdefault(name, given)
    for name, given in plain.items():
        if "=?" in given:  # against RFC 2047 §5, and common
            plain[name] = encoded_words.decode(given.encode("utf-8", "replace"), hint).text
    return Structured(head.strip().strip('"').lower(), {**plain, **_joined(extended)})


_parse_short = lru_cache(maxsize=512)(_parse)  # the same few fields come in mail after mail


def content_type(value: str) -> str:
    """A media type to work with: text/plain where the field says nothing usable (RFC 2045 §5.2)."""
    match = _TOKEN.match(value)
    return match[0] if match is not None else "text/plain"


def _bare(given: str) -> str:
    given = given.strip().strip('"')
    return given[1:-1] if len(given) > 1 and given[0] == given[-1] == "'" else given


def _unquoted(given: str) -> str:
    return _ESCAPED.sub(r"\1", given) if "\\" in given and not _is_windows_path(given) else given


def _is_windows_path(given: str) -> bool:
    return given[1:3] == ":\\" or given.startswith("\\\\")


def _joined(extended: list[tuple[str, str]]) -> dict[str, str]:
    """RFC 2231: the standard library puts continuations together and undoes the percent signs."""
    if not extended:
        return {}
    from email.utils import decode_params

    try:
        decoded = decode_params([("", ""), *((name, f'"{value}"') for name, value in extended)])[1:]
    except (ValueError, TypeError):  # absurd or mixed continuation numbers
        return {}
    return {name: _text(value) for name, value in decoded}


def _text(value: str | tuple[str | None, str | None, str]) -> str:
    if isinstance(value, str):
        return value.removeprefix('"').removesuffix('"')
    charset, _, encoded = value
    encoded = encoded.removeprefix('"').removesuffix('"')
    try:
        return charsets.decode(encoded.encode("latin-1"), charset).text
    except UnicodeEncodeError:  # percent signs were not used at all
        return encoded
