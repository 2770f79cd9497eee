"""What the rules may know: the answers to the questions that they ask of the database, held in memory."""

from collections import Counter
from collections.abc import Mapping, Set
from datetime import datetime

from espomail.config.amounts import Limit
from espomail.config.schema import CaseRules, Mailbox, User
from espomail.crm.arrival import message_id_key
from espomail.crm.context import Context
from espomail.crm.freemail import freemail_domains
from espomail.crm.mirror import Indexes, Mirror
from espomail.crm.refs import MODELS, Ref
from espomail.crm.rights import may
from espomail.store.changes import Add, Change, Changes, Put, Row
from espomail.store.ids import Ids
from espomail.store.models import (
    Account,
    AutoReplySent,
    Case,
    Contact,
    DistributionTurn,
    Email,
    EmailAddress,
    EmailMailbox,
    EmailReference,
    EmailTeam,
    EmailText,
    EmailUser,
    Follower,
    InvalidAddress,
    Journal,
    Lead,
    Note,
    Notification,
    Numbered,
    RecordAddress,
    RecordTeam,
    Table,
)

OPEN_STATUSES = frozenset({"New", "Assigned", "Pending"})
OUTGOING_STATUSES = frozenset({"queued", "sending", "in-doubt", "sent"})

INDEXES: Indexes = {
    Account: (),
    Contact: (),
    Lead: (),
    Case: (),
    Email: (("message_id_key",), ("parent_type", "parent_id"), ("from_address",)),
    EmailReference: (("message_id_key",),),
    EmailText: (),
    EmailUser: (("email",),),
    EmailTeam: (("email",),),
    EmailMailbox: (("email",),),
    EmailAddress: (("email",),),
    RecordAddress: (("address",), ("record_type", "record_id")),
    InvalidAddress: (),
    RecordTeam: (("record_type", "record_id"),),
    Follower: (("record_type", "record_id"),),
    Note: (("email",), ("parent_type", "parent_id")),
    Notification: (("email",), ("note",)),
    DistributionTurn: (),
    AutoReplySent: (("address",), ("domain",), ()),
    Journal: (("raw_message",),),
}


class Desk:
    """The database as far as one batch asks for it, and the run's context.

    Rules only read it, on a `trial`; `accept` takes in what was decided of one mail, so that the next one
    knows it.
    """

    def __init__(self, context: Context, mirror: Mirror, ids: Ids, open_cases: Mapping[str, int]) -> None:
        self.context = context
        self._mirror = mirror
        self._ids = ids
        self._open_cases = Counter(open_cases)  # of each user, for less-busy

    def trial(self) -> "Desk":
        """The same desk, giving out ids that are lost unless the trial is accepted."""
        twin = Desk.__new__(Desk)
        twin.__dict__.update(self.__dict__, _ids=self._ids.copy())
        return twin

    def accept(self, trial: "Desk", changes: Changes) -> None:
        """Take in what was decided on the trial."""
        self._ids = trial._ids
        for change in changes:
            if change.model is Case:
                self._learn_case(change)
            else:
                self._mirror.learn(change)

    @property
    def now(self) -> datetime:
        return self.context.now

    def next_id(self, model: type[Numbered]) -> int:
        """An id for a new row."""
        return self._ids.next(model)

    def id_changes(self) -> Changes:
        """What must be written so that no id is given out again."""
        return self._ids.changes()

    def _learn_case(self, change: Change) -> None:
        number = change.row["id"] if isinstance(change, Add | Put) else change.key[0]
        self._count_open_case(number, -1)
        self._mirror.learn(change)
        self._count_open_case(number, 1)

    def _count_open_case(self, number: int, by: int) -> None:
        case = self._mirror.get(Case, number)
        if case is not None and case["assigned_user"] and case["status"] in OPEN_STATUSES:
            self._open_cases[case["assigned_user"]] += by

    # --- e-mails

    def email(self, email_id: int) -> Row | None:
        return self._mirror.get(Email, email_id)

    def emails_with(self, message_id: str) -> list[Row]:
        """The stored e-mails of that Message-ID, the oldest first; deleted ones too."""
        return self._mirror.where(Email, message_id_key=message_id_key(message_id))

    def emails_answering(self, message_id: str) -> list[Row]:
        """The stored e-mails that name that Message-ID in References or In-Reply-To."""
        references = self._mirror.where(EmailReference, message_id_key=message_id_key(message_id))
        return [
            email for one in references if (email := self.email(one["email"])) and not email["is_deleted"]
        ]

    def text_of(self, email_id: int) -> Row | None:
        """The text and the trace of an e-mail that is partial, or that a case-making mailbox meets again."""
        return self._mirror.get(EmailText, email_id)

    def entries_with(self, raw_id: int) -> list[int]:
        """The journal's entries that hold on to these bytes."""
        return [row["id"] for row in self._mirror.where(Journal, raw_message=raw_id)]

    def users_of_email(self, email_id: int) -> Mapping[str, Row]:
        return {row["user"]: row for row in self._mirror.where(EmailUser, email=email_id)}

    def teams_of_email(self, email_id: int) -> frozenset[str]:
        return self._names("team", EmailTeam, email=email_id)

    def mailboxes_of_email(self, email_id: int) -> frozenset[str]:
        return self._names("mailbox", EmailMailbox, email=email_id)

    def recipients_of(self, email_id: int) -> frozenset[str]:
        """The addresses in To and Cc of the e-mail."""
        rows = self._mirror.where(EmailAddress, email=email_id)
        return frozenset(row["address"] for row in rows if row["role"] in {"to", "cc"})

    def was_sent(self, email: Row) -> bool:
        """Whether the e-mail is ours and has left us, for one of its recipients at least."""
        if email["status"] in {"sending", "in-doubt", "sent"}:
            return True
        is_noted = any(note["type"] == "email-sent" for note in self.notes_of_email(email["id"]))
        return email["status"] in {"queued", "failed"} and is_noted

    def notes_of_email(self, email_id: int) -> list[Row]:
        """The notes that name the e-mail."""
        return self._mirror.where(Note, email=email_id)

    def users_told_of(self, email_id: int) -> frozenset[str]:
        """The users who have a notification of the e-mail, or of a note that tells of it."""
        notes = self.notes_of_email(email_id)
        return self._names("user", Notification, email=email_id).union(
            *(self._names("user", Notification, note=note["id"]) for note in notes)
        )

    # --- records

    def record(self, ref: Ref) -> Row | None:
        """The record, unless it is unknown or deleted."""
        row = self._mirror.get(MODELS[ref.kind], ref.id) if ref.kind in MODELS else None
        return None if row is None or row["is_deleted"] else row

    def case(self, number: int) -> Row | None:
        return self.record(Ref("case", number))

    def survivor_of(self, number: int) -> Row | None:
        """The case, or the one that it was merged into."""
        seen: set[int] = set()
        case = self.case(number)
        while case is not None and case["status"] == "Duplicate" and case["survivor"] not in {None, *seen}:
            seen.add(case["id"])
            case = self.case(case["survivor"])
        return case

    def records_at(self, address: str, kind: str) -> list[Row]:
        """The records of that kind that have the address, the oldest first."""
        rows = self._mirror.where(RecordAddress, address=address)
        found = [self.record(Ref(kind, row["record_id"])) for row in rows if row["record_type"] == kind]
        return [record for record in found if record is not None]

    def is_invalid(self, address: str) -> bool:
        """Whether a mail to the address came back for good."""
        return self._mirror.get(InvalidAddress, address) is not None

    def addresses_of(self, ref: Ref) -> list[str]:
        """The record's addresses, the primary one first."""
        rows = self._mirror.where(RecordAddress, record_type=ref.kind, record_id=ref.id)
        return [row["address"] for row in sorted(rows, key=lambda row: row["position"])]

    def teams_of(self, ref: Ref) -> frozenset[str]:
        return self._names("team", RecordTeam, record_type=ref.kind, record_id=ref.id)

    def followers_of(self, ref: Ref) -> frozenset[str]:
        return self._names("user", Follower, record_type=ref.kind, record_id=ref.id)

    def may_read(self, user: User, ref: Ref) -> bool:
        """Whether the user's roles let the record be read."""
        record = self.record(ref)
        return record is not None and may(
            user,
            self.context.config,
            ref.kind,
            "read",
            owners=(record["assigned_user"], record["created_by"]),
            teams=self.teams_of(ref),
        )

    # --- cases

    def is_party(self, case: Row, address: str) -> bool:
        """Whether the address takes part in the case (docs/behaviour.md, Who is a party)."""
        return (
            self._is_contact_of(case, address)
            or address in self._correspondents_of(case)
            or address.rpartition("@")[2] in self._domains_of(case)
        )

    def _is_contact_of(self, case: Row, address: str) -> bool:
        return any(
            contact["id"] == case["contact"]
            or (contact["account"] is not None and contact["account"] == case["account"])
            for contact in self.records_at(address, "contact")
        )

    def _correspondents_of(self, case: Row) -> Set[str]:
        """Everybody in From, To and Cc of the first mail, and whoever we have written to in the case."""
        found: set[str] = set()
        of_case = {"parent_type": "case", "parent_id": case["id"]}
        sent = [
            row["id"] for row in self._mirror.where(Email, **of_case) if row["status"] in OUTGOING_STATUSES
        ]
        noted = [row["email"] for row in self._mirror.where(Note, **of_case) if row["type"] == "email-sent"]
        for email_id in {case["first_email"], *sent, *noted}:
            for row in self._mirror.where(EmailAddress, email=email_id):
                if row["role"] != "reply_to":
                    found.add(row["address"])
        return found

    def _domains_of(self, case: Row) -> Set[str]:
        """The domains of the case's contact at which not everybody can have an address."""
        if case["contact"] is None:
            return frozenset()
        addresses = self.addresses_of(Ref("contact", case["contact"]))
        return {address.rpartition("@")[2] for address in addresses} - freemail_domains()

    def rules_of(self, case: Row, receiving: Mailbox) -> CaseRules:
        """The rules of the mailbox that the case came by; of the receiving one where there is none such."""
        return self.context.config.mailboxes.get(case["mailbox"] or "", receiving).case

    def newest_open_case_from(self, address: str | None, *, failed_dmarc: bool) -> Row | None:
        """The open case with the highest number whose first mail came from the address, forged or not."""
        cases = [
            case
            for email in self._mirror.where(Email, from_address=address)
            if email["failed_dmarc"] == failed_dmarc
            and email["parent_type"] == "case"
            and (case := self.case(email["parent_id"])) is not None
            and case["first_email"] == email["id"]
            and case["status"] in OPEN_STATUSES
        ]
        return max(cases, key=lambda case: case["id"], default=None)

    def arrivals_from(
        self, address: str | None, until: datetime, limit: Limit, *, failed_dmarc: bool, besides: int
    ) -> int:
        """How many mails of the sender, besides one, were received in the limit's window up to a moment.

        Those that bear the address and failed DMARC, or those that did not.
        """
        return sum(
            until - limit.window < email["received_at"] <= until
            for email in self._mirror.where(Email, from_address=address)
            if email["status"] == "archived"
            and email["failed_dmarc"] == failed_dmarc
            and email["id"] != besides
        )

    def open_cases_of(self, user: str) -> int:
        return self._open_cases[user]

    def last_turn(self, mailbox: str) -> str | None:
        """Who was given the mailbox's last case by round-robin."""
        row = self._mirror.get(DistributionTurn, mailbox)
        return None if row is None else row["user"]

    # --- auto-replies

    def auto_replies(self, limit: Limit, **to: str) -> int:
        """How many were queued in the limit's window, to an `address`, to a `domain`, or altogether.

        What a clock that is right again has dated ahead counts for as long as anything does: no longer, or
        nobody would be answered until that day, and no less, or setting it back could begin a loop.
        """
        now = self.context.now
        return sum(
            abs(now - row["queued_at"]) < limit.window for row in self._mirror.where(AutoReplySent, **to)
        )

    def _names(self, column: str, model: type[Table], **where: object) -> frozenset[str]:
        return frozenset(row[column] for row in self._mirror.where(model, **where))
