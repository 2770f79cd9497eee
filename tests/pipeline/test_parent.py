"""Which record a mail belongs to, where no case is made of it."""

import pytest

from espomail.store.changes import change
from espomail.store.models import Email, Lead
from tests.office import Office, mail

NO_CASES = ("create: true", "create: false")


@pytest.fixture
def office(open_office) -> Office:
    return open_office(NO_CASES)


def parent(office: Office, number: int = 0) -> tuple[str | None, int | None, int | None]:
    received = [row for row in office.rows(Email) if row["status"] == "archived"]
    row = received[number]
    return row["parent_type"], row["parent_id"], row["account"]


def test_mail_of_a_contact_belongs_to_its_account(office):
    account = office.account("Customer Ltd")
    office.contact("Carl", "carl@customer.example", account=account)
    office.receive(mail())
    assert parent(office) == ("account", account, account)


def test_mail_of_a_contact_without_an_account_belongs_to_the_contact(office):
    contact = office.contact("Carl", "carl@customer.example")
    office.receive(mail())
    assert parent(office) == ("contact", contact, None)


def test_mail_of_a_contact_belongs_to_the_contact_where_customers_are_people(open_office):
    office = open_office(NO_CASES, ("organisation:", "b2c: true\norganisation:"))
    account = office.account("Customer Ltd")
    contact = office.contact("Carl", "carl@customer.example", account=account)
    office.receive(mail())
    assert parent(office) == ("contact", contact, account)


def test_contact_comes_before_account_and_account_before_lead(office):
    lead = office.lead("Carl", "carl@customer.example")
    office.receive(mail("One"))
    assert parent(office)[:2] == ("lead", lead)
    account = office.account("Customer Ltd", "carl@customer.example")
    office.receive(mail("Two"))
    assert parent(office, 1)[:2] == ("account", account)
    other = office.account("Other Ltd")
    office.contact("Carl", "carl@customer.example", account=other)
    office.receive(mail("Three"))
    assert parent(office, 2)[:2] == ("account", other)


def test_converted_lead_stands_for_the_account_made_of_it(office):
    lead = office.lead("Carl", "carl@customer.example")
    account = office.account("Customer Ltd")
    office.write((change(Lead, lead, status="Converted", converted_account=account),))
    office.receive(mail())
    assert parent(office) == ("account", account, account)


def test_reply_to_is_looked_up_after_from(office):
    account = office.account("Customer Ltd", "office@customer.example")
    office.receive(mail(Reply_To="office@customer.example"))
    assert parent(office) == ("account", account, account)


def test_first_recipient_is_looked_up_last(office):
    first = office.account("First Ltd", "first@customer.example")
    office.account("Second Ltd", "second@customer.example")
    office.receive(mail(to="first@customer.example, second@customer.example"))
    assert parent(office) == ("account", first, first)


def test_reply_belongs_where_the_mail_that_it_answers_belongs(office):
    account = office.account("Customer Ltd", "carl@customer.example")
    office.receive(mail(message_id="<1@c.example>"))
    office.receive(mail("Re: Question", "eve@elsewhere.example", References="<0@c.example> <1@c.example>"))
    assert parent(office, 1) == ("account", account, account)


def test_nearest_of_several_answered_mails_counts(office):
    office.account("First Ltd", "first@a.example")
    second = office.account("Second Ltd", "second@b.example")
    office.receive(
        mail("a", "first@a.example", message_id="<1@x>"), mail("b", "second@b.example", message_id="<2@x>")
    )
    office.receive(mail("Re", "eve@elsewhere.example", References="<1@x> <2@x>"))
    assert parent(office, 2) == ("account", second, second)


def test_mail_of_nobody_known_belongs_to_no_record(office):
    office.receive(mail())
    assert parent(office) == (None, None, None)
