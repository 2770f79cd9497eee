"""The inboxes that a mail is put in, and who hears of it there."""

from espomail.crm.desk import Desk
from espomail.crm.notes import notification
from espomail.pipeline.email_to_case import subject_of
from espomail.pipeline.way import Decision, Step, Way

RULE = "inbox"


def put_in_inboxes(way: Way, desk: Desk) -> Step:
    """Notify the users in whose inbox the mail is new, unless they know of it or need not."""
    if not way.new_users:
        return Step(Decision(RULE, "in nobody's inbox that it was not in before"), way)
    why_silent = _why_silent(way, desk)
    if why_silent is not None:
        return Step(Decision(RULE, f"in {len(way.new_users)} inboxes; nobody is told: {why_silent}"), way)
    told = sorted(way.new_users - way.told - {way.user})
    text = f"{_sender(way)}: {subject_of(way)}"
    changes = tuple(
        notification(desk, user, "email", text, ref=way.parent, email=way.email_id, by=way.author)
        for user in told
    )
    because = f"told {', '.join(told)}" if told else "whoever has it in the inbox knows of it"
    return Step(Decision(RULE, because), way.after(told=way.told | set(told)), changes)


def _why_silent(way: Way, desk: Desk) -> str | None:
    folder = desk.context.config.group_folders.get(way.group_folder or "")
    if way.is_quiet:
        return "it is old"
    if way.is_auto and way.parent is not None and way.parent.kind == "case":
        return "it is automatic mail of a case"
    if way.is_marked_read:
        return "a filter marks it as read"
    if way.skips_notification:
        return "a filter says so"
    if folder is not None and folder.skip_notification:
        return f"group folder {way.group_folder} says so"
    return None


def _sender(way: Way) -> str:
    sender = way.arrival.sender
    return (sender.name or sender.address) if sender else "(no sender)"
