"""The mailboxes as people see them: what the configuration says of each, and how they fare between runs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace
from peewee import fn

from espomail.config.choice import mailboxes_named
from espomail.config.schema import Config, Mailbox, MoveTo
from espomail.config.sending import sending_mailbox
from espomail.config.show import shown
from espomail.crm.access import Access
from espomail.store.models import FolderPosition, Journal, MailboxState
from espomail.store.read import rows_of, tuples_of


class MailboxLine(Struct, frozen=True, kw_only=True):
    """A mailbox in a list."""

    IN_TABLE: ClassVar = ("key", "kind", "address", "user", "teams", "folders", "enabled")

    key: str
    kind: str
    address: str
    user: str | None
    teams: tuple[str, ...]
    enabled: bool
    folders: tuple[str, ...]
    after_import: str
    creates_cases: bool
    sends: bool


class FolderState(Struct, frozen=True, kw_only=True):
    """How far a folder has been read: UIDs up to `last_uid`. UIDVALIDITY is None before the first run."""

    folder: str
    uidvalidity: int | None
    last_uid: int
    last_date: datetime | None
    special_use: str | None  # what the server says it is for, as `sent`

    def __str__(self) -> str:
        return f"{self.folder}:{self.last_uid}"


class MailboxStatus(Struct, frozen=True, kw_only=True):
    """How a mailbox fares. `ok` is None where it has never been read.

    `waiting`: messages that are kept and not decided yet; `quarantined`: those that could not be.
    """

    IN_TABLE: ClassVar = (
        *("mailbox", "ok", "last_success_at", "failing_since", "tries", "waiting", "quarantined", "error"),
    )

    mailbox: str
    ok: bool | None
    last_success_at: datetime | None
    failing_since: datetime | None
    error: str | None
    tries: int
    next_try_at: datetime | None
    smtp_failing_since: datetime | None
    smtp_error: str | None
    positions: tuple[FolderState, ...]
    waiting: int
    quarantined: int


class MailboxPage(MailboxStatus, frozen=True, kw_only=True):
    """All about a mailbox: its settings with masked passwords, and how it fares."""

    TEXTS: ClassVar = ("settings",)

    settings: Any  # plain values, as in the configuration


def lines(access: Access) -> list[MailboxLine]:
    """The mailboxes that the actor may see, in the order of the configuration."""
    return [
        MailboxLine(
            key=one.key,
            kind=one.kind,
            address=one.own_address,
            user=one.user,
            teams=one.teams,
            enabled=True,
            folders=one.imap.folders,
            after_import=_told(one.imap.after_import),
            creates_cases=one.case.create,
            sends=sending_mailbox(access.config, one) is not None,
        )
        for one in visible(access)
    ]


def statuses(access: Access, keys: Sequence[str]) -> list[MailboxStatus]:
    """How these mailboxes fare, or all that the actor may see, in the order of the configuration.

    Raises NotFound for one that is not there, or that the actor may not see; it tells which there are.
    """
    seen = {one.key: one for one in visible(access)}
    return list(_statuses(mailboxes_named(replace(access.config, mailboxes=seen), keys)))


def page(config: Config, key: str) -> MailboxPage:
    """All about one mailbox. Raises NotFound where there is none of that key."""
    mailbox = mailbox_of(config, key)
    (status,) = _statuses([mailbox])
    values = {name: getattr(status, name) for name in MailboxStatus.__struct_fields__}
    return MailboxPage(**values, settings=shown(mailbox))


def mailbox_of(config: Config, key: str) -> Mailbox:
    """The mailbox of that key. Raises NotFound, which tells which there are."""
    return mailboxes_named(config, [key])[0]


def visible(access: Access) -> list[Mailbox]:
    """The mailboxes that the actor may see: users their own, and those of their teams."""
    user = access.user
    everything = access.config.mailboxes.values()
    if user is None or access.actor.is_admin:
        return list(everything)
    return [
        one
        for one in everything
        if (
            one.user == user.key
            if one.kind == "personal"
            else not user.positions.keys().isdisjoint(one.teams)
        )
    ]


def _told(after_import: str | MoveTo) -> str:
    return f"move: {after_import.move}" if isinstance(after_import, MoveTo) else after_import


def _statuses(mailboxes: Sequence[Mailbox]) -> Iterator[MailboxStatus]:
    states = {row["mailbox"]: row for row in rows_of(MailboxState.select())}
    positions: defaultdict[str, dict[str, FolderState]] = defaultdict(dict)
    for row in rows_of(FolderPosition.select().order_by(FolderPosition.folder)):
        row["special_use"] = row["special_use"] or None
        read = FolderState(**{name: row[name] for name in FolderState.__struct_fields__})
        positions[row["mailbox"]][row["folder"]] = read
    counted = Journal.select(Journal.mailbox, Journal.outcome, fn.COUNT(Journal.id))
    undecided = counted.where(Journal.outcome.in_(["new", "quarantined"]))
    grouped = undecided.group_by(Journal.mailbox, Journal.outcome)
    counts = {(key, outcome): number for key, outcome, number in tuples_of(grouped)}
    for one in mailboxes:
        state = states.get(one.key, {})
        smtp = states.get(f"{one.key} (SMTP)", {})
        is_tried = bool(state.get("last_success_at") or state.get("error"))
        never = {
            folder: FolderState(folder=folder, uidvalidity=None, last_uid=0, last_date=None, special_use=None)
            for folder in one.imap.folders
        }
        yield MailboxStatus(
            mailbox=one.key,
            ok=state.get("error") is None if is_tried else None,
            last_success_at=state.get("last_success_at"),
            failing_since=state.get("failing_since"),
            error=state.get("error"),
            tries=state.get("tries", 0),
            next_try_at=state.get("next_try_at"),
            smtp_failing_since=smtp.get("failing_since"),
            smtp_error=smtp.get("error"),
            positions=tuple((never | positions[one.key]).values()),
            waiting=counts.get((one.key, "new"), 0),
            quarantined=counts.get((one.key, "quarantined"), 0),
        )
