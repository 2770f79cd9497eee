"""What the checks of a mailbox's servers say to answers that no sound server gives."""

import socket
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from espomail.config.load import load
from espomail.config.schema import AutoReply, Config, Imap, Mailbox, Smtp
from espomail.operations import doctor, server_checks
from espomail.operations.doctor import check_installation
from espomail.operations.findings import Finding
from espomail.operations.mailbox_checks import check_mailbox
from espomail.store.connection import close_database
from espomail.store.models import MailboxState
from tests.office import NOW, Office
from tests.servers.ports import HOST
from tests.servers.scripted_imap import DROP, ScriptedImap
from tests.servers.scripted_smtp import ScriptedSmtp

DONE = b"{tag} OK done\r\n"


@pytest.fixture
def scripted_imap() -> Iterator[ScriptedImap]:
    with ScriptedImap() as server:
        yield server


def findings_of(mailbox: Mailbox, *others: Mailbox, **settings: object) -> dict[str, Finding]:
    """What the checks of the mailbox say, by what was looked at."""
    mailboxes = {one.key: one for one in (mailbox, *others)}
    config = Config(mailboxes=mailboxes, **settings)  # type: ignore[arg-type]
    return {one.what: one for one in check_mailbox(config, mailbox, now=NOW).findings}


def of_imap(server: ScriptedImap, **settings: object) -> dict[str, Finding]:
    """What the checks say of this IMAP server, by what was looked at."""
    imap = Imap(
        port=server.port,
        username="m",
        password="secret",
        fetch_since=date(2026, 1, 1),
        place="mailboxes.m.imap",
        **{"host": HOST, "security": "none", **settings},  # type: ignore[arg-type]
    )
    mailbox = Mailbox(key="m", kind="group", address="m@example.com", imap=imap)
    return findings_of(mailbox)


def of_smtp(
    scripted_imap: ScriptedImap, server: ScriptedSmtp, auto_reply: AutoReply | None, **settings: str
) -> dict[str, Finding]:
    """What the checks say of this SMTP server, by what was looked at."""
    imap = Imap(host=HOST, port=scripted_imap.port, security="none", password="x", fetch_since=NOW.date())
    smtp = Smtp(host=HOST, port=server.port, security="none", place="mailboxes.m.smtp", **settings)
    mailbox = Mailbox(
        key="m", kind="group", address="m@example.com", imap=imap, smtp=smtp, auto_reply=auto_reply
    )
    return findings_of(mailbox)


@pytest.mark.parametrize(
    ("stage", "answer", "what", "advice"),
    [
        ("GREETING", DROP, "IMAP server", "check mailboxes.m.imap.host"),
        ("LOGIN", b"{tag} NO [UNAVAILABLE] later\r\n", "IMAP login", "try again later"),
        ("LOGIN", b"{tag} NO [AUTHENTICATIONFAILED] no\r\n", "IMAP login", "app password"),
        ("LIST", b'* LIST (\\Noselect) "/" "INBOX"\r\n' + DONE, "IMAP folder INBOX", "correct mailboxes.m"),
        ("LIST", DONE, "IMAP folder INBOX", "there are: none"),
        ("EXAMINE", b"{tag} NO not yours\r\n", "IMAP folder INBOX", "may read the folder"),
        ("EXAMINE", b"* 0 EXISTS\r\n" + DONE, "IMAP folder INBOX", "read another folder"),
    ],
)
def test_trouble_of_an_imap_server_is_an_error_with_advice(
    scripted_imap: ScriptedImap, stage: str, answer: bytes, what: str, advice: str
) -> None:
    scripted_imap.answers(stage, answer)
    found = of_imap(scripted_imap)[what]
    assert found.level == "error"
    assert advice in (found.advice or "")


def test_server_that_takes_no_password_in_clear_text_is_told_with_the_setting(
    scripted_imap: ScriptedImap,
) -> None:
    scripted_imap.answers("GREETING", b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n")
    found = of_imap(scripted_imap)["IMAP login"]
    assert (found.level, found.advice) == ("error", "set security: starttls, or tls")


def test_server_without_starttls_is_told_with_the_setting(scripted_imap: ScriptedImap) -> None:
    found = of_imap(scripted_imap, security="starttls")["IMAP TLS"]
    assert (found.level, found.advice) == ("error", "try security: tls")


AUTO_REPLY = AutoReply(template="case-received")
OWN_SENDER = AutoReply(template="case-received", envelope_sender="b@example.com")


@pytest.mark.parametrize(
    ("auto_reply", "replies", "what", "level"),
    [
        (AUTO_REPLY, ["450 later"], "SMTP empty sender", "warning"),
        (None, ["550 no"], "SMTP empty sender", "warning"),
        (OWN_SENDER, ["550 no", "250 ok"], "SMTP empty sender", "ok"),
        (OWN_SENDER, ["250 ok", "553 not yours"], "SMTP envelope sender", "error"),
    ],
)
def test_answer_to_a_sender_counts_as_far_as_it_is_needed(
    scripted_imap: ScriptedImap,
    scripted_smtp: ScriptedSmtp,
    auto_reply: AutoReply | None,
    replies: list[str],
    what: str,
    level: str,
) -> None:
    scripted_smtp.answers("MAIL", *replies)
    assert of_smtp(scripted_imap, scripted_smtp, auto_reply)[what].level == level


@pytest.mark.parametrize(("auto_reply", "level"), [(AUTO_REPLY, "error"), (OWN_SENDER, "ok"), (None, None)])
def test_senders_of_auto_replies_are_tried_by_the_server_that_is_borrowed(
    scripted_imap: ScriptedImap, scripted_smtp: ScriptedSmtp, auto_reply: AutoReply | None, level: str | None
) -> None:
    scripted_smtp.answers("MAIL", "550 no", "250 ok")
    imap = Imap(host=HOST, port=scripted_imap.port, security="none", password="x", fetch_since=NOW.date())
    smtp = Smtp(host=HOST, port=scripted_smtp.port, security="none", place="mailboxes.s.smtp", shared=True)
    lender = Mailbox(key="s", kind="group", address="s@example.com", imap=imap, smtp=smtp)
    borrower = Mailbox(key="m", kind="group", address="m@example.com", imap=imap, auto_reply=auto_reply)
    tried = findings_of(borrower, lender, system_mailbox="s").get("SMTP empty sender")
    assert (tried and tried.level) == level
    if level == "error":
        assert "set mailboxes.m.auto_reply.envelope_sender: " in (tried.advice or "")


def test_smtp_server_that_turns_everybody_away_is_told_in_its_own_words(
    scripted_imap: ScriptedImap, scripted_smtp: ScriptedSmtp
) -> None:
    scripted_smtp.answers("GREETING", "554 5.7.1 go away")
    found = of_smtp(scripted_imap, scripted_smtp, None)["SMTP server"]
    assert (found.level, found.said) == (
        "error",
        f"{HOST}:{scripted_smtp.port}: the server said: 554 5.7.1 go away",
    )


def test_name_server_that_does_not_answer_is_told(
    scripted_imap: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: threading.Event().wait())
    monkeypatch.setattr(server_checks, "SILENCE_S", 0.1)
    found = of_imap(scripted_imap, host="localhost")["IMAP name"]
    assert (found.level, found.said) == ("error", "localhost is not known: no name server answers in time")


def test_smtp_login_is_refused_or_its_secret_missing(
    scripted_imap: ScriptedImap, scripted_smtp: ScriptedSmtp
) -> None:
    scripted_smtp.answers("AUTH", "535 5.7.8 wrong", "535 5.7.8 wrong")
    refused = of_smtp(scripted_imap, scripted_smtp, None, username="me", password="secret")
    assert refused["SMTP login"].level == "error"
    assert "mailboxes.m.smtp.username and password" in (refused["SMTP login"].advice or "")
    missing = of_smtp(scripted_imap, scripted_smtp, None, username="me")
    assert missing["SMTP secret"].level == "error"


# --- the installation


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    yield Office(tmp_path / "office")
    close_database()


def of_installation(office: Office, now: datetime = NOW) -> dict[str, Finding]:
    return {one.what: one for one in check_installation(load(office.path), now).findings}


def test_mailboxes_that_nobody_reads_any_more_are_a_warning_about_cron(office: Office) -> None:
    MailboxState.create(mailbox="support", tried_at=NOW - timedelta(minutes=3))
    assert of_installation(office)["cron"].level == "ok"
    found = of_installation(office, NOW + timedelta(hours=1))["cron"]
    assert (found.level, found.said) == ("warning", "the last mailbox was read 63 minutes ago")


def test_runs_whose_logins_are_all_refused_are_runs_of_cron(office: Office) -> None:
    tried_at, next_try_at = NOW - timedelta(minutes=30), NOW + timedelta(minutes=30)
    MailboxState.create(mailbox="support", tried_at=tried_at, next_try_at=next_try_at, error="login refused")
    assert of_installation(office)["cron"].level == "ok"
    assert of_installation(office, NOW + timedelta(hours=1))["cron"].level == "warning"


def test_database_that_every_login_can_read_is_a_warning(office: Office) -> None:
    file = office.config.database_file
    file.chmod(0o640)
    assert of_installation(office)["database"].level == "ok"
    file.chmod(0o644)
    found = of_installation(office)["database"]
    assert (found.level, found.advice) == ("warning", f"type: chmod 600 {file}")


def test_little_room_on_the_disk_is_a_warning(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE_ROOM_BYTES", 2**62)
    assert of_installation(office)["disk"].level == "warning"


def test_lock_that_cannot_be_taken_and_a_damaged_database_are_errors(office: Office) -> None:
    close_database()
    office.config.database_file.write_bytes(b"no database" * 100)
    (office.folder / "espomail.db.lock").mkdir()
    found = of_installation(office)
    assert (found["database"].level, found["lock"].level) == ("error", "error")
    assert found["lock"].advice == "name a file in it"


def test_oddity_of_the_configuration_is_a_warning(office: Office) -> None:
    office.path.write_text(office.path.read_text().replace("sales: {}", "sales: {}, empty: {}"))
    assert of_installation(office)["configuration"].level == "warning"
