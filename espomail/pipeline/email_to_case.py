"""Email-to-Case: the first mail of a thread makes a case, each later one joins it."""

from espomail.config.schema import CaseRules, NewAfter
from espomail.crm.desk import OPEN_STATUSES, Desk
from espomail.crm.notes import note
from espomail.crm.refs import Ref, parent_of
from espomail.mail.text import case_numbers_in
from espomail.pipeline.customer import customer_at
from espomail.pipeline.parent import account_of, parent_by_address
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Add, Changes, Row, Set, add, change
from espomail.store.models import Case, RecordTeam

RULE = "email-to-case"
NO_SUBJECT = "(No Subject)"
LONGEST_SUBJECT = 255
REOPENED_FROM = frozenset({"Closed", "Rejected"})


def make_or_join_case(way: Way, desk: Desk) -> Step:
    """Join the case that the mail belongs to, or make one, where the mailbox makes cases."""
    parent = way.parent if way.parent is not None and way.parent.kind == "case" else None
    if parent is not None and way.stored is not None and parent_of(way.stored) == parent:
        return Step(Decision(RULE, f"e-mail {way.email_id} is in {parent} already"), way)
    case = desk.record(parent) if parent is not None else None
    if case is not None and way.is_auto:
        return _join(case, "automatic mail of its thread, linked quietly", way, desk)
    if case is not None:
        return _join_or_make(case, "its thread", way, desk)
    refusal = _why_no_case(way, desk)
    if refusal is not None:
        return Step(Decision(RULE, refusal), way)
    numbered, claim = _case_by_number(way, desk)
    if numbered is not None:
        way = way.after(parent=Ref("case", numbered["id"]))
        return _join_or_make(numbered, f"its subject names case #{numbered['id']}", way, desk)
    return _make(way.after(not_joined=way.not_joined or claim), desk, "it starts a thread")


def subject_of(way: Way) -> str:
    """The subject as it is kept: never empty, at most 255 characters; of a stored e-mail its own."""
    if way.stored is not None:
        return str(way.stored["subject"])
    return (way.arrival.parsed.subject or NO_SUBJECT)[:LONGEST_SUBJECT]


def text_of(way: Way, desk: Desk) -> str:
    """The e-mail's own text, whatever stands in a copy of it that is met later."""
    stored = desk.text_of(way.email_id) if way.stored is not None and not way.is_completing else None
    return way.arrival.parsed.body_plain if stored is None else str(stored["body_plain"])


# --- whether


def _why_no_case(way: Way, desk: Desk) -> str | None:
    """Why the mail makes no case and looks for none by its subject."""
    mailbox = way.arrival.mailbox
    if mailbox.kind != "group" or not mailbox.case.create:
        return f"mailbox {mailbox.key} makes no cases"
    if way.is_auto:
        return "automatic mail makes no case"
    if _is_from_a_group(way, desk):
        return f"it comes from our own {_sender(way)}"
    if way.was_sent_here:
        return "it was sent from here"
    return None


def _case_by_number(way: Way, desk: Desk) -> tuple[Row | None, str | None]:
    """The case whose number the subject names, if the sender takes part in it; else what is to be noted."""
    claim: str | None = None
    for number in case_numbers_in(way.arrival.parsed.subject):
        case = desk.survivor_of(number)
        if case is None:
            claim = claim or f"Its subject names case number {number}, which does not exist."
        elif way.failed_dmarc:
            claim = claim or f"Its subject names case #{number}, but it failed DMARC."
        elif way.is_verified or desk.is_party(case, _sender(way)):
            return case, None
        else:
            claim = claim or f"Its subject names case #{number}, but its sender takes no part in that case."
    return None, claim


def _is_storm(way: Way, desk: Desk) -> bool:
    limit, arrival = way.arrival.mailbox.case.storm, way.arrival
    before = desk.arrivals_from(
        arrival.sender_address,
        arrival.received_at,
        limit,
        failed_dmarc=way.failed_dmarc,
        besides=way.email_id,
    )
    return before >= limit.most


def _is_from_a_group(way: Way, desk: Desk) -> bool:
    return way.arrival.sender_address in desk.context.group_addresses


def _sender(way: Way) -> str:
    return way.arrival.sender_address or ""


# --- joining


def _join_or_make(case: Row, because: str, way: Way, desk: Desk) -> Step:
    """Join an open case; with a closed one do what the rules of its own mailbox say."""
    if case["status"] in OPEN_STATUSES or _was_open_when_it_came(case, way) or _is_from_us(way, desk):
        return _join(case, because, way, desk)
    rules = desk.rules_of(case, way.arrival.mailbox)
    if _reply_opens_new_case(case, rules, desk):
        return _make_instead(case, way, desk)
    if rules.reply_to_closed == "keep" or case["status"] not in REOPENED_FROM:
        return _join(case, f"{because}; it stays {case['status']}", way, desk)
    status = "Assigned" if case["assigned_user"] else "New"
    ref = Ref("case", case["id"])
    reopened: Changes = (
        change(Case, case["id"], status=status, closed_at=None),
        note(desk, ref, "status", f"{case['status']} → {status}: a reply came", by=way.author),
    )
    return _join({**case, "status": status}, f"{because}; reopened", way, desk, reopened)


def _is_from_us(way: Way, desk: Desk) -> bool:
    return way.is_verified or way.was_sent_here or _is_from_a_group(way, desk)


def _was_open_when_it_came(case: Row, way: Way) -> bool:
    return case["closed_at"] is not None and way.arrival.received_at < case["closed_at"]


def _reply_opens_new_case(case: Row, rules: CaseRules, desk: Desk) -> bool:
    if isinstance(rules.reply_to_closed, NewAfter):
        closed_at = case["closed_at"] or case["modified_at"]
        return bool(closed_at < desk.context.now - rules.reply_to_closed.new_after)
    return rules.reply_to_closed == "new"


def _join(case: Row, because: str, way: Way, desk: Desk, changes: Changes = ()) -> Step:
    touched: Changes = () if way.is_auto else (change(Case, case["id"], modified_at=desk.context.now),)
    joined = way.after(
        parent=Ref("case", case["id"]),
        case=case,
        case_teams=desk.teams_of(Ref("case", case["id"])),
        assignee=case["assigned_user"],
        account=account_of(Ref("case", case["id"]), desk),
    )
    return Step(Decision(RULE, f"joins case #{case['id']}: {because}"), joined, changes + touched)


# --- making


def _make_instead(closed: Row, way: Way, desk: Desk) -> Step:
    """Make a new case of a reply to a closed one; where none is made, that is left to another copy."""
    because = f"case #{closed['id']} is closed"
    refusal = _why_no_case(way, desk)
    if refusal is None:
        claim = f"It answers case #{closed['id']}, which is closed."
        return _make(way.after(not_joined=claim), desk, because)
    parent = (parent_of(way.stored) if way.stored is not None else None) or parent_by_address(way, desk)
    unjoined = way.after(parent=parent, account=parent and account_of(parent, desk), is_outsider=False)
    return Step(Decision(RULE, f"{because}, so a reply joins it no more; {refusal}"), unjoined)


def _make(way: Way, desk: Desk, because: str) -> Step:
    """Make a case; of too many mails of one sender none, as long as there is an open one to join.

    Whoever forges an address is another sender than whoever has it.
    """
    way = way.after(is_storm=_is_storm(way, desk))
    newest = None
    if way.is_storm:
        newest = desk.newest_open_case_from(way.arrival.sender_address, failed_dmarc=way.failed_dmarc)
    if newest is not None:
        because = "too many mails of its sender for new cases"
        return _join(newest, because, way.after(is_outsider=False), desk)
    return _made(way, desk, because)


def _made(way: Way, desk: Desk, because: str) -> Step:
    context = desk.context
    customer = customer_at(_sender(way), desk)
    number = desk.next_id(Case)
    ref = Ref("case", number)
    team = way.arrival.mailbox.case.team
    new = add(
        Case,
        id=number,
        name=subject_of(way),
        description=text_of(way, desk),
        status="New",
        mailbox=way.arrival.mailbox.key,
        first_email=way.email_id,
        created_at=context.now,
        modified_at=context.now,
        account=customer and customer.account,
        contact=customer and customer.contact,
        lead=customer and customer.lead,
    )
    changes: list[Add | Set] = [new, note(desk, ref, "create")]
    if team is not None:
        changes.append(add(RecordTeam, record_type=ref.kind, record_id=ref.id, team=team))
    if way.not_joined is not None:
        changes.append(note(desk, ref, "post", way.not_joined))
    made = way.after(
        parent=ref,
        case={"assigned_user": None, "priority": "Normal", **new.row},
        case_teams=frozenset({team} - {None}),
        is_new_case=True,
        is_outsider=False,
        account=new.row["account"],
    )
    return Step(Decision(RULE, f"makes case #{number}: {because}"), made, tuple(changes))
