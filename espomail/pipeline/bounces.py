"""Delivery reports: one that proves to be about a mail of ours acts, any other is mail without effect.

Anybody can write a delivery report. The proof is the Message-ID that it quotes: we have signed it, and only
whoever got that mail, or carried it, can know it (docs/behaviour.md, Bounces).
"""

from collections.abc import Iterable, Sequence

from espomail.crm.desk import Desk
from espomail.crm.notes import note
from espomail.crm.refs import Ref, parent_of
from espomail.mail.bounces import DeliveryReport, FailedRecipient
from espomail.mail.tokens import Token
from espomail.pipeline.parent import surviving
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Changes, Row, put
from espomail.store.models import InvalidAddress

RULE = "bounce"


def act_on_bounce(way: Way, desk: Desk) -> Step:
    """Note on its record that our mail came back; mark an address invalid that failed for good."""
    report = way.arrival.reading.bounce
    if report is None:
        return Step(Decision(RULE, "not a delivery report"), way)
    if way.stored is not None and not way.is_completing:
        return Step(Decision(RULE, "a delivery report that is here already"), way)
    quoted = list(_quoted(report, desk))
    for email in quoted:
        recipients = desk.recipients_of(email["id"])
        failed = [one for one in report.failed if one.address in recipients]
        if failed:
            return _act(email, failed, way, desk)
    if not quoted:
        return Step(Decision(RULE, "a delivery report that quotes no mail that we have sent"), way)
    names = ", ".join(one.address for one in report.failed) or "nobody"
    because = f"a delivery report about {names}, to whom e-mail {quoted[0]['id']} did not go"
    return Step(Decision(RULE, because), way)


def _quoted(report: DeliveryReport, desk: Desk) -> Iterable[Row]:
    for message_id in report.about:
        if isinstance(desk.context.read_token(message_id), Token):
            for email in desk.emails_with(message_id):
                if desk.was_sent(email) and not email["is_deleted"]:
                    yield email


def _act(email: Row, failed: Sequence[FailedRecipient], way: Way, desk: Desk) -> Step:
    hard = [one.address for one in failed if one.is_hard]
    marked: Changes = tuple(put(InvalidAddress, address=address, bounced_at=desk.now) for address in hard)
    told = "; ".join(_told(one) for one in failed) + ("; marked invalid" if marked else "")
    ref: Ref | None = surviving(parent_of(email), desk)
    noted: Changes = ()
    if ref is not None:
        noted = (note(desk, ref, "post", told, email=way.email_id, bounced=email["id"], invalid=hard),)
    return Step(Decision(RULE, f"e-mail {email['id']}: {told}"), way.after(bounced=email), noted + marked)


def _told(one: FailedRecipient) -> str:
    said = ": ".join(text for text in (one.status if one.status not in one.said else "", one.said) if text)
    verdict = "cannot be reached" if one.is_hard else "was not reached"
    return f"{one.address} {verdict}" + (f" ({said})" if said else "")
