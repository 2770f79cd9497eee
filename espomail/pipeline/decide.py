"""Deciding what becomes of a mail: a pure function of the mail and the desk.

A rule that raises leaves nothing behind: what it decided was on a trial, which is dropped.
"""

import traceback
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from espomail.crm.arrival import Arrival, own_id_key
from espomail.crm.desk import Desk
from espomail.mail import authentication
from espomail.pipeline.steps import STEPS
from espomail.pipeline.way import Decision, Result, Way
from espomail.store.changes import Changes, add, change, remove
from espomail.store.models import AfterImport, EmailText, Journal, RawMessage


class Outcome(NamedTuple):
    """What becomes of one mail, and why, and what is to be written for it."""

    arrival: Arrival
    result: Result
    decisions: tuple[Decision, ...]
    changes: Changes
    email_id: int | None
    made_case: bool
    joined_case: bool
    is_answered: bool
    warnings: tuple[str, ...]

    @property
    def mailbox(self) -> str:
        return self.arrival.mailbox.key


class Failure(NamedTuple):
    """A mail whose rules raised. `error` is one line, `report` the whole traceback."""

    arrival: Arrival
    error: str
    report: str


def decide_all(arrivals: Iterable[Arrival], desk: Desk) -> Iterator[Outcome | Failure]:
    """Decide each mail in order, each knowing what was decided of those before it."""
    for arrival in arrivals:
        trial = desk.trial()
        try:
            outcome = decide(arrival, trial)
        except Exception as fault:  # noqa: BLE001  # the guard around one message: no mail may stop the others
            yield Failure(arrival, f"{type(fault).__name__}: {fault}", traceback.format_exc())
        else:
            desk.accept(trial, outcome.changes)
            yield outcome


def decide(arrival: Arrival, desk: Desk) -> Outcome:
    """Take one mail through the steps."""
    trusted = desk.context.config.authentication.trusted_authserv_id
    way = Way(arrival=arrival, authentication=authentication.read(arrival.parsed, trusted))
    decisions: list[Decision] = []
    changes: Changes = ()
    warnings: tuple[str, ...] = ()
    for step in STEPS:
        taken = step(way, desk)
        way = taken.way
        decisions.append(taken.decision)
        changes += taken.changes
        warnings += taken.warnings
        if taken.decision.ends:
            break
    result: Result = decisions[-1].ends or ("duplicate" if way.stored is not None else "imported")
    email_id = way.email_id if result in {"imported", "duplicate"} and way.email_id else None
    if _is_kept(way, result):
        header = desk.text_of(way.email_id) if way.is_completing else None
        before = header["trace"] if header is not None else []
        trace = [*before, *([decision.rule, decision.because] for decision in decisions)]
        changes += (change(EmailText, way.email_id, trace=trace),)
    return Outcome(
        arrival=arrival,
        result=result,
        decisions=tuple(decisions),
        changes=changes + _journal_changes(way, result, decisions[-1], email_id, desk),
        email_id=email_id,
        made_case=way.is_new_case,
        joined_case=way.case is not None and not way.is_new_case,
        is_answered=way.is_answered,
        warnings=warnings,
    )


def _journal_changes(way: Way, result: Result, last: Decision, email_id: int | None, desk: Desk) -> Changes:
    """The outcome in the journal. Bytes that are no e-mail's are not kept there."""
    arrival = way.arrival
    is_kept = _is_kept(way, result)
    outcome = change(
        Journal,
        arrival.journal_id,
        outcome=result,
        because=last.because if last.ends else None,
        email=email_id,
        decided_at=desk.context.now,
        **({} if is_kept else {"raw_message": None}),
    )
    changes: Changes = (outcome,)
    if not is_kept:
        changes += (remove(RawMessage, arrival.raw_id),)
    is_for_the_server = arrival.is_on_a_server and arrival.mailbox.imap.after_import != "keep"
    if result != "skipped" and is_for_the_server:
        key = own_id_key(arrival.parsed)
        row = {"journal": arrival.journal_id, "mailbox": arrival.mailbox.key, "message_id_key": key}
        changes += (add(AfterImport, **row),)
    return changes


def _is_kept(way: Way, result: Result) -> bool:
    """Whether its bytes are an e-mail's now: a new one's, or one's of which only the header was here."""
    return result == "imported" or (result == "duplicate" and way.is_completing)
