"""Changes, written in bulk."""

import pytest
from peewee import IntegrityError

from espomail.store import write
from espomail.store.changes import add, change, put, remove
from espomail.store.connection import writing
from espomail.store.ids import Ids
from espomail.store.models import Case, DistributionTurn, Email, EmailTeam, EmailText, RawMessage
from tests.store.conftest import NOW

pytestmark = pytest.mark.usefixtures("database_file")


def case(number: int, **more: object):
    row = {"id": number, "name": "x", "status": "New", "created_at": NOW, "modified_at": NOW}
    return add(Case, **{**row, **more})


def email(number: int):
    return add(
        Email,
        id=number,
        message_id="<a@b>",
        message_id_key="<a@b>",
        subject="s",
        subject_key="s",
        text_key="",
        received_at=NOW,
        status="archived",
        size=1,
    )


def test_fields_left_out_take_the_models_defaults():
    write.apply([case(1)])
    assert Case.get_by_id(1).priority == "Normal"
    assert Case.get_by_id(1).created_at == NOW


def test_later_changes_of_one_row_win():
    write.apply([change(Case, 1, status="Pending"), case(2)])
    write.apply([case(1), change(Case, 1, status="Closed", name="y"), change(Case, 1, status="Pending")])
    assert (Case.get_by_id(1).status, Case.get_by_id(1).name) == ("Pending", "y")
    write.apply([change(Case, 1, status="Closed"), change(Case, 1, name="z"), change(Case, 1, status="New")])
    assert (Case.get_by_id(1).status, Case.get_by_id(1).name) == ("New", "z")


def test_put_adds_a_row_or_takes_its_place():
    write.apply([put(DistributionTurn, mailbox="m", user="anna")])
    write.apply([put(DistributionTurn, mailbox="m", user="boris")])
    assert list(DistributionTurn.select().tuples()) == [("m", "boris")]


def test_rows_are_written_in_the_order_in_which_tables_depend_on_each_other():
    write.apply([add(EmailTeam, email=1, team="t"), email(1)])
    write.apply([remove(Email, 1), remove(EmailTeam, 1, "t")])
    assert Email.select().count() == 0


def test_row_with_a_composite_key_is_changed_by_its_key():
    from espomail.store.models import EmailUser

    write.apply([email(1), add(EmailUser, email=1, user="anna"), add(EmailUser, email=1, user="boris")])
    write.apply([change(EmailUser, 1, "boris", is_read=True)])
    assert [row.user for row in EmailUser.select().where(EmailUser.is_read)] == ["boris"]


def test_unknown_column_is_refused():
    with pytest.raises(ValueError, match="has no colour"):
        write.apply([case(1, colour="red")])


def test_same_row_added_twice_is_refused():
    with pytest.raises(ValueError, match="added twice"):
        write.apply([case(1), case(1)])


def test_row_that_points_at_nothing_is_refused_and_nothing_of_its_transaction_stays():
    with pytest.raises(IntegrityError), writing():
        write.apply([case(1), add(EmailTeam, email=99, team="t")])
    assert Case.select().count() == 0


def test_lists_and_moments_come_back_as_they_were_written():
    trace = [["parent", "„ünd“"], ["stream", "x"]]
    text = {"body_plain": "", "references": ["<1@x>"], "in_reply_to": [], "reply_to": []}
    write.apply([email(1), add(EmailText, email=1, defects=[], trace=trace, **text)])
    assert EmailText.get_by_id(1).trace == trace
    assert Email.get_by_id(1).received_at == NOW


def test_ids_are_never_given_out_twice_even_after_a_deletion():
    with writing():
        ids = Ids.load()
        number = ids.next(RawMessage)
        write.apply([add(RawMessage, id=number, data=b"x"), *ids.changes()])
    write.apply([remove(RawMessage, number)])
    assert Ids.load().next(RawMessage) == number + 1


def test_ids_of_a_dropped_copy_are_given_out_again():
    ids = Ids.load()
    assert ids.copy().next(Case) == ids.copy().next(Case)
