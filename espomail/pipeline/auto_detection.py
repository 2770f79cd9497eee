"""What a mail says of itself: whether a program wrote it, who did, and how old it is."""

from espomail.config.schema import User
from espomail.crm.desk import Desk
from espomail.mail.tokens import Token
from espomail.pipeline.parent import answered_ids
from espomail.pipeline.way import Decision, Step, Way

RULE = "auto-detection"


def detect_auto_replies(way: Way, desk: Desk) -> Step:
    """Tell automatic mail, old mail and our own users' mail from the rest."""
    context = desk.context
    automatic = way.arrival.reading.automatic
    sender = way.arrival.sender
    user = context.users_by_address.get(sender.address) if sender else None
    way = way.after(
        is_auto=automatic is not None,
        unanswerable=way.arrival.reading.unanswerable,
        is_quiet=is_old(way, desk) and not context.answer_old,
        user=user.key if user else None,
    )
    verified = _how_verified(user, way, desk) if user else None
    seen = [
        f"automatic: {automatic}" if automatic else "written by a person, as far as it says",
        "old, so taken in quietly" if way.is_quiet else "",
        f"From is an address of {way.user}, {verified or 'which nothing proves'}" if user else "",
    ]
    return Step(Decision(RULE, "; ".join(filter(None, seen))), way.after(is_verified=verified is not None))


def is_old(way: Way, desk: Desk) -> bool:
    """Whether it arrived longer ago than `quiet_after`. Not by the Date header, which anybody can forge."""
    arrival = way.arrival
    moments = [arrival.received_at, arrival.parsed.received_date or arrival.received_at]
    return min(moments) < desk.context.now - desk.context.config.quiet_after


def _how_verified(user: User, way: Way, desk: Desk) -> str | None:
    """What proves that the user has written the mail (docs/behaviour.md, Internal users)."""
    if way.was_sent_here and way.arrival.mailbox.user == user.key:
        return "from the Sent folder of the user's own mailbox"
    if way.dmarc == "pass":
        return "which passed DMARC"
    if not way.failed_dmarc and _answers_what_we_sent_to(user, way, desk):
        return "answering a mail that we signed and sent there"
    return None


def _answers_what_we_sent_to(user: User, way: Way, desk: Desk) -> bool:
    """Whether the mail names a Message-ID that nobody but the user, or who carried that mail, can know."""
    return any(
        address.lower() in desk.recipients_of(email["id"])
        for message_id in answered_ids(way)
        if isinstance(desk.context.read_token(message_id), Token)
        for email in desk.emails_with(message_id)
        for address in user.emails
    )
