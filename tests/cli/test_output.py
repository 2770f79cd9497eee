"""What commands print, in each form."""

import csv
import io
import json

import pytest

from espomail.cli.table import width_of
from espomail.store.changes import change
from espomail.store.models import Case
from tests.cli.conftest import Program
from tests.office import Office, mail

HOSTILE_SUBJECT = "=?utf-8?q?=3Dcmd=1B[31m_tab=09_=E2=80=AEevil?="


@pytest.fixture
def three_cases(office: Office) -> Office:
    office.receive(mail("First"), mail(HOSTILE_SUBJECT), mail("Grüße 你好"))
    return office


def test_a_pipe_gets_tsv_without_a_header(three_cases: Office, espomail: Program) -> None:
    said = espomail("case", "list", "--fields", "number,name,teams,account,created_at")
    assert said.rows[0] == ["3", "Grüße 你好", "support", "", "2026-11-24T10:00:00Z"]
    assert len(said.rows) == 3


def test_tsv_has_every_field_in_the_order_of_the_contract(three_cases: Office, espomail: Program) -> None:
    row = espomail("case", "list").rows[2]
    assert row == [
        *("1", "First", "Assigned", "Normal", "anna", "support", "", "", "", "support"),
        *("2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2", "2026-11-24T10:00:00Z"),
    ]


def test_tsv_escapes_tab_newline_return_and_backslash(office: Office, espomail: Program) -> None:
    office.account("back\\slash and\ttab\r\n")
    assert espomail("account", "list", "--fields", "name").out == "back\\\\slash and\\ttab\\r\\n\n"


def test_tsv_of_a_case_names_its_emails(three_cases: Office, espomail: Program) -> None:
    said = espomail("case", "show", "1", "--fields", "number,emails")
    assert said.out == "1\t2: [#1] We have received your message: First, 1: First\n"


def test_json_is_an_array_with_nulls_and_integers(three_cases: Office, espomail: Program) -> None:
    cases = espomail("case", "list", "--json").json
    assert [case["number"] for case in cases] == [3, 2, 1]
    assert cases[0]["account"] is None
    assert cases[0]["emails"] == 2
    assert cases[0]["teams"] == ["support"]
    assert cases[0]["created_at"] == "2026-11-24T10:00:00Z"


def test_json_keeps_utf_8_as_it_is(three_cases: Office, espomail: Program) -> None:
    assert "Grüße 你好" in espomail("case", "list", "--json").out


def test_an_empty_list_is_an_empty_array(office: Office, espomail: Program) -> None:
    assert espomail("case", "list", "--json").json == []
    assert espomail("case", "list").out == ""


def test_json_lines_are_one_object_each(three_cases: Office, espomail: Program) -> None:
    lines = espomail("case", "list", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [3, 2, 1]


def test_csv_has_a_header_and_runs_nothing_in_a_spreadsheet(three_cases: Office, espomail: Program) -> None:
    said = espomail("case", "list", "--format", "csv", "--fields", "number,name")
    rows = list(csv.reader(io.StringIO(said.out)))
    assert rows[0] == ["number", "name"]
    assert rows[2][1].startswith("'=cmd")


@pytest.mark.parametrize("form", ["table", "csv", "tsv", "json", "jsonl"])
def test_no_form_lets_mail_steer_a_terminal(three_cases: Office, espomail: Program, form: str) -> None:
    for words in (("case", "list"), ("case", "show", "2"), ("email", "list"), ("email", "show", "3")):
        said = espomail(*words, "--format", form)
        assert said.code == 0
        assert not {"\x1b", "\u202e"} & set(said.out)


def test_json_gives_a_program_the_very_subject(three_cases: Office, espomail: Program) -> None:
    assert "\x1b[31m" in espomail("case", "show", "2", "--json").json["name"]


def test_fields_are_chosen_in_the_order_asked_for(three_cases: Office, espomail: Program) -> None:
    said = espomail("case", "list", "--json", "--fields", "status,number")
    assert list(said.json[0]) == ["status", "number"]


def test_an_unknown_field_is_refused_with_the_one_that_was_meant(office: Office, espomail: Program) -> None:
    said = espomail("case", "list", "--fields", "numbr")
    assert said.code == 2
    assert "did you mean number?" in said.err


def test_sort_goes_both_ways(three_cases: Office, espomail: Program) -> None:
    up = espomail("case", "list", "--sort", "number", "--fields", "number").out.split()
    assert up == ["1", "2", "3"]
    assert espomail("case", "list", "--sort", "-number", "--fields", "number").out.split() == up[::-1]


@pytest.mark.parametrize("noun", ["case", "email", "account", "contact", "lead", "notification", "outbox"])
def test_every_list_can_be_sorted_by_each_field_that_it_says(
    office: Office, espomail: Program, noun: str
) -> None:
    office.receive(mail())
    refused = espomail(noun, "list", "--sort", "nonsense")
    assert refused.code == 2
    for field in refused.err.partition("sorted by: ")[2].split(", "):
        assert espomail(noun, "list", "--sort", f"-{field.strip()}").code == 0


def test_priorities_and_statuses_sort_by_their_weight(three_cases: Office, espomail: Program) -> None:
    three_cases.write((change(Case, 1, priority="Urgent"), change(Case, 2, priority="Low")))
    order = espomail("case", "list", "--sort", "-priority", "--fields", "priority").out.split()
    assert order == ["Urgent", "Normal", "Low"]


def test_limit_cuts_a_list(three_cases: Office, espomail: Program) -> None:
    assert espomail("case", "list", "--limit", "2", "--fields", "number").out.split() == ["3", "2"]


def test_limit_may_be_any_number(three_cases: Office, espomail: Program) -> None:
    said = espomail("case", "list", "--limit", "9" * 30, "--fields", "number")
    assert (said.code, said.out.split()) == (0, ["3", "2", "1"])


def test_a_list_longer_than_one_portion_comes_whole(office: Office, espomail: Program) -> None:
    for number in range(900):
        office.account(f"Customer {number}")
    ids = espomail("account", "list", "--fields", "id").out.split()
    assert ids == [str(number) for number in range(900, 0, -1)]


def test_a_terminal_gets_a_table_in_local_time(three_cases: Office, on_terminal: Program) -> None:
    said = on_terminal("case", "list", environ={"NO_COLOR": "1"}, columns=120)
    head, *lines = said.out.splitlines()
    assert head.split() == [
        *("number", "name", "status", "priority", "assigned_user", "account", "last_email_at")
    ]
    assert lines[0].endswith("2026-11-24 11:00")


def test_a_table_never_goes_over_the_edge_of_the_terminal(three_cases: Office, on_terminal: Program) -> None:
    said = on_terminal("case", "list", environ={"NO_COLOR": "1"}, columns=80)
    assert max(width_of(line) for line in said.out.splitlines()) <= 80


@pytest.mark.parametrize("columns", [30, 40, 60])
@pytest.mark.parametrize("words", [("case", "list"), ("email", "list"), ("mailbox", "status")], ids=" ".join)
def test_on_a_narrow_terminal_the_last_columns_are_left_out(
    three_cases: Office, on_terminal: Program, words: tuple[str, ...], columns: int
) -> None:
    wide = on_terminal(*words, environ={"NO_COLOR": "1"}, columns=200).out.splitlines()[0].split()
    said = on_terminal(*words, environ={"NO_COLOR": "1"}, columns=columns)
    head, *rows = said.out.splitlines()
    assert max(width_of(line) for line in (head, *rows)) <= columns
    *shown, mark = head.split()
    assert mark == "…"
    assert len(shown) >= 2
    assert all(name.startswith(word.rstrip("…")) for word, name in zip(shown, wide, strict=False))


def test_columns_that_were_asked_for_are_made_narrow_and_not_left_out(
    three_cases: Office, on_terminal: Program
) -> None:
    fields = ("number", "name", "status", "priority", "assigned_user", "mailbox")
    said = on_terminal("case", "list", "--fields", ",".join(fields), environ={"NO_COLOR": "1"}, columns=40)
    head, *rows = said.out.splitlines()
    assert max(width_of(line) for line in (head, *rows)) <= 40
    shown = [word.rstrip("…") for word in head.split()]
    assert all(name.startswith(word) for word, name in zip(shown, fields, strict=True))


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(
    three_cases: Office, on_terminal: Program, environ: dict[str, str]
) -> None:
    assert "\x1b" not in on_terminal("case", "list", environ=environ).out


def test_a_terminal_shows_fifty_and_says_how_many_more(office: Office, on_terminal: Program) -> None:
    for number in range(60):
        office.account(f"Customer {number}")
    said = on_terminal("account", "list")
    assert len(said.out.splitlines()) == 51
    assert said.err == "10 more; --limit shows them\n"
    assert on_terminal("-q", "account", "list").err == ""


def test_one_thing_on_a_terminal_is_a_page_with_its_lists(three_cases: Office, on_terminal: Program) -> None:
    said = on_terminal("case", "show", "1", environ={"NO_COLOR": "1"})
    assert "assigned_user  anna\n" in said.out
    assert "\nstream\ncreated_at" in said.out
    assert "\ndescription\nHello, it does not work.\n" in said.out


def test_format_may_stand_before_the_command(three_cases: Office, espomail: Program) -> None:
    assert espomail("--json", "case", "list").json == espomail("case", "list", "--json").json
    assert espomail("--format", "csv", "case", "list").out.startswith("number,")
