"""A run ends in time, whatever its servers do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from espomail import run
from espomail.config.load import load
from espomail.intake import imap as imap_module
from espomail.report import FetchRequest
from tests.servers.ports import HOST
from tests.servers.scripted_imap import SILENCE, ScriptedImap

MAILBOX = """
  m{number}:
    kind: group
    address: m{number}@example.com
    imap: {{host: {host}, port: {port}, security: none, username: u, password: p, fetch_since: 2026-01-01}}
"""


@pytest.fixture
def silent() -> Iterator[ScriptedImap]:
    with ScriptedImap() as server:
        server.answers("GREETING", SILENCE)
        yield server


def test_silent_servers_do_not_make_a_run_last(silent: ScriptedImap, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(imap_module, "GRACE_S", 0.3)
    mailboxes = "".join(MAILBOX.format(number=number, host=HOST, port=silent.port) for number in range(6))
    (tmp_path / "config.yaml").write_text(f"mailboxes:{mailboxes}")
    (tmp_path / "config.yaml").chmod(0o600)
    began = time.monotonic()
    report = run.fetch(load(tmp_path / "config.yaml"), FetchRequest(budget_s=0.6))
    assert time.monotonic() - began < 10
    tried = [mailbox.ok for mailbox in report.mailboxes]
    assert tried[0] is False
    assert tried[-1] is None
    assert report.exit_code == 1
