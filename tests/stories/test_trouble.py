"""What goes wrong, and what becomes of it: a clear word, and never a lost mail."""

import fcntl
import re

import pytest

from tests.office import mail
from tests.servers.ports import free_port
from tests.servers.scripted_imap import ANSWERS, MESSAGE, ScriptedImap
from tests.servers.scripted_smtp import DROP, ScriptedSmtp
from tests.stories.conftest import Desk


def use_scripted(desk: Desk, server: ScriptedSmtp, *more: tuple[str, str]) -> None:
    desk.configure((f"port: {desk.postfix.smtp_port}", f"port: {server.port}"), *more)


def test_mail_that_is_refused_for_now_waits_and_goes_out_later_once(desk: Desk, scripted_smtp: ScriptedSmtp):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("RCPT", "450 4.2.1 try again later")
    desk.writes(desk.customer("carl"), "Question")
    ended = desk.espomail.run("fetch", "--json")
    assert ended.exit_code == 0, ended
    (waiting,) = desk.espomail.json("outbox", "list")
    assert (waiting["state"], waiting["tries"], waiting["kind"]) == ("waiting", 1, "auto-reply")
    assert waiting["error"] == "450 4.2.1 try again later"
    desk.espomail.ok("fetch")
    assert scripted_smtp.received == []
    desk.espomail.ok("outbox", "retry", waiting["id"])
    desk.espomail.ok("outbox", "flush")
    desk.espomail.ok("outbox", "flush")
    desk.espomail.ok("fetch")
    assert [one.recipients for one in scripted_smtp.received] == [[desk.customer("carl")]]
    assert desk.espomail.json("outbox", "list") == []


def test_mail_that_is_refused_for_good_is_told_once_and_noted_on_its_case(
    desk: Desk, scripted_smtp: ScriptedSmtp
):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("RCPT", "550 5.1.1 no such user")
    desk.writes(desk.customer("carl"), "Question")
    first = desk.espomail.run("fetch")
    assert (first.exit_code, "was refused: 550 5.1.1 no such user" in first.stderr) == (1, True)
    assert desk.espomail.ok("fetch") == ""
    stream = desk.espomail.json("case", "show", 1)["stream"]
    assert "550 5.1.1 no such user" in stream[-1]["text"]
    assert desk.espomail.json("email", "list")[0]["status"] == "failed"


def test_mail_whose_fate_nobody_knows_is_not_sent_again_by_itself(desk: Desk, scripted_smtp: ScriptedSmtp):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("END", DROP)
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.run("fetch")
    desk.espomail.run("fetch")
    assert [one["state"] for one in desk.espomail.json("outbox", "list")] == ["in-doubt"]
    assert scripted_smtp.received == []


def test_server_that_hangs_up_between_messages_is_called_again(desk: Desk, scripted_smtp: ScriptedSmtp):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("END", "250 ok", "421 too many, call again", "250 ok")
    for name in ("carl", "dora", "eve"):
        desk.writes(desk.customer(name), "Question")
    desk.espomail.run("fetch")
    assert [one.recipients for one in scripted_smtp.received] == [
        [desk.customer("carl")],
        [desk.customer("eve")],
    ]
    assert [one["tries"] for one in desk.espomail.json("outbox", "list")] == [1]


@pytest.mark.parametrize("is_there", [True, False], ids=["folder is there", "folder is made"])
def test_copy_of_what_was_sent_goes_into_the_sent_folder_and_is_no_second_mail(
    desk_anywhere: Desk, is_there: bool
):
    desk = desk_anywhere
    sent = desk.mailboxes.name("Sent")
    desk.configure(
        (
            f"port: {desk.postfix.smtp_port}, security: none",
            f"port: {desk.postfix.smtp_port}, security: none, save_sent: {sent}",
        ),
    )
    if is_there:
        desk.mailboxes.command(desk.address, "create", sent)
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch")
    (copy,) = desk.mailboxes.messages(desk.address, sent)
    assert b"Auto-Submitted: auto-replied" in copy
    assert desk.mailboxes.flags(desk.address, sent) == [{r"\Seen"}]
    folders = ("fetch_since: 2026-01-01", f"fetch_since: 2026-01-01\n      folders: [INBOX, {sent}]")
    desk.configure(folders)
    desk.espomail.ok("fetch")
    assert len(desk.espomail.json("email", "list")) == 2
    assert len(desk.espomail.json("case", "list")) == 1


def test_smtp_server_that_cannot_be_reached_leaves_the_mail_waiting(desk: Desk):
    desk.configure((f"port: {desk.postfix.smtp_port}", f"port: {free_port()}"))
    desk.writes(desk.customer("carl"), "Question")
    ended = desk.espomail.run("fetch")
    assert ended.exit_code == 1
    assert re.search(r"mailbox support \(SMTP\): .*cannot be reached: Connection refused", ended.stderr)
    assert len(desk.espomail.json("case", "list")) == 1
    again = desk.espomail.run("fetch")
    assert (again.exit_code, again.stderr) == (1, "")
    desk.configure()
    back = desk.espomail.run("fetch")
    assert (back.exit_code, back.stderr) == (0, "mailbox support (SMTP): works again\n")
    assert len(desk.mail_of(desk.customer("carl"))) == 1


BAD_MAILBOXES = {
    "password": (("password: correct-horse-battery", "password: wrong"), "login of .* refused"),
    "host": (("host: 127.0.0.1\n", "host: no-such-host.invalid\n"), "the host is not known"),
    "folder": (
        ("fetch_since: 2026", "folders: [Nowhere]\n      fetch_since: 2026"),
        "there is no folder 'Nowhere'",
    ),
    "tls": (("security: none\n", "security: starttls\n"), "certificate is not trusted"),
}


@pytest.mark.parametrize("what", BAD_MAILBOXES)
def test_mailbox_that_fails_is_told_once_and_stops_no_other(desk: Desk, what: str):
    change, said = BAD_MAILBOXES[what]
    second = f"""
  good:
    kind: group
    address: good-{desk.tag}@example.com
    imap:
      host: 127.0.0.1
      port: {desk.dovecot.imap_port}
      security: none
      username: good-{desk.tag}@example.com
      password: {desk.dovecot.password}
      fetch_since: 2026-01-01
"""
    desk.configure(change)
    desk.espomail.configure(desk.espomail.config.read_text() + second)
    desk.dovecot.deliver(f"good-{desk.tag}@example.com", mail("Hello"))
    first, again = desk.espomail.run("fetch"), desk.espomail.run("fetch")
    waits = what == "password"  # a refused login is not tried each minute
    assert (first.exit_code, again.exit_code) == (1, 0 if waits else 1)
    assert re.search(said, first.stderr), first
    assert "Traceback" not in first.stderr
    assert again.stderr == ""
    assert len(desk.espomail.json("email", "list")) == 1
    assert desk.espomail.run("fetch", "support").exit_code == 1, "one that is named is tried at once"
    desk.configure()
    assert desk.espomail.run("fetch", "support").stderr == "mailbox support: works again\n"


def test_folder_that_is_missing_keeps_no_other_back(desk: Desk):
    desk.configure(
        (
            "fetch_since: 2026",
            "folders: [Nowhere, INBOX, Neither]\n      after_import: seen\n      fetch_since: 2026",
        )
    )
    desk.dovecot.deliver(desk.address, mail("Hello"))
    first, again = desk.espomail.run("fetch"), desk.espomail.run("fetch")
    assert (first.exit_code, again.exit_code) == (1, 1)
    assert "there is no folder 'Nowhere'" in first.stderr
    assert "there is no folder 'Neither'" in first.stderr
    assert again.stderr == ""
    assert [case["name"] for case in desk.espomail.json("case", "list")] == ["Hello"]
    assert desk.dovecot.flags(desk.address) == [{r"\Seen"}]


def test_what_a_portion_leaves_is_counted_in_every_folder(desk: Desk):
    desk.dovecot.command(desk.address, "create", "Second")
    desk.configure(
        ("fetch_since: 2026", "folders: [INBOX, Second]\n      portion: 2\n      fetch_since: 2026")
    )
    desk.dovecot.deliver(desk.address, *[mail(f"Number {number}") for number in range(3)])
    desk.dovecot.deliver(desk.address, *[mail(f"Further {number}") for number in range(4)], folder="Second")
    left = [desk.espomail.json("fetch", "--no-send")["mailboxes"][0]["remaining"] for _ in range(4)]
    assert left == [5, 3, 1, 0]
    assert len(desk.espomail.json("case", "list")) == 7


def test_size_of_a_mail_is_that_of_its_bytes_whatever_its_server_says(desk: Desk):
    about = ANSWERS["ABOUT"].replace(b"RFC822.SIZE 44", b"RFC822.SIZE 999")
    with ScriptedImap() as server:
        server.answers("ABOUT", about)
        desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {server.port}"))
        desk.espomail.ok("fetch", "--no-send")
        assert [email["size"] for email in desk.espomail.json("email", "list")] == [len(MESSAGE)]
        assert desk.espomail.ok("reconcile") == ""


def test_message_that_the_server_withholds_is_told_and_taken_in_once_it_gives_it(desk: Desk):
    done = b"{tag} OK done\r\n"
    about = b'* %d FETCH (UID %d FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 44)\r\n'
    bodies = [
        b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (uid, uid, len(raw), raw)
        for uid, raw in enumerate(map(mail, ("One", "Two", "Three")), start=1)
    ]
    with ScriptedImap() as server:
        server.answers("STATUS", b'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT 4)\r\n' + done)
        server.answers("EXAMINE", b"* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n" + done)
        server.answers("SEARCH", b"* SEARCH 1 2 3\r\n" + done)
        server.answers("ABOUT", b"".join(about % (uid, uid) for uid in (1, 2, 3)) + done)
        server.answers("BODY", bodies[0] + bodies[2] + done)
        desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {server.port}"))
        first, again = (desk.espomail.run("fetch", "--no-send") for _ in range(2))
        assert (first.exit_code, again.exit_code) == (1, 1)
        assert "the server does not give out the message with UID 2" in first.stderr
        assert again.stderr == ""
        assert {case["name"] for case in desk.espomail.json("case", "list")} == {"One", "Three"}
        server.answers("BODY", bodies[1] + done)
        assert desk.espomail.run("fetch", "--no-send").stderr == "mailbox support: works again\n"
        desk.espomail.ok("fetch", "--no-send")
    assert {case["name"] for case in desk.espomail.json("case", "list")} == {"One", "Two", "Three"}
    assert len(desk.espomail.json("email", "list", "--from", "carl@customer.example")) == 3


def test_second_run_leaves_at_once(desk: Desk):
    desk.espomail.ok("fetch")
    with (desk.espomail.folder / "espomail.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert desk.espomail.run("fetch").exit_code == 0
        assert desk.espomail.run("fetch", "--fail-if-locked").exit_code == 75


def test_wrong_configuration_is_told_with_its_line(desk: Desk):
    desk.configure(("kind: group", "knd: group"))
    ended = desk.espomail.run("fetch")
    assert ended.exit_code == 78
    assert re.search(r"config\.yaml:\d+: mailboxes\.support\.knd", ended.stderr)


def test_template_that_does_not_render_is_told_and_the_case_is_made(desk: Desk):
    templates = desk.espomail.folder / "templates"
    templates.mkdir()
    (templates / "case-received.txt.j2").write_text("Subject: x\n{{ case.no_such_field.deeper }}")
    desk.writes(desk.customer("carl"), "Question")
    ended = desk.espomail.run("fetch")
    assert ended.exit_code == 1
    assert "no auto-reply to e-mail 1" in ended.stderr
    assert len(desk.espomail.json("case", "list")) == 1
    assert desk.espomail.json("outbox", "list") == []


ODD_MAILS = {
    "nothing": b"",
    "an empty line": b"\r\n",
    "garbage": bytes(range(256)) * 40,
    "text only": b"just words, no header\r\n",
    "no sender": b"Subject: x\r\nMessage-ID: <a@b>\r\n\r\nx\r\n",
    "no date, id or subject": b"From: a@b.example\r\n\r\nx\r\n",
    "a header without end": b"From: a@b.example\r\nSubject: " + b"x" * 100_000,
    "nuls": b"From: a@b.example\r\nSubject: n\x00l\r\n\r\nn\x00l\r\n",
    "a lone surrogate": b"From: a@b.example\r\nSubject: =?utf-8?q?=ED=A0=80?=\r\n\r\n\xed\xa0\x80\r\n",
}


def test_odd_mails_are_all_taken_in(desk: Desk):
    for raw in ODD_MAILS.values():
        desk.dovecot.deliver_file(desk.address, raw)
    report = desk.espomail.json("fetch", "--no-send")["mailboxes"][0]
    assert report["fetched"] == report["imported"] == len(ODD_MAILS)
    received = [email for email in desk.espomail.json("email", "list") if email["status"] == "archived"]
    assert len(received) == len(ODD_MAILS)
    for email in received:
        assert desk.espomail.json("email", "show", email["id"])["id"] == email["id"]
