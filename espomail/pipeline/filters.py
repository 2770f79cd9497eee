"""Filters sift incoming mail: the first that matches wins, skipping before moving before the rest."""

from collections.abc import Callable, Iterable, Sequence

from espomail.config.schema import Config, Filter, Mailbox, ToGroupFolder
from espomail.crm.desk import Desk
from espomail.mail.message import ParsedMail
from espomail.pipeline.way import Decision, Step, Way

HEADER_RULE = "header-filters"
BODY_RULE = "body-filters"


def apply_header_filters(way: Way, desk: Desk) -> Step:
    """Skip what a filter on headers alone wants skipped, before anything else is asked."""
    return _skip_or_go_on(HEADER_RULE, way, header_skips(way.arrival.mailbox, desk.context.config))


def apply_body_filters(way: Way, desk: Desk) -> Step:
    """Skip what a filter on the text wants skipped; else do what the first of the other filters says."""
    filters = filters_for(way.arrival.mailbox, desk.context.config)
    skipped = _skip_or_go_on(BODY_RULE, way, [one for one in filters if is_skip(one) and looks_at_body(one)])
    if skipped.decision.ends:
        return skipped
    others = sorted((one for one in filters if not is_skip(one)), key=lambda one: one.action is None)
    chosen = first_match(others, way.arrival.parsed)
    if chosen is None:
        return Step(Decision(BODY_RULE, "no filter matches"), _in_mailbox_folder(way))
    folder = chosen.action.group_folder if isinstance(chosen.action, ToGroupFolder) else None
    moved = _in_mailbox_folder(way) if folder is None else way.after(group_folder=folder)
    return Step(
        Decision(BODY_RULE, f"filter {chosen.name} matches"),
        moved.after(is_marked_read=chosen.mark_read, skips_notification=chosen.skip_notification),
    )


def filters_for(mailbox: Mailbox, config: Config) -> list[Filter]:
    """The global filters and the mailbox's own, in the order of the configuration."""
    return [one for one in config.filters if one.mailbox in (None, mailbox.key)]


def header_skips(mailbox: Mailbox, config: Config) -> list[Filter]:
    """Those that skip mail by its header fields alone: its body need not be fetched."""
    return [one for one in filters_for(mailbox, config) if is_skip(one) and not looks_at_body(one)]


def first_match(filters: Iterable[Filter], mail: ParsedMail) -> Filter | None:
    """The first of the filters that matches the mail."""
    return next((one for one in filters if matches(one, mail)), None)


def is_skip(one: Filter) -> bool:
    return one.action == "skip"


def looks_at_body(one: Filter) -> bool:
    return bool(one.body_contains or one.body_contains_all)


def matches(one: Filter, mail: ParsedMail) -> bool:
    """Whether all given fields of the filter match. A filter with no field never matches."""
    given = [answer for question in QUESTIONS if (answer := question(one, mail)) is not None]
    return bool(given) and all(given)


def matches_wildcard(pattern: str, text: str) -> bool:
    """Whether the whole text matches; `*` stands for any characters, case does not count. Linear time.

    An empty pattern matches nothing, not even an empty text.
    """
    if not pattern.strip():
        return False
    first, *others = pattern.casefold().split("*")
    text = text.casefold()
    if not others:
        return text == first
    *middle, last = others
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _skip_or_go_on(rule: str, way: Way, filters: Sequence[Filter]) -> Step:
    skipping = first_match(filters, way.arrival.parsed)
    if skipping is not None:
        return Step(Decision(rule, f"filter {skipping.name} skips it", ends="skipped"), way)
    because = f"none of {len(filters)} filters skips it" if filters else "no filter to ask"
    return Step(Decision(rule, because), way)


def _in_mailbox_folder(way: Way) -> Way:
    return way.after(group_folder=way.arrival.mailbox.group_folder)


def _from_matches(one: Filter, mail: ParsedMail) -> bool | None:
    if one.from_ is None:
        return None
    return mail.sender is not None and matches_wildcard(one.from_, mail.sender.address)


def _to_matches(one: Filter, mail: ParsedMail) -> bool | None:
    if one.to is None:
        return None
    return any(matches_wildcard(one.to, recipient.address) for recipient in mail.to)


def _subject_matches(one: Filter, mail: ParsedMail) -> bool | None:
    return None if one.subject is None else matches_wildcard(one.subject, mail.subject)


def _body_contains_any(one: Filter, mail: ParsedMail) -> bool | None:
    if not one.body_contains:
        return None
    text = mail.body_plain.casefold()
    return any(_contains(phrase, text) for phrase in one.body_contains)


def _body_contains_all(one: Filter, mail: ParsedMail) -> bool | None:
    if not one.body_contains_all:
        return None
    text = mail.body_plain.casefold()
    return all(_contains(phrase, text) for phrase in one.body_contains_all)


def _contains(phrase: str, text: str) -> bool:
    """Whether the phrase stands in the text, which is folded already. An empty one stands in none."""
    return bool(phrase.strip()) and phrase.casefold() in text


QUESTIONS: tuple[Callable[[Filter, ParsedMail], bool | None], ...] = (
    _from_matches,
    _to_matches,
    _subject_matches,
    _body_contains_any,
    _body_contains_all,
)
"""One for each field; None where the filter does not give that field."""
