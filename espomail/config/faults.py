"""Faults of a configuration, and how they are told: `config.yaml:LINE: key.path: what is wrong`."""

import re
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

Path: TypeAlias = tuple[str | int, ...]

PLAIN_KEY = re.compile(r"[\w@+-]+")


class Fault(Struct, frozen=True):
    """One thing that is wrong. Without a line of its own it stands where `path` does."""

    path: Path
    said: str
    line: int | None = None


def written_path(path: Path) -> str:
    """A path as people read it: `mailboxes.support.imap.folders[0]`."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            written += ("." if written else "") + (step if PLAIN_KEY.fullmatch(step) else quoted(step))
    return written


def quoted(text: str) -> str:
    """Text of the file, safe to print: nothing in it can steer a terminal."""
    return f'"{text}"' if text.isprintable() else ascii(text)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean WORD?` where a known word is near, else nothing."""
    import difflib

    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""
