"""A text taken apart for a short view: what was written, the signature under it, what is quoted at the end.

Only what stands at the end is taken off, so an answer written between quoted lines stays as it is. One pass
over the lines, of which only so many are looked at: a text is long, and may be hostile.
"""

import re
from typing import Final

import msgspec

_LOOKED_AT_CHARS: Final = 256 * 1024
_LONGEST_MARK_CHARS: Final = 300
_LONGEST_SIGNATURE_LINES: Final = 30
_HEADER_BLOCK_LINES: Final = 6

_WROTE: Final = (
    r"wrote|writes|schrieb|geschrieben|a écrit|escribió|ha scritto|escreveu|schreef|napisał\(?a?\)?|napsala?"
    r"|skrev|kirjoitti|написала?|пише|пишет|írta|yazdı"
)
_ATTRIBUTION = re.compile(rf"(?!>).*\b(?:{_WROTE})\b[^:：]{{0,80}}[:：]\s*$", re.IGNORECASE)
_ASIAN_ATTRIBUTION = re.compile(r"(?!>).*(?:写道|寫道|のメール|님이 작성)[^:：]{0,20}[:：]?\s*$")
_DIGIT = re.compile(r"\d|@")
_SEPARATOR = re.compile(
    r"\s*-{2,}\s*(?:original message|ursprüngliche nachricht|originalnachricht|message d'origine"
    r"|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht|wiadomość oryginalna"
    r"|původní zpráva|исходное сообщение|forwarded message|weitergeleitete nachricht"
    r"|原始邮件|邮件原件|原始郵件)\s*-{0,}\s*$",
    re.IGNORECASE,
)
_FROM_LINE = re.compile(
    r"\s*\*?(?:from|von|de|da|van|od|fra|från|lähettäjä|от|发件人|寄件者|差出人)\*?\s?[:：]", re.IGNORECASE
)
_OTHER_HEADER_LINE = re.compile(
    r"\s*\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|para|asunto|inviato"
    r"|oggetto|verzonden|aan|onderwerp|wysłano|do|temat|отправлено|дата|кому|тема"
    r"|发送时间|收件人|主题|日期)\*?\s?[:：]",
    re.IGNORECASE,
)
_OPENS_ATTRIBUTION = re.compile(
    r"(?:on|am|le|el|il|op|em|den|dne|w dniu|på|в|mon|tue|wed|thu|fri|sat|sun)\b", re.IGNORECASE
)
_RULE = re.compile(r"\s*[_—-]{10,}\s*$")


class Split(msgspec.Struct, frozen=True):
    """The three stretches of a text; together, with their line breaks, they are the text."""

    written: str
    signature: str
    quoted: str


def split(text: str) -> Split:
    """`text` with its signature and the quotation at its end set apart; either may be empty. Linear."""
    seen = text[:_LOOKED_AT_CHARS]
    lines = seen.splitlines(keepends=True)
    quote_at = _quotation(lines)
    signature_at = _signature(lines, quote_at)
    written = "".join(lines[:signature_at])
    signature = "".join(lines[signature_at:quote_at])
    if not written.strip():
        return Split(text, "", "")  # nothing but a quotation: better shown than hidden
    return Split(written, signature, text[len(written) + len(signature) :])


def _quotation(lines: list[str]) -> int:
    """The line at which the quotation begins that goes to the end; the number of lines if there is none."""
    marks = _marked_lines(lines)
    for at in range(len(lines)):
        if _opens_message(lines, at):
            return _with_rule_above(lines, at)
        rest = at + _attribution_lines(lines, at)
        # What is quoted in part and answered in part is a conversation, of which nothing is hidden.
        if rest > at and 0 in (marks.unquoted_after[rest], marks.quoted_after[rest]):
            return at
    at = len(lines)
    while at and (lines[at - 1].lstrip().startswith(">") or not lines[at - 1].strip()):
        at -= 1
    return at if any(line.strip() for line in lines[at:]) else len(lines)


class _Marks(msgspec.Struct, frozen=True):
    quoted_after: list[int]  # for each line, how many at or below it start with `>`
    unquoted_after: list[int]  # and how many do not, blank ones apart


def _marked_lines(lines: list[str]) -> _Marks:
    quoted = [0] * (len(lines) + 1)
    unquoted = [0] * (len(lines) + 1)
    for at in range(len(lines) - 1, -1, -1):
        is_quoted = lines[at].lstrip().startswith(">")
        quoted[at] = quoted[at + 1] + is_quoted
        unquoted[at] = unquoted[at + 1] + (not is_quoted and bool(lines[at].strip()))
    return _Marks(quoted, unquoted)


def _opens_message(lines: list[str], at: int) -> bool:
    """Whether a whole message stands below, under a separator or its header."""
    line = lines[at]
    if len(line) > _LONGEST_MARK_CHARS:
        return False
    if _SEPARATOR.match(line) is not None:
        return True
    if _FROM_LINE.match(line) is None:
        return False
    below = lines[at + 1 : at + _HEADER_BLOCK_LINES]
    return sum(_OTHER_HEADER_LINE.match(one[:_LONGEST_MARK_CHARS]) is not None for one in below) >= 2


def _attribution_lines(lines: list[str], at: int) -> int:
    """How many lines the attribution takes that begins here (`On … wrote:`); 0 where there is none."""
    if len(lines[at]) > _LONGEST_MARK_CHARS or not lines[at].strip():
        return 0
    if _is_attribution(lines[at]):
        return 1
    if at + 1 < len(lines) and _OPENS_ATTRIBUTION.match(lines[at]) is not None:
        both = f"{lines[at].rstrip()} {lines[at + 1][:_LONGEST_MARK_CHARS]}"
        return 2 if _is_attribution(both) else 0
    return 0


def _is_attribution(line: str) -> bool:
    if _DIGIT.search(line) is None:  # a date or an address stands in each; "she wrote:" is a sentence
        return False
    return _ATTRIBUTION.match(line) is not None or _ASIAN_ATTRIBUTION.match(line) is not None


def _with_rule_above(lines: list[str], at: int) -> int:
    above = at
    while above and not lines[above - 1].strip():
        above -= 1
    return above - 1 if above and _RULE.match(lines[above - 1][:_LONGEST_MARK_CHARS]) is not None else at


def _signature(lines: list[str], end: int) -> int:
    """The line of the signature's dashes (RFC 3676 §4.3), the last above `end`; `end` where there is none."""
    for at in range(end - 1, max(-1, end - 1 - _LONGEST_SIGNATURE_LINES), -1):
        if lines[at].rstrip("\r\n") in ("-- ", "--"):
            return at
    return end
