"""`espomail fetch` and `outbox flush`, as cron and people call them. Their servers do not answer here."""

import fcntl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import OfficeWith, Program
from tests.office import Office, mail


@pytest.fixture
def unreachable(office_with: OfficeWith) -> Office:
    """An office whose servers refuse every connection."""
    return office_with(
        "imap: {host: imap.example.com, username: support, password: x, fetch_since: 2026-01-01}\n"
        "    smtp: {host: smtp.example.com}",
        "imap: {host: 127.0.0.1, port: 1, security: none, username: support, password: x, "
        "fetch_since: 2026-01-01}\n    smtp: {host: 127.0.0.1, port: 1, security: none}",
    )


def test_a_server_that_refuses_is_told_once_on_stderr_and_in_the_exit_code(
    unreachable: Office, espomail: Program
) -> None:
    said = espomail("fetch")
    assert said.code == 1
    assert said.out == ""
    assert "support" in said.err


def test_the_summary_has_the_fields_of_the_contract(unreachable: Office, espomail: Program) -> None:
    run = espomail("fetch", "--json").json
    assert list(run) == ["mailboxes", "outbox", "seconds"]
    (mailbox,) = run["mailboxes"]
    assert list(mailbox) == [
        *("mailbox", "ok", "error", "fetched", "imported", "duplicates", "skipped", "own", "quarantined"),
        *("retrying", "cases_created", "cases_updated", "auto_replies", "remaining", "next_try_at"),
    ]
    assert (mailbox["mailbox"], mailbox["ok"]) == ("support", False)
    assert run["outbox"] == {"sent": 0, "failed": 0, "waiting": 0, "in_doubt": 0}


def test_other_formats_have_one_line_for_each_mailbox(unreachable: Office, espomail: Program) -> None:
    head, line = espomail("fetch", "--format", "csv").out.splitlines()
    assert head.startswith("mailbox,ok,error,fetched,")
    assert line.startswith("support,false,")


def test_a_person_sees_a_table(unreachable: Office, on_terminal: Program) -> None:
    said = on_terminal("fetch", environ={"NO_COLOR": "1"})
    assert said.out.splitlines()[0].split()[:4] == ["mailbox", "ok", "fetched", "imported"]
    assert said.out.splitlines()[-1] == "outbox: 0 sent, 0 failed, 0 waiting"


@pytest.mark.parametrize(
    ("options", "code"),
    [(("nobody",), 66), (("--budget", "soon"), 2), (("--limit", "0"), 2), (("--dry-run", "nobody"), 66)],
)
def test_a_run_that_makes_no_sense_is_refused(
    unreachable: Office, espomail: Program, options: tuple[str, ...], code: int
) -> None:
    assert espomail("fetch", *options).code == code


def test_a_second_run_leaves_the_first_alone(unreachable: Office, espomail: Program) -> None:
    file = unreachable.config.database_file
    with Path(f"{file}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = espomail("fetch")
        assert (said.code, said.out, said.err) == (0, "", "")
        assert espomail("fetch", "--fail-if-locked").code == 75
        assert espomail("outbox", "flush").code == 75


def test_flush_tells_what_still_waits(unreachable: Office, espomail: Program) -> None:
    unreachable.now = datetime.now(UTC)  # what has waited for days is given up
    unreachable.receive(mail())
    said = espomail("outbox", "flush", "--json")
    assert said.code == 1
    assert said.json == {"sent": 0, "failed": 0, "waiting": 1, "in_doubt": 0}
    assert "support" in said.err
    quiet = espomail("outbox", "flush")
    assert quiet.out == ""
