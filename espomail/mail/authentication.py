"""What our own mail server found out about a sender: its topmost Authentication-Results field."""

import re
from typing import Final, Literal

import msgspec

from espomail.mail.faults import FAULTS
from espomail.mail.message import ParsedMail

_LONGEST_CHARS: Final = 16_384
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")
_MOST_NESTED_COMMENTS: Final = 10
_RESULT = re.compile(r"\s*(spf|dkim|dmarc)\s*(?:/\s*\d+\s*)?=\s*([a-z]+)", re.IGNORECASE)


class Authentication(msgspec.Struct, frozen=True):
    """Results as RFC 8601 names them; `none` where the field does not tell. The verdict is DMARC's alone.

    Only DMARC speaks of the address in From, so without it there is no verdict.
    """

    spf: str = "none"
    dkim: str = "none"
    dmarc: str = "none"
    verdict: Literal["pass", "fail", "unknown"] = "unknown"


UNKNOWN: Final = Authentication()


def read(mail: ParsedMail, trusted_authserv_id: str | None) -> Authentication:
    """What that server's topmost Authentication-Results says; lower ones and other servers' prove nothing."""
    if not trusted_authserv_id:
        return UNKNOWN
    for value in mail.header_values("authentication-results"):
        if _authserv_id(value) == trusted_authserv_id.strip().lower():
            return _judged(_results(value[:_LONGEST_CHARS]))
    return UNKNOWN


def _authserv_id(value: str) -> str:
    head = _without_comments(value.partition(";")[0][:_LONGEST_CHARS])
    words = head.split()
    return words[0].strip('"').lower() if words and "=" not in words[0] else ""


def _judged(results: list[tuple[str, str]]) -> Authentication:
    best: dict[str, str] = {}
    for method, result in results:
        decisive = "fail" if method == "dmarc" else "pass"  # one good signature is enough
        if best.get(method) != decisive:
            best[method] = result
    dmarc = best.get("dmarc", "none")
    return Authentication(
        spf=best.get("spf", "none"),
        dkim=best.get("dkim", "none"),
        dmarc=dmarc,
        verdict="pass" if dmarc == "pass" else "fail" if dmarc == "fail" else "unknown",
    )


def _results(value: str) -> list[tuple[str, str]]:
    from authres import AuthenticationResultsHeader
    from authres.core import AuthResError

    try:
        parsed = AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except (AuthResError, *FAULTS):
        return _results_by_hand(value)
    return [(str(result.method).lower(), str(result.result).lower()) for result in parsed.results]


def _results_by_hand(value: str) -> list[tuple[str, str]]:
    """For what authres refuses, such as quoted values. Quotes and comments may hold a sender's own text."""
    bare = _without_comments(_QUOTED.sub('""', value))
    results = [_RESULT.match(statement) for statement in bare.split(";")[1:]]
    return [(result[1].lower(), result[2].lower()) for result in results if result is not None]


def _without_comments(value: str) -> str:
    for _ in range(_MOST_NESTED_COMMENTS):
        shorter = _COMMENT.sub(" ", value)
        if shorter == value:
            break
        value = shorter
    return value
