"""A server that was set back to an older state gives new mail UIDs that have been read already."""

from datetime import UTC, datetime
from pathlib import Path

from espomail import run
from espomail.config.load import load
from espomail.report import FetchRequest, MailboxReport
from espomail.store.connection import close_database, open_database
from espomail.store.models import FolderPosition
from tests.servers.ports import HOST
from tests.servers.scripted_imap import ScriptedImap

CONFIG = """
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {{host: {host}, port: {port}, security: none, username: u, password: p, fetch_since: 2026-01-01}}
"""


def test_its_mail_is_found_by_date_and_the_fault_is_said_once(tmp_path: Path):
    with ScriptedImap() as server:
        file = tmp_path / "config.yaml"
        file.write_text(CONFIG.format(host=HOST, port=server.port))
        file.chmod(0o600)
        loaded = load(file)
        open_database(loaded.config.database, now=datetime.now(UTC))
        read_so_far = {"uidvalidity": 7, "last_uid": 100, "last_date": datetime(2026, 11, 24, tzinfo=UTC)}
        FolderPosition.create(mailbox="support", folder="INBOX", **read_so_far, special_use="")
        close_database()

        def fetch() -> MailboxReport:
            return run.fetch(loaded, FetchRequest()).mailboxes[0]

        first, second = fetch(), fetch()
        assert (first.ok, first.imported) == (False, 1)
        assert "was set back to an older state" in (first.error or "")
        assert (second.ok, second.fetched) == (True, 0)
        assert b"SEARCH SINCE 23-Nov-2026" in server.heard
