"""Mail on its way out, with the real program: killed, cut off, and copied into Sent folders."""

import subprocess
import time
from datetime import UTC, datetime, timedelta

from espomail import run
from espomail.config.load import load
from espomail.store import connection
from espomail.store.changes import add
from espomail.store.models import SentCopy
from espomail.store.write import apply
from tests.servers.ports import wait_until
from tests.servers.scripted_smtp import DROP, SILENCE, ScriptedSmtp
from tests.stories.conftest import Desk

NOT_KNOWN = "it is not known whether the auto-reply to"


def use_scripted(desk: Desk, server: ScriptedSmtp) -> None:
    desk.configure((f"port: {desk.postfix.smtp_port}", f"port: {server.port}"))


def test_run_killed_with_a_mail_in_a_servers_hands_is_told_once_by_the_next(
    desk: Desk, scripted_smtp: ScriptedSmtp
):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("END", SILENCE)
    desk.writes(desk.customer("carl"), "Question")
    with desk.espomail.start("fetch", stderr=subprocess.DEVNULL) as running:
        wait_until(lambda: "DATA" in scripted_smtp.verbs, "the message")
        running.kill()
    first, second = desk.espomail.run("fetch", "--json"), desk.espomail.run("fetch", "--json")
    assert first.stderr.startswith(f"outbox: {NOT_KNOWN} {desk.customer('carl')}"), first
    assert (first.exit_code, second.exit_code, second.stderr) == (1, 0, "")
    assert '"in_doubt":1' in first.stdout
    assert '"in_doubt":0' in second.stdout
    (waiting,) = desk.espomail.json("outbox", "list")
    assert (waiting["state"], waiting["next_try_at"]) == ("in-doubt", None)
    assert desk.espomail.json("email", "show", waiting["email"])["status"] == "in-doubt"
    note = desk.espomail.json("case", "show", 1)["stream"][-1]
    assert NOT_KNOWN.removeprefix("it is ") in note["text"]
    assert scripted_smtp.received == []
    desk.espomail.ok("outbox", "retry", waiting["id"])
    desk.espomail.ok("outbox", "flush")
    assert len(scripted_smtp.received) == 1


def test_flush_that_leaves_a_mail_in_doubt_ends_as_done_in_part(desk: Desk, scripted_smtp: ScriptedSmtp):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("END", DROP)
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch", "--no-send")
    ended = desk.espomail.run("outbox", "flush")
    assert (ended.exit_code, NOT_KNOWN in ended.stderr) == (1, True)
    assert desk.espomail.run("outbox", "flush") == (0, "", "")


def test_copy_that_could_not_be_saved_is_in_the_sent_folder_later_and_once(desk: Desk):
    port = f"port: {desk.postfix.smtp_port}, security: none"
    saving = (port, f"{port}, save_sent: Sent")
    desk.configure(saving)
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch", "--no-send")
    desk.configure(saving, (f"password: {desk.dovecot.password}", "password: wrong"))
    failed = desk.espomail.run("outbox", "flush")
    assert failed.exit_code == 1
    assert "(Sent): sent mail is not saved, which is tried again" in failed.stderr
    assert len(desk.mail_of(desk.customer("carl"))) == 1
    desk.configure(saving)
    loaded = load(desk.espomail.config)
    later = datetime.now(UTC) + timedelta(minutes=2)
    assert run.flush(loaded, clock=lambda: later).news == ("mailbox support (Sent): works again",)
    assert len(desk.dovecot.messages(desk.address, "Sent")) == 1

    connection.open_database(loaded.config.database, now=later)
    with connection.writing():  # as after a run that died when the server had the copy already
        apply([add(SentCopy, outbox=1, mailbox="support", tries=1, next_try_at=later)])
    connection.close_database()
    assert run.flush(loaded, clock=lambda: later).news == ()
    assert len(desk.dovecot.messages(desk.address, "Sent")) == 1
    assert len(desk.mail_of(desk.customer("carl"))) == 1


def test_run_ends_in_time_though_an_smtp_server_takes_a_message_forever(
    desk: Desk, scripted_smtp: ScriptedSmtp
):
    use_scripted(desk, scripted_smtp)
    scripted_smtp.answers("DATA", SILENCE)
    desk.writes(desk.customer("carl"), "Question")
    began = time.monotonic()
    desk.espomail.run("fetch", "--budget", "3s")
    assert time.monotonic() - began < 20
    (waiting,) = desk.espomail.json("outbox", "list")
    assert (waiting["state"], waiting["error"]) == ("waiting", "the server does not answer in time")
