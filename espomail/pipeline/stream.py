"""The Stream of the record that a mail belongs to, and the followers who are told of it."""

from espomail.config.schema import User
from espomail.crm.desk import Desk
from espomail.crm.notes import note, notification
from espomail.crm.refs import Ref, parent_of
from espomail.crm.rights import may
from espomail.pipeline.email_to_case import subject_of
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Add, Change, Changes, change, remove
from espomail.store.models import Follower, Note

RULE = "stream"


def tell_followers(way: Way, desk: Desk) -> Step:
    """Note the e-mail on its parent, once, and notify whoever follows that record or its account."""
    if way.parent is None:
        return Step(Decision(RULE, "belongs to no record"), way)
    if way.stored is not None and parent_of(way.stored) == way.parent:
        corrected = _corrected(way, desk)
        because = f"known on {way.parent} already" + ("; it was sent, as is noted now" if corrected else "")
        return Step(Decision(RULE, because), way, corrected)
    entry = _note(way, way.parent, desk)
    if way.is_linked_quietly:
        return Step(Decision(RULE, f"noted on {way.parent}, quietly"), way, (entry,))
    changes: list[Change] = [entry]
    told: set[str] = set()
    for ref in _followed(way):
        for key in sorted(desk.followers_of(ref) - way.told - told - {way.user}):
            user = desk.context.user(key)
            if user is None or not user.active or not _may_read(user, ref, way, desk):
                changes.append(remove(Follower, ref.kind, ref.id, key))
                continue
            changes.append(_tell(user, ref, entry, way, desk))
            told.add(key)
    who = ", ".join(sorted(told)) or "nobody"
    return Step(
        Decision(RULE, f"noted on {way.parent}; told {who}"), way.after(told=way.told | told), tuple(changes)
    )


def _corrected(way: Way, desk: Desk) -> Changes:
    """Note as sent what was noted as received, once a copy proves it."""
    if not _is_sent(way) or way.is_auto:
        return ()
    noted = desk.notes_of_email(way.email_id)
    return tuple(
        change(Note, row["id"], type="email-sent", by=way.author, text=subject_of(way), data=None)
        for row in noted
        if row["type"] == "email-received"
    )


def _is_sent(way: Way) -> bool:
    return way.is_verified or way.was_sent_here


def _note(way: Way, parent: Ref, desk: Desk) -> Add:
    kind = "email-sent" if _is_sent(way) else "email-received"
    claim = f"claims to be {way.user}" if way.user and not _is_sent(way) else ""
    marks = {"outsider": way.is_outsider, "automatic": way.is_auto, "claims_to_be": claim and way.user}
    return note(
        desk,
        parent,
        kind,
        "; ".join(filter(None, (subject_of(way), claim))),
        by=way.author,
        email=way.email_id,
        **{name: mark for name, mark in marks.items() if mark},
    )


def _followed(way: Way) -> list[Ref]:
    """The records whose followers are told: the parent and the e-mail's account."""
    account = Ref("account", way.account) if way.account is not None else None
    return list(dict.fromkeys(ref for ref in (way.parent, account) if ref is not None))


def _may_read(user: User, ref: Ref, way: Way, desk: Desk) -> bool:
    if way.is_new_case and ref == way.parent:
        return may(user, desk.context.config, "case", "read", owners=(way.assignee,), teams=way.case_teams)
    return desk.may_read(user, ref)


def _tell(user: User, ref: Ref, entry: Add, way: Way, desk: Desk) -> Add:
    """A follower who may not read the e-mail is told that there is one, and no more."""
    kind: str = entry.row["type"]
    if may(user, desk.context.config, "email", "read", owners=tuple(way.users), teams=way.teams):
        return notification(
            desk, user.key, kind, subject_of(way), ref=ref, email=way.email_id, about=entry, by=way.author
        )
    return notification(desk, user.key, kind, f"There is a new e-mail in {ref}", ref=ref, about=entry)
