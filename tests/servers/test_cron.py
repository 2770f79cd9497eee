"""The shipped crontab, run by Debian's cron, on a real mailbox. It takes until the next full minute."""

import os
from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.servers.espomail import PROGRAM
from tests.servers.ports import HOST

CRONTAB = Path(__file__).parents[2] / "crontab.example"
CONFIG = """
organisation: {{name: Example Ltd, domains: [example.com]}}
timezone: Europe/Berlin
teams: {{support: {{}}}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: [support], roles: [agent]}}
roles:
  agent: {{case: {{read: team}}}}
mailboxes:
  support:
    kind: group
    address: {user}
    imap:
      host: {host}
      port: {port}
      security: none
      username: {user}
      password: {password}
      fetch_since: 2026-01-01
    teams: [support]
    case: {{create: true, distribution: round-robin}}
"""
MAIL = b"From: lena@customer.example\r\nSubject: The heating is cold\r\n\r\nHelp\r\n"


def test_shipped_crontab_fetches_the_mail_and_is_silent(cron, espomail, dovecot: Dovecot, user):
    espomail.configure(CONFIG.format(user=user, host=HOST, port=dovecot.imap_port, password=Dovecot.password))
    dovecot.deliver(user, MAIL)
    environment = {
        "ESPOMAIL_CONFIG": str(espomail.config),
        "PATH": f"{PROGRAM.parent}:{os.defpath}",  # as crontab.example advises
    }
    with cron(CRONTAB.read_text(encoding="utf-8"), environment=environment) as running:
        running.wait_for_run()
        assert (running.ended, running.output) == ([0], "")
    (case,) = espomail.json("case", "list")
    assert (case["number"], case["name"], case["assigned_user"]) == (1, "The heating is cold", "anna")
