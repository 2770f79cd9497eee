"""A thousand mailboxes in one configuration, two hundred of them failing: the others are served."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.espomail import Espomail
from tests.servers.ports import HOST, free_port
from tests.servers.scripted_imap import DRIP, DROP, SILENCE, ScriptedImap

GOOD, FAILING, WITH_MAIL = 800, 200, 40

MAILBOX = """
  {key}:
    kind: group
    address: {key}@example.com
    imap: {{host: {host}, port: {port}, security: {security}, username: {key}@example.com,
      password: {password}, fetch_since: 2026-01-01}}
"""


@pytest.fixture
def failing_servers() -> Iterator[list[dict[str, object]]]:
    """Servers that fail, each in its own way, as values for `MAILBOX`."""
    ways = [
        ("GREETING", SILENCE),
        ("GREETING", DROP),
        ("GREETING", b"* OK " + DRIP),
        ("GREETING", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n"),
        ("LOGIN", b"{tag} NO [UNAVAILABLE] later\r\n"),
        ("STATUS", SILENCE),
        ("STATUS", b"* BYE so long\r\n" + DROP),
        ("EXAMINE", b"{tag} BAD what?\r\n"),
    ]
    with ExitStack() as servers:
        scripted = []
        for stage, answer in ways:
            server = servers.enter_context(ScriptedImap())
            server.answers(stage, answer)
            scripted.append({"port": server.port})
        yield [*scripted, {"port": free_port()}, {"host": "no-such-host.invalid", "port": 143}]


def test_failing_mailboxes_keep_no_other_one_waiting(
    dovecot: Dovecot, failing_servers: list[dict[str, object]], tmp_path: Path
):
    usual = {"host": HOST, "security": "none", "password": dovecot.password}
    bad = [
        MAILBOX.format(**usual | failing_servers[number % len(failing_servers)] | {"key": f"bad{number}"})
        for number in range(FAILING)
    ]
    good = [MAILBOX.format(**usual, key=f"good{number}", port=dovecot.imap_port) for number in range(GOOD)]
    for number in range(0, GOOD, GOOD // WITH_MAIL):
        dovecot.deliver(f"good{number}@example.com", mail(f"For {number}"))
    espomail = Espomail(tmp_path)
    espomail.configure("mailboxes:" + "".join(bad + good))
    ended = espomail.run("fetch", "--json")
    assert ended.exit_code == 1, ended
    report = {one["mailbox"]: one for one in json.loads(ended.stdout)["mailboxes"]}
    assert [key for key, one in report.items() if key.startswith("good") and not one["ok"]] == []
    assert [key for key, one in report.items() if key.startswith("bad") and one["ok"]] == []
    assert sum(one["imported"] for one in report.values()) == WITH_MAIL
    assert "Traceback" not in ended.stderr
