"""What two texts have in common: subjects without their reply marks, and a digest of a body. Linear."""

import hashlib
import re
from typing import Final

# In lower case and without the colon, as mail programs write them in their languages.
REPLY_PREFIXES: Final = frozenset(
    {
        *(
            "re",
            "aw",
            "sv",
            "vs",
            "antw",
            "antwort",
            "rif",
            "r",
            "res",
            "resp",
            "odp",
            "ynt",
            "bls",
            "atb",
            "vá",
        ),
        *(
            "ris",
            "svar",
            "vast",
            "ats",
            "bal",
            "отв",
            "ответ",
            "на",
            "σχετ",
            "απ",
            "השב",
            "תשובה",
            "رد",
        ),
        *("sc", "trả-lời", "回复", "回覆", "答复", "答覆", "返信", "返", "답장", "회신", "ตอบ", "ตอบกลับ"),
    }
)
FORWARD_PREFIXES: Final = frozenset(
    {
        *(
            "fwd",
            "fw",
            "fvw",
            "wg",
            "tr",
            "rv",
            "enc",
            "i",
            "doorst",
            "vl",
            "vb",
            "fs",
            "pd",
            "ilt",
            "i̇lt",
            "trs",
        ),
        *("továbbítás", "tov", "πρθ", "הועבר", "העברה", "إعادة-توجيه", "пересл", "пересылка", "chuyển-tiếp"),
        *("转发", "轉寄", "転送", "전달", "ส่งต่อ"),
    }
)
_LONGEST_CHARS: Final = 4096
_DIGEST_CHARS: Final = 2048
_PREFIX = re.compile(
    r"\s*([^\W\d_](?:[^\W\d_]|[ '-](?=[^\W\d_]))*+)\s*(?:[\[(^*]?\s*\d{1,4}\s*[\])]?)?\s*[:：]"
)
_CASE_NUMBER = re.compile(r"\[#([1-9][0-9]{0,8})\]")
_TAG = re.compile(r"\s*\[[^\[\]]{0,200}\]\s*")


def subject_without_prefixes(subject: str) -> str:
    """`subject` as its thread began: without `Re:`, `Fwd[2]:` and [tags] in front, white space collapsed."""
    subject = subject[:_LONGEST_CHARS]
    at = 0
    while (end := _front(subject, at)) > at:
        at = end
    return " ".join(subject[at:].split())


def case_numbers_in(subject: str) -> list[int]:
    """The case numbers that a subject claims, as in `[#123]`."""
    return [int(number) for number in _CASE_NUMBER.findall(subject)]


def looks_forwarded(subject: str) -> bool:
    """Whether the first mark before `subject`, tags aside, is a forwarded mail's (`Fwd:`, `WG:`, `TR:` …)."""
    at = 0
    subject = subject[:_LONGEST_CHARS]
    while (tag := _TAG.match(subject, at)) is not None:
        at = tag.end()
    mark = _PREFIX.match(subject, at)
    return mark is not None and _word(mark) in FORWARD_PREFIXES


def text_digest(body_plain: str) -> str:
    """A digest of a text's first 2 KB, white space collapsed: the same for copies wrapped differently."""
    start = " ".join(body_plain[: _DIGEST_CHARS + _DIGEST_CHARS // 4].split())
    if len(start) <= _DIGEST_CHARS:  # much white space, or a short text
        start = " ".join(body_plain[: 4 * _DIGEST_CHARS].split())
    start = start[:_DIGEST_CHARS]
    return hashlib.sha256(start.encode("utf-8", "replace")).hexdigest()


def _front(subject: str, at: int) -> int:
    """Where the mark or tag that stands at `at` ends; `at` itself where there is none."""
    if (tag := _TAG.match(subject, at)) is not None:
        return tag.end()
    mark = _PREFIX.match(subject, at)
    if mark is not None and (_word(mark) in REPLY_PREFIXES or _word(mark) in FORWARD_PREFIXES):
        return mark.end()
    return at


def _word(mark: re.Match[str]) -> str:
    return "-".join(mark[1].lower().split())
