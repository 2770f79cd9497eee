"""A support desk whose runs are killed, and what must be true of it whatever happens."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from espomail import run
from espomail.config.load import load
from espomail.operations.reconcile import reconcile
from espomail.report import FetchRequest
from espomail.store import write
from espomail.store.changes import add
from espomail.store.connection import writing
from espomail.store.ids import Ids
from espomail.store.models import (
    Account,
    AutoReplySent,
    Case,
    Email,
    FolderPosition,
    Follower,
    Journal,
    Note,
    Notification,
    Outbox,
    RecordAddress,
)
from tests.faults.killing import Killable, Step
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST
from tests.servers.scripted_smtp import ScriptedSmtp

CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
teams: {{support: {{}}}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: {{support: Agent}}}}
  boris: {{name: Boris Weber, emails: [boris@example.com], teams: {{support: Agent}}}}
  clara: {{name: Clara Diaz, emails: [clara@example.com]}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {{host: {host}, port: {imap_port}, security: none, username: {user}, password: {password},
      fetch_since: 2026-01-01, after_import: {after_import}}}
    smtp: {{host: {host}, port: {smtp_port}, security: none, save_sent: Sent}}
    teams: [support]
    case: {{create: true, distribution: round-robin, team: support}}
    auto_reply: {{template: case-received, from_name: Example Support}}
"""

FOLLOWED = "carl@customer.example"
DONE, SENT = "Done", "Sent"
LATER = timedelta(minutes=5)

Names = dict[int, str]
Picture = dict[str, list[Any]]


def _in_conversation(index: int) -> bytes:
    ten, place = divmod(index, 10)
    question = f"<question-{ten}@customer.example>"
    sender = f"carl{ten}@customer.example" if ten % 5 else FOLLOWED
    if place == 0:
        return mail(f"Question {ten}", sender, message_id=question, X_Number=str(index))
    which = place - 2 if place == 7 else place  # one that came to another address, too
    return mail(
        f"Re: Question {ten}",
        f"carl{ten}-{which}@customer.example",
        message_id=f"<reply-{ten}-{which}@customer.example>",
        body=f"Reply {which}",
        In_Reply_To=question,
        X_Number=str(index),
    )


class CrashingDesk:
    """An installation with one mailbox, which answers; clara follows the account that some mails are of.

    Its mails, each with its number in the field `X-Number`: in each ten a question, eight replies to it, and
    one of them once more.
    """

    def __init__(
        self, folder: Path, dovecot: Dovecot, smtp: ScriptedSmtp, user: str, after_import: str
    ) -> None:
        folder.mkdir()
        self.dovecot = dovecot
        self.smtp = smtp
        self.user = user
        self.program = Killable(folder)
        self.after_import = after_import
        self.mails = 0
        self.kills = 0
        self.program.configure(
            CONFIG.format(
                host=HOST,
                imap_port=dovecot.imap_port,
                smtp_port=smtp.port,
                user=user,
                password=PASSWORD,
                after_import=after_import,
            )
        )
        for name in (DONE, SENT):
            dovecot.command(user, "create", name)
        self._make_followed_account()

    def receive(self, mails: int) -> None:
        """Let the conversations go on by so many mails."""
        more = [_in_conversation(index) for index in range(self.mails, self.mails + mails)]
        self.dovecot.deliver(self.user, *more, at=datetime.now(UTC) - timedelta(minutes=5))
        self.mails += mails

    def is_killed_at(self, step: Step, moment: int) -> bool:
        """One run, killed with all its processes before or after a step; False where it has fewer steps."""
        return self._count(self.program.killed_at(step, moment))

    def is_killed_after(self, seconds: float) -> bool:
        """One run, killed so long after its beginning; False where it ended before."""
        return self._count(self.program.killed_after(seconds))

    def _count(self, is_killed: bool) -> bool:
        self.kills += is_killed
        return is_killed

    def fetch(self) -> None:
        """Runs that nobody kills, so much later that all that waits for another try gets it."""
        loaded = load(self.program.config)
        request = FetchRequest(waits_for_lock=True, budget_s=600)
        while run.fetch(loaded, request, clock=lambda: datetime.now(UTC) + LATER).mailboxes[0].remaining:
            pass

    def fetched(self) -> list[int]:
        """The UIDs of those mails of the INBOX of which it is decided what they are."""
        with self.program.database():
            rows = Journal.select(Journal.uid).where(Journal.folder == "INBOX", Journal.outcome != "new")
            return sorted(row.uid for row in rows)

    # --- what must be true

    def assert_nothing_is_lost(self) -> None:
        """In the middle of it: what the server has no more is safe here."""
        on_server = {number for folder in ("INBOX", DONE) for number in self._on_server(folder)}
        assert {uid - 1 for uid in self.fetched()} | on_server == set(range(self.mails))

    def assert_came_to(self, expected: Picture) -> None:
        """At the end: all is as expected, on the server as well. An answer for each kill may be in doubt."""
        assert self.picture() == expected
        self._assert_no_answer_was_sent_or_saved_twice()
        inbox, done = self._on_server("INBOX"), self._on_server(DONE)
        if self.after_import == "delete":
            assert (inbox, done) == ([], [])
        elif self.after_import == "keep":
            assert (inbox, done) == (list(range(self.mails)), [])
        else:
            assert (inbox, sorted(done)) == ([], list(range(self.mails)))
        loaded = load(self.program.config)
        found = reconcile(loaded, [], fetches_missing=False, now=datetime.now(UTC))
        assert (found.differences, found.troubles) == ((), ())
        assert run.check(loaded) == []

    def picture(self) -> Picture:
        """What the database tells, without moments, and without what became of the answers."""
        with self.program.database():
            names = self._names()
            cases = {case.id: case.name for case in Case.select()}
            return {
                "journal": sorted((row.folder, row.uid, row.outcome) for row in Journal.select()),
                "positions": sorted((row.folder, row.last_uid) for row in FolderPosition.select()),
                "e-mails": sorted((names[row.id], cases.get(row.parent_id)) for row in Email.select()),
                "cases": sorted(
                    (row.name, row.status, row.assigned_user, names[row.first_email]) for row in Case.select()
                ),
                "notes": sorted(
                    (row.parent_type, row.parent_id, row.type, row.by or "", row.text, names.get(row.email))
                    for row in Note.select()
                    if not names.get(row.email, "").startswith("answer")
                ),
                "notifications": sorted(
                    (row.user, row.type, row.text, names.get(row.email)) for row in Notification.select()
                ),
                "outbox": sorted((row.kind, row.recipients, names[row.email_id]) for row in Outbox.select()),
                "limits": sorted((row.address, names[row.email_id]) for row in AutoReplySent.select()),
            }

    def _assert_no_answer_was_sent_or_saved_twice(self) -> None:
        sent = Counter(_message_ids(received.raw for received in self.smtp.received))
        with self.program.database():
            answers = [
                (row.state, row.email.message_id, *self._types_of_notes(row.email_id))
                for row in Outbox.select()
            ]
        saved = Counter(_message_ids(self.dovecot.messages(self.user, SENT)))
        for state, message_id, *notes in answers:
            assert (state, notes) in (("sent", ["email-sent"]), ("in-doubt", ["post"])), answers
            assert saved[message_id] == (state == "sent")
            assert sent[message_id] == 1 or (sent[message_id] == 0 and state == "in-doubt")
        assert sum(state == "in-doubt" for state, *_ in answers) <= self.kills
        assert sum(sent.values()) <= len(answers)

    def _types_of_notes(self, email: int) -> list[str]:
        return [note.type for note in Note.select().where(Note.email == email)]

    def _names(self) -> Names:
        """Each e-mail by its Message-ID; our answers by that of the mail they answer."""
        rows = list(Email.select())
        ids = {row.id: row.message_id for row in rows}
        return {
            row.id: row.message_id if row.status == "archived" else f"answer to {ids[row.replied_to]}"
            for row in rows
        }

    def _on_server(self, folder: str) -> Sequence[int]:
        """The numbers of the mails in a folder of the server, in its order."""
        raws = self.dovecot.messages(self.user, folder)
        return [int(found[1]) for raw in raws if (found := re.search(rb"X-Number: (\d+)", raw))]

    def _make_followed_account(self) -> None:
        now = datetime.now(UTC)
        with self.program.database(), writing():
            ids = Ids.load()
            number = ids.next(Account)
            write.apply(
                (
                    add(Account, id=number, name="Customer", created_at=now, modified_at=now),
                    add(RecordAddress, record_type="account", record_id=number, address=FOLLOWED),
                    add(Follower, record_type="account", record_id=number, user="clara"),
                    *ids.changes(),
                )
            )


def _message_ids(raws: Iterable[bytes]) -> Iterator[str]:
    for raw in raws:
        if found := re.search(rb"(?im)^Message-ID: (\S+)", raw):
            yield found[1].decode()
