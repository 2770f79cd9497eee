"""Who gets a new case: direct assignment, round-robin or less-busy (docs/behaviour.md, Distribution)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from espomail.config.schema import Mailbox, User
from espomail.crm.desk import Desk
from espomail.crm.notes import note, notification
from espomail.crm.refs import Ref
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Changes, add, change, put
from espomail.store.models import Case, DistributionTurn, Follower

RULE = "distribution"


class Choice(NamedTuple):
    """The user who gets the next case, and why; nobody where there is none to choose."""

    user: str | None
    because: str


def assign(way: Way, desk: Desk) -> Step:
    """Give a new case to a user."""
    if not way.is_new_case or way.case is None:
        return Step(Decision(RULE, "no new case"), way)
    mailbox = way.arrival.mailbox
    if mailbox.case.distribution not in CHOICES:
        return Step(Decision(RULE, f"mailbox {mailbox.key} assigns nobody"), way)
    ref = Ref("case", way.case["id"])
    choice = choose(mailbox, desk)
    if choice.user is None:
        nobody = f"The case waits to be assigned: {choice.because}."
        return Step(Decision(RULE, choice.because), way, (note(desk, ref, "post", nobody),))
    given = note(desk, ref, "assign", choice.user)
    changes: Changes = (
        change(Case, ref.id, assigned_user=choice.user, status="Assigned"),
        add(Follower, record_type=ref.kind, record_id=ref.id, user=choice.user),
        given,
    )
    if mailbox.case.distribution == "round-robin":
        changes += (put(DistributionTurn, mailbox=mailbox.key, user=choice.user),)
    if not way.is_quiet and choice.user not in way.told:
        text = f"Case #{ref.id} is yours: {way.case['name']}"
        changes += (
            notification(desk, choice.user, "assign", text, ref=ref, email=way.email_id, about=given),
        )
    assigned = way.after(
        case={**way.case, "assigned_user": choice.user, "status": "Assigned"},
        assignee=choice.user,
        told=way.told | {choice.user},
    )
    decision = Decision(RULE, f"case #{ref.id} goes to {choice.user}, {choice.because}")
    return Step(decision, assigned, changes)


def choose(mailbox: Mailbox, desk: Desk) -> Choice:
    """Who would get the next case of a mailbox that assigns its cases."""
    return CHOICES[mailbox.case.distribution](mailbox, desk)


def available_users(mailbox: Mailbox, desk: Desk) -> list[User]:
    """The active users of the team and position who are not away today, in the order of distribution."""
    if mailbox.case.team is None:
        return []
    users = desk.context.team_users(mailbox.case.team, mailbox.case.position)
    return [user for user in users if not user.is_absent_on(desk.context.today)]


def _direct(mailbox: Mailbox, desk: Desk) -> Choice:
    user = desk.context.user(mailbox.case.assign_to or "")
    if user is None or not user.active:
        return Choice(None, f"{mailbox.case.assign_to} is not active")
    if user.is_absent_on(desk.context.today):
        return Choice(None, f"{user.key} is away")
    return Choice(user.key, "all cases of the mailbox go there")


def _round_robin(mailbox: Mailbox, desk: Desk) -> Choice:
    """The one after the last assigned, in the configuration's order; the last may have left or be away."""
    users = [user.key for user in available_users(mailbox, desk)]
    if not users:
        return _nobody(mailbox)
    last = desk.last_turn(mailbox.key)
    order = list(desk.context.config.users)
    if last not in order:
        return Choice(users[0], "the first in turn")
    after = order[order.index(last) + 1 :] + order
    chosen = next(user for user in after if user in users)
    return Choice(chosen, f"whose turn it is after {last}")


def _less_busy(mailbox: Mailbox, desk: Desk) -> Choice:
    users = [user.key for user in available_users(mailbox, desk)]
    if not users:
        return _nobody(mailbox)
    chosen = min(users, key=desk.open_cases_of)
    return Choice(chosen, f"who has the fewest open cases ({desk.open_cases_of(chosen)})")


def _nobody(mailbox: Mailbox) -> Choice:
    position = f" with position {mailbox.case.position}" if mailbox.case.position else ""
    return Choice(None, f"nobody{position} is available in team {mailbox.case.team}")


CHOICES: Mapping[str, Callable[[Mailbox, Desk], Choice]] = {
    "direct-assignment": _direct,
    "round-robin": _round_robin,
    "less-busy": _less_busy,
    "least-busy": _less_busy,
}
