"""`espomail case`."""

from datetime import timedelta

import pytest

from espomail.crm import cases
from espomail.crm.access import SYSTEM, Access
from espomail.store.changes import change
from espomail.store.models import Case
from tests.cli.conftest import OfficeWith, Program
from tests.office import NOW, Office, header_alone, mail

THREAD = "<first@customer.example>"


@pytest.fixture
def desk(office: Office) -> Office:
    """Three cases: #1 of Acme with anna, in two mails; #2 closed with boris; #3 of nobody."""
    account = office.account("Acme Ltd")
    office.contact("Carl Customer", "carl@customer.example", account=account)
    office.receive(mail("Printer", message_id=THREAD, body="It smokes."))
    office.receive(mail("Re: Printer", In_Reply_To=THREAD))
    office.receive(mail("Pump", "dora@other.example"), mail("Pipe", "emil@third.example"))
    office.write(
        (
            change(Case, 2, status="Closed", created_at=NOW - timedelta(days=9)),
            change(Case, 3, assigned_user=None, status="New"),
        )
    )
    return office


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), "3 2 1"),
        (("--open",), "3 1"),
        (("--status", "closed"), "2"),
        (("--status", "New", "--status", "Closed"), "3 2"),
        (("--assigned", "anna"), "1"),
        (("--unassigned",), "3"),
        (("--team", "support"), "3 2 1"),
        (("--team", "sales"), ""),
        (("--mailbox", "support"), "3 2 1"),
        (("--account", "Acme Ltd"), "1"),
        (("--account", "1"), "1"),
        (("--since", "2026-11-20"), "3 1"),
        (("--since", "2026-11-24T11:00"), "3 1"),
        (("--since", "2026-11-24T10:00:01Z"), ""),
        (("--search", "SMOKES"), "1"),
        (("--search", "pump"), "2"),
        (("--open", "--unassigned", "--team", "support"), "3"),
    ],
)
def test_list_gives_the_cases_that_are_asked_for(
    desk: Office, espomail: Program, options: tuple[str, ...], numbers: str
) -> None:
    said = espomail("case", "list", "--fields", "number", *options)
    assert (said.code, said.out.split()) == (0, numbers.split())


def test_mine_are_the_acting_users(desk: Office, espomail: Program) -> None:
    assert espomail("case", "list", "--mine", "--fields", "number", user="anna").out == "1\n"
    assert espomail("case", "list", "--mine").code == 2


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--assigned", "nobody"), 66),
        (("--team", "nobody"), 66),
        (("--mailbox", "nobody"), 66),
        (("--account", "Nowhere"), 66),
        (("--status", "Odd"), 2),
        (("--since", "yesterday"), 2),
        (("--assigned", "anna", "--unassigned"), 2),
        (("--limit", "0"), 2),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    desk: Office, espomail: Program, options: tuple[str, ...], code: int
) -> None:
    assert espomail("case", "list", *options).code == code


def test_a_list_counts_the_mails_sent_and_received(desk: Office, espomail: Program) -> None:
    case = espomail("case", "list", "--search", "Printer", "--json").json[0]
    assert case["emails"] == 3  # two of the customer, and our automatic answer
    assert case["last_email_at"] == "2026-11-24T10:00:00Z"
    assert case["account"] == {"id": 1, "name": "Acme Ltd"}
    assert case["contact"] == {"id": 1, "name": "Carl Customer"}
    assert case["lead"] is None


def test_show_has_the_mails_newest_first_and_the_stream_oldest_first(desk: Office, espomail: Program) -> None:
    case = espomail("case", "show", "1", "--json").json
    assert case["number"] == 1
    assert case["description"].strip() == "It smokes."
    assert [email["status"] for email in case["emails"]] == ["queued", "archived", "archived"]
    assert [email["subject"] for email in case["emails"][1:]] == ["Re: Printer", "Printer"]
    assert [note["type"] for note in case["stream"]] == [
        "create",
        "assign",
        "email-received",
        "email-received",
    ]
    assert set(case["stream"][0]) == {"id", "type", "created_at", "by", "email", "text", "data"}
    assert case["followers"] == ["anna"]


def test_a_case_is_named_as_its_subject_tag_names_it(desk: Office, espomail: Program) -> None:
    assert espomail("case", "show", "#2", "--json").json["name"] == "Pump"


def test_a_case_is_followed_and_unfollowed(desk: Office, espomail: Program) -> None:
    assert espomail("case", "follow", "2", user="anna").code == 0
    assert espomail("case", "show", "2", "--json").json["followers"] == ["anna", "boris"]
    assert espomail("case", "unfollow", "2", user="anna").code == 0
    assert espomail("case", "show", "2", "--json").json["followers"] == ["boris"]


def test_a_case_of_another_team_is_the_same_as_none(desk: Office, espomail: Program) -> None:
    assert espomail("case", "list", user="clara").out == ""
    unreadable, missing = (
        espomail("case", "show", "1", user="clara"),
        espomail("case", "show", "9", user="clara"),
    )
    assert unreadable.code == missing.code == 66
    assert unreadable.err.replace("1", "9") == missing.err
    assert espomail("case", "follow", "1", user="clara").code == 66


def test_a_stream_is_for_those_who_may_see_streams(office_with: OfficeWith, espomail: Program) -> None:
    office_with(", stream: team}", "}").receive(mail())
    assert espomail("case", "show", "1", "--json", user="anna").json["stream"] == []


def test_of_a_mail_that_may_not_be_read_the_stream_tells_only_that_it_is_there(
    office_with: OfficeWith, espomail: Program
) -> None:
    office_with("email: {read: team, edit: own}", "email: {read: own}").receive(mail("Secret"))
    case = espomail("case", "show", "1", "--json", user="boris").json
    note = case["stream"][-1]
    assert case["emails"] == []
    assert (note["type"], note["email"], note["text"]) == (
        "email-received",
        None,
        "an e-mail that you may not read",
    )


def test_case_tells_which_of_its_mails_are_there_in_part_until_they_are_whole(
    office: Office, espomail: Program
) -> None:
    first, reply = mail("Scan", message_id=THREAD), mail("Re: Scan", In_Reply_To=THREAD, body="And this one.")
    office.receive(header_alone(first), header_alone(reply), is_partial=True)

    def told() -> tuple[list[str], str]:
        case = espomail("case", "show", "1", "--json").json
        received = [note["text"] for note in case["stream"] if note["type"] == "email-received"]
        return received, case["description"].strip()

    note = (
        "[Only the header of this message was taken in, since it is larger than the max_size of its mailbox. "
        "The message itself is still on its mail server.]"
    )
    assert told() == (["Scan; only its header is here", "Re: Scan; only its header is here"], note)
    office.receive(reply)
    assert told() == (["Scan; only its header is here", "Re: Scan"], note)
    office.receive(first)
    assert told() == (["Scan", "Re: Scan"], "Hello, it does not work.")


def test_list_does_not_read_the_descriptions(desk: Office) -> None:
    (row, *_) = cases.listing(Access(SYSTEM, desk.config)).query.dicts()
    assert "description" not in row
