"""A support mailbox on a real server, read by a program of its own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from espomail import run
from espomail.config.load import Loaded, load
from espomail.report import FetchRequest
from espomail.store.connection import close_database, open_database
from espomail.store.models import Email
from tests.office import mail
from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST

CONFIG = """
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {{host: {host}, port: {port}, security: none, username: {user}, password: {password},
      fetch_since: 2026-01-01, after_import: {after_import}}}
"""
NOW = datetime.now(UTC)


def configured(folder: Path, port: int, user: str, after_import: str = "keep") -> Loaded:
    file = folder / "config.yaml"
    file.write_text(
        CONFIG.format(host=HOST, port=port, user=user, password=PASSWORD, after_import=after_import)
    )
    file.chmod(0o600)
    return load(file)


class Desk:
    """A support mailbox on a server, and the program. What is written `days` from now arrives then."""

    def __init__(self, mailboxes: Mailboxes, user: str, folder: Path) -> None:
        mailboxes.add_user(user)
        self.mailboxes = mailboxes
        self.user = user
        self.folder = folder
        self.configure()

    def configure(self, after_import: str = "keep") -> None:
        self.loaded = configured(self.folder, self.mailboxes.imap_port, self.user, after_import)

    def receive(self, *subjects: str, days: float = 0) -> None:
        raws = [mail(subject, message_id=f"<{subject}.{self.user}@c.example>") for subject in subjects]
        self.mailboxes.deliver(self.user, *raws, at=NOW + timedelta(days=days))

    def delete(self, uids: str) -> None:
        client = self.mailboxes.client(self.user)
        client.select()
        client.uid("STORE", uids, "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()

    def fetch(self, *, limit: int | None = None) -> str:
        """One run; what it says went wrong."""
        request = FetchRequest(mailboxes=("support",), limit=limit)
        (report,) = run.fetch(self.loaded, request, clock=lambda: NOW).mailboxes
        return report.error or ""

    def here(self) -> list[str]:
        """The subjects of all e-mails, in alphabetical order."""
        open_database(self.loaded.config.database, now=NOW)
        subjects = sorted(row.subject for row in Email.select())
        close_database()
        return subjects
