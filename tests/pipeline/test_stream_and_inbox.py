"""What is noted, and who is told of it."""

from datetime import timedelta

from espomail.store.models import EmailUser, Follower, Note, Notification
from tests.office import Office, mail

FIRST = "<first@customer.example>"


def told(office: Office) -> list[tuple[str, str, int | None]]:
    return office.rows(Notification, "user", "type", "email")


def test_followers_of_the_account_are_told_of_its_mail_though_they_are_not_addressed(office):
    account = office.account("Customer Ltd", "carl@customer.example")
    office.follow("account", account, "boris")
    office.receive(mail())
    assert told(office) == [("anna", "assign", 1), ("boris", "email-received", 1)]


def test_followers_of_the_case_are_told_of_its_later_mail(office):
    office.receive(mail(message_id=FIRST))
    office.follow("case", 1, "boris")
    office.receive(mail("Re: Question", In_Reply_To=FIRST))
    assert told(office)[1:] == [("anna", "email-received", 3), ("boris", "email-received", 3)]


def test_follower_who_may_not_read_the_mail_learns_only_that_there_is_one(open_office):
    office = open_office(("email: {read: team, edit: own}", "email: {read: own}"))
    account = office.account("Customer Ltd", "carl@customer.example")
    office.follow("account", account, "clara")
    office.receive(mail("Secret merger"))
    (hint,) = [row for row in office.rows(Notification) if row["user"] == "clara"]
    assert (hint["email"], hint["text"]) == (None, f"There is a new e-mail in account:{account}")


def test_follower_of_the_case_and_of_its_account_is_told_once_of_a_mail(office):
    office.account("Customer Ltd", "carl@customer.example", followers=["boris"])
    office.receive(mail(message_id=FIRST))
    office.follow("case", 1, "boris")
    office.receive(mail("Re: Question", In_Reply_To=FIRST))
    assert [one for one in told(office) if one[0] == "boris"] == [
        ("boris", "email-received", 1),
        ("boris", "email-received", 3),
    ]


def test_follower_who_may_not_read_the_mail_is_told_once_of_it(open_office):
    office = open_office(
        ("email: {read: team, edit: own}", "email: {read: own}"),
        (
            "mailboxes:\n",
            """mailboxes:
  sales:
    kind: group
    address: sales@example.com
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
    teams: [sales]
    all_team_users: true
""",
        ),
    )
    account = office.account("Customer Ltd", "carl@customer.example")
    office.follow("account", account, "clara")
    office.receive(mail())
    office.receive(mail(), mailbox="sales")
    assert office.rows(EmailUser, "user") == ["anna", "clara"]
    assert office.rows(Notification, "user") == ["anna", "clara"]


def test_follower_who_may_no_longer_read_the_record_stops_following_it(open_office):
    office = open_office(("account: {read: all, stream: all}", "account: {read: own}"))
    account = office.account("Customer Ltd", "carl@customer.example")
    office.follow("account", account, "clara")
    office.receive(mail())
    assert "clara" not in office.rows(Follower, "user")
    assert "clara" not in office.rows(Notification, "user")


def test_old_mail_notifies_nobody(office):
    account = office.account("Customer Ltd", "carl@customer.example")
    office.follow("account", account, "boris")
    office.receive(mail(), at=office.now - timedelta(days=3))
    assert told(office) == []


def test_unproved_mail_of_a_user_is_noted_as_received_and_says_so(office):
    office.receive(mail(message_id=FIRST))
    office.receive(mail("Re: Question", "anna@example.com", In_Reply_To=FIRST))
    note = office.rows(Note)[-1]
    assert (note["type"], note["by"]) == ("email-received", None)
    assert note["text"].endswith("claims to be anna")


def test_proved_mail_of_a_user_is_noted_as_sent_by_that_user(open_office):
    office = open_office(
        ("organisation:", "authentication: {trusted_authserv_id: mx.example.com}\norganisation:")
    )
    office.receive(mail(message_id=FIRST))
    passed = {"Authentication_Results": "mx.example.com; dmarc=pass header.from=example.com"}
    office.receive(mail("Re: Question", "anna@example.com", In_Reply_To=FIRST, **passed))
    assert office.rows(Note, "type", "by")[-1] == ("email-sent", "anna")


def test_author_is_not_told_of_the_own_mail(office):
    office.receive(mail("From inside", "boris@example.com"))
    assert told(office) == [("anna", "assign", 1)]


def test_follower_is_not_told_of_the_own_mail(office):
    office.receive(mail(message_id=FIRST))
    office.follow("case", 1, "boris")
    office.receive(mail("Re: Question", "boris@example.com", In_Reply_To=FIRST))
    assert "boris" not in office.rows(Notification, "user")


def test_user_who_was_told_through_the_case_is_not_told_again_in_the_inbox(office):
    office.receive(mail(message_id=FIRST))
    office.receive(mail("Re: Question", to="anna@example.com", In_Reply_To=FIRST))
    assert told(office) == [("anna", "assign", 1), ("anna", "email-received", 3)]


def test_user_who_has_left_is_neither_told_nor_given_the_mail(open_office):
    office = open_office(("boris: {name", "boris: {active: false, name"))
    account = office.account("Customer Ltd", "carl@customer.example", followers=["boris"])
    office.receive(mail(to="boris@example.com"))
    assert "boris" not in office.rows(Notification, "user") + office.rows(EmailUser, "user")
    assert office.rows(Follower, "record_type", "record_id", "user") == [("case", 1, "anna")]
    assert account == 1


def test_users_in_to_are_assigned_and_users_in_cc_are_not(office):
    office.receive(mail(to="boris@example.com", Cc="clara@example.com"))
    assert office.rows(EmailUser, "user", "is_assigned") == [
        ("anna", True),
        ("boris", True),
        ("clara", False),
    ]
    assert told(office) == [("anna", "assign", 1), ("boris", "email", 1), ("clara", "email", 1)]


def test_mail_is_noted_on_the_account_where_no_case_is_made(open_office):
    office = open_office(("create: true", "create: false"))
    account = office.account("Customer Ltd", "carl@customer.example")
    office.receive(mail("Hi"))
    assert office.rows(Note, "parent_type", "parent_id", "type", "text") == [
        ("account", account, "email-received", "Hi")
    ]


def test_automatic_mail_of_a_case_tells_nobody(open_office):
    office = open_office(("teams: [support]\n", "teams: [support]\n    all_team_users: true\n"))
    office.receive(mail(message_id=FIRST))
    before = told(office)
    office.receive(mail("Away", In_Reply_To=FIRST, Auto_Submitted="auto-replied"))
    assert told(office) == before


def test_who_gets_the_case_and_follows_its_account_is_told_once(office):
    account = office.account("Customer Ltd", "carl@customer.example", followers=["anna"])
    office.receive(mail())
    assert account == 1
    assert told(office) == [("anna", "assign", 1)]


def test_author_finds_the_own_mail_read_in_the_inbox(office):
    office.receive(mail(sender="boris@example.com", to="support@example.com, clara@example.com"))
    assert office.rows(EmailUser, "user", "is_read") == [("anna", False), ("boris", True), ("clara", False)]
