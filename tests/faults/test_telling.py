"""People hear of what went wrong though the run that found it is killed: twice sooner than never."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.conftest import CONFIG
from tests.faults.killing import Killable
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import PASSWORD
from tests.servers.ports import HOST
from tests.servers.scripted_smtp import DROP, ScriptedSmtp

AT = datetime.now(UTC) - timedelta(hours=5)


class Desk:
    """An installation whose runs are killed, with a mailbox of its own."""

    def __init__(self, folder: Path, dovecot: Dovecot, user: str, smtp: ScriptedSmtp) -> None:
        folder.mkdir()
        self.program = Killable(folder)
        self.dovecot, self.user, self.smtp = dovecot, user, smtp
        self.configure()

    def configure(self, password: str = PASSWORD) -> None:
        text = CONFIG.format(
            host=HOST,
            port=self.dovecot.imap_port,
            security="none",
            ca_file="",
            user=self.user,
            password=password,
            after_import="keep",
        )
        smtp = f"    smtp: {{host: {HOST}, port: {self.smtp.port}, security: none}}\n"
        self.program.configure(f"{text.rstrip()}\n{smtp}    auto_reply: {{template: case-received}}\n")

    def receive(self, *subjects: str, hours: int = 0) -> None:
        mails = [mail(one, f"{one}@{one}.example") for one in subjects]
        self.dovecot.deliver(self.user, *mails, at=AT + timedelta(hours=hours))


def begins_to_fail(desk: Desk) -> str:
    desk.configure(password="wrong")
    return "mailbox support: "


def is_set_back(desk: Desk) -> str:
    copy = desk.dovecot.back_up(desk.user)
    desk.receive("a", "b")
    desk.program.run("fetch", "--no-send")
    desk.dovecot.set_back(desk.user, copy)
    desk.receive("c", "d", "e", hours=1)
    return "was set back to an older state"


def refuses_an_answer(desk: Desk) -> str:
    desk.smtp.answers("RCPT", "550 no such user")
    desk.receive("a")
    return "the auto-reply to a@a.example was "  # refused, or perhaps delivered


def leaves_one_in_doubt(desk: Desk) -> str:
    desk.smtp.answers("END", DROP)
    desk.receive("a")
    return "not known whether the auto-reply to a@a.example was delivered"


@pytest.fixture
def smtp() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


@pytest.mark.parametrize("befalls", [begins_to_fail, is_set_back, refuses_an_answer, leaves_one_in_doubt])
def test_what_a_killed_run_has_found_is_told_by_it_or_by_the_next_one(
    dovecot: Dovecot, user: str, smtp: ScriptedSmtp, tmp_path: Path, befalls: Callable[[Desk], str]
):
    for moment in itertools.count(2, 2):  # after each commit
        desk = Desk(tmp_path / str(moment), dovecot, f"{moment}.{user}", smtp)
        wanted = befalls(desk)
        was_killed = desk.program.killed_at("commit", moment)
        told = [desk.program.said, *(desk.program.run("fetch", "support").stderr for _ in range(2))]
        assert any(wanted in said for said in told), (moment, told)
        assert wanted not in told[-1]
        if not was_killed:
            assert [wanted in said for said in told] == [True, False, False]
            break
