"""`espomail account|contact|lead`: made, listed, shown, followed by hand."""

import json
from pathlib import Path

import pytest

from espomail.store.changes import change
from espomail.store.models import Account
from tests.cli.conftest import OfficeWith, Program, Said
from tests.office import Office


def test_create_prints_the_bare_id_in_a_pipe(office: Office, espomail: Program) -> None:
    assert espomail("account", "create", "--name", "Acme Ltd").out == "1\n"
    assert espomail("account", "create", "--name", "Beta Ltd").out == "2\n"


@pytest.mark.parametrize("option", ["--name", "--phone", "--website"])
def test_control_characters_are_refused(office: Office, espomail: Program, option: str) -> None:
    said = espomail("account", "create", "--name", "Acme", option, "A\x1b[31m")
    assert (said.code, said.out) == (65, "")
    assert said.err == f"espomail: error: {option[2:]} holds a control character: U+001B\n"


def test_create_with_json_prints_the_whole_record(office: Office, espomail: Program) -> None:
    said = espomail(
        *(
            "account",
            "create",
            "--name",
            " Acme   Ltd ",
            "--phone",
            "+49 30 1",
            "--website",
            "https://acme.example",
        ),
        *("--email", "Info@Acme.example", "--email", "sales@acme.example", "--email", "info@acme.example"),
        *("--assigned-user", "anna", "--team", "support", "--team", "sales", "--json"),
    )
    record = said.json
    assert record["name"] == "Acme Ltd"
    assert record["emails"] == ["info@acme.example", "sales@acme.example"]
    assert record["phone"] == "+49 30 1"
    assert record["website"] == "https://acme.example"
    assert record["assigned_user"] == "anna"
    assert record["teams"] == ["sales", "support"]
    assert record == espomail("account", "show", record["id"], "--json").json


def test_a_contacts_name_is_split_at_its_last_space(office: Office, espomail: Program) -> None:
    espomail("account", "create", "--name", "Acme Ltd")
    said = espomail("contact", "create", "--name", "Carl van Customer", "--account", "Acme Ltd", "--json")
    assert (said.json["first_name"], said.json["last_name"]) == ("Carl van", "Customer")
    assert said.json["name"] == "Carl van Customer"
    assert said.json["account"] == {"id": 1, "name": "Acme Ltd"}


def test_a_contact_of_one_word_has_a_last_name(office: Office, espomail: Program) -> None:
    assert espomail("contact", "create", "--name", "Prince", "--json").json["last_name"] == "Prince"
    parts = espomail(
        "contact", "create", "--first-name", "Mary Ann", "--last-name", "de la Cruz", "--json"
    ).json
    assert parts["name"] == "Mary Ann de la Cruz"


def test_a_lead_has_a_status_and_its_organisations_name(office: Office, espomail: Program) -> None:
    lead = espomail("lead", "create", "--name", "Lea", "--account-name", "Acme", "--json").json
    assert (lead["status"], lead["account_name"]) == ("New", "Acme")
    assert (
        espomail("lead", "create", "--name", "Lea", "--status", "in process", "--json").json["status"]
        == "In Process"
    )


def test_one_json_object_brings_all_the_fields(office: Office, espomail: Program, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text(
        json.dumps({"name": "Carl C", "emails": ["c@c.example"], "teams": ["sales"], "title": "CTO"})
    )
    contact = espomail("contact", "create", "--input", file, "--json").json
    assert (contact["name"], contact["emails"], contact["title"]) == ("Carl C", ["c@c.example"], "CTO")


@pytest.mark.parametrize("account", [1, "1", "Acme", {"id": 1, "name": "Acme"}])
def test_json_names_an_account_by_id_by_name_or_as_it_was_printed(
    office: Office, espomail: Program, tmp_path: Path, account: object
) -> None:
    espomail("account", "create", "--name", "Acme")
    file = tmp_path / "new.json"
    file.write_text(json.dumps({"name": "Carl", "account": account}))
    assert espomail("contact", "create", "--input", file, "--json").json["account"]["id"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "x", "emial": []}', "did you mean emails?"),
        ('{"name": 5}', "name"),
        ('{"name": "x", "emails": ["nobody"]}', "'nobody' is not an e-mail address"),
        ('{"emails": []}', "a name is missing"),
        ('{"name": "  "}', "a name is missing"),
        ('{"name": "x", "status": "Converted"}', "status"),
        ("[]", "object"),
        ("{", "JSON"),
        ("\udcff", "JSON"),
    ],
)
def test_unusable_json_is_65_and_makes_nothing(
    office: Office, espomail: Program, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "new.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    refused = espomail("lead", "create", "--input", file)
    assert refused.code == 65
    assert said in refused.err
    assert espomail("lead", "list").out == ""


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 2),
        (("--name", "x", "--email", "not an address"), 65),
        (("--name", "x" * 300), 65),
        (("--name", "\udcff"), 65),
        (("--name", "x", "--team", "nobody"), 66),
        (("--name", "x", "--assigned-user", "nobody"), 66),
        (("--name", "x", "--account", "Nowhere Ltd"), 66),
        (("--input", "/nowhere/new.json"), 66),
        (("--input", "/dev/zero"), 65),
        (("--input", "/dev"), 65),
        (("--input", "-", "--name", "x"), 2),
    ],
)
def test_what_cannot_be_made_is_refused(
    office: Office, espomail: Program, options: tuple[str, ...], code: int
) -> None:
    said = espomail("contact", "create", *options)
    assert said.code == code
    assert espomail("contact", "list").out == ""


def test_a_record_is_found_by_its_id_or_its_exact_name(office: Office, espomail: Program) -> None:
    office.account("Acme Ltd")
    office.contact("Carl Customer", "carl@acme.example")
    assert espomail("account", "show", "1", "--json").json["name"] == "Acme Ltd"
    assert espomail("account", "show", "Acme Ltd", "--json").json["id"] == 1
    assert espomail("contact", "show", "Carl Customer", "--json").json["emails"] == ["carl@acme.example"]
    assert espomail("account", "show", "Acme").code == 66


def test_an_ambiguous_name_is_65_and_the_ids_are_told(office: Office, espomail: Program) -> None:
    office.account("Acme Ltd")
    office.account("Acme Ltd")
    said = espomail("account", "show", "Acme Ltd")
    assert said.code == 65
    assert "1, 2" in said.err


@pytest.mark.parametrize("number", ["0", "9", "99999999999999999999999"])
def test_what_is_not_there_is_66(office: Office, espomail: Program, number: str) -> None:
    said = espomail("account", "show", number)
    assert (said.code, said.err) == (66, f"espomail: error: there is no account {number}\n")


def test_deleted_records_are_neither_listed_nor_found(office: Office, espomail: Program) -> None:
    office.account("Acme Ltd")
    office.write((change(Account, 1, is_deleted=True),))
    assert espomail("account", "list").out == ""
    assert espomail("account", "show", "1").code == 66
    assert espomail("account", "show", "Acme Ltd").code == 66


def test_search_finds_names_and_addresses_in_any_script(office: Office, espomail: Program) -> None:
    office.account("Ромашка", "info@romashka.example")
    office.account("Acme 100%")
    assert espomail("account", "list", "--search", "РОМАШ", "--fields", "id").out == "1\n"
    assert espomail("account", "list", "--search", "romashka.", "--fields", "id").out == "1\n"
    assert espomail("account", "list", "--search", "0%", "--fields", "id").out == "2\n"


@pytest.mark.parametrize("kind", ["account", "contact", "lead"])
def test_users_follow_and_unfollow(office: Office, espomail: Program, kind: str) -> None:
    espomail(kind, "create", "--name", "Acme")
    for _ in range(2):  # following twice is no error
        assert espomail(kind, "follow", "Acme", user="anna") == Said(0, "", "")
    espomail(kind, "follow", "1", user="boris")
    assert espomail(kind, "show", "1", "--json").json["followers"] == ["anna", "boris"]
    said = espomail(kind, "unfollow", "1", "--json", user="anna")
    assert said.json == {"type": kind, "id": 1, "user": "anna", "following": False}
    assert espomail(kind, "show", "1", "--json").json["followers"] == ["boris"]


def test_the_system_says_for_whom_it_follows(office: Office, espomail: Program) -> None:
    office.account("Acme")
    said = espomail("account", "follow", "1")
    assert said.code == 2
    assert "--as USER" in said.err


def test_nobody_makes_records_without_the_right_to(office: Office, espomail: Program) -> None:
    said = espomail("account", "create", "--name", "Acme", user="anna")
    assert said.code == 77
    assert espomail("account", "list").out == ""


def test_a_user_who_makes_a_record_is_its_creator(office_with: OfficeWith, espomail: Program) -> None:
    office_with("account: {", "account: {create: yes, ")
    made = espomail("account", "create", "--name", "Acme", "--json", user="anna").json
    assert made["created_by"] == "anna"
