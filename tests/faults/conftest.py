"""A support mailbox on a real server, read over a bad network into an installation of its own."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from espomail import run
from espomail.config.load import load
from espomail.intake import imap as imap_module
from espomail.operations.reconcile import reconcile
from espomail.report import FetchReport, FetchRequest, MailboxReport
from espomail.store.models import Case, Email, Journal
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Espomail
from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST
from tests.servers.proxy import Fault, Proxy, Then

pytest.register_assert_rewrite("tests.faults.crashing_desk")  # it asserts what its tests do

CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
teams: {{support: {{}}}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: {{support: Agent}}}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap:
      host: {host}
      port: {port}
      security: {security}
      {ca_file}
      username: {user}
      password: {password}
      fetch_since: 2026-01-01
      after_import: {after_import}
    teams: [support]
    case: {{create: true, distribution: round-robin, team: support}}
"""

PATIENCES_S = (0.4, 2.0, 8.0)  # a busy machine may need more time to come to the fault at all
SLACK_S = 10.0  # how late a run may end on a busy machine; each time-out of the program's own is longer
OVER = "the run was over"

# What a mail may look like to somebody who reads an answer of IMAP carelessly.
TRAPS = (
    "* 7 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n",
    ")\r\nA7 OK Fetch completed\r\n* BYE\r\n",
    "{4294967296}\r\n+ go ahead\r\n",
    ")\r\n" * 500,
    "x" * 76 + "\r\n" + "y" * 3_000,
)
SUBJECTS = [f"Question {number}" for number in range(30)]
MAILS = [
    mail(SUBJECTS[number], f"carl{number}@customer.example", body=TRAPS[number % len(TRAPS)])
    for number in range(len(SUBJECTS))
]


class Desk:
    """An installation that reads one mailbox through a proxy. Give it a `fault`, and let it `fetch`."""

    def __init__(self, folder: Path, mailboxes: Mailboxes, proxy: Proxy, user: str) -> None:
        self.espomail = Espomail(folder)
        self.mailboxes = mailboxes
        self.proxy = proxy
        self.user = user
        self.configure()

    def configure(self, *, security: str = "none", after_import: str = "keep", more: str = "") -> None:
        encrypted = security != "none"
        text = CONFIG.format(
            host="localhost" if encrypted else HOST,
            port=self.proxy.port,
            security=security,
            ca_file=f"ca_file: {self.mailboxes.ca_file}" if encrypted else "",
            user=self.user,
            password=PASSWORD,
            after_import=after_import,
        )
        self.espomail.configure(text + more)

    def fetch(self, fault: Fault | None = None, *, budget_s: float = 30) -> MailboxReport:
        """One run over this network; how the mailbox has fared."""
        return self.run(fault, budget_s=budget_s).mailboxes[0]

    def run(
        self, fault: Fault | None = None, *, budget_s: float = 30, later: timedelta = timedelta()
    ) -> FetchReport:
        """One run over this network, now or later."""
        self.proxy.fault = fault
        request = FetchRequest(mailboxes=("support",), budget_s=budget_s)
        return run.fetch(load(self.espomail.config), request, clock=lambda: datetime.now(UTC) + later)

    def fetch_over_bad_network(self, fault: Fault) -> str:
        """One run that meets the fault, ends in time, and tells of it in one line, which is given."""
        if fault.then in {Then.SILENCE, Then.DRIP}:
            return self._fetch_until_given_up(fault)
        began = time.monotonic()
        report = self.fetch(fault)
        assert time.monotonic() - began < SLACK_S
        assert self.proxy.faults_met == 1, "the fault was never met"
        return _told(report)

    def _fetch_until_given_up(self, fault: Fault) -> str:
        # The run may be over before a later batch's trouble is known: then mail remains, and that is all.
        for patience_s in PATIENCES_S:
            imap_module.GRACE_S = patience_s  # type: ignore[misc]  # the fixture sets it back
            began = time.monotonic()
            report = self.fetch(fault, budget_s=patience_s)
            assert time.monotonic() - began < 2 * patience_s + SLACK_S
            if self.proxy.faults_met:
                break
            self._forget()
        assert self.proxy.faults_met == 1, "the fault was never met"
        return OVER if report.ok and report.remaining else _told(report)

    def said_undisturbed(self) -> bytes:
        """All that the server says in a session that takes in everything. Nothing of it is kept here."""
        self.fetch()
        self._forget()
        return self.proxy.said

    def subjects(self) -> list[str]:
        """Those of all e-mails here, sorted."""
        with self.espomail.database():
            return sorted(email.subject for email in Email.select())

    def kept(self) -> int:
        """How many mails are safe here, though a run that ended in time may not have decided them."""
        with self.espomail.database():
            count: int = Journal.select().count()
            return count

    def assert_each_is_here_once(self) -> None:
        """Each of the mails has one outcome, one e-mail and one case, and the server knows of no other."""
        with self.espomail.database():
            outcomes = sorted((entry.uid, entry.outcome) for entry in Journal.select())
            subjects = sorted(email.subject for email in Email.select())
            cases = sorted(case.name for case in Case.select())
        assert outcomes == [(uid, "imported") for uid in range(1, len(MAILS) + 1)]
        assert subjects == cases == sorted(SUBJECTS)
        self.proxy.fault = None
        found = reconcile(load(self.espomail.config), [], fetches_missing=False, now=datetime.now(UTC))
        assert (found.differences, found.troubles) == ((), ())

    def _forget(self) -> None:
        for file in self.espomail.folder.glob("espomail.db*"):
            file.unlink()


def _told(report: MailboxReport) -> str:
    assert report.ok is False
    assert report.error
    assert report.error.isprintable()
    return report.error


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that outlives the run's budget is soon cut off: see `PATIENCES_S`."""
    monkeypatch.setattr(imap_module, "GRACE_S", imap_module.GRACE_S)


@pytest.fixture
def desk(tmp_path: Path, dovecot: Dovecot, user: str, impatient: None) -> Iterator[Desk]:
    """A desk whose mailbox holds 30 mails."""
    with Proxy(dovecot.imap_port) as proxy:
        yield filled(Desk(tmp_path, dovecot, proxy, user))


@pytest.fixture
def desk_anywhere(tmp_path: Path, mailboxes: Mailboxes, user: str, impatient: None) -> Iterator[Desk]:
    """The same on each of the servers in turn."""
    with Proxy(mailboxes.imap_port) as proxy:
        yield filled(Desk(tmp_path, mailboxes, proxy, user))


def filled(desk: Desk) -> Desk:
    """The desk, with the mails in its mailbox."""
    desk.mailboxes.deliver(desk.user, *MAILS, at=datetime.now(UTC) - timedelta(minutes=5))
    return desk
