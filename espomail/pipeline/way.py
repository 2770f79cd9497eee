"""One mail's way through the rules: what each step gives back, and what has been decided so far."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from espomail.crm.arrival import Arrival
from espomail.crm.refs import Ref
from espomail.mail.authentication import Authentication
from espomail.store.changes import NO_CHANGES, Changes, Row

Result = Literal["imported", "duplicate", "skipped", "own"]


class Decision(NamedTuple):
    """What a step decided, and why; also when it does nothing."""

    rule: str
    because: str
    ends: Result | None = None


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What has been decided of one mail so far. Each step gives back a new one."""

    arrival: Arrival
    email_id: int = 0
    stored: Row | None = None  # the e-mail that is there already, of a duplicate
    is_completing: bool = False  # whether the stored e-mail has the header alone, and this copy is whole
    defects: tuple[str, ...] = ()
    authentication: Authentication | None = None

    is_auto: bool = False  # written by a program that answers by itself, or a delivery report
    unanswerable: str | None = None  # why it must not be answered, as far as the mail itself says so
    is_quiet: bool = False  # too old to notify or to answer anybody
    user: str | None = None  # the user whose address is in From
    is_verified: bool = False  # and who has written it beyond doubt

    group_folder: str | None = None
    is_marked_read: bool = False
    skips_notification: bool = False

    bounced: Row | None = None  # the mail of ours that did not arrive, by a delivery report that proves it

    parent: Ref | None = None
    replied_to: int | None = None  # the stored e-mail that it answers
    is_outsider: bool = False
    not_joined: str | None = None  # which case it claimed to belong to, and why it was not let in

    case: Row | None = None  # the case it belongs to, as it is now
    case_teams: frozenset[str] = frozenset()
    is_new_case: bool = False
    is_storm: bool = False
    assignee: str | None = None  # of the case

    account: int | None = None
    users: Mapping[str, bool] = {}  # in whose inbox it is; whether as an assigned one
    new_users: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()  # who has a notification of it
    is_answered: bool = False  # an auto-reply is queued

    @property
    def dmarc(self) -> str | None:
        """What our own mail server said of the sender by DMARC; None where it said nothing."""
        return self.authentication.dmarc if self.authentication is not None else None

    @property
    def failed_dmarc(self) -> bool:
        """Whether its From proves nothing, and is most likely forged."""
        return self.dmarc == "fail"

    @property
    def was_sent_here(self) -> bool:
        """Whether it is mail that our side sent: it was met where a mailbox keeps what was sent."""
        return self.arrival.is_from_sent_folder

    @property
    def is_linked_quietly(self) -> bool:
        """Whether it belongs to its record without anybody being told."""
        return self.is_auto or self.is_quiet

    @property
    def author(self) -> str | None:
        """The user who is known to have written it."""
        return self.user if self.is_verified else None

    def after(self, **decided: Any) -> "Way":
        """The same way, with something more decided."""
        return msgspec.structs.replace(self, **decided)


class Step(NamedTuple):
    """What one step of the pipeline gives back."""

    decision: Decision
    way: Way
    changes: Changes = NO_CHANGES
    warnings: tuple[str, ...] = ()  # what the operator must hear of, though the mail goes on
