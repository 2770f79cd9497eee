"""Filling the desk: the rows that one batch of mails can ask for, by a dozen SELECTs for the whole batch."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from peewee import ModelSelect, fn

from espomail.config.schema import Mailbox
from espomail.crm.arrival import Arrival, message_id_key
from espomail.crm.context import Context
from espomail.crm.desk import INDEXES, OPEN_STATUSES, OUTGOING_STATUSES, Desk
from espomail.crm.mirror import Mirror
from espomail.crm.refs import MODELS, Ref, parent_of
from espomail.mail.text import case_numbers_in
from espomail.mail.tokens import Token
from espomail.store.changes import Row
from espomail.store.ids import Ids
from espomail.store.models import (
    AutoReplySent,
    Case,
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
    Note,
    Notification,
    RecordAddress,
    RecordTeam,
    Table,
)
from espomail.store.read import rows_above, rows_in, rows_of


def load(arrivals: Sequence[Arrival], context: Context, ids: Ids) -> Desk:
    """The desk for these mails. Inside the writing transaction, so that nothing changes under it."""
    loading = Loading(arrivals, context)
    loading.load()
    return Desk(context, loading.mirror, ids, loading.open_cases())


class Loading:
    """One filling of the desk. Each step asks for what the steps before it have turned up."""

    def __init__(self, arrivals: Sequence[Arrival], context: Context) -> None:
        self.arrivals = arrivals
        self.context = context
        self.mirror = Mirror(INDEXES)
        self.emails: dict[int, Row] = {}
        self.records: dict[Ref, Row | None] = {}
        self.speaking: set[int] = set()  # the e-mails of which the rules may ask for From, To and Cc

    def load(self) -> None:
        self.load_storms()
        self.load_threads()
        self.load_bounces()
        self.load_parents()
        self.load_companions_of_emails()
        self.load_companions_of_records()
        self.load_in(EmailAddress, "email", self.speaking)
        self.load_what_copies_change()
        self.load_in(DistributionTurn, "mailbox", {arrival.mailbox.key for arrival in self.arrivals})
        self.load_in(
            InvalidAddress, "address", {arrival.sender_address for arrival in self.arrivals} - {None}
        )
        longest = max(limit.window for limit in self.auto_reply_limits())
        lately = rows_above(AutoReplySent, "queued_at", self.context.now - longest)
        self.mirror.learn_rows(AutoReplySent, lately)

    def auto_reply_limits(self) -> list[Any]:
        limits = self.context.config.auto_reply_limits
        return [limits.per_address, limits.per_domain, limits.total]

    # --- e-mails

    def load_threads(self) -> None:
        """The e-mails that have a mail's Message-ID, those that it answers, and those that answer it.

        One that has the id may become the first mail of a case, or turn out to be ours: then its addresses
        say who takes part.
        """
        own = {message_id_key(arrival.parsed.message_id) for arrival in self.arrivals}
        answered = {
            message_id_key(one)
            for arrival in self.arrivals
            for one in (*arrival.parsed.in_reply_to, *arrival.parsed.references)
        }
        self.load_emails("message_id_key", own | answered)
        self.let_speak(own | {message_id_key(one) for one in self.answered_tokens()})
        references = self.load_in(EmailReference, "message_id_key", own)
        self.load_emails("id", {row["email"] for row in references} - self.emails.keys())

    def load_bounces(self) -> None:
        """The mails of ours that delivery reports quote, and their recipients."""
        reports = [report for arrival in self.arrivals if (report := arrival.reading.bounce) is not None]
        signed = {
            message_id_key(one)
            for report in reports
            for one in report.about
            if isinstance(self.context.read_token(one), Token)
        }
        self.load_emails("message_id_key", signed)
        self.let_speak(signed)

    def load_what_copies_change(self) -> None:
        """Of partial e-mails what a whole copy changes: the journal's entries, the text and the trace.

        Of those that a case-making mailbox meets again the text, too: of it the case is made.
        """
        entries = [{"id": arrival.journal_id, "raw_message": arrival.raw_id} for arrival in self.arrivals]
        self.mirror.learn_rows(Journal, entries)
        partial = [email for email in self.emails.values() if email["is_partial"]]
        self.load_in(Journal, "raw_message", [email["raw_message"] for email in partial])
        making = [arrival for arrival in self.arrivals if arrival.mailbox.case.create]
        own = {message_id_key(arrival.parsed.message_id) for arrival in making}
        met = [email for email in self.emails.values() if email["message_id_key"] in own]
        self.load_in(EmailText, "email", {email["id"] for email in (*partial, *met)})

    def let_speak(self, message_id_keys: Collection[str]) -> None:
        self.speaking |= {
            number for number, row in self.emails.items() if row["message_id_key"] in message_id_keys
        }

    def load_storms(self) -> None:
        """What the senders of case-making mailboxes have sent lately, and the open cases of the busy ones."""
        making = [arrival for arrival in self.arrivals if arrival.mailbox.case.create]
        if not making:
            return
        senders = {arrival.sender_address for arrival in making}
        earliest = min(arrival.received_at - arrival.mailbox.case.storm.window for arrival in making)
        lately = self.load_in(Email, "from_address", senders - {None}, above={"received_at": earliest})
        if None in senders:
            unsigned = Email.select().where(Email.from_address.is_null(), Email.received_at > earliest)
            lately += self.load_rows(Email, unsigned)
        mails = Counter(email["from_address"] for email in lately)
        mails.update(arrival.sender_address for arrival in making)
        most = min(arrival.mailbox.case.storm.most for arrival in making)
        busy = {sender for sender, number in mails.items() if number > most}
        if not busy:
            return
        opened = (
            Case.select(Case.first_email)
            .join(Email, on=(Case.first_email == Email.id))
            .where(Case.status.in_(OPEN_STATUSES), is_from(busy))
        )
        self.load_emails("id", [case["first_email"] for case in rows_of(opened)])

    def load_emails(self, column: str, values: Iterable[Any]) -> None:
        for row in self.load_in(Email, column, values):
            self.emails[row["id"]] = row

    def load_companions_of_emails(self) -> None:
        """Users, teams, mailboxes, notes and notifications of the e-mails."""
        for model in (EmailUser, EmailTeam, EmailMailbox, Notification):
            self.load_in(model, "email", self.emails)
        notes = self.load_in(Note, "email", self.emails)
        self.load_in(Notification, "note", [note["id"] for note in notes])

    # --- records

    def load_parents(self) -> None:
        """The records that may become a parent, with those that they lead to."""
        addresses = {address for arrival in self.arrivals for address in arrival.lookup_addresses}
        at = self.load_in(RecordAddress, "address", addresses)
        wanted = {Ref(row["record_type"], row["record_id"]) for row in at}
        wanted |= {parent for email in self.emails.values() if (parent := parent_of(email))}
        wanted |= set(self.claimed_by_tokens())
        wanted |= {
            Ref("case", n) for arrival in self.arrivals for n in case_numbers_in(arrival.parsed.subject)
        }
        while wanted := {ref for ref in wanted if ref.kind in MODELS and ref not in self.records}:
            wanted = self.load_records(wanted)

    def answered_tokens(self) -> Mapping[str, Token]:
        """The mails of ours that are answered: what their Message-IDs say."""
        answered = {
            one
            for arrival in self.arrivals
            for one in (*arrival.parsed.in_reply_to, *arrival.parsed.references)
        }
        read = {one: self.context.read_token(one) for one in answered}
        return {one: token for one, token in read.items() if isinstance(token, Token)}

    def claimed_by_tokens(self) -> Iterable[Ref]:
        for token in self.answered_tokens().values():
            if token.record_type is not None and token.record_id is not None:
                yield Ref(token.record_type, token.record_id)

    def load_records(self, refs: set[Ref]) -> set[Ref]:
        """Load the records; give back those that they point at."""
        pointed_at: set[Ref] = set()
        for kind, model in MODELS.items():
            numbers = {ref.id for ref in refs if ref.kind == kind}
            self.records |= dict.fromkeys(Ref(kind, number) for number in numbers)
            for row in self.load_in(model, "id", numbers):
                self.records[Ref(kind, row["id"])] = row
                for column, target in POINTERS:
                    if row.get(column) is not None:
                        pointed_at.add(Ref(target, row[column]))
        return pointed_at

    def load_companions_of_records(self) -> None:
        """Teams and followers of the records; of cases also whoever takes part in them."""
        for kind in MODELS:
            numbers = [ref.id for ref, row in self.records.items() if ref.kind == kind and row is not None]
            for model in (RecordTeam, Follower):
                self.load_in(model, "record_id", numbers, record_type=kind)
        self.load_parties(
            [row for ref, row in self.records.items() if ref.kind == "case" and row is not None]
        )
        for kind in ("account", "contact"):
            numbers = [ref.id for ref in self.records if ref.kind == kind]
            self.load_in(RecordAddress, "record_id", numbers, record_type=kind)

    def load_parties(self, cases: Sequence[Row]) -> None:
        """Who stands in the first mail of the cases, and in what we have sent in them."""
        numbers = [case["id"] for case in cases]
        first = {case["first_email"] for case in cases} - {None}
        self.load_in(Email, "id", first)  # a closed case may be opened again by the batch
        for status in OUTGOING_STATUSES:
            sent = self.load_in(Email, "parent_id", numbers, parent_type="case", status=status)
            self.speaking |= {email["id"] for email in sent}
        noted = self.load_in(Note, "parent_id", numbers, parent_type="case", type="email-sent")
        self.speaking |= first | {note["email"] for note in noted} - {None}

    def open_cases(self) -> dict[str, int]:
        """How many open cases each user has, where a mailbox gives them to the less busy."""
        if not any(is_less_busy(arrival.mailbox) for arrival in self.arrivals):
            return {}
        counted = (
            Case.select(Case.assigned_user, fn.COUNT(Case.id).alias("number"))
            .where(Case.status.in_(OPEN_STATUSES), Case.assigned_user.is_null(False), ~Case.is_deleted)
            .group_by(Case.assigned_user)
        )
        return {row["assigned_user"]: row["number"] for row in rows_of(counted)}

    # --- rows

    def load_in(
        self, model: type[Table], column: str, values: Iterable[Any], **more: Any
    ) -> list[dict[str, Any]]:
        """The rows whose column has one of the values, as `rows_in` finds them, taken into the mirror."""
        rows = rows_in(model, column, values, **more)
        self.mirror.learn_rows(model, rows)
        return rows

    def load_rows(self, model: type[Table], query: "ModelSelect[Any]") -> list[dict[str, Any]]:
        rows = rows_of(query)
        self.mirror.learn_rows(model, rows)
        return rows


POINTERS: Final = (
    ("account", "account"),
    ("contact", "contact"),
    ("lead", "lead"),
    ("survivor", "case"),
    ("converted_account", "account"),
    ("converted_contact", "contact"),
)
"""Columns of a record that name another one, and its type."""


def is_from(senders: Collection[str | None]) -> Any:
    """The condition for e-mails of these senders; None stands for mail without a From address."""
    condition = Email.from_address.in_([sender for sender in senders if sender is not None])
    return condition | Email.from_address.is_null() if None in senders else condition


def is_less_busy(mailbox: Mailbox) -> bool:
    """Whether the mailbox's cases go to whoever has the fewest open ones."""
    return mailbox.case.create and mailbox.case.distribution in {"less-busy", "least-busy"}
