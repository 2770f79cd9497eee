"""`espomail mailbox` and `doctor`: who sees what. Their servers do not answer here."""

import io

import pytest

from espomail.store.changes import change, put
from espomail.store.models import FolderPosition, Journal, database
from tests.cli.conftest import OfficeWith, Program
from tests.office import NOW, Office, mail

PERSONAL = """
  anna:
    kind: personal
    user: anna
    imap: {host: 127.0.0.1, port: 1, security: none, password: very-secret, fetch_since: 2026-01-01}
"""


@pytest.fixture
def office_of_two(office_with: OfficeWith) -> Office:
    """An office with a group's mailbox and anna's own."""
    last = "    auto_reply: {template: case-received, from_name: Example Support}\n"
    return office_with(last, last.rstrip("\n") + PERSONAL)


def test_list_has_the_mailboxes_in_the_order_of_the_configuration(
    office_of_two: Office, espomail: Program
) -> None:
    support, anna = espomail("mailbox", "list", "--json").json
    assert support == {
        "key": "support",
        "kind": "group",
        "address": "support@example.com",
        "user": None,
        "teams": ["support"],
        "enabled": True,
        "folders": ["INBOX"],
        "after_import": "keep",
        "creates_cases": True,
        "sends": True,
    }
    assert (anna["key"], anna["kind"], anna["address"], anna["user"], anna["sends"]) == (
        *("anna", "personal", "anna@example.com", "anna", False),
    )


@pytest.mark.parametrize(
    ("user", "seen"), [("anna", ["support", "anna"]), ("boris", ["support"]), ("clara", [])]
)
def test_users_see_the_mailboxes_of_their_teams_and_their_own(
    office_of_two: Office, espomail: Program, user: str, seen: list[str]
) -> None:
    assert [line["key"] for line in espomail("mailbox", "list", "--json", user=user).json] == seen
    assert [line["mailbox"] for line in espomail("mailbox", "status", "--json", user=user).json] == seen


def test_status_tells_of_the_mailboxes_that_are_named(office_of_two: Office, espomail: Program) -> None:
    assert [line["mailbox"] for line in espomail("mailbox", "status", "anna", "--json").json] == ["anna"]
    said = espomail("mailbox", "status", "anna", user="boris")
    assert (said.code, said.err) == (66, 'espomail: error: there is no mailbox "anna"; there are: support\n')


@pytest.mark.parametrize(
    "words",
    [
        ("mailbox", "show", "anna"),
        ("mailbox", "folders", "anna"),
        ("mailbox", "test", "anna"),
        ("mailbox", "reset", "anna"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_servers_and_settings_are_for_administrators(
    office_of_two: Office, espomail: Program, words: tuple[str, ...]
) -> None:
    said = espomail(*words, "--json", user="anna")
    assert (said.code, said.out, said.error["code"]) == (77, "", 77)


@pytest.mark.parametrize("verb", ["show", "status", "folders", "test", "reset --yes"])
def test_mailbox_that_is_not_there_is_told(office: Office, espomail: Program, verb: str) -> None:
    said = espomail("mailbox", *verb.split(), "sales")
    assert (said.code, said.err) == (66, 'espomail: error: there is no mailbox "sales"; there are: support\n')


@pytest.mark.parametrize("form", ["json", "table", "tsv"])
def test_show_masks_passwords(office_of_two: Office, espomail: Program, form: str) -> None:
    said = espomail("mailbox", "show", "anna", "--format", form)
    assert said.code == 0
    assert "very-secret" not in said.out
    assert "********" in said.out


def test_status_counts_what_waits_and_what_is_set_aside(office: Office, espomail: Program) -> None:
    office.receive(mail("One"), mail("Two"), mail("Three"))
    Journal.update(outcome="quarantined").where(Journal.uid == 1).execute()
    Journal.update(outcome="new").where(Journal.uid == 2).execute()
    (line,) = espomail("mailbox", "status", "--json").json
    assert (line["waiting"], line["quarantined"]) == (1, 1)
    assert line["positions"] == [
        {"folder": "INBOX", "uidvalidity": 7, "last_uid": 3, "last_date": None, "special_use": None}
    ]
    assert espomail("mailbox", "status", "--fields", "mailbox,positions").rows == [["support", "INBOX:3"]]


def test_reset_of_one_folder_leaves_the_others(office: Office, espomail: Program) -> None:
    office.write(
        tuple(
            put(FolderPosition, mailbox="support", folder=folder, uidvalidity=7, last_uid=3, last_date=NOW)
            for folder in ("INBOX", "Old")
        )
    )
    said = espomail("mailbox", "reset", "support", "--folder", "Old", "--yes")
    assert (said.code, said.out, said.err) == (0, "", "")
    (line,) = espomail("mailbox", "status", "--json").json
    assert [(one["folder"], one["last_uid"]) for one in line["positions"]] == [("INBOX", 3)]


def test_reset_knows_the_inbox_in_whatever_letters(office: Office, espomail: Program) -> None:
    office.receive(mail())
    words = ("mailbox", "reset", "support", "--yes")
    assert espomail(*words, "--folder", "inbox", "--json").json["folders"] == ["INBOX"]
    said = espomail(*words, "--folder", "nope")
    told = 'espomail: error: mailbox support reads no folder "nope"; it reads: INBOX\n'
    assert (said.code, said.err) == (66, told)


def test_reset_forgets_what_was_skipped_there_and_keeps_what_was_dropped(
    office: Office, espomail: Program
) -> None:
    office.receive(mail("One"), mail("Two"), mail("Three"))
    office.receive(mail("Four"), folder="Drafts")
    for number, because in (
        (1, "filter f skips it"),
        (2, "dropped by hand"),
        (4, "folder Drafts holds drafts"),
    ):
        office.write((change(Journal, number, outcome="skipped", because=because, email=None),))
    assert espomail("mailbox", "reset", "support", "--folder", "INBOX", "--yes").code == 0
    assert office.rows(Journal, "id") == [2, 3, 4]
    assert espomail("mailbox", "reset", "support", "--yes").code == 0
    assert office.rows(Journal, "id") == [2, 3]


def test_reset_is_not_done_unasked_where_nobody_can_answer(office: Office, espomail: Program) -> None:
    office.receive(mail("One"))
    said = espomail("mailbox", "reset", "support")
    told = "espomail: error: say --yes: there is no terminal to ask at\n"
    assert (said.code, said.err) == (2, told)
    assert FolderPosition.select().count() == 1


def test_reset_asks_on_a_terminal(office: Office, on_terminal: Program) -> None:
    office.receive(mail("One"))
    said = on_terminal("mailbox", "reset", "support", typed="n\n")
    assert said.code == 130
    assert "Read mailbox support again from 2026-01-01 on?" in said.err
    assert FolderPosition.select().count() == 1
    said = on_terminal("mailbox", "reset", "support", "--yes")
    assert (said.code, said.out) == (0, "forgotten: INBOX\n")
    assert FolderPosition.select().count() == 0


@pytest.fixture
def doctor_of(office_with: OfficeWith, espomail: Program) -> Office:
    """An office whose servers refuse every connection, which is soon over."""
    return office_with(
        "imap: {host: imap.example.com, username: support, password: x, fetch_since: 2026-01-01}\n"
        "    smtp: {host: smtp.example.com}",
        "imap: {host: 127.0.0.1, port: 1, security: none, username: support, password: x, "
        "fetch_since: 2026-01-01}\n    smtp: {host: 127.0.0.1, port: 1, security: none}",
    )


def test_doctor_tells_of_mail_that_is_set_aside(doctor_of: Office, espomail: Program) -> None:
    doctor_of.receive(mail("One"))
    Journal.update(outcome="quarantined").execute()
    said = espomail("doctor", "--format", "table")
    assert said.code == 1
    assert "warning  quarantine: 1 messages are set aside\n         -> look: espomail" in said.out
    assert "error    support: IMAP server: 127.0.0.1:1: cannot be reached" in said.out


def test_doctor_tells_of_a_database_of_a_newer_version_and_looks_on(
    doctor_of: Office, espomail: Program
) -> None:
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    findings = {(one["mailbox"], one["what"]): one for one in espomail("doctor", "--json").json}
    assert findings[None, "database"]["level"] == "error"
    assert "newer espomail (9999_later)" in findings[None, "database"]["said"]
    assert findings[None, "database"]["advice"] == "install that one"
    assert ("support", "SMTP server") in findings


@pytest.mark.parametrize(
    "words", [("fetch",), ("reconcile",), ("ingest", "--mailbox"), ("import", ".", "--mailbox")], ids=" ".join
)
def test_who_names_an_unknown_mailbox_is_told_those_that_there_are(
    office: Office, espomail: Program, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(mail())))
    said = espomail(*words, "suport")
    there = ", ".join(office.config.mailboxes)
    told = f'espomail: error: there is no mailbox "suport"; there are: {there}\n'
    assert (said.code, said.err) == (66, told)
