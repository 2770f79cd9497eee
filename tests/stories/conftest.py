"""A support desk on real servers."""

import itertools
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Espomail
from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST, wait_until
from tests.servers.postfix import Postfix

CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
timezone: Europe/Berlin
teams: {{support: {{}}}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: {{support: Agent}}, roles: [agent]}}
  boris: {{name: Boris Weber, emails: [boris@example.com], teams: {{support: Agent}}, roles: [agent]}}
roles:
  agent:
    email: {{read: team, edit: own}}
    case: {{create: yes, read: team, edit: team, stream: team}}
    account: {{read: all, stream: all}}
mailboxes:
  support:
    kind: group
    address: {address}
    imap:
      host: {host}
      port: {imap_port}
      security: none
      username: {address}
      password: {password}
      fetch_since: 2026-01-01
    smtp: {{host: {host}, port: {smtp_port}, security: none}}
    teams: [support]
    case: {{create: true, distribution: round-robin, team: support}}
    auto_reply: {{template: case-received, from_name: Example Support}}
"""

_numbers = itertools.count(1)


class Desk:
    """A company's support address, and its customers, each with a mailbox of their own.

    Everybody's mail is on the Dovecot that the Postfix delivers to; the company's may be on another server.
    """

    def __init__(
        self,
        espomail: Espomail,
        dovecot: Dovecot,
        postfix: Postfix,
        tag: str,
        mailboxes: Mailboxes | None = None,
    ) -> None:
        self.espomail = espomail
        self.dovecot = dovecot
        self.mailboxes = mailboxes or dovecot
        self.postfix = postfix
        self.tag = tag
        self.address = f"support-{tag}@example.com"
        self.mailboxes.add_user(self.address)
        self.configure()

    def configure(self, *replaced: tuple[str, str]) -> None:
        """Write the configuration, with some of its text replaced."""
        text = CONFIG.format(
            address=self.address,
            host=HOST,
            imap_port=self.mailboxes.imap_port,
            smtp_port=self.postfix.smtp_port,
            password=PASSWORD,
        )
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        self.espomail.configure(text)

    def customer(self, name: str) -> str:
        """A customer's address."""
        return f"{name}-{self.tag}@customer.example"

    def writes(self, sender: str, subject: str, text: str = "Hello", **headers: str) -> None:
        """Somebody writes to the support address, by way of its mail server; wait until it is there."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, self.address, subject
        message["Message-ID"] = f"<{self.tag}.{next(_numbers)}@customer.example>"
        for field, value in headers.items():
            message[field.replace("_", "-")] = value
        message.set_content(text)
        if self.mailboxes is not self.dovecot:
            self.mailboxes.deliver(self.address, message.as_bytes(policy=policy.SMTP))
            return
        before = len(self.dovecot.messages(self.address))
        self.postfix.send(sender, [self.address], message.as_bytes(policy=policy.SMTP))
        wait_until(lambda: len(self.dovecot.messages(self.address)) > before, "the mail's arrival")

    def mail_of(self, address: str, number: int = 1) -> list[EmailMessage]:
        """What has arrived in somebody's mailbox, once there are so many."""
        raws = wait_until(
            lambda: (found := self.dovecot.messages(address)) and len(found) >= number and found, address
        )
        return [message_from_bytes(raw, policy=policy.default) for raw in raws]  # type: ignore[misc]


@pytest.fixture
def desk(espomail: Espomail, dovecot: Dovecot, postfix: Postfix, tmp_path: Path) -> Desk:
    return Desk(espomail, dovecot, postfix, f"{next(_numbers)}{abs(hash(tmp_path)) % 10**8}")


@pytest.fixture
def desk_anywhere(
    espomail: Espomail, dovecot: Dovecot, postfix: Postfix, mailboxes: Mailboxes, tmp_path: Path
) -> Desk:
    """A desk whose own mailbox is on each of the IMAP servers in turn."""
    return Desk(espomail, dovecot, postfix, f"{next(_numbers)}{abs(hash(tmp_path)) % 10**8}", mailboxes)
