"""Whose turn it is: the mailboxes that a run visits, and those that wait since they failed."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from espomail.config.schema import Mailbox
from espomail.intake import health
from espomail.intake.backoff import LONGEST

NEVER = datetime.fromtimestamp(0, UTC)


class Turns(NamedTuple):
    """The mailboxes to visit, in order, and until when the others wait, by their keys."""

    due: Sequence[Mailbox]
    waiting: Mapping[str, datetime]


def turns(mailboxes: Sequence[Mailbox], config_file: Path, now: datetime, *, are_named: bool) -> Turns:
    """First come those whose last turn is longest ago, so that each has one, if not in this run.

    One that is named, or whose settings or password have changed since its last turn, waits no longer.
    """
    states = health.states(mailbox.key for mailbox in mailboxes)
    waiting = {
        mailbox.key: state.next_try_at
        for mailbox in mailboxes
        if not are_named
        and (state := states.get(mailbox.key)) is not None
        and state.next_try_at is not None
        and now < state.next_try_at <= now + LONGEST  # later ones were written by a clock that was wrong
        and not _has_changed_since(state.tried_at or NEVER, now, config_file, *_secrets_of(mailbox))
    }
    due = [mailbox for mailbox in mailboxes if mailbox.key not in waiting]
    due.sort(key=lambda one: states.get(one.key, health.State()).tried_at or NEVER)
    return Turns(due, waiting)


def _secrets_of(mailbox: Mailbox) -> Iterator[Path]:
    """The files with the password, or with the token that somebody has allowed."""
    if mailbox.imap.password_file is not None:
        yield mailbox.imap.password_file
    if mailbox.imap.oauth2 is not None and mailbox.imap.oauth2.token_file is not None:
        yield mailbox.imap.oauth2.token_file


def _has_changed_since(moment: datetime, now: datetime, *files: Path) -> bool:
    """Whether any was changed after that moment; one from the future tells nothing."""
    return any(moment < _changed_at(file) <= now for file in files)


def _changed_at(file: Path) -> datetime:
    """The second in which the file was changed; what is not there has never been."""
    try:
        return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
    except OSError:
        return NEVER
