"""An outgoing message as bytes: RFC 5322 and MIME, CRLF, ASCII in every header line, nothing injected.

It is written here, and not by the standard library's policies, since those fold Message-IDs and refuse what
a correspondent's name may hold; the encodings are the library's.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from email import quoprimime
from email.header import Header
from email.utils import format_datetime
from typing import Final

import msgspec

from espomail.mail.message import Address

_MOST_REFERENCES: Final = 30
_KEPT_AT_FRONT: Final = 3
_LINE_CHARS: Final = 78
_LONGEST_LINE_BYTES: Final = 900  # RFC 5322 §2.1.1 allows 998
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ADDRESS_UNWANTED = re.compile(r"[\s\x00-\x20\x7f<>,;:()\[\]\\]+")
_QUOTED_LOCAL_PART = re.compile(r'"[ !#-\[\]-~]+"')  # RFC 5322 §3.2.4, without quoted pairs
_DOMAIN_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-F.:]+\]", re.IGNORECASE)  # RFC 5321 §4.1.3
_ID_UNWANTED = re.compile(r"[^\x21-\x3b\x3d\x3f-\x7e]+")
_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_ATOM_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


class Outgoing(msgspec.Struct, frozen=True):
    """A mail to be sent. `date` is aware, Message-IDs are in angle brackets; `extra` are further fields."""

    sender: Address
    to: tuple[Address, ...]
    subject: str
    text: str
    message_id: str
    date: datetime
    html: str | None = None
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()


def compose(outgoing: Outgoing) -> bytes:
    """The whole message, with CRLF line ends. Raises ValueError for an `extra` field whose name is none."""
    body = _body(outgoing)
    lines = [
        ("From", _addresses([outgoing.sender])),
        ("To", _addresses(outgoing.to) or "undisclosed-recipients:;"),
        ("Cc", _addresses(outgoing.cc)),
        ("Reply-To", _addresses(outgoing.reply_to)),
        ("Subject", _encoded(outgoing.subject, len("Subject: "))),
        ("Date", format_datetime(outgoing.date)),
        ("Message-ID", _id(outgoing.message_id)),
        ("In-Reply-To", _id(outgoing.in_reply_to or "")),
        ("References", _folded(_references(outgoing.references))),
        *((_checked_name(name), _encoded(value, len(name) + 2)) for name, value in outgoing.extra),
        ("MIME-Version", "1.0"),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines if value)
    return head.encode("ascii") + body


def trimmed_references(references: Iterable[str]) -> tuple[str, ...]:
    """A thread's ids cut to a length that every server bears: the first ones and the last ones stay."""
    ids = tuple(dict.fromkeys(reference for reference in references if reference))
    if len(ids) <= _MOST_REFERENCES:
        return ids
    return ids[:_KEPT_AT_FRONT] + ids[_KEPT_AT_FRONT - _MOST_REFERENCES :]


def _body(outgoing: Outgoing) -> bytes:
    """The MIME part with its own header lines, ready to stand under ours."""
    text = _text_part(outgoing.text, "plain")
    if outgoing.html is None:
        return text
    boundary = _boundary(outgoing)
    head = f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode()
    parts = (text, _text_part(outgoing.html, "html"))
    separator = f"\r\n--{boundary}".encode()
    return head + b"".join(separator + b"\r\n" + part for part in parts) + separator + b"--\r\n"


def _boundary(outgoing: Outgoing) -> str:
    seed = "\0".join((outgoing.message_id, outgoing.text, outgoing.html or ""))
    return f"=_{hashlib.sha256(seed.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _text_part(text: str, subtype: str) -> bytes:
    text = _scrubbed_text(text)
    if text.isascii() and max(map(len, text.split("\n"))) <= _LONGEST_LINE_BYTES:
        charset, encoding, body = "us-ascii", "7bit", text.replace("\n", "\r\n")
    else:
        charset, encoding = "utf-8", "quoted-printable"
        body = quoprimime.body_encode(text.encode().decode("latin-1"), maxlinelen=76, eol="\r\n")
    head = f'Content-Type: text/{subtype}; charset="{charset}"\r\nContent-Transfer-Encoding: {encoding}\r\n'
    return f"{head}\r\n{body}".encode("ascii")


def _scrubbed_text(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if text.endswith("\n") else f"{text}\n"


def _addresses(addresses: Iterable[Address]) -> str:
    return ",\r\n ".join(_address(one) for one in addresses if _bare(one))


def _address(address: Address) -> str:
    name = _one_line(address.name)
    if not name:
        return _bare(address)
    if not name.isascii():
        return f"{_encoded(name, 0)} <{_bare(address)}>"
    if _ATOM_PHRASE.fullmatch(name) is not None and "=?" not in name:
        return f"{name} <{_bare(address)}>"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{_bare(address)}>'


def _bare(address: Address) -> str:
    local, at, domain = address.address.rpartition("@")
    if _QUOTED_LOCAL_PART.fullmatch(local) is None:
        local = _ADDRESS_UNWANTED.sub("", local)
    if _DOMAIN_LITERAL.fullmatch(domain) is None:
        domain = _ADDRESS_UNWANTED.sub("", domain)
    if not local or not domain:
        return ""
    if not domain.isascii():
        domain = _to_ascii(domain)
    return f"{local}{at}{domain}" if local.isascii() else ""


def _to_ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain.encode("ascii", "replace").decode("ascii").replace("?", "-")


def _encoded(value: str, before: int) -> str:
    value = _one_line(value)
    if value.isascii() and "=?" not in value and max(map(len, value.split(" "))) <= _LONGEST_LINE_BYTES:
        return _folded(value.split(" "), before) if len(value) + before > _LINE_CHARS else value
    # RFC 2047 §2: a line with an encoded word has at most 76 characters; the library counts the ": " itself.
    header = Header(value, "utf-8", maxlinelen=76, header_name="x" * max(before - 2, 1))
    return header.encode(linesep="\r\n")


def _folded(words: Iterable[str], before: int = 12) -> str:
    lines: list[list[str]] = [[]]
    length = before
    for word in words:
        if lines[-1] and length + len(word) + 1 > _LINE_CHARS and word:
            lines.append([])
            length = 0
        lines[-1].append(word)
        length += len(word) + 1
    return "\r\n ".join(" ".join(line) for line in lines)


def _references(references: Iterable[str]) -> list[str]:
    return [
        one for one in map(_id, trimmed_references(references)) if len(one) <= _LONGEST_LINE_BYTES and one
    ]


def _id(message_id: str) -> str:
    inner = _ID_UNWANTED.sub("", message_id)
    return f"<{inner}>" if inner and len(inner) < _LONGEST_LINE_BYTES else ""


def _checked_name(name: str) -> str:
    if _FIELD_NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is no name of a header field")
    return name


def _one_line(value: str) -> str:
    return " ".join(_CONTROL.sub(" ", value).split())
