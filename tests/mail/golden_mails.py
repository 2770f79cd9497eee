"""The golden mails: each `golden/NAME.eml` stands beside `NAME.json`, what we read in it.

`script/golden` writes the JSON anew, for review in the diff. `golden/private/` is for an operator's own mails
and is not committed.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from espomail.mail.parse import harmless_html, parse

FOLDER = Path(__file__).parent / "golden"
_LONGEST_CHARS = 400
_UNSEEN = re.compile("[\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff]")


def mails() -> list[Path]:
    return sorted(FOLDER.rglob("*.eml"))


def expected(mail: Path) -> str:
    return mail.with_suffix(".json").read_text(encoding="utf-8")


def as_json(raw: bytes) -> str:
    """A mail as it is read, for people to review: long texts shortened, invisible characters escaped."""
    mail, shown = parse(raw), harmless_html(raw)
    value = _shortened(msgspec.to_builtins(mail))
    value["body_html"] = _shortened(shown.html)
    value["defects"] += [defect for defect in shown.defects if defect not in mail.defects]
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return _UNSEEN.sub(lambda unseen: f"\\u{ord(unseen[0]):04x}", text) + "\n"


def rewrite() -> None:
    for mail in mails():
        mail.with_suffix(".json").write_text(as_json(mail.read_bytes()), encoding="utf-8")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_CHARS:
        digest = hashlib.sha256(value.encode()).hexdigest()
        return f"{value[:_LONGEST_CHARS]}… ({len(value)} characters, sha256 {digest})"
    return value


if __name__ == "__main__":
    rewrite()
