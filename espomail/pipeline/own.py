"""Our own notifications, met again in a mailbox, are dropped; only a valid signature makes a mail ours."""

from espomail.crm.desk import Desk
from espomail.mail.tokens import Token
from espomail.pipeline.way import Decision, Step, Way

RULE = "own"


def drop_own_notifications(way: Way, desk: Desk) -> Step:
    """End the way of a notification that this installation sent; all else of ours is a duplicate."""
    token = desk.context.read_token(way.arrival.parsed.message_id)
    if isinstance(token, Token) and token.kind == "notification":
        return Step(Decision(RULE, "a notification that this installation sent", ends="own"), way)
    return Step(Decision(RULE, "not a notification of ours"), way)
