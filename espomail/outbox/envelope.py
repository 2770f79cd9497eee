"""Addresses as they stand in MAIL and RCPT."""

import re
from typing import Final

from espomail.outbox.delivery import Refused
from espomail.reach import clean

# What stands between the angle brackets. smtplib would make `<a>` of `a,b@example.com`: somebody else.
_SENDABLE: Final = re.compile(r'(?:"[ !#-;=?-\[\]-~]+"|[!#-;=?-~\x80-\U0010ffff]+)@[!-;=?-~]+')


def in_envelope(address: str, *, has_smtputf8: bool) -> str | Refused:
    """The address for a server that offers SMTPUTF8 (RFC 6531) or not, or the refusal of it.

    A domain with other letters than ASCII has a form in ASCII that every server takes; a local part has none.
    """
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        return _refused(address, "is no e-mail address")
    named = f"{local}@{domain}"
    if not _SENDABLE.fullmatch(named) or not named.isprintable():
        return _refused(address, "is no e-mail address")
    if not local.isascii() and not has_smtputf8:
        return _refused(address, "has letters that the server does not take: it offers no SMTPUTF8")
    return named


def _refused(address: str, why: str) -> Refused:
    return Refused(f"{clean(address)} {why}", is_temporary=False, recipients=(address,))
