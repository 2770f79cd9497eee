"""A mailbox to which anything happens in any order: mail comes, people tidy up, runs die, servers fail.

After each run the server and what is here agree, and each mail is here once, with one case.
ESPOMAIL_EXAMPLES=60 for so many courses of events, longer ones, as `script/crashes` has it.
"""

import itertools
import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from espomail import run
from espomail.config.load import load
from espomail.operations.reconcile import reconcile
from espomail.report import FetchRequest, MailboxReport
from espomail.store.models import Case, Email
from tests.faults.killing import Killable, Step
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST, free_port

EXAMPLES = int(os.environ.get("ESPOMAIL_EXAMPLES", "10"))
STEPS = 15 if EXAMPLES < 50 else 40

CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
teams: {{support: {{}}}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: {{support: Agent}}}}
  boris: {{name: Boris Weber, emails: [boris@example.com], teams: {{support: Agent}}}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {{host: {host}, port: {port}, security: none, username: {user}, password: {password},
      fetch_since: 2026-01-01, folders: [INBOX, Box], after_import: {after_import}}}
    teams: [support]
    case: {{create: true, distribution: round-robin, team: support}}
"""

READ, DONE = ("INBOX", "Box"), "Done"
NOBODY = free_port()  # where no server listens
LATER = timedelta(hours=1)  # no mailbox waits for so long after failures

MOMENTS: list[tuple[Step, int]] = [*(("commit", moment) for moment in range(1, 9)), ("tell", 1), ("tell", 2)]

folders = st.sampled_from(READ)
numbers = st.integers(1, 4)
whiches = st.sampled_from(["1", "*", "1:*"])


class Mailbox(RuleBasedStateMachine):
    """Mails are known by their numbers, which stand in their Message-IDs, subjects and senders."""

    def __init__(self, dovecot: Dovecot, user: str, folder: Path) -> None:
        super().__init__()
        folder.mkdir()
        self.dovecot = dovecot
        self.user = user
        self.program = Killable(folder)
        self.mails = 0
        self.deliveries = 0
        self.began_at = datetime.now(UTC) - timedelta(hours=5)
        self.deleted: set[int] = set()  # by people, perhaps before they were read
        self.handed_over: set[int] = set()
        self.here: set[int] = set()
        self.after_import = "keep"
        for name in ("Box", DONE):
            dovecot.command(user, "create", name)
        self.copy: Path | None = dovecot.back_up(user)

    # --- what comes, and what people do

    @rule(number=numbers, folder=folders)
    def mail_arrives(self, number: int, folder: str) -> None:
        new = range(self.mails, self.mails + number)
        self.mails += number
        self.deliver(*new, folder=folder)

    @precondition(lambda self: self.mails)
    @rule(folder=folders, data=st.data())
    def mail_arrives_again(self, folder: str, data: st.DataObject) -> None:
        self.deliver(data.draw(st.integers(0, self.mails - 1)), folder=folder)

    @rule(is_new=st.booleans())
    def mail_is_handed_over(self, is_new: bool) -> None:
        """By an MTA; perhaps one that the server has, too."""
        number = self.mails if is_new or not self.mails else self.mails - 1
        self.mails = max(self.mails, number + 1)
        self.configure()
        self.program.ok("ingest", "--mailbox", "support", stdin=as_mail(number))
        self.handed_over.add(number)

    @rule(folder=folders, which=whiches)
    def somebody_deletes(self, folder: str, which: str) -> None:
        before = self.on_server(folder)
        if before:
            self.dovecot.command(self.user, "store", which, "+FLAGS", r"(\Deleted)", folder=folder)
            self.dovecot.command(self.user, "expunge", folder=folder)
            self.deleted |= set(before) - set(self.on_server(*READ, DONE))

    @rule(folder=folders, which=whiches)
    def somebody_moves(self, folder: str, which: str) -> None:
        if self.on_server(folder):
            other = next(one for one in READ if one != folder)
            client = self.dovecot.client(self.user)
            client.select(folder)
            client.xatom("MOVE", which, other)
            client.logout()

    @rule(
        folder=folders,
        which=whiches,
        flags=st.sampled_from([r"(\Seen)", r"(\Deleted)", r"(\Answered \Flagged)"]),
    )
    def somebody_flags(self, folder: str, which: str, flags: str) -> None:
        if self.on_server(folder):
            self.dovecot.command(self.user, "store", which, "+FLAGS", flags, folder=folder)

    @rule()
    def server_is_backed_up(self) -> None:
        self.copy = self.dovecot.back_up(self.user)

    @precondition(lambda self: self.copy)
    @rule(number=numbers)
    def server_is_set_back_and_catches_up(self, number: int) -> None:
        """Some more mails than it has lost come before the next run, which says so."""
        assert self.copy is not None
        before = set(self.on_server(*READ, DONE))
        uids_next = {folder: self.uid_next(folder) for folder in READ}
        self.dovecot.set_back(self.user, self.copy)
        self.deleted |= before - set(self.on_server(*READ, DONE))
        for folder, uid_next in uids_next.items():
            self.mail_arrives(uid_next - self.uid_next(folder) + number, folder)
        self.fetch(FetchRequest(mailboxes=("support",)))
        self.run_goes_well(is_named=True)

    @rule(folder=folders)
    def server_gives_new_uids(self, folder: str) -> None:
        self.copy = None  # it might give the same UIDVALIDITY once more
        maildir = self.dovecot.mail_of(self.user)
        place = maildir if folder == "INBOX" else maildir / f".{folder}"
        for file in (place / "dovecot-uidlist", *place.glob("dovecot.index*")):
            with suppress(FileNotFoundError):
                file.unlink()

    # --- runs

    @rule(after_import=st.sampled_from(["keep", "seen", "delete", f"{{move: {DONE}}}"]))
    def somebody_configures(self, after_import: str) -> None:
        self.after_import = after_import

    @rule(is_named=st.booleans())
    def run_goes_well(self, is_named: bool) -> None:
        report = self.fetch(FetchRequest(mailboxes=("support",) if is_named else ()))
        assert (report.ok, report.error, report.remaining) == (True, None, 0)
        self.assert_nothing_is_lost()
        assert self.handed_over | set(self.on_server(*READ)) <= self.here
        found = reconcile(load(self.program.config), [], fetches_missing=False, now=datetime.now(UTC))
        assert (found.differences, found.troubles) == ((), ())

    @rule(limit=st.integers(1, 3))
    def run_takes_in_a_part(self, limit: int) -> None:
        report = self.fetch(FetchRequest(limit=limit))
        assert (report.ok, report.error) == (True, None)
        self.assert_nothing_is_lost()

    @rule(number=numbers, folder=folders, at=st.sampled_from(MOMENTS))
    def run_over_new_mail_is_killed(self, number: int, folder: str, at: tuple[Step, int]) -> None:
        self.mail_arrives(number, folder)
        self.configure()
        self.program.killed_at(*at)
        self.assert_nothing_is_lost()

    @rule()
    def run_meets_no_server(self) -> None:
        self.configure(port=NOBODY)
        request = FetchRequest(mailboxes=("support",))
        (report,) = run.fetch(load(self.program.config), request).mailboxes
        assert not report.ok
        self.assert_nothing_is_lost()

    def teardown(self) -> None:
        self.run_goes_well(is_named=False)

    # --- what is used above

    def deliver(self, *numbers: int, folder: str) -> None:
        """Each at a second of its own, since a mail is known by its date, too."""
        for number in numbers:
            self.deliveries += 1
            at = self.began_at + timedelta(seconds=self.deliveries)
            self.dovecot.deliver(self.user, as_mail(number), folder=folder, at=at)

    def uid_next(self, folder: str) -> int:
        client = self.dovecot.client(self.user)
        told = client.status(folder, "(UIDNEXT)")[1][0]
        client.logout()
        return int(re.findall(rb"UIDNEXT (\d+)", told)[0])

    def configure(self, port: int | None = None) -> None:
        self.program.configure(
            CONFIG.format(
                host=HOST,
                port=port or self.dovecot.imap_port,
                user=self.user,
                password=PASSWORD,
                after_import=self.after_import,
            )
        )

    def fetch(self, request: FetchRequest) -> MailboxReport:
        self.configure()
        (report,) = run.fetch(
            load(self.program.config), request, clock=lambda: datetime.now(UTC) + LATER
        ).mailboxes
        return report

    def assert_nothing_is_lost(self) -> None:
        """What was here stays here, once; what is not here is still on the server, unless it was deleted."""
        with self.program.database():
            here = sorted(number_of(row.message_id) for row in Email.select())
            cases = sorted(int(row.name.removeprefix("Question ")) for row in Case.select())
        assert here == cases == sorted(set(here))
        assert self.here <= set(here)
        self.here = set(here)
        on_server = set(self.on_server(*READ, DONE))
        assert set(range(self.mails)) <= self.here | on_server | self.deleted | self.handed_over
        assert set(self.on_server(DONE)) <= self.here

    def on_server(self, *names: str) -> list[int]:
        raws = [raw for name in names for raw in self.dovecot.messages(self.user, name)]
        return [
            number_of(found[1]) for raw in raws if (found := re.search(r"Message-ID: (\S+)", raw.decode()))
        ]


def as_mail(number: int) -> bytes:
    return mail(f"Question {number}", f"carl{number}@customer.example", message_id=f"<{number}@c.example>")


def number_of(message_id: str) -> int:
    return int(message_id.strip("<").partition("@")[0])


def test_whatever_happens_each_mail_is_here_once(dovecot: Dovecot, user: str, tmp_path: Path):
    numbers = itertools.count(1)

    def new() -> Mailbox:
        number = next(numbers)
        return Mailbox(dovecot, f"{number}.{user}", tmp_path / str(number))

    run_state_machine_as_test(
        new,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=EXAMPLES < 50,
            database=None,
            phases=[Phase.generate],  # to look for a shorter course takes many minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
