"""Upgrading and checking the database from the command line."""

import json
import sqlite3

import pytest

from espomail.cli.main import main
from espomail.store import connection
from tests.office import Office, mail


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path / "office")
    office.receive(mail())
    connection.close_database()
    return office


def call(office: Office, capsys, *words: str) -> tuple[int, str, str]:
    code = main(["--config", str(office.path), *words])
    return code, *capsys.readouterr()


def test_database_that_is_up_to_date_stays_as_it_is(office, capsys):
    assert call(office, capsys, "db", "upgrade") == (0, "", "")
    code, out, _ = call(office, capsys, "db", "upgrade", "--json")
    assert (code, json.loads(out)) == (0, {"applied": []})


def test_older_database_is_upgraded_and_other_commands_ask_for_it(office, capsys, add_migration):
    add_migration()
    code, _, said = call(office, capsys, "case", "list")
    assert (code, "espomail db upgrade" in said) == (75, True)
    code, out, _ = call(office, capsys, "db", "upgrade", "--json")
    assert (code, json.loads(out)) == (0, {"applied": ["0900_more"]})
    assert call(office, capsys, "case", "list")[0] == 0


def test_whole_database_is_whole(office, capsys):
    code, out, _ = call(office, capsys, "db", "check", "--json")
    assert (code, json.loads(out)) == (0, {"faults": []})


@pytest.mark.parametrize("at", [0, 100], ids=["its first bytes", "its tables"])
def test_database_that_is_damaged_is_told_with_what_to_do(office, capsys, at):
    with office.config.database_file.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 3_000)
    code, _, said = call(office, capsys, "fetch")
    assert code == 78
    assert "damaged; put a backup in its place" in said
    code, out, _ = call(office, capsys, "doctor", "--json")
    (finding,) = (one for one in json.loads(out) if one["what"] == "database")
    assert (code, finding["level"]) == (1, "error")
    assert finding["said"].endswith("damaged")
    assert finding["advice"].startswith("put a backup in its place")


def test_row_that_points_at_nothing_is_found(office, capsys):
    other = sqlite3.connect(office.config.database_file)
    other.execute("INSERT INTO email_team (email_id, team) VALUES (4711, 'support')")
    other.commit()
    other.close()
    code, _, said = call(office, capsys, "db", "check")
    assert code == 1
    assert "of email_team points at nothing in email" in said
