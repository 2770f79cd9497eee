"""What lies among the drafts of a mailbox is no mail yet: nobody has sent it."""

from espomail.crm.desk import Desk
from espomail.pipeline.way import Decision, Step, Way

RULE = "drafts"


def pass_over_drafts(way: Way, _desk: Desk) -> Step:
    """End the way of a message that is still being written."""
    if way.arrival.is_draft:
        return Step(Decision(RULE, f"folder {way.arrival.folder} holds drafts", ends="skipped"), way)
    return Step(Decision(RULE, "not among the drafts"), way)
