"""Opening, locking and upgrading the database."""

import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from peewee import OperationalError
from playhouse.schema_diff import diff_models

from espomail.errors import NotPermitted, TryAgainLater, WrongConfiguration
from espomail.store import connection
from espomail.store.connection import close_database, open_database, writing
from espomail.store.models import TABLES, Counter, Installation, TokenKey, database
from tests.store.conftest import NOW


def test_new_database_has_an_installation_id_and_a_key(database_file):
    assert len(Installation.get().id) == 8
    assert len(bytes(TokenKey.get().key)) == 32


def test_database_can_be_read_by_its_owner_alone(database_file):
    for file in database_file.parent.glob("espomail.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_commits_are_durable_and_foreign_keys_hold(database_file):
    pragmas = [database.pragma(name) for name in ("journal_mode", "foreign_keys", "synchronous")]
    assert pragmas == ["wal", 1, 2]


def test_migrations_give_the_schema_of_the_models(database_file):
    assert not diff_models(database.obj, TABLES)


def test_database_of_a_newer_program_is_refused(database_file):
    database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    close_database()
    with pytest.raises(WrongConfiguration, match="newer espomail"):
        open_database(f"sqlite:///{database_file}", now=NOW)


def test_old_database_is_upgraded_only_where_that_is_allowed_and_kept_as_it_was(database_file, add_migration):
    add_migration()
    close_database()
    with pytest.raises(TryAgainLater, match="espomail db upgrade"):
        open_database(f"sqlite:///{database_file}", now=NOW)
    open_database(f"sqlite:///{database_file}", now=NOW, may_upgrade=True)
    assert database.table_exists("more")
    before = sqlite3.connect(database_file.with_name("espomail.db.before-0900_more"))
    assert before.execute("SELECT count(*) FROM installation").fetchone() == (1,)
    before.close()


def test_file_that_is_no_database_is_said(tmp_path):
    file = tmp_path / "espomail.db"
    file.write_text("this is not a database, but long enough to be looked at" * 100)
    with pytest.raises(WrongConfiguration, match=r"espomail\.db"):
        open_database(f"sqlite:///{file}", now=NOW)
    close_database()


def test_database_of_another_program_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("CREATE TABLE contact (x)")
    before = file.read_bytes()
    with pytest.raises(WrongConfiguration, match=r"theirs\.db is that of another program"):
        open_database(f"sqlite:///{file}", now=NOW)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", None])
def test_empty_database_is_filled(tmp_path, content):
    file = tmp_path / "espomail.db"
    if content is None:
        with closing(sqlite3.connect(file)) as made:
            made.execute("PRAGMA journal_mode=wal")
    else:
        file.write_bytes(content)
    open_database(f"sqlite:///{file}", now=NOW)
    assert Installation.select().count() == 1
    close_database()


def test_folder_that_is_missing_is_said(tmp_path):
    with pytest.raises(WrongConfiguration, match="make it first"):
        open_database(f"sqlite:///{tmp_path}/nowhere/espomail.db", now=NOW)


def test_folder_in_the_place_of_the_database_is_said(tmp_path):
    with pytest.raises(WrongConfiguration, match="is a folder; name a file in it"):
        open_database(f"sqlite:///{tmp_path}", now=NOW)


def test_full_disk_is_told_as_what_it_is_and_leaves_nothing_half_written(database_file):
    pages = database.pragma("page_count")
    database.pragma("max_page_count", pages)
    with pytest.raises(TryAgainLater, match=r"espomail\.db: the disk is full; make room"), writing():
        Counter.create(table="small", last=1)
        Counter.create(table="x" * 100_000, last=1)
    database.pragma("max_page_count", pages + 100)
    with writing():
        Counter.create(table="later", last=1)
    assert [counter.table for counter in Counter.select()] == ["later"]


def test_database_that_cannot_be_written_is_told(database_file):
    database.pragma("query_only", 1)
    with pytest.raises(NotPermitted, match="cannot be written"), writing():
        Counter.create(table="x", last=1)


def test_wrong_sql_stays_a_fault_of_the_program(database_file):
    with pytest.raises(OperationalError, match="no such table"), writing():
        database.execute_sql("SELECT * FROM nowhere")


def test_writer_that_does_not_get_the_lock_says_to_try_again(database_file):
    other = sqlite3.connect(database_file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    database.pragma("busy_timeout", 50)
    with pytest.raises(TryAgainLater, match="in use"), writing():
        pass
    threading.Thread(target=other.rollback).start()
    database.pragma("busy_timeout", 5000)
    with writing():
        pass
    other.close()


def test_upgrade_that_is_interrupted_is_done_by_the_next_one(database_file, add_migration):
    add_migration("raise KeyboardInterrupt")
    close_database()
    with pytest.raises(KeyboardInterrupt):
        open_database(f"sqlite:///{database_file}", now=NOW, may_upgrade=True)
    close_database()
    add_migration()
    assert open_database(f"sqlite:///{database_file}", now=NOW, may_upgrade=True) == ["0900_more"]


def test_database_whose_making_was_interrupted_is_made_by_the_next_command(tmp_path, monkeypatch):
    def interrupt(_: int) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(connection.secrets, "token_hex", interrupt)
    with pytest.raises(KeyboardInterrupt):
        open_database(f"sqlite:///{tmp_path}/espomail.db", now=NOW)
    close_database()
    monkeypatch.undo()
    open_database(f"sqlite:///{tmp_path}/espomail.db", now=NOW)
    assert Installation.select().count() == 1
    close_database()


def test_database_is_made_once_by_many_programs_at_the_same_time(tmp_path):
    program = f"""
from datetime import UTC, datetime
from espomail.store import connection
from espomail.store.models import Installation
connection.open_database("sqlite:///{tmp_path}/espomail.db", now=datetime.now(UTC))
print(Installation.get().id)
"""
    several = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(6)]
    said = {process.communicate()[0] for process in several}
    assert len(said) == 1
    assert {process.returncode for process in several} == {0}


def test_database_that_another_program_makes_meanwhile_is_not_taken_for_an_old_one(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/espomail.db"
    open_database(url, now=NOW)
    close_database()
    applied = connection._applied_migrations
    answers = iter([set()])  # when it is asked first, nothing is committed yet

    def seen() -> set[str]:
        return next(answers, applied())

    monkeypatch.setattr(connection, "_applied_migrations", seen)
    open_database(url, now=NOW)
    assert Installation.select().count() == 1
    close_database()
