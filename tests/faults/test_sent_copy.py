"""A bad network while a copy of what was sent is put into the Sent folder: there is one in the end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from espomail import run
from espomail.intake import imap as imap_module
from tests.faults.conftest import Desk
from tests.office import mail
from tests.servers.mailboxes import Mailboxes
from tests.servers.ports import HOST
from tests.servers.proxy import Fault, Proxy, Then
from tests.servers.scripted_smtp import ScriptedSmtp

SENDING = """
    smtp: {{host: {host}, port: {port}, security: none, save_sent: {folder}}}
    auto_reply: {{template: case-received, from_name: Example Support}}
"""
PATIENCE_S = 2.0

PLACES = {
    "before it is sent": Fault(Then.CUT, asked=b"APPEND"),
    "while it is sent": Fault(Then.CUT, asked=b"\r\nAuto-Submitted:"),
    "once it is saved": Fault(Then.CUT, seen=b"APPENDUID"),
}


@pytest.fixture
def sending_desk(
    tmp_path: Path,
    mailboxes: Mailboxes,
    user: str,
    scripted_smtp: ScriptedSmtp,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """A desk with one mail, which is answered; the answer is copied."""
    monkeypatch.setattr(imap_module, "GRACE_S", PATIENCE_S)
    monkeypatch.setattr(run, "SAVING_GRACE_S", PATIENCE_S)
    mailboxes.deliver(user, mail("Question"))
    with Proxy(mailboxes.imap_port) as proxy:
        desk = Desk(tmp_path, mailboxes, proxy, user)
        sending = SENDING.format(host=HOST, port=scripted_smtp.port, folder=mailboxes.name("Sent"))
        desk.configure(more=sending.lstrip("\n"))
        yield desk


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("then", [Then.CUT, Then.SILENCE], ids=["cut", "silent"])
def test_copy_whose_saving_breaks_off_is_saved_once(
    sending_desk: Desk, scripted_smtp: ScriptedSmtp, place: str, then: Then
):
    desk, where = sending_desk, PLACES[place]
    fault = Fault(then, asked=where.asked, seen=where.seen)
    report = desk.run(fault, budget_s=PATIENCE_S if then is Then.SILENCE else 30)
    assert (desk.proxy.faults_met, report.outbox.sent) == (1, 1)
    assert "Sent" in "".join(report.news)
    assert desk.run(later=timedelta(days=1)).news == ("mailbox support (Sent): works again",)
    assert desk.run(later=timedelta(days=2)).news == ()
    (copy,) = desk.mailboxes.messages(desk.user, desk.mailboxes.name("Sent"))
    (sent,) = scripted_smtp.received
    assert b"Auto-Submitted: auto-replied" in copy
    assert sent.recipients == ["carl@customer.example"]
