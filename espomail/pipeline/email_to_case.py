"""Email-to-Case: the first mail of a thread makes a case, each later one joins it."""

from espomail.config.schema import CaseRules, NewAfter
from espomail.crm.desk import OPEN_STATUSES, Desk
from espomail.crm.loading import case_numbers_in
from espomail.crm.notes import note
from espomail.crm.refs import Ref
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Add, Changes, Row, Set, add, change
from espomail.store.models import Case, RecordTeam

RULE = "email-to-case"
NO_SUBJECT = "(No Subject)"
LONGEST_SUBJECT = 255
REOPENED_FROM = frozenset({"Closed", "Rejected"})


def make_or_join_case(way: Way, desk: Desk) -> Step:
    """Join the case that the mail belongs to, or make one, where the mailbox makes cases."""
    if way.stored is not None and way.parent is not None and way.parent.kind == "case":
        return Step(Decision(RULE, f"e-mail {way.email_id} is in {way.parent} already"), way)
    if way.parent is not None and way.parent.kind == "case":
        return _join_by_thread(way, desk)
    refusal = _why_no_case(way, desk)
    if refusal is not None:
        return Step(Decision(RULE, refusal), way)
    numbered, claim = _case_by_number(way, desk)
    if numbered is not None:
        way = way.after(parent=Ref("case", numbered["id"]))
        return _join_or_make(numbered, f"its subject names case #{numbered['id']}", way, desk)
    way = way.after(not_joined=way.not_joined or claim)
    if _is_storm(way, desk):
        newest = desk.newest_open_case_from(_sender(way))
        if newest is not None:
            return _join(newest, "too many mails of its sender for new cases", way.after(is_storm=True), desk)
    return _make(way, desk, "it starts a thread")


def subject_of(way: Way) -> str:
    """The subject as it is kept: never empty, at most 255 characters."""
    return (way.arrival.parsed.subject or NO_SUBJECT)[:LONGEST_SUBJECT]


# --- whether


def _why_no_case(way: Way, desk: Desk) -> str | None:
    """Why the mail makes no case and looks for none by its subject."""
    mailbox = way.arrival.mailbox
    if mailbox.kind != "group" or not mailbox.case.create:
        return f"mailbox {mailbox.key} makes no cases"
    if way.is_auto:
        return "automatic mail makes no case"
    if _sender(way) in desk.context.group_mailboxes_by_address:
        return f"it comes from our own {_sender(way)}"
    if way.arrival.is_from_sent_folder:
        return "it was sent from here"
    return None


def _case_by_number(way: Way, desk: Desk) -> tuple[Row | None, str | None]:
    """The case whose number the subject names, if the sender takes part in it; else what is to be noted."""
    claim: str | None = None
    for number in case_numbers_in(way.arrival.parsed.subject):
        case = desk.survivor_of(number)
        if case is None:
            claim = claim or f"Its subject names case #{number}, which does not exist."
        elif way.authentication is not None and way.authentication.dmarc == "fail":
            claim = claim or f"Its subject names case #{number}, but it failed DMARC."
        elif way.is_verified or desk.is_party(case, _sender(way)):
            return case, None
        else:
            claim = claim or f"Its subject names case #{number}, but its sender takes no part in that case."
    return None, claim


def _is_storm(way: Way, desk: Desk) -> bool:
    limit = way.arrival.mailbox.case.storm
    return desk.arrivals_from(_sender(way), way.arrival.received_at, limit) >= limit.most


def _sender(way: Way) -> str:
    return way.arrival.sender.address if way.arrival.sender else ""


# --- joining


def _join_by_thread(way: Way, desk: Desk) -> Step:
    assert way.parent is not None  # noqa: S101
    case = desk.record(way.parent)
    if case is None:
        return Step(Decision(RULE, f"{way.parent} is gone"), way)
    if way.is_auto:
        return _join(case, "automatic mail of its thread, linked quietly", way, desk)
    return _join_or_make(case, "its thread", way, desk)


def _join_or_make(case: Row, because: str, way: Way, desk: Desk) -> Step:
    """Join an open case; with a closed one do what the mailbox's rules say."""
    if case["status"] in OPEN_STATUSES or _was_open_when_it_came(case, way) or way.is_verified:
        return _join(case, because, way, desk)
    rules = way.arrival.mailbox.case
    if _reply_opens_new_case(case, rules, desk):
        if _why_no_case(way, desk) is None:
            claim = f"It answers case #{case['id']}, which is closed."
            return _make(way.after(not_joined=claim), desk, f"case #{case['id']} is closed")
        return _join(case, because, way, desk)
    if rules.reply_to_closed == "keep" or case["status"] not in REOPENED_FROM:
        return _join(case, f"{because}; it stays {case['status']}", way, desk)
    status = "Assigned" if case["assigned_user"] else "New"
    ref = Ref("case", case["id"])
    reopened: Changes = (
        change(Case, case["id"], status=status, closed_at=None),
        note(desk, ref, "status", f"{case['status']} → {status}: a reply came", by=way.author),
    )
    return _join({**case, "status": status}, f"{because}; reopened", way, desk, reopened)


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
        account=case["account"],
    )
    return Step(Decision(RULE, f"joins case #{case['id']}: {because}"), joined, changes + touched)


# --- making


def _make(way: Way, desk: Desk, because: str) -> Step:
    context, mail = desk.context, way.arrival.parsed
    number = desk.next_id(Case)
    ref = Ref("case", number)
    team = way.arrival.mailbox.case.team
    new = add(
        Case,
        id=number,
        name=subject_of(way),
        description=mail.body_plain,
        status="New",
        mailbox=way.arrival.mailbox.key,
        first_email=way.email_id,
        created_at=context.now,
        modified_at=context.now,
        **_customer_of(_sender(way), desk),
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


def _customer_of(address: str, desk: Desk) -> dict[str, int | None]:
    """The case's account and contact, or its lead, from the From address."""
    customer: dict[str, int | None] = {"account": None, "contact": None, "lead": None}
    for contact in desk.records_at(address, "contact"):
        return customer | {"contact": contact["id"], "account": contact["account"]}
    for account in desk.records_at(address, "account"):
        return customer | {"account": account["id"]}
    for lead in desk.records_at(address, "lead"):
        if lead["converted_account"] is None and lead["converted_contact"] is None:
            return customer | {"lead": lead["id"]}
        return customer | {"account": lead["converted_account"], "contact": lead["converted_contact"]}
    return customer
