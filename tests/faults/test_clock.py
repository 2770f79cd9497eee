"""A computer whose clock was wrong for a while, a year ahead: once it is right again, all goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from espomail import run
from espomail.config.load import load
from espomail.report import FetchReport, FetchRequest
from tests.faults.crashing_desk import CONFIG
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Espomail
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST, free_port
from tests.servers.scripted_smtp import ScriptedSmtp

YEAR = timedelta(days=365)


class Desk:
    """A mailbox that answers, read by a computer whose clock is `ahead`."""

    def __init__(self, espomail: Espomail, dovecot: Dovecot, smtp: ScriptedSmtp, user: str) -> None:
        self.espomail = espomail
        self.dovecot = dovecot
        self.smtp = smtp
        self.user = user
        self.ahead = timedelta()
        self.configure()

    def configure(self, *, imap_port: int | None = None, save_sent: str = "Sent") -> None:
        written = CONFIG.format(
            host=HOST,
            imap_port=imap_port or self.dovecot.imap_port,
            smtp_port=self.smtp.port,
            user=self.user,
            password=PASSWORD,
            after_import="keep",
        )
        self.espomail.configure(written.replace("save_sent: Sent", f"save_sent: {save_sent}"))

    def fetch(self) -> FetchReport:
        return run.fetch(load(self.espomail.config), FetchRequest(answers_old=True), clock=self.now)

    def receive(self, subject: str) -> None:
        """Let a mail of Carl's come now, whenever that may be."""
        self.dovecot.deliver(self.user, mail(subject), at=self.now() - timedelta(minutes=1))

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def cases(self) -> list[str]:
        return sorted(case["name"] for case in self.espomail.json("case", "list"))


@pytest.fixture
def desk(espomail: Espomail, dovecot: Dovecot, scripted_smtp: ScriptedSmtp, user: str) -> Desk:
    made = Desk(espomail, dovecot, scripted_smtp, user)
    made.ahead = YEAR
    return made


def test_mailbox_that_waits_after_failures_waits_no_year(desk: Desk):
    desk.receive("One")
    desk.configure(imap_port=free_port())
    for _ in range(3):
        desk.fetch()
    desk.configure()
    desk.ahead = timedelta()
    desk.fetch()
    assert desk.cases() == ["One"]


def test_answer_that_was_refused_for_now_waits_no_year(desk: Desk):
    desk.receive("One")
    desk.smtp.answers("RCPT", "450 later")
    assert desk.fetch().outbox.waiting == 1
    desk.ahead = timedelta()
    assert desk.fetch().outbox.sent == 1
    assert len(desk.smtp.received) == 1


def test_copy_for_the_sent_folder_waits_no_year(desk: Desk):
    desk.configure(save_sent="INBOX/./impossible/../x/")
    desk.receive("One")
    desk.fetch()
    desk.configure()
    desk.ahead = timedelta()
    desk.fetch()
    assert len(desk.dovecot.messages(desk.user, "Sent")) == 1


def test_answers_of_that_year_leave_those_of_today_their_limits(desk: Desk):
    for number in range(3):
        desk.receive(f"Then {number}")
    desk.fetch()
    then = len(desk.smtp.received)
    desk.ahead = timedelta()
    for number in range(3):
        desk.receive(f"Now {number}")
    desk.fetch()
    assert len(desk.smtp.received) == 2 * then > 0


def test_answers_of_a_clock_that_was_set_back_a_little_still_count(desk: Desk):
    desk.ahead = timedelta(minutes=30)
    for number in range(6):
        desk.receive(f"Then {number}")
    desk.fetch()
    most = len(desk.smtp.received)
    desk.ahead = timedelta()
    desk.receive("Now")
    desk.fetch()
    assert len(desk.smtp.received) == most > 0
