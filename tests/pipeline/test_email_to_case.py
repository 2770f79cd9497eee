"""Email-to-Case: what makes a case, what joins one, and who may."""

from datetime import timedelta

import pytest

from espomail.store.changes import change
from espomail.store.models import Account, Case, Email, EmailUser, Note, Outbox, RecordTeam
from tests.office import Office, mail

FIRST = "<first@customer.example>"


def answer(subject: str = "Re: Question", sender: str = "carl@customer.example", **more: str) -> bytes:
    return mail(subject, sender, **{"In_Reply_To": FIRST, **more})


def close(office: Office, number: int = 1, status: str = "Closed", **more: object) -> None:
    closed_at = office.now - timedelta(hours=1)
    office.write((change(Case, number, status=status, closed_at=closed_at, **more),))


def test_first_mail_of_a_thread_makes_a_case_and_its_answer_joins_it(office):
    office.receive(mail(message_id=FIRST), answer())
    assert office.rows(Case, "id", "name", "status") == [(1, "Question", "Assigned")]
    assert office.rows(Email, "subject", "parent_type", "parent_id")[0::2] == [
        ("Question", "case", 1),
        ("Re: Question", "case", 1),
    ]


def test_new_case_takes_its_description_team_and_mailbox(office):
    office.receive(mail("Broken", body="The left one."))
    assert office.rows(Case, "description", "mailbox", "first_email") == [("The left one.", "support", 1)]
    assert office.rows(RecordTeam, "record_type", "record_id", "team") == [("case", 1, "support")]


def test_new_case_belongs_to_the_account_and_contact_of_its_sender(office):
    account = office.account("Customer Ltd")
    contact = office.contact("Carl Customer", "carl@customer.example", account=account)
    office.receive(mail())
    assert office.rows(Case, "account", "contact", "lead") == [(account, contact, None)]
    assert office.rows(Email, "account")[0] == account


def test_new_case_of_a_lead_names_the_lead(office):
    lead = office.lead("Carl", "carl@customer.example")
    office.receive(mail())
    assert office.rows(Case, "account", "contact", "lead") == [(None, None, lead)]


def test_stream_of_a_new_case_tells_of_its_making_its_assignee_and_its_mail(office):
    office.receive(mail("Broken"))
    assert office.rows(Note, "type", "text") == [
        ("create", ""),
        ("assign", "anna"),
        ("email-received", "Broken"),
    ]


def test_vacation_mail_makes_no_case(office):
    office.receive(mail("Away", Auto_Submitted="auto-replied"))
    assert office.rows(Case) == []
    assert office.rows(Email, "subject", "is_auto") == [("Away", True)]


def test_vacation_mail_of_a_thread_is_linked_quietly_and_does_not_reopen(office):
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer("Away", Auto_Submitted="auto-replied"))
    assert office.rows(Case, "status") == ["Closed"]
    assert office.rows(Email, "parent_id")[2] == 1


def test_list_mail_makes_a_case_that_is_not_answered(office):
    office.receive(mail("News", List_Id="<news.customer.example>"))
    assert office.rows(Case, "name") == ["News"]
    assert office.rows(Email, "status") == ["archived"]


def test_reply_to_closed_case_reopens_it(office):
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer())
    assert office.rows(Case, "id", "status", "closed_at") == [(1, "Assigned", None)]
    assert ("status", "Closed → Assigned: a reply came") in office.rows(Note, "type", "text")


def test_reply_to_closed_case_that_nobody_has_makes_it_new_again(office):
    office.receive(mail(message_id=FIRST))
    close(office, assigned_user=None)
    office.receive(answer())
    assert office.rows(Case, "status") == ["New"]


def test_reply_to_pending_case_leaves_it_pending(office):
    office.receive(mail(message_id=FIRST))
    close(office, status="Pending")
    office.receive(answer())
    assert office.rows(Case, "status") == ["Pending"]


def test_reply_to_duplicate_case_joins_its_survivor(office):
    office.receive(mail(message_id=FIRST), mail("Other"))
    close(office, status="Duplicate", survivor=2)
    office.receive(answer())
    assert office.rows(Email, "parent_id")[-1] == 2


def test_mail_that_came_before_the_case_was_closed_does_not_reopen_it(office):
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer(), at=office.now - timedelta(hours=2))
    assert office.rows(Case, "status") == ["Closed"]


def test_closed_case_can_be_configured_to_give_a_new_one(open_office):
    office = open_office(("team: support}", "team: support, reply_to_closed: new}"))
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer())
    assert office.rows(Case, "id", "status") == [(1, "Closed"), (2, "Assigned")]
    assert ("post", "It answers case #1, which is closed.") in office.rows(Note, "type", "text")


def test_closed_case_can_be_configured_to_stay_closed(open_office):
    office = open_office(("team: support}", "team: support, reply_to_closed: keep}"))
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer())
    assert office.rows(Case, "id", "status") == [(1, "Closed")]


def test_only_long_closed_cases_give_new_ones_when_so_configured(open_office):
    office = open_office(("team: support}", "team: support, reply_to_closed: {new_after: 30d}}"))
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer())
    assert office.rows(Case, "status") == ["Assigned"]
    office.write((change(Case, 1, status="Closed", closed_at=office.now - timedelta(days=31)),))
    office.receive(answer("Re: Again", Message_ID="<later@customer.example>"))
    assert office.rows(Case, "status") == ["Closed", "Assigned"]


def test_number_in_the_subject_counts_for_a_party(office):
    office.receive(mail("Broken"))
    office.receive(mail("About [#1]"))
    assert office.rows(Case, "id") == [1]
    assert office.rows(Email, "parent_id")[-1] == 1


def test_number_in_the_subject_of_a_stranger_makes_a_new_case_with_a_note(office):
    office.receive(mail("Broken"))
    office.receive(mail("Let me see [#1]", "eve@evil.example"))
    assert office.rows(Case, "id") == [1, 2]
    told = "Its subject names case #1, but its sender takes no part in that case."
    assert ("case", 2, told) in office.rows(Note, "parent_type", "parent_id", "text")


def test_unknown_number_makes_a_new_case_with_a_note(office):
    office.receive(mail("About [#77]"))
    assert office.rows(Case, "id") == [1]
    assert "Its subject names case number 77, which does not exist." in office.rows(Note, "text")


def test_number_counts_for_a_colleague_of_the_contact_at_the_same_domain(office):
    office.contact("Carl", "carl@customer.example")
    office.receive(mail("Broken"))
    office.receive(mail("[#1] more", "dora@customer.example"))
    assert office.rows(Case, "id") == [1]


def test_number_does_not_count_for_somebody_else_at_a_freemail_domain(office):
    office.contact("Carl", "carl@gmail.com")
    office.receive(mail("Broken", "carl@gmail.com"))
    office.receive(mail("[#1] more", "mallory@gmail.com"))
    assert office.rows(Case, "id") == [1, 2]


def test_thread_beats_the_number(office):
    office.receive(mail(message_id=FIRST), mail("Other"))
    office.receive(answer("[#2] Question"))
    assert office.rows(Email, "parent_id")[-1] == 1


def test_outsider_joins_by_thread_and_is_marked(office):
    office.receive(mail(message_id=FIRST))
    office.receive(answer(sender="eve@evil.example"))
    assert office.rows(Case, "id") == [1]
    assert office.rows(Email, "from_address", "is_outsider")[-1] == ("eve@evil.example", True)


def test_outsider_becomes_no_party_by_joining(office):
    office.receive(mail(message_id=FIRST))
    office.receive(answer(sender="eve@evil.example"))
    office.receive(mail("[#1] again", "eve@evil.example"))
    assert office.rows(Case, "id") == [1, 2]


def test_outsider_gets_a_new_case_where_only_parties_join(open_office):
    office = open_office(("team: support}", "team: support, join: party}"))
    office.receive(mail(message_id=FIRST))
    office.receive(answer(sender="eve@evil.example"))
    assert office.rows(Case, "id") == [1, 2]
    assert "It claims to belong to case #1, but its sender takes no part in the case." in office.rows(
        Note, "text"
    )


def test_answer_to_our_auto_reply_joins_by_its_token_whoever_sends_it(open_office):
    office = open_office(("team: support}", "team: support, join: party}"))
    office.receive(mail())
    token = office.rows(Email, "message_id")[1]
    office.receive(mail("Re: got it", "private@home.example", In_Reply_To=token))
    assert office.rows(Case, "id") == [1]
    assert office.rows(Email, "from_address", "is_outsider")[-1] == ("private@home.example", True)
    office.receive(mail("Re: got it", In_Reply_To=token))
    assert office.rows(Email, "from_address", "is_outsider")[-1] == ("carl@customer.example", False)


def test_token_with_a_wrong_signature_joins_nothing(office):
    office.receive(mail())
    forged = office.rows(Email, "message_id")[1].replace("@example.com", "x@example.com")
    office.receive(mail("Re: got it", "eve@evil.example", In_Reply_To=forged))
    assert office.rows(Case, "id") == [1, 2]


def test_answer_to_a_stored_mail_with_a_forged_id_of_ours_joins_nothing(office):
    office.receive(mail())
    forged = office.rows(Email, "message_id")[1].replace("@example.com", "x@example.com")
    office.receive(mail("Mine", "eve@evil.example", message_id=forged))
    office.receive(mail("Re: Mine", "eve@evil.example", In_Reply_To=forged))
    assert office.rows(Case, "id") == [1, 2, 3]


def test_mail_that_failed_dmarc_joins_only_by_a_token(open_office):
    trusting = ("organisation:", "authentication: {trusted_authserv_id: mx.example.com}\norganisation:")
    office = open_office(trusting)
    failed = {"Authentication_Results": "mx.example.com; dmarc=fail header.from=customer.example"}
    office.receive(mail(message_id=FIRST))
    office.receive(answer(**failed))
    assert office.rows(Case, "id") == [1, 2]
    token = office.rows(Email, "message_id")[1]
    office.receive(mail("Re: ok", In_Reply_To=token, **failed))
    assert office.rows(Email, "parent_id")[-1] == 1


def test_reply_that_arrives_before_its_original_gives_one_case(office):
    office.receive(answer())
    office.receive(mail(message_id=FIRST))
    assert office.rows(Case, "id") == [1]


def test_colleague_who_forwards_a_customers_mail_opens_a_new_case(office):
    office.receive(mail(message_id=FIRST))
    office.receive(answer("Fwd: Question", "anna@example.com"))
    assert office.rows(Case, "name") == ["Question", "Fwd: Question"]


def test_mail_from_our_own_support_address_makes_no_case(office):
    office.receive(mail("To ourselves", "support@example.com"))
    assert office.rows(Case) == []


def test_storm_of_one_sender_joins_the_newest_case_and_is_not_answered(open_office):
    office = open_office(("team: support}", "team: support, storm: 3 in 1h}"))
    office.receive(*[mail(f"Alarm {number}") for number in range(6)])
    assert office.rows(Case, "name") == ["Alarm 0", "Alarm 1", "Alarm 2"]
    assert [row for row in office.rows(Email, "subject", "parent_id") if row[0] == "Alarm 5"] == [
        ("Alarm 5", 3)
    ]
    assert office.rows(Email, "status").count("queued") == 3


def test_storms_are_counted_by_the_time_of_receipt(open_office):
    office = open_office(("team: support}", "team: support, storm: 1 in 1h}"))
    office.receive(mail("Alarm 1"), at=office.now - timedelta(hours=3))
    office.receive(mail("Alarm 2"), at=office.now - timedelta(minutes=90))
    office.receive(mail("Alarm 3"), at=office.now - timedelta(minutes=1))
    assert office.rows(Case, "id") == [1, 2, 3]


def test_long_subject_is_cut_and_an_empty_one_said(office):
    office.receive(mail("x" * 300), mail("", "b@b.example"))
    assert office.rows(Case, "name") == ["x" * 255, "(No Subject)"]


TRUSTING = ("organisation:", "authentication: {trusted_authserv_id: mx.example.com}\norganisation:")
PASSED = {"Authentication_Results": "mx.example.com; dmarc=pass header.from=example.com"}


def test_proved_answer_of_a_colleague_leaves_a_closed_case_closed(open_office):
    office = open_office(TRUSTING)
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer(sender="anna@example.com", **PASSED))
    assert office.rows(Case, "id", "status") == [(1, "Closed")]


def test_number_in_the_subject_counts_for_a_proved_colleague_alone(open_office):
    office = open_office(TRUSTING)
    office.receive(mail("Broken"))
    office.receive(mail("[#1] note", "anna@example.com", **PASSED))
    assert office.rows(Case, "id") == [1]
    office.receive(mail("[#1] another", "boris@example.com"))
    assert office.rows(Case, "id") == [1, 2]


def test_vacation_mail_of_a_thread_is_in_nobodys_inbox(office):
    office.receive(mail(message_id=FIRST))
    office.receive(answer("Away", to="nobody@example.com", Auto_Submitted="auto-replied"))
    assert office.rows(EmailUser, "email", "user") == [(1, "anna")]


def test_mail_in_a_sent_folder_makes_no_case_and_is_not_answered(open_office):
    office = open_office(("create: true", "create: false"))
    office.receive(mail("Sent by hand", "colleague@elsewhere.example"), folder="Sent")
    assert office.rows(Email, "status") == ["sent"]
    office = open_office(name="making")
    office.receive(mail("Sent by hand", "colleague@elsewhere.example"), folder="Sent")
    assert office.rows(Case) == []


@pytest.mark.parametrize(
    "folder", ["Sent", "Sent Items", "INBOX.Sent", "INBOX/Sent Messages", "[Gmail]/Sent Mail", "SENT"]
)
def test_answer_from_the_group_address_in_its_sent_folder_is_noted_as_sent(office, folder):
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(
        answer("Re: Question", "support@example.com", to="carl@customer.example, dora@partner.example"),
        folder=folder,
    )
    assert office.rows(Case, "id", "status") == [(1, "Closed")]
    assert office.rows(Email, "status")[-1] == "sent"
    assert office.rows(Note, "type")[-1] == "email-sent"
    office.receive(mail("[#1] about it", "dora@partner.example"))
    assert office.rows(Case, "id") == [1], "whom we have written to is a party"


def test_inbox_of_that_name_elsewhere_is_no_sent_folder(office):
    office.receive(mail("To be sent"), folder="Sent.Customers")
    assert office.rows(Case, "name") == ["To be sent"]


def test_whom_a_proved_colleague_writes_to_is_a_party(open_office):
    office = open_office(TRUSTING)
    office.receive(mail(message_id=FIRST))
    office.receive(answer(sender="anna@example.com", Cc="dora@partner.example", **PASSED))
    office.receive(mail("[#1] about it", "dora@partner.example"))
    assert office.rows(Case, "id") == [1]


def test_storm_joins_a_case_that_its_batch_has_opened_again(open_office):
    for batch in (1, 400):
        office = open_office(("team: support}", "team: support, storm: 1 in 1h}"), name=f"batch{batch}")
        office.receive(mail("Old"), at=office.now - timedelta(hours=5))
        close(office)
        office.receive(mail("[#1] again"), mail("Alarm"), batch=batch)
        assert office.rows(Case, "name") == ["Old"]


def test_storm_without_an_open_case_makes_one_that_is_not_answered(open_office):
    office = open_office(("team: support}", "team: support, storm: 1 in 1h}"))
    office.receive(mail("Alarm 1"))
    close(office)
    office.receive(mail("Alarm 2"))
    assert office.rows(Case, "name") == ["Alarm 1", "Alarm 2"]
    assert len(office.rows(Outbox)) == 1


def test_mail_without_a_sender_can_be_a_storm(open_office):
    office = open_office(("team: support}", "team: support, storm: 2 in 1h}"))
    office.receive(*[mail(f"Alarm {number}", "", message_id=f"<{number}@a>") for number in range(4)])
    assert office.rows(Case, "name") == ["Alarm 0", "Alarm 1"]
    office.receive(mail("Alarm 4", "", message_id="<4@a>"))
    assert office.rows(Case, "name") == ["Alarm 0", "Alarm 1"]


def test_mail_that_was_in_another_mailbox_first_is_no_storm_by_itself(open_office):
    office = open_office(("team: support}", "team: support, storm: 1 in 1h}"), SALES)
    office.receive(mail(), mailbox="sales")
    office.receive(mail())
    assert len(office.rows(Outbox)) == 1


SALES = (
    "mailboxes:\n",
    """mailboxes:
  sales:
    kind: group
    address: sales@example.com
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
    teams: [sales]
  partners:
    kind: group
    address: partners@example.com
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
    teams: [sales]
    case: {create: true, team: sales, join: party, reply_to_closed: new}
""",
)


def test_rules_of_the_cases_own_mailbox_say_who_joins(open_office):
    office = open_office(SALES)
    office.receive(mail(message_id=FIRST), mailbox="partners")
    office.receive(answer(sender="eve@evil.example"))
    assert office.rows(Case, "id", "mailbox") == [(1, "partners"), (2, "support")]


def test_rules_of_the_cases_own_mailbox_say_what_a_reply_to_a_closed_one_does(open_office):
    office = open_office(SALES)
    office.receive(mail(message_id=FIRST), mailbox="partners")
    close(office)
    office.receive(answer())
    assert office.rows(Case, "id", "status") == [(1, "Closed"), (2, "Assigned")]


def test_new_case_for_a_reply_to_a_closed_one_is_left_to_the_mailbox_that_makes_cases(open_office):
    office = open_office(SALES)
    account = office.account("Customer Ltd", "carl@customer.example")
    office.receive(mail(message_id=FIRST), mailbox="partners")
    close(office)
    office.receive(answer(), mailbox="sales")
    reply = office.rows(Email)[-1]
    assert (reply["parent_type"], reply["parent_id"]) == ("account", account)
    office.receive(answer(), mailbox="partners")
    assert office.rows(Case, "id", "status") == [(1, "Closed"), (2, "New")]
    assert office.rows(Email, "parent_type", "parent_id")[-1] == ("case", 2)


def test_deleted_account_is_no_cases_account(office):
    account = office.account("Gone Ltd")
    contact = office.contact("Carl Customer", "carl@customer.example", account=account)
    office.write((change(Account, account, is_deleted=True),))
    office.receive(mail())
    assert office.rows(Case, "account", "contact") == [(None, contact)]


def test_reply_follows_a_case_through_any_number_of_merges(office):
    office.receive(mail(message_id=FIRST), *[mail(f"Other {number}") for number in range(14)])
    for number in range(1, 15):
        close(office, number, status="Duplicate", survivor=number + 1)
    office.receive(answer())
    assert office.rows(Email, "parent_id")[-1] == 15


def test_colleague_who_forwards_an_answer_to_our_mail_opens_a_new_case(office):
    office.receive(mail())
    token = office.rows(Email, "message_id")[1]
    office.receive(mail("Fwd: Question", "anna@example.com", In_Reply_To=token))
    assert office.rows(Case, "name") == ["Question", "Fwd: Question"]


def test_copy_in_the_sent_folder_of_its_author_turns_a_claim_into_a_fact(open_office):
    office = open_office(
        (
            "mailboxes:\n",
            """mailboxes:
  anna:
    kind: personal
    user: anna
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
""",
        )
    )
    office.receive(mail(message_id=FIRST))
    by_anna = answer("Re: Question", "anna@example.com")
    office.receive(by_anna)
    assert office.rows(Note, "type", "by", "text")[-1] == (
        "email-received",
        None,
        "Re: Question; claims to be anna",
    )
    for _ in range(2):
        office.receive(by_anna, mailbox="anna", folder="Sent")
        assert office.rows(Note, "type", "by", "text")[-1] == ("email-sent", "anna", "Re: Question")
        assert office.rows(Email, "status")[-1] == "sent"


def test_late_copy_that_finds_its_case_tells_that_its_sender_is_an_outsider(open_office):
    office = open_office(SALES)
    stray = answer(sender="eve@evil.example")
    office.receive(stray, mailbox="sales")
    office.receive(mail(message_id=FIRST))
    office.receive(stray)
    assert office.rows(Email, "parent_type", "parent_id", "is_outsider", "replied_to")[0] == (
        *("case", 1),
        *(True, 2),
    )


def test_proved_colleague_joins_though_only_parties_may(open_office):
    office = open_office(TRUSTING, ("team: support}", "team: support, join: party}"))
    office.receive(mail(message_id=FIRST))
    office.receive(answer(sender="anna@example.com", **PASSED))
    assert office.rows(Case, "id") == [1]
    assert office.rows(Email, "is_outsider")[-1] is False


def by_a_token_sent_to(office: Office, address: str, **headers: str) -> tuple[str, str | None]:
    """How a mail of anna's is noted that answers a mail of ours to that address."""
    office.receive(mail("Question", address))
    token = next(row for row in office.rows(Email, "message_id", "status") if row[1] == "queued")[0]
    office.receive(mail("Re: ok", "anna@example.com", In_Reply_To=token, **headers))
    return office.rows(Note, "type", "by")[-1]


def test_answer_to_a_mail_that_we_sent_a_colleague_proves_the_colleague(office):
    assert by_a_token_sent_to(office, "anna@example.com") == ("email-sent", "anna")


def test_answer_to_a_mail_that_we_sent_a_customer_proves_no_colleague(office):
    assert by_a_token_sent_to(office, "carl@customer.example") == ("email-received", None)


def test_answer_to_our_mail_that_failed_dmarc_proves_no_colleague(open_office):
    office = open_office(TRUSTING)
    failed = {"Authentication_Results": "mx.example.com; dmarc=fail header.from=example.com"}
    assert by_a_token_sent_to(office, "anna@example.com", **failed) == ("email-received", None)


PERSONAL = (
    "mailboxes:\n",
    """mailboxes:
  anna:
    kind: personal
    user: anna
    imap: {host: h, username: u, password: p, fetch_since: 2026-01-01}
""",
)


def test_copy_that_proves_a_vacation_mail_of_ours_leaves_its_note(open_office):
    office = open_office(PERSONAL)
    office.receive(mail(message_id=FIRST))
    away = answer("Out of office", "anna@example.com", Auto_Submitted="auto-replied")
    office.receive(away)
    before = office.rows(Note)
    office.receive(away, mailbox="anna", folder="Sent")
    assert office.rows(Note) == before


@pytest.mark.parametrize("boxes", [("support", "anna"), ("anna", "support")])
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("is_known", [False, True])
def test_thread_is_one_case_whichever_mailbox_is_read_first(open_office, boxes, turn, is_known):
    office = open_office(PERSONAL)
    if is_known:
        office.account("Customer Ltd", "carl@customer.example")
    thread = [mail(message_id=FIRST, Cc="anna@example.com"), answer(Cc="anna@example.com", body="More.")]
    for mailbox in boxes:
        office.receive(*thread[::turn], mailbox=mailbox)
    assert office.rows(Case, "id") == [1]
    assert len(office.rows(Outbox)) == 1
    received = [row for row in office.rows(Email) if row["status"] == "archived"]
    assert [(row["parent_type"], row["parent_id"]) for row in received] == [("case", 1)] * 2


def test_copy_leaves_a_mail_with_the_record_that_somebody_has_chosen(open_office):
    office = open_office(PERSONAL)
    office.account("Customer Ltd", "carl@customer.example")
    lead = office.lead("Another")
    office.receive(mail(message_id=FIRST), answer(body="More."), mailbox="anna")
    office.write((change(Email, 2, parent_type="lead", parent_id=lead, account=None),))
    office.receive(answer(body="More."), mailbox="anna")
    assert office.rows(Email, "parent_type", "parent_id")[1] == ("lead", lead)


def test_copy_does_not_forget_what_its_mail_answers(open_office):
    office = open_office(PERSONAL)
    office.receive(mail(message_id=FIRST), answer(body="More."), mailbox="anna")
    office.write((change(Email, 1, is_deleted=True),))
    office.receive(answer(body="More."))
    assert office.rows(Email, "parent_type", "replied_to")[1] == ("case", 1)


def test_storm_of_replies_to_a_closed_case_makes_no_more_cases_than_any_other(open_office):
    office = open_office(("team: support}", "team: support, reply_to_closed: new, storm: 3 in 1h}"))
    office.receive(mail(message_id=FIRST), at=office.now - timedelta(hours=5))
    close(office)
    office.receive(*[answer(body=f"Again {number}", message_id=f"<{number}@c>") for number in range(9)])
    assert office.rows(Case, "id") == [1, 2, 3, 4]
    assert [row for row in office.rows(Email, "status", "parent_id") if row[0] == "archived"][-1][1] == 4
    assert len(office.rows(Outbox)) == 4


def test_number_in_the_subject_of_a_mail_that_failed_dmarc_makes_a_new_case_with_a_note(open_office):
    office = open_office(("organisation:", "authentication: {trusted_authserv_id: mx}\norganisation:"))
    office.receive(mail(), mail("[#1] more", Authentication_Results="mx; dmarc=fail"))
    assert office.rows(Case, "id") == [1, 2]
    assert "Its subject names case #1, but it failed DMARC." in office.rows(Note, "text")


def test_vacation_mail_does_not_bring_its_case_to_the_top(office):
    office.receive(mail(message_id=FIRST))
    before = office.rows(Case, "modified_at")
    office.now += timedelta(minutes=10)
    office.receive(answer("Out of office", Auto_Submitted="auto-replied"))
    assert office.rows(Case, "modified_at") == before
    office.receive(answer(body="More."))
    assert office.rows(Case, "modified_at") == [office.now]


FAILED = {"Authentication_Results": "mx.example.com; dmarc=fail header.from=customer.example"}


def cases_of_received(office: Office) -> list[tuple[str, int]]:
    return [row[1:] for row in office.rows(Email, "status", "subject", "parent_id") if row[0] == "archived"]


def test_storm_that_failed_dmarc_joins_its_own_case_and_none_of_whose_address_it_bears(open_office):
    office = open_office(TRUSTING, ("team: support}", "team: support, storm: 2 in 1h}"))
    forged = [mail(f"Forged {number}", **FAILED) for number in range(6)]
    office.receive(*forged[:2], mail("Printer"), *forged[2:])
    assert office.rows(Case, "name") == ["Forged 0", "Forged 1", "Printer"]
    assert cases_of_received(office)[2:] == [
        ("Printer", 3),
        *[(f"Forged {number}", 2) for number in range(2, 6)],
    ]


def test_storm_that_failed_dmarc_holds_nobody_back_whose_address_it_bears(open_office):
    office = open_office(TRUSTING, ("team: support}", "team: support, storm: 2 in 1h}"))
    office.receive(*[mail(f"Forged {number}", **FAILED) for number in range(4)])
    office.receive(*[mail(f"Printer {number}") for number in range(3)])
    assert cases_of_received(office)[4:] == [("Printer 0", 3), ("Printer 1", 4), ("Printer 2", 4)]
    assert office.rows(Email, "status").count("queued") == 2


def test_mail_does_not_join_the_case_of_an_answer_to_it_that_failed_dmarc(open_office):
    office = open_office(TRUSTING)
    office.receive(answer(**FAILED), mail(message_id=FIRST))
    assert cases_of_received(office) == [("Re: Question", 1), ("Question", 2)]


def test_who_opens_a_new_case_is_no_outsider_in_it(open_office):
    office = open_office(("team: support}", "team: support, reply_to_closed: new}"))
    office.receive(mail(message_id=FIRST))
    close(office)
    office.receive(answer(sender="eve@other.example"))
    assert office.rows(Case, "id", "first_email") == [(1, 1), (2, 3)]
    assert not Email.get_by_id(3).is_outsider
