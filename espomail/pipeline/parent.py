"""Which record a mail belongs to: the first finder that answers wins (docs/behaviour.md, Which record)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from espomail.crm.desk import Desk
from espomail.crm.refs import Ref, parent_of
from espomail.mail.text import looks_forwarded
from espomail.mail.tokens import Forged, Token
from espomail.pipeline.customer import customer_at, living
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import Row

RULE = "parent"
FORWARDED = "a colleague forwards it, which is no reply"


class Found(NamedTuple):
    """The record that a finder has found, and whether the mail joins it without being a party's."""

    ref: Ref
    because: str
    replied_to: int | None = None
    is_outsider: bool = False


class Missed(NamedTuple):
    """Why a finder has found nothing; `not_joined` when the mail claimed a case and was not let in."""

    because: str
    replied_to: int | None = None
    not_joined: str | None = None


Finder = Callable[[Way, Desk], Found | Missed]


def link_to_parent(way: Way, desk: Desk) -> Step:
    """Find the record that the mail belongs to. A stored e-mail keeps the one it has, unless it finds a case.

    The mail that it answers may have become a case's since it was stored: it must not matter which of the
    mailboxes that have a thread is read first.
    """
    stored = parent_of(way.stored) if way.stored is not None else None
    misses: list[str] = []
    for find in _finders(stored):
        answer = find(way, desk)
        way = way.after(replied_to=way.replied_to or answer.replied_to)
        if isinstance(answer, Found) and (stored is None or answer.ref.kind == "case"):
            found = way.after(
                parent=answer.ref, account=account_of(answer.ref, desk), is_outsider=answer.is_outsider
            )
            return Step(Decision(RULE, answer.because), found)
        if isinstance(answer, Missed):
            way = way.after(not_joined=way.not_joined or answer.not_joined)
        misses.append(answer.because)
    if way.stored is not None and stored is not None:
        decision = Decision(RULE, f"e-mail {way.email_id} belongs to {stored} already")
        return Step(decision, way.after(parent=stored, account=way.stored["account"]))
    return Step(Decision(RULE, "; ".join(misses)), way)


def account_of(ref: Ref, desk: Desk) -> int | None:
    """The account that a record belongs to, so that a mail shows in the histories of both."""
    record = desk.record(ref)
    if record is None:
        return None
    column = {"account": "id", "contact": "account", "case": "account", "lead": "converted_account"}[ref.kind]
    return living(record[column], "account", desk)


def by_bounced_mail(way: Way, desk: Desk) -> Found | Missed:
    """The record of our mail that a delivery report has proved to be about."""
    if way.bounced is None:
        return Missed("reports no mail of ours")
    ref = surviving(parent_of(way.bounced), desk)
    if ref is None:
        return Missed(f"reports e-mail {way.bounced['id']}, which belongs to no record", way.bounced["id"])
    return Found(ref, f"it reports that e-mail {way.bounced['id']} of {ref} came back", way.bounced["id"])


def by_signed_token(way: Way, desk: Desk) -> Found | Missed:
    """A record token of ours in References or In-Reply-To, if its signature is valid."""
    if _is_forwarded(way):
        return Missed(FORWARDED)
    for message_id in answered_ids(way):
        token = desk.context.read_token(message_id)
        if isinstance(token, Token) and token.record_type is not None and token.record_id is not None:
            ref = surviving(Ref(token.record_type, token.record_id), desk)
            if ref is not None:
                answered = next((email["id"] for email in desk.emails_with(message_id)), None)
                because = f"it answers a mail that we signed for {ref}"
                return Found(ref, because, answered, is_outsider=not _takes_part(ref, way, desk))
    return Missed("answers no mail that we signed")


def by_thread(way: Way, desk: Desk) -> Found | Missed:
    """The parent of the stored e-mail that the mail answers; the nearest one first."""
    answered = next(_stored_ones(way, desk), None)
    if answered is None:
        return Missed("answers no stored e-mail")
    for email in _stored_ones(way, desk):
        ref = surviving(parent_of(email), desk)
        if ref is not None:
            return _joining(ref, f"it answers e-mail {email['id']} of {ref}", answered["id"], way, desk)
    return Missed(f"answers e-mail {answered['id']}, which belongs to no record", answered["id"])


def by_answers(way: Way, desk: Desk) -> Found | Missed:
    """The case of a stored e-mail that answers this one: a reply that was here before its original.

    A reply that failed DMARC would not have joined by the thread, had the original been here first.
    """
    for email in desk.emails_answering(way.arrival.parsed.message_id):
        ref = surviving(parent_of(email), desk)
        if ref is not None and ref.kind == "case" and not email["failed_dmarc"]:
            return _joining(ref, f"e-mail {email['id']} of {ref} answers it", None, way, desk)
    return Missed("is answered by no stored e-mail of a case")


def by_sender(way: Way, desk: Desk) -> Found | Missed:
    """The From address, looked up in Contact, Account and Lead."""
    sender = way.arrival.sender
    return _by_addresses("From", [sender.address] if sender else [], desk)


def by_reply_to(way: Way, desk: Desk) -> Found | Missed:
    return _by_addresses("Reply-To", [one.address for one in way.arrival.parsed.reply_to], desk)


def by_first_recipient(way: Way, desk: Desk) -> Found | Missed:
    return _by_addresses("To", [one.address for one in way.arrival.parsed.to[:1]], desk)


BY_THREAD: tuple[Finder, ...] = (by_signed_token, by_thread, by_answers)
BY_ADDRESS: tuple[Finder, ...] = (by_sender, by_reply_to, by_first_recipient)
FINDERS: tuple[Finder, ...] = (by_bounced_mail, *BY_THREAD, *BY_ADDRESS)


def _finders(stored: Ref | None) -> tuple[Finder, ...]:
    """Those to ask about an e-mail that has this parent: a case is final, the others may give way to one."""
    if stored is None:
        return FINDERS
    return () if stored.kind == "case" else (by_bounced_mail, *BY_THREAD)


def parent_by_address(way: Way, desk: Desk) -> Ref | None:
    """The record of whoever stands in From, Reply-To or To, whatever the mail answers."""
    answers = (find(way, desk) for find in BY_ADDRESS)
    return next((answer.ref for answer in answers if isinstance(answer, Found)), None)


def answered_ids(way: Way) -> list[str]:
    """The Message-IDs that the mail answers, the nearest one first."""
    mail = way.arrival.parsed
    return list(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))


def surviving(ref: Ref | None, desk: Desk) -> Ref | None:
    """The record, or the case that it was merged into; None where it is gone."""
    if ref is None or ref.kind != "case":
        return ref if ref is not None and desk.record(ref) is not None else None
    survivor = desk.survivor_of(ref.id)
    return None if survivor is None else Ref("case", survivor["id"])


def _stored_ones(way: Way, desk: Desk) -> Iterator[Row]:
    """The stored e-mails that the mail answers. A token with a wrong signature answers nothing."""
    for message_id in answered_ids(way):
        if not isinstance(desk.context.read_token(message_id), Forged):
            yield from (email for email in desk.emails_with(message_id) if not email["is_deleted"])


def _is_forwarded(way: Way) -> bool:
    return way.user is not None and looks_forwarded(way.arrival.parsed.subject)


def _joining(ref: Ref, because: str, replied_to: int | None, way: Way, desk: Desk) -> Found | Missed:
    """Let the mail join by its thread, unless the record is a case that it may not join so."""
    case = desk.record(ref)
    if ref.kind != "case" or case is None:
        return Found(ref, because, replied_to)
    if _is_forwarded(way):
        return Missed(FORWARDED)
    if way.failed_dmarc:
        return Missed(*_kept_out(ref, "it failed DMARC", replied_to))
    if _takes_part(ref, way, desk):
        return Found(ref, because, replied_to)
    if desk.rules_of(case, way.arrival.mailbox).join == "party":
        return Missed(*_kept_out(ref, "its sender takes no part in the case", replied_to))
    return Found(ref, f"{because}; its sender takes no part in the case", replied_to, is_outsider=True)


def _takes_part(ref: Ref, way: Way, desk: Desk) -> bool:
    """Whether the sender is a party, where the record is a case: elsewhere everybody is."""
    case = desk.record(ref) if ref.kind == "case" else None
    return case is None or way.is_verified or desk.is_party(case, way.arrival.sender_address or "")


def _kept_out(ref: Ref, why: str, replied_to: int | None) -> tuple[str, int | None, str]:
    return f"may not join {ref}: {why}", replied_to, f"It claims to belong to case #{ref.id}, but {why}."


def _by_addresses(field: str, addresses: list[str], desk: Desk) -> Found | Missed:
    for address in addresses:
        customer = customer_at(address, desk)
        if customer is not None:
            return Found(customer.ref, f"{field} is an address of {customer.ref}")
    return Missed(f"no record has the {field} address" if addresses else f"has no {field} address")
