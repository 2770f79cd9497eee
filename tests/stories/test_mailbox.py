"""`espomail mailbox` and `doctor` on real servers: can mail come in and go out, and what to do if not."""

import fcntl
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.office import mail
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port
from tests.servers.scripted_imap import ScriptedImap
from tests.servers.scripted_smtp import DROP, ScriptedSmtp
from tests.stories.conftest import Desk

Findings = dict[str, dict[str, Any]]

OF_IMAP = ("IMAP name", "IMAP server", "IMAP TLS", "IMAP login", "IMAP capabilities", "IMAP folder INBOX")
OF_SMTP = ("SMTP name", "SMTP server", "SMTP TLS", "SMTP login", "SMTP empty sender")


def checked(desk: Desk) -> tuple[int, Findings]:
    """The exit code of `mailbox test`, and its findings by what was looked at."""
    ended = desk.espomail.run("mailbox", "test", "support", "--json")
    assert ended.stderr == "", ended
    return ended.exit_code, {one["what"]: one for one in json.loads(ended.stdout)}


def levels(findings: Findings) -> dict[str, str]:
    return {what: one["level"] for what, one in findings.items()}


def errors(findings: Findings) -> list[str]:
    return [what for what, one in findings.items() if one["level"] == "error"]


def over_tls(desk: Desk, port: int, ca_file: Path) -> tuple[str, str]:
    """What is replaced so that the desk's IMAP server is reached by TLS."""
    return (
        f"host: 127.0.0.1\n      port: {desk.mailboxes.imap_port}\n      security: none",
        f"host: localhost\n      port: {port}\n      ca_file: {ca_file}",
    )


# --- mailbox test


def test_sound_mailbox_passes_every_check(desk_anywhere: Desk):
    desk = desk_anywhere
    code, findings = checked(desk)
    assert code == 0
    assert levels(findings) == dict.fromkeys((*OF_IMAP, *OF_SMTP), "ok")
    assert {one["advice"] for one in findings.values()} == {None}


def test_servers_are_tried_over_tls_and_with_a_login(desk_anywhere: Desk):
    desk = desk_anywhere
    smtp = f"port: {desk.postfix.smtp_port}, security: none"
    login = f"username: {desk.address}, password: {Dovecot.password}, ca_file: {desk.postfix.ca_file}"
    desk.configure(
        over_tls(desk, desk.mailboxes.imaps_port, desk.mailboxes.ca_file),
        (smtp, f"port: {desk.postfix.submission_port}, security: starttls, {login}"),
    )
    code, findings = checked(desk)
    assert (code, errors(findings)) == (0, [])
    assert "TLSv1.3, certificate trusted, good for 29 more days" in findings["IMAP TLS"]["said"]
    assert "TLSv1.3, certificate trusted, good for 29 more days" in findings["SMTP TLS"]["said"]
    assert findings["SMTP login"]["said"] == f"signed in as {desk.address} with PLAIN"


@pytest.mark.parametrize(
    ("names", "until_days", "said", "advice"),
    [
        (("localhost",), -1, "expired", "renewed"),
        (("other.example",), 30, "not valid for 'localhost'", "write as host the name"),
    ],
    ids=["expired", "of another host"],
)
def test_certificate_that_is_not_trusted_is_told_with_what_to_do(
    desk: Desk, names: tuple[str, ...], until_days: int, said: str, advice: str
):
    with Dovecot(names=names, until_days=until_days) as server:
        desk.configure(over_tls(desk, server.imaps_port, server.ca_file))
        code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["IMAP TLS"])
    assert said in findings["IMAP TLS"]["said"]
    assert advice in findings["IMAP TLS"]["advice"]


def test_server_that_speaks_no_tls_on_this_port_is_told(desk: Desk):
    plain = f"port: {desk.dovecot.imap_port}\n      security: none"
    desk.configure((plain, plain.replace("none", "tls")))
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["IMAP TLS"])
    assert findings["IMAP TLS"]["advice"] == "check port and security"


def test_certificate_that_ends_soon_is_a_warning(desk: Desk):
    with Dovecot(until_days=5) as server:
        desk.configure(over_tls(desk, server.imaps_port, server.ca_file))
        code, findings = checked(desk)
    assert (code, findings["IMAP TLS"]["level"]) == (0, "warning")
    assert "good for 4 more days" in findings["IMAP TLS"]["said"]
    assert "renewed before" in findings["IMAP TLS"]["advice"]


def test_server_that_is_not_there_is_told_and_the_other_one_is_tried_all_the_same(desk: Desk):
    desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {free_port()}"))
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["IMAP server"])
    assert "refused" in findings["IMAP server"]["said"]
    assert "mailboxes.support.imap.host" in findings["IMAP server"]["advice"]
    assert findings["SMTP empty sender"]["level"] == "ok"


def test_host_that_nobody_knows_is_told(desk: Desk):
    at = f"port: {desk.postfix.smtp_port}"
    desk.configure((f"smtp: {{host: 127.0.0.1, {at}", f"smtp: {{host: nowhere.invalid, {at}"))
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["SMTP name"])
    assert "mailboxes.support.smtp.host" in findings["SMTP name"]["advice"]


def test_refused_login_is_told_without_the_password(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.configure((f"password: {Dovecot.password}", "password: wrong-horse"))
    ended = desk.espomail.run("mailbox", "test", "support", "--format", "table")
    assert ended.exit_code == 77
    assert f"error    support: IMAP login: 127.0.0.1: login of {desk.address} refused" in ended.stdout
    assert "-> check mailboxes.support.imap.username and password" in ended.stdout
    assert "wrong-horse" not in ended.stdout + ended.stderr


def test_secret_that_cannot_be_had_is_a_fault_of_the_configuration(desk: Desk):
    desk.configure((f"password: {Dovecot.password}", "password_env: NOT_SET"))
    code, findings = checked(desk)
    assert (code, errors(findings)) == (78, ["IMAP secret"])


def test_folder_that_is_missing_is_told_with_those_that_are_there(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.mailboxes.command(desk.address, "create", desk.mailboxes.name("Invoices"))
    desk.configure(("fetch_since: 2026-01-01", "fetch_since: 2026-01-01\n      folders: [INBOX, Inovices]"))
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["IMAP folder Inovices"])
    assert findings["IMAP folder INBOX"]["said"] == "0 messages"
    assert (
        f"there are: INBOX, {desk.mailboxes.name('Invoices')}" in findings["IMAP folder Inovices"]["advice"]
    )


def test_mail_that_arrives_later_than_now_is_a_warning_about_the_clocks(desk: Desk):
    later = datetime.now(UTC) + timedelta(hours=3, minutes=1)  # Dovecot would make it the present
    about = f'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "{later:%d-%b-%Y %H:%M:%S +0000}" RFC822.SIZE 44)\r\n'
    with ScriptedImap() as server:
        server.answers("ABOUT", about.encode() + b"{tag} OK done\r\n")
        desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {server.port}"))
        code, findings = checked(desk)
    assert (code, findings["clock"]["level"]) == (0, "warning")
    assert "3 hours from now" in findings["clock"]["said"]


def test_server_that_refuses_the_empty_sender_is_told_with_the_key_to_set(
    desk: Desk, scripted_smtp: ScriptedSmtp
):
    smtp = (f"port: {desk.postfix.smtp_port}", f"port: {scripted_smtp.port}")
    desk.configure(smtp)
    scripted_smtp.answers("MAIL", "550 5.7.1 sender denied")
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["SMTP empty sender"])
    assert "550 5.7.1 sender denied" in findings["SMTP empty sender"]["said"]
    assert "mailboxes.support.auto_reply.envelope_sender" in findings["SMTP empty sender"]["advice"]
    assert scripted_smtp.verbs == ["EHLO", "MAIL", "RSET", "QUIT"]

    name = "from_name: Example Support"
    desk.configure(smtp, (name, f"{name}, envelope_sender: bounces@example.com"))
    scripted_smtp.answers("MAIL", "550 5.7.1 sender denied")
    code, findings = checked(desk)
    assert (code, errors(findings)) == (0, [])
    assert findings["SMTP envelope sender"]["said"] == "MAIL FROM:<bounces@example.com> is taken"


def test_server_that_wants_a_login_first_is_told(desk: Desk, scripted_smtp: ScriptedSmtp):
    desk.configure((f"port: {desk.postfix.smtp_port}", f"port: {scripted_smtp.port}"))
    scripted_smtp.answers("MAIL", "530 5.7.0 authentication required")
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["SMTP empty sender"])
    assert "mailboxes.support.smtp.username" in findings["SMTP empty sender"]["advice"]


def test_login_at_a_server_that_offers_none_is_told(desk: Desk, scripted_smtp: ScriptedSmtp):
    port = f"port: {desk.postfix.smtp_port}, security: none"
    desk.configure((port, f"port: {scripted_smtp.port}, security: none, username: me, password: secret"))
    scripted_smtp.answers("EHLO", "250 scripted.example")
    code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["SMTP login"])
    assert "587 or 465" in findings["SMTP login"]["advice"]


def test_server_that_talks_nonsense_or_hangs_up_is_told(desk: Desk, scripted_smtp: ScriptedSmtp):
    scripted_smtp.answers("MAIL", DROP)
    with ScriptedImap() as server:
        server.answers("LIST", b"* LIST nonsense\r\n{tag} OK done\r\n")
        desk.configure(
            (f"port: {desk.dovecot.imap_port}", f"port: {server.port}"),
            (f"port: {desk.postfix.smtp_port}", f"port: {scripted_smtp.port}"),
        )
        ended = desk.espomail.run("mailbox", "test", "support", "--json")
    assert (ended.exit_code, ended.stderr) == (69, "")
    told = [one for one in json.loads(ended.stdout) if one["level"] == "error"]
    assert [one["what"] for one in told] == ["IMAP server", "SMTP server"]
    assert "listing folders" in told[0]["said"]
    assert "broke off" in told[1]["said"]


def test_server_that_cannot_remove_single_messages_fails_where_they_are_to_be_moved(desk: Desk):
    since = "fetch_since: 2026-01-01"
    with ScriptedImap() as server:
        port = (f"port: {desk.dovecot.imap_port}", f"port: {server.port}")
        desk.configure(port, (since, f"{since}\n      after_import: {{move: Done}}"))
        code, findings = checked(desk)
    assert (code, errors(findings)) == (69, ["IMAP capabilities"])
    assert findings["IMAP capabilities"]["advice"] == (
        "set mailboxes.support.imap.after_import: seen, or keep"
    )


@pytest.mark.parametrize("mailboxes", ["cyrus"], indirect=True)
@pytest.mark.parametrize(
    ("after_import", "missing"), [("seen", "s"), ("delete", "et"), ("{move: INBOX.Done}", "et")]
)
def test_right_that_is_missing_for_after_import_is_told(
    desk_anywhere: Desk, cyrus: Cyrus, after_import: str, missing: str
):
    desk = desk_anywhere
    desk.mailboxes.deliver(desk.address, mail("One"))  # which makes the INBOX
    cyrus.set_rights(desk.address, "lri")
    since = "fetch_since: 2026-01-01"
    desk.configure((since, f"{since}\n      after_import: {after_import}"))
    code, findings = checked(desk)
    found = findings["IMAP rights in INBOX"]
    assert (code, found["level"]) == (0, "warning")
    assert f"no right {missing} there" in found["said"]
    assert "set mailboxes.support.imap.after_import: keep" in found["advice"]


def test_test_changes_nothing_on_the_server_and_takes_nothing_in(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.mailboxes.deliver(desk.address, mail("Unseen"))
    assert checked(desk)[0] == 0
    assert desk.mailboxes.flags(desk.address) == [set()]
    assert desk.espomail.json("mailbox", "status")[0]["last_success_at"] is None


# --- mailbox folders


def test_folders_of_the_server_are_listed_with_their_use_and_whether_they_are_read(desk: Desk):
    server = Dovecot()
    with (server.folder / "dovecot.conf").open("a") as file:
        file.write(
            "namespace inbox {\n mailbox Sent {\n auto = create\n special_use = \\Sent\n }\n}\n",
        )
    with server:
        server.command(desk.address, "create", '"Rechnungen &APw-ber 100"')
        desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {server.imap_port}"))
        found = desk.espomail.json("mailbox", "folders", "support")
    assert found == [
        {"folder": "INBOX", "read": True, "special_use": None, "holds_mail": True},
        {"folder": "Rechnungen über 100", "read": False, "special_use": None, "holds_mail": True},
        {"folder": "Sent", "read": False, "special_use": "sent", "holds_mail": True},
    ]


def test_folders_below_inbox_are_listed_by_their_whole_names_with_their_use(desk: Desk, cyrus: Cyrus):
    client = cyrus.client(desk.address)
    client._simple_command("CREATE", "INBOX.Gesendet", r"(USE (\Sent))")  # type: ignore[attr-defined]
    client.create('"INBOX.Rechnungen &APw-ber 100.&- offen"')
    client.logout()
    desk.configure((f"port: {desk.dovecot.imap_port}", f"port: {cyrus.imap_port}"))
    assert desk.espomail.json("mailbox", "folders", "support") == [
        {"folder": "INBOX", "read": True, "special_use": None, "holds_mail": True},
        {"folder": "INBOX.Gesendet", "read": False, "special_use": "sent", "holds_mail": True},
        {"folder": "INBOX.Rechnungen über 100", "read": False, "special_use": None, "holds_mail": True},
        {
            "folder": "INBOX.Rechnungen über 100.& offen",
            "read": False,
            "special_use": None,
            "holds_mail": True,
        },
    ]


def test_folders_of_a_server_that_cannot_be_had_end_as_the_servers_answer(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.configure((f"password: {Dovecot.password}", "password: wrong"))
    assert desk.espomail.run("mailbox", "folders", "support").exit_code == 77
    desk.configure((f"port: {desk.mailboxes.imap_port}", f"port: {free_port()}"))
    assert desk.espomail.run("mailbox", "folders", "support").exit_code == 69
    assert desk.espomail.run("mailbox", "folders", "sales").exit_code == 66


# --- mailbox status and reset


def test_status_tells_how_a_mailbox_has_fared_without_asking_its_server(desk_anywhere: Desk):
    desk = desk_anywhere
    (before,) = desk.espomail.json("mailbox", "status")
    assert (before["ok"], before["last_success_at"]) == (None, None)
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch")
    (good,) = desk.espomail.json("mailbox", "status")
    assert (good["ok"], good["failing_since"], good["error"], good["tries"]) == (True, None, None, 0)
    ((position),) = good["positions"]
    assert (position["folder"], position["last_uid"]) == ("INBOX", 1)
    desk.configure((f"port: {desk.mailboxes.imap_port}", f"port: {free_port()}"))
    assert desk.espomail.run("fetch", "support").exit_code == 1
    (bad,) = desk.espomail.json("mailbox", "status")
    assert (bad["ok"], bad["tries"]) == (False, 1)
    assert bad["last_success_at"] == good["last_success_at"] <= bad["failing_since"]
    assert "refused" in bad["error"]


def test_each_run_that_reads_a_mailbox_is_remembered_as_its_last_success(desk: Desk):
    desk.espomail.ok("fetch")
    (first,) = desk.espomail.json("mailbox", "status")
    later = time.time() + 5
    while time.time() < later:  # a second has to pass; the wait ends with the condition
        desk.espomail.ok("fetch")
        (next_one,) = desk.espomail.json("mailbox", "status")
        if next_one["last_success_at"] > first["last_success_at"]:
            return
    pytest.fail("the last success stays that of the first run")


def test_mail_is_found_again_after_a_reset_and_taken_in_once(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch")
    reset = ("mailbox", "reset", "support", "--yes")
    assert desk.espomail.json(*reset) == {"mailbox": "support", "folders": ["INBOX"]}
    assert desk.espomail.json("mailbox", "status")[0]["positions"][0]["uidvalidity"] is None
    assert desk.espomail.run(*reset, "--folder", "Other").exit_code == 66
    desk.espomail.ok("fetch")
    assert desk.espomail.json("mailbox", "status")[0]["positions"][0]["last_uid"] == 1
    assert len(desk.espomail.json("case", "list")) == 1
    assert desk.espomail.ok(*reset, "--folder", "INBOX") == ""


def test_mail_that_a_wrong_filter_skipped_comes_in_after_a_reset(desk: Desk):
    desk.configure(("mailboxes:\n", 'filters: [{name: wrong, subject: "*", action: skip}]\nmailboxes:\n'))
    desk.writes(desk.customer("carl"), "Question")
    desk.espomail.ok("fetch")
    assert desk.espomail.json("case", "list") == []
    desk.configure()
    desk.espomail.ok("mailbox", "reset", "support", "--yes")
    desk.espomail.ok("fetch")
    assert [case["name"] for case in desk.espomail.json("case", "list")] == ["Question"]


def test_reset_waits_for_no_run_that_would_undo_it(desk: Desk):
    desk.espomail.ok("fetch")
    with (desk.espomail.folder / "espomail.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert desk.espomail.run("mailbox", "reset", "support", "--yes").exit_code == 75
    assert desk.espomail.json("mailbox", "status")[0]["positions"][0]["uidvalidity"] is not None


# --- doctor


def diagnosed(desk: Desk) -> tuple[int, dict[tuple[str | None, str], dict[str, Any]]]:
    ended = desk.espomail.run("doctor", "--json")
    assert ended.stderr == "", ended
    return ended.exit_code, {(one["mailbox"], one["what"]): one for one in json.loads(ended.stdout)}


def test_doctor_finds_a_working_installation_well(desk_anywhere: Desk):
    desk = desk_anywhere
    desk.espomail.ok("fetch")
    code, findings = diagnosed(desk)
    assert code == 0
    assert {one["level"] for one in findings.values()} == {"ok"}
    assert {what for mailbox, what in findings if mailbox is None} == {
        *("configuration", "database", "cron", "disk", "lock"),
    }
    assert {what for mailbox, what in findings if mailbox == "support"} == {*OF_IMAP, *OF_SMTP}


def test_doctor_says_that_cron_has_not_run_yet(desk: Desk):
    code, findings = diagnosed(desk)
    assert (code, findings[None, "cron"]["level"]) == (0, "warning")
    assert "* * * * * espomail fetch" in findings[None, "cron"]["advice"]


def test_doctor_looks_after_all_mailboxes_though_one_fails(desk: Desk):
    more = (
        "\n  dead:\n    kind: group\n    address: dead@example.com\n    imap: {host: 127.0.0.1, "
        f"port: {free_port()}, security: none, password: x, fetch_since: 2026-01-01}}\n"
    )
    name = "auto_reply: {template: case-received, from_name: Example Support}"
    desk.configure((name, name + more))
    code, findings = diagnosed(desk)
    assert code == 1
    assert findings["dead", "IMAP server"]["level"] == "error"
    assert findings["support", "SMTP empty sender"]["level"] == "ok"
