"""`espomail notification`, `outbox`, `quarantine`: what waits for somebody."""

import pytest

from espomail.intake import journal
from espomail.intake.messages import Position, RawMessage
from espomail.store import models
from espomail.store.changes import change
from espomail.store.models import Journal, Outbox
from tests.cli.conftest import Program
from tests.office import NOW, Office, mail


def test_notifications_are_ones_own_and_the_system_sees_everybodys(office: Office, espomail: Program) -> None:
    office.receive(mail("Printer"), mail("Pump"))
    assert [line["user"] for line in espomail("notification", "list", "--json").json] == ["boris", "anna"]
    (own,) = espomail("notification", "list", "--json", user="anna").json
    assert list(own) == [
        *("id", "user", "type", "created_at", "read", "email", "case", "parent", "by", "text"),
    ]
    assert (own["user"], own["type"], own["read"], own["email"], own["case"]) == (
        "anna",
        "assign",
        False,
        1,
        1,
    )
    assert own["parent"] == {"type": "case", "id": 1, "name": "Printer"}
    assert espomail("notification", "list", user="clara").out == ""


# --- outbox


@pytest.fixture
def outbox(office: Office) -> Office:
    """Five answers: 1 waits, 2 was sent, 3 was refused for good, 4 is in doubt, 5 was cancelled."""
    office.receive(*(mail(f"Question {number}") for number in range(1, 6)))
    states = {2: "sent", 3: "failed", 4: "in-doubt", 5: "cancelled"}
    office.write(
        change(Outbox, number, state=state, tries=3, error="550") for number, state in states.items()
    )
    return office


def states(espomail: Program) -> dict[int, str]:
    return {line["id"]: line["state"] for line in espomail("outbox", "list", "--all", "--json").json}


def test_the_outbox_lists_what_is_not_over(outbox: Office, espomail: Program) -> None:
    lines = espomail("outbox", "list", "--json").json
    assert [line["id"] for line in lines] == [4, 3, 1]
    assert lines[-1] == {
        "id": 1,
        "state": "waiting",
        "to": ["carl@customer.example"],
        "subject": "[#1] We have received your message: Question 1",
        "kind": "auto-reply",
        "tries": 0,
        "next_try_at": "2026-11-24T10:00:00Z",
        "error": None,
        "email": 2,
        "case": 1,
    }
    assert len(espomail("outbox", "list", "--all").rows) == 5


def test_the_outbox_shows_users_what_they_may_read(outbox: Office, espomail: Program) -> None:
    assert len(espomail("outbox", "list", user="anna").rows) == 3
    assert espomail("outbox", "list", user="clara").out == ""


def test_retry_makes_a_refused_message_due_again(outbox: Office, espomail: Program) -> None:
    said = espomail("outbox", "retry", "3", "4")
    assert (said.code, said.out, said.err) == (0, "", "")
    assert [states(espomail)[number] for number in (3, 4)] == ["waiting", "waiting"]
    lines = {line["id"]: line for line in espomail("outbox", "list", "--json").json}
    assert (lines[3]["tries"], lines[3]["error"]) == (0, None)
    assert lines[3]["next_try_at"] > "2026-11-24T10:00:00Z"
    assert espomail("email", "show", lines[3]["email"], "--json").json["status"] == "queued"


def test_retry_of_all_leaves_what_is_in_doubt_or_over(outbox: Office, espomail: Program) -> None:
    espomail("outbox", "retry", "--all")
    assert states(espomail) == {1: "waiting", 2: "sent", 3: "waiting", 4: "in-doubt", 5: "cancelled"}


def test_what_was_sent_is_never_sent_again(outbox: Office, espomail: Program) -> None:
    said = espomail("outbox", "retry", "3", "2")
    assert said.code == 65
    assert "2" in said.err
    assert states(espomail)[3] == "failed"  # nothing of the command was done


@pytest.mark.parametrize(
    ("words", "code"), [((), 2), (("1", "--all"), 2), (("9",), 66), (("x",), 2), (("9" * 25,), 66)]
)
def test_retry_says_which(outbox: Office, espomail: Program, words: tuple[str, ...], code: int) -> None:
    assert espomail("outbox", "retry", *words).code == code


# --- quarantine


@pytest.fixture
def parked(office: Office) -> Office:
    """Two messages that the rules could not decide."""
    raws = (mail("Odd \x1b[31mmail"), mail("Odder mail"))
    journal.keep(
        "support",
        [RawMessage("INBOX", 7, uid, (), NOW, raw, len(raw)) for uid, raw in enumerate(raws, 1)],
        Position("INBOX", 7, 2),
    )
    error = "Traceback (most recent call last):\n  …\nValueError: what is this?\n"
    office.write(
        change(Journal, number, outcome="quarantined", error=error, tries=3, decided_at=NOW)
        for number in (1, 2)
    )
    return office


def test_quarantine_lists_what_was_parked_and_why(parked: Office, espomail: Program) -> None:
    lines = espomail("quarantine", "list", "--json").json
    assert lines[0] == {
        "id": 2,
        "mailbox": "support",
        "folder": "INBOX",
        "uid": 2,
        "subject": "Odder mail",
        "tries": 3,
        "error": "ValueError: what is this?",
        "since": "2026-11-24T10:00:00Z",
    }
    assert "\x1b" not in espomail("quarantine", "list").out


def test_quarantine_shows_one_with_the_whole_report(parked: Office, espomail: Program) -> None:
    shown = espomail("quarantine", "show", "2", "--json").json
    assert shown["report"].startswith("Traceback")
    assert shown["from"] == "carl@customer.example"
    assert shown["body_plain"].strip() == "Hello, it does not work."
    assert espomail("quarantine", "show", "9").code == 66


def test_retry_lets_the_next_run_decide_again(parked: Office, espomail: Program) -> None:
    assert espomail("quarantine", "retry", "1").out == ""
    assert parked_ids(espomail) == ["2"]
    espomail("quarantine", "retry", "--all")
    assert parked_ids(espomail) == []
    parked.try_again()  # what a run does with what waits
    assert [row["outcome"] for row in parked.rows(Journal)] == ["imported", "imported"]


def test_drop_gives_the_bytes_up_and_keeps_the_journals_row(parked: Office, espomail: Program) -> None:
    assert espomail("quarantine", "drop", "1").out == ""
    row = parked.rows(Journal)[0]
    assert (row["outcome"], row["because"], row["raw_message"]) == ("skipped", "dropped by hand", None)
    assert parked.rows(models.RawMessage, "id") == [2]
    assert parked_ids(espomail) == ["2"]


@pytest.mark.parametrize("verb", ["show", "retry", "drop"])
def test_quarantine_knows_no_message_of_an_impossible_id(
    parked: Office, espomail: Program, verb: str
) -> None:
    said = espomail("quarantine", verb, "9" * 25)
    assert said.code == 66
    assert f"no message in quarantine with the id {'9' * 25}" in said.err


def test_drop_asks_on_a_terminal_and_takes_silence_for_no(parked: Office, on_terminal: Program) -> None:
    said = on_terminal("quarantine", "drop", "1", typed="n\n")
    assert said.code == 130
    assert "Drop 1 messages for good?" in said.err
    assert [row["outcome"] for row in parked.rows(Journal)] == ["quarantined", "quarantined"]


@pytest.mark.parametrize(
    "words",
    [
        *(("quarantine", "list"), ("quarantine", "show", "1"), ("quarantine", "retry", "1")),
        *(("quarantine", "drop", "1"), ("outbox", "retry", "1"), ("outbox", "flush"), ("fetch",)),
    ],
    ids=" ".join,
)
def test_the_running_of_the_house_is_for_administrators(
    parked: Office, espomail: Program, words: tuple[str, ...]
) -> None:
    assert espomail(*words, user="anna").code == 77
    assert [row["outcome"] for row in parked.rows(Journal)] == ["quarantined", "quarantined"]


def parked_ids(espomail: Program) -> list[str]:
    return espomail("quarantine", "list", "--fields", "id").out.split()
