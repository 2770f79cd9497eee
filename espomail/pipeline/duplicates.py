"""One record for each e-mail: the same mail met again adds to the one that is stored.

The same Message-ID is not enough. A device reuses ids, and an attacker who guesses one could suppress a mail;
so the sender must agree, and the subject or the text.
"""

from espomail.crm.desk import Desk
from espomail.mail.reading import NOTHING, ONLY_FILES, Reading
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Row
from espomail.store.models import Email

RULE = "duplicates"
REUSED = "message-id-reused"


def recognise_duplicate(way: Way, desk: Desk) -> Step:
    """Go on with the stored e-mail when this is the same one; otherwise with a new one."""
    mail = way.arrival.parsed
    namesakes = desk.emails_with(mail.message_id)
    same = next((email for email in namesakes if _is_same(email, way)), None)
    if same is None:
        defects = (*mail.defects, REUSED) if namesakes else mail.defects
        because = (
            f"its Message-ID is that of e-mail {namesakes[0]['id']}, but sender or content differ"
            if namesakes
            else "its Message-ID is new"
        )
        return Step(Decision(RULE, because), way.after(email_id=desk.next_id(Email), defects=defects))
    if same["is_deleted"]:
        return Step(Decision(RULE, f"e-mail {same['id']} was deleted", ends="duplicate"), way)
    is_completing = same["is_partial"] and not way.arrival.is_partial and not _is_forged_copy(same, way)
    known = way.after(
        email_id=same["id"],
        stored=same,
        is_completing=is_completing,
        defects=(*mail.defects, REUSED) if same is not namesakes[0] else mail.defects,
        told=desk.users_told_of(same["id"]),
    )
    because = f"it is e-mail {same['id']}" + (", which this copy completes" if is_completing else "")
    return Step(Decision(RULE, because), known)


def _is_same(email: Row, way: Way) -> bool:
    sender = way.arrival.sender
    if email["from_address"] != (sender.address if sender else None):
        return False
    if email["is_partial"] != way.arrival.is_partial and email["date"] != way.arrival.parsed.date:
        return False  # there is no text to compare
    return _agrees(way.arrival.reading, email["subject_key"], email["text_key"])


def _is_forged_copy(email: Row, way: Way) -> bool:
    """Whether the copy's sender is forged, as the stored one's was not: it would put words in a mouth."""
    return way.failed_dmarc and not email["failed_dmarc"]


def _agrees(reading: Reading, subject_key: str, text_key: str) -> bool:
    """Whether the subject or the text is the same. That both have none says nothing."""
    if text_key == reading.text_key:
        return text_key != NOTHING or subject_key == reading.subject_key
    if text_key.startswith(ONLY_FILES) and reading.text_key.startswith(ONLY_FILES):
        return False  # a scanner sends each page under one subject
    return bool(subject_key) and subject_key == reading.subject_key
