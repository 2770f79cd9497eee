"""Folders that the server names as those for what was sent and for drafts, whatever they are called."""

from tests.office import mail
from tests.servers.cyrus import Cyrus
from tests.stories.conftest import Desk

FIRST = "<first@customer.example>"


def test_what_is_in_the_folders_for_sent_mail_and_drafts_is_known_for_that(desk: Desk, cyrus: Cyrus):
    client = cyrus.client(desk.address)
    for folder, use in (("Gesendet", r"\Sent"), ("Entwurf", r"\Drafts")):
        client._simple_command("CREATE", f"INBOX.{folder}", f"(USE ({use}))")  # type: ignore[attr-defined]
    client.logout()
    desk.configure(
        (
            f"port: {desk.dovecot.imap_port}",
            f"port: {cyrus.imap_port}\n      folders: [INBOX, INBOX.Gesendet, INBOX.Entwurf]",
        )
    )
    cyrus.deliver(desk.address, mail("Question", message_id=FIRST))
    cyrus.deliver(
        desk.address,
        mail("Re: Question", desk.address, to="carl@customer.example", In_Reply_To=FIRST),
        folder="INBOX.Gesendet",
    )
    cyrus.deliver(desk.address, mail("Re: Question, half", desk.address), folder="INBOX.Entwurf")
    report = desk.espomail.json("fetch", "--no-send")["mailboxes"][0]
    assert (report["imported"], report["skipped"], report["cases_created"]) == (2, 1, 1)
    case = desk.espomail.json("case", "show", 1)
    received = [(email["subject"], email["status"]) for email in case["emails"] if not email["is_auto"]]
    assert sorted(received) == [("Question", "archived"), ("Re: Question", "sent")]
    assert [note["type"] for note in case["stream"]][-1] == "email-sent"
    uses = {one["folder"]: one["special_use"] for one in _positions(desk)}
    assert uses == {"INBOX": None, "INBOX.Gesendet": "sent", "INBOX.Entwurf": "drafts"}


def _positions(desk: Desk) -> list[dict]:
    return desk.espomail.json("mailbox", "status")[0]["positions"]
