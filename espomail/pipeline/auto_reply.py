"""The automatic answer: queued only where nothing speaks against it, so that no loop starts (RFC 3834)."""

from collections.abc import Callable

from espomail.config.schema import AutoReply
from espomail.crm.desk import Desk
from espomail.crm.queued_mail import Letter, queue_letter
from espomail.mail.compose import Outgoing
from espomail.mail.message import Address
from espomail.mail.templating import Rendered, TemplateTrouble
from espomail.mail.text import subject_without_prefixes, text_digest
from espomail.mail.tokens import Foreign, Token
from espomail.pipeline.template_values import values_for_templates
from espomail.pipeline.way import Decision, Step, Way
from espomail.store.changes import add
from espomail.store.models import AutoReplySent, Email

RULE = "auto-reply"

HEADERS = (
    ("Auto-Submitted", "auto-replied"),  # RFC 3834 §5
    ("X-Auto-Response-Suppress", "All"),  # Exchange answers such mail with nothing
    ("Precedence", "auto_reply"),
)


def queue_auto_reply(way: Way, desk: Desk) -> Step:
    """Queue the answer to the From address, or say which rule forbids it."""
    rules, sender = way.arrival.mailbox.auto_reply, way.arrival.sender
    for refuse in REFUSALS:
        because = refuse(way, desk)
        if because is not None:
            return Step(Decision(RULE, f"none: {because}"), way)
    assert rules is not None and sender is not None  # noqa: S101  # the first refusals
    try:
        rendered = desk.context.templates.render(rules.template, values_for_templates(way, desk))
    except TemplateTrouble as trouble:
        warning = f"mailbox {way.arrival.mailbox.key}: no auto-reply to e-mail {way.email_id}: {trouble}"
        return Step(Decision(RULE, f"none: {trouble}"), way, warnings=(warning,))
    letter = _letter(way, desk, rules, rendered, sender)
    counted = add(
        AutoReplySent,
        email=letter.email_id,
        address=sender.address,
        domain=sender.domain,
        queued_at=desk.context.now,
    )
    decision = Decision(RULE, f"queued as e-mail {letter.email_id} to {sender.address}")
    return Step(decision, way.after(is_answered=True), (*queue_letter(letter, desk), counted))


# --- refusals: each gives its reason, or None


def _is_off(way: Way, _desk: Desk) -> str | None:
    return None if way.arrival.mailbox.auto_reply else f"mailbox {way.arrival.mailbox.key} answers nothing"


def _has_no_sender(way: Way, _desk: Desk) -> str | None:
    return None if way.arrival.sender else "it has no sender"


def _is_no_news(way: Way, _desk: Desk) -> str | None:
    if way.arrival.mailbox.case.create and not way.is_new_case:
        return "it made no new case"
    if way.stored is not None and not way.is_new_case:
        return "it is here already"
    return None


def _is_old(way: Way, _desk: Desk) -> str | None:
    return "it is old" if way.is_quiet else None


def _was_sent_from_here(way: Way, _desk: Desk) -> str | None:
    return "it was sent from here" if way.was_sent_here else None


def _is_storm(way: Way, _desk: Desk) -> str | None:
    return "there are too many mails of its sender" if way.is_storm else None


def _says_no(way: Way, _desk: Desk) -> str | None:
    return way.unanswerable


def _is_ours(way: Way, desk: Desk) -> str | None:
    """Our own address or installation in it would be the beginning of a loop."""
    sender = way.arrival.sender
    if sender is not None and sender.address in desk.context.mailbox_addresses:
        return f"{sender.address} is one of our own"
    token = desk.context.read_token(way.arrival.parsed.message_id)
    if token is not None and not isinstance(token, Foreign):
        return "its Message-ID is one of ours"
    return None


def _failed_dmarc(way: Way, _desk: Desk) -> str | None:
    return "it failed DMARC" if way.failed_dmarc else None


def _came_back(way: Way, desk: Desk) -> str | None:
    sender = way.arrival.sender
    if sender is not None and desk.is_invalid(sender.address):
        return f"mail to {sender.address} came back, the address is marked invalid"
    return None


def _is_over_the_limit(way: Way, desk: Desk) -> str | None:
    if way.arrival.sender is None:
        return None
    limits = desk.context.config.auto_reply_limits
    address, domain = way.arrival.sender.address, way.arrival.sender.domain
    for limit, to, name in (
        (limits.per_address, {"address": address}, address),
        (limits.per_domain, {"domain": domain}, domain),
        (limits.total, {}, "anybody"),
    ):
        if desk.auto_replies(limit, **to) >= limit.most:
            return f"the limit of {limit.written} to {name} is reached"
    return None


REFUSALS: tuple[Callable[[Way, Desk], str | None], ...] = (
    _is_off,
    _has_no_sender,
    _is_no_news,
    _is_old,
    _was_sent_from_here,
    _is_storm,
    _says_no,
    _is_ours,
    _failed_dmarc,
    _came_back,
    _is_over_the_limit,
)


# --- the answer


def _letter(way: Way, desk: Desk, rules: AutoReply, rendered: Rendered, to: Address) -> Letter:
    mailbox, mail, parent = way.arrival.mailbox, way.arrival.parsed, way.parent
    email_id = desk.next_id(Email)
    sender = Address((rules.from_address or mailbox.own_address).lower(), rules.from_name or "")
    token = Token(
        kind="auto-reply",
        record_type=parent.kind if parent else None,
        record_id=parent.id if parent else None,
        email_id=email_id,
        unique=text_digest(mail.message_id)[:12],
    )
    subject = rendered.subject or f"Re: {subject_without_prefixes(mail.subject)}"
    answer = Outgoing(
        sender=sender,
        to=(to,),
        reply_to=(Address(rules.reply_to.lower()),) if rules.reply_to else (),
        subject=f"[#{way.case['id']}] {subject}" if way.case else subject,
        text=rendered.text,
        html=rendered.html,
        message_id=desk.context.make_message_id(token, sender.domain),
        date=desk.context.now,
        in_reply_to=mail.message_id if mail.has_own_id else None,
        references=(*mail.references, mail.message_id) if mail.has_own_id else mail.references,
        extra=HEADERS,
    )
    return Letter(
        email_id=email_id,
        mail=answer,
        kind="auto-reply",
        mailbox=mailbox.key,
        envelope_sender=rules.envelope_sender or "",
        parent=parent,
        account=way.account,
        replied_to=way.email_id,
        teams=way.teams,
    )
