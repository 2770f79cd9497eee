"""The documentation, followed as a new user would: what it has people type, typed.

The mail servers are those of the demo, inside the test's own process, so that no root is needed.
"""

import re
import shlex
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from espomail.operations.demo import open_demo
from espomail.operations.demo_mailboxes import Mailboxes
from espomail.operations.demo_mails import EMMA, SUPPORT, first_letters
from espomail.operations.demo_servers import HOST, serving, write_logins
from tests.servers.espomail import Ended, Espomail
from tests.servers.ports import free_port
from tests.test_docs import ROOT, console_lines, espomail_commands

PASSWORD = "correct-horse-battery"
NOT_TO_RUN = ("espomail case", "espomail demo", "espomail init", "espomail quarantine")
"""Nouns, and what has a test of its own."""

ENDS_DIFFERENTLY = {
    "espomail case list --mine": 2,  # said to people who come through sudo; the system is nobody's
    "espomail email attachment 4 1 -o report.pdf": 66,  # the demo has no files in its mails
    "espomail import --mailbox support ~/old/Maildir ~/old/2025.mbox": 66,
    "espomail ingest --mailbox support": 75,  # there is no mail on stdin
    **dict.fromkeys(
        (  # the demo signs in with passwords
            "espomail mailbox authorize support",
            "espomail mailbox authorize support --json",
            "espomail mailbox authorize support --server smtp",
            "espomail mailbox authorize support --way browser --port 8400",
        ),
        78,
    ),
    "espomail outbox retry": 2,  # a name in a sentence: an id belongs to it
    "espomail outbox retry 12": 66,  # the demo has nothing in doubt
    "espomail quarantine drop 7": 66,  # nor anything set aside
    "espomail quarantine retry 7": 66,
    "espomail quarantine show 7": 66,
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Espomail]:
    """A demo with its servers."""
    outside = Espomail(tmp_path_factory.mktemp("documented"))
    assert outside.run("demo").exit_code == 0
    folder = outside.folder / "espomail-demo"
    installation = Espomail(folder)
    installation.ok("account", "create", "--name", "Fernhill School", "--email", EMMA)
    with open_demo(folder).serving():
        yield installation


def runnable() -> list[str]:
    """The commands of all pages, but for those with a word to be filled in."""
    served = [line for line in espomail_commands() if not line.startswith("espomail demo")]
    return [line for line in served if line not in NOT_TO_RUN and "FILE" not in line]


@pytest.mark.parametrize("line", runnable())
def test_command_of_the_docs_can_be_typed_in_a_demo(demo: Espomail, line: str):
    ended = demo.run(*shlex.split(line)[1:])
    assert ended.exit_code == ENDS_DIFFERENTLY.get(line, 0), ended
    assert bool(ended.stderr) == (line in ENDS_DIFFERENTLY), ended


class NewUser:
    """Somebody with an empty home, who types what the README says."""

    def __init__(self, home: Path, imap_port: int, smtp_port: int) -> None:
        self.espomail = Espomail(home)
        self.folder = home / ".config" / "espomail"
        self.ports = {"imap": imap_port, "smtp": smtp_port}

    def types(self, line: str) -> Ended:
        return self.espomail.run(*shlex.split(line)[1:], environment={"ESPOMAIL_CONFIG": ""})

    def fills_in(self) -> None:
        """The servers' names, and what only the servers of a test need: their ports, and no encryption."""
        config = self.folder / "config.yaml"
        text = config.read_text(encoding="utf-8")
        for protocol, port in self.ports.items():
            text, found = re.subn(
                rf"host: {protocol}\.example\.com.*\n(\s+)security: \w+.*\n",
                rf"host: {HOST}\n\1port: {port}\n\1security: none\n",
                text,
            )
            assert found == 1, f"`init` has no {protocol} server to fill in"
        config.write_text(text, encoding="utf-8")
        secret = self.folder / "support.password"
        secret.write_text(f"{PASSWORD}\n")
        secret.chmod(0o600)


@pytest.fixture
def mailboxes(tmp_path: Path) -> Mailboxes:
    """A support mailbox."""
    mailboxes = Mailboxes(tmp_path / "server")
    mailboxes.make([SUPPORT])
    write_logins(mailboxes.folder, (SUPPORT,), PASSWORD)
    return mailboxes


def test_readme_leads_a_new_user_to_the_first_cases(tmp_path: Path, mailboxes: Mailboxes):
    imap_port, smtp_port = free_port(), free_port()
    user = NewUser(tmp_path / "home", imap_port, smtp_port)
    user.espomail.folder.mkdir()
    typed = [line for line in console_lines(ROOT / "README.md") if line.startswith("espomail ")]
    init, check, dry_run, fetch, case_list, *_ = typed
    assert (init, check, dry_run, fetch, case_list) == (
        "espomail init",
        "espomail config check",
        "espomail fetch --dry-run",
        "espomail fetch",
        "espomail case list",
    )
    assert user.types(init).stdout == f"{user.folder / 'config.yaml'}\n"
    user.fills_in()
    with serving(mailboxes, imap_port=imap_port, smtp_port=smtp_port):
        with smtplib.SMTP(HOST, smtp_port, "localhost") as server:
            for letter in first_letters(datetime.now(UTC)):
                server.sendmail(letter.sender, [SUPPORT], letter.raw)
        assert user.types(check) == Ended(0, "", "")
        assert user.types(f"{dry_run} --json").stdout.count('"cases_created":7') == 1
        assert user.types(case_list) == Ended(0, "", "")
        assert user.types(fetch) == Ended(0, "", "")
    cases = user.types(case_list).stdout.splitlines()
    assert len(cases) == 7
    assert "Printer prints stripes" in cases[-1]
    assert user.types("espomail outbox list --all").stdout == ""
