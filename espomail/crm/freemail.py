"""Domains at which anybody can have an address, so that sharing one makes nobody a colleague."""

from functools import cache
from importlib.resources import files


@cache
def freemail_domains() -> frozenset[str]:
    """The shipped list, `freemail.txt`."""
    return frozenset(files("espomail.crm").joinpath("freemail.txt").read_text("ascii").split())
