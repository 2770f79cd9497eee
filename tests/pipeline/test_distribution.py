"""Who gets a new case."""

from datetime import timedelta

from espomail.store.changes import change
from espomail.store.models import Case, EmailUser, Follower, Note, Notification
from tests.office import mail


def mails(number: int, start: int = 0) -> list[bytes]:
    return [mail(f"Question {one}", f"c{one}@customer{one}.example") for one in range(start, start + number)]


def test_round_robin_takes_turns_in_the_order_of_the_configuration(office):
    office.receive(*mails(4))
    assert office.rows(Case, "assigned_user") == ["anna", "boris", "anna", "boris"]


def test_round_robin_is_not_upset_when_a_case_is_reassigned_by_hand(office):
    office.receive(*mails(1))
    office.write((change(Case, 1, assigned_user="boris"),))
    office.receive(*mails(1, start=1))
    assert office.rows(Case, "assigned_user") == ["boris", "boris"]


def test_round_robin_passes_over_who_is_absent_today(open_office):
    away = (
        "roles: [agent]}\n  boris",
        "roles: [agent], absent: [{from: 2026-11-24, to: 2026-11-24}]}\n  boris",
    )
    office = open_office(away)
    office.receive(*mails(2))
    assert office.rows(Case, "assigned_user") == ["boris", "boris"]


def test_less_busy_gives_to_who_has_the_fewest_open_cases(open_office):
    office = open_office(("round-robin", "less-busy"))
    office.receive(*mails(3))
    office.write((change(Case, 2, status="Closed"),))
    office.receive(*mails(2, start=3))
    assert office.rows(Case, "assigned_user") == ["anna", "boris", "anna", "boris", "boris"]


def test_direct_assignment_gives_all_to_one(open_office):
    office = open_office(("round-robin", "direct-assignment, assign_to: boris"))
    office.receive(*mails(2))
    assert office.rows(Case, "assigned_user") == ["boris", "boris"]


def test_only_users_with_the_position_get_cases(open_office):
    office = open_office(
        ("{support: Agent}, roles: [agent]}\n  boris", "{support: Boss}, roles: [agent]}\n  boris"),
        ("team: support}", "team: support, position: Agent}"),
    )
    office.receive(*mails(2))
    assert office.rows(Case, "assigned_user") == ["boris", "boris"]


def test_case_for_which_nobody_is_available_stays_new_with_a_note(open_office):
    office = open_office(("team: support}", "team: support, position: Wizard}"))
    office.receive(*mails(1))
    assert office.rows(Case, "status", "assigned_user") == [("New", None)]
    assert "The case waits to be assigned: nobody with position Wizard is available in team support." in (
        office.rows(Note, "text")
    )


def test_assignee_is_told_once_follows_the_case_and_has_the_mail(office):
    office.receive(*mails(1))
    assert office.rows(Notification, "user", "type", "email") == [("anna", "assign", 1)]
    assert office.rows(Follower, "record_type", "record_id", "user") == [("case", 1, "anna")]
    assert office.rows(EmailUser, "email", "user", "is_assigned") == [(1, "anna", True)]


def test_absent_user_gets_no_direct_assignment(open_office):
    office = open_office(
        ("round-robin", "direct-assignment, assign_to: anna"),
        (
            "roles: [agent]}\n  boris",
            "roles: [agent], absent: [{from: 2026-11-20, to: 2026-11-30}]}\n  boris",
        ),
    )
    office.receive(*mails(1))
    assert office.rows(Case, "status", "assigned_user") == [("New", None)]


def test_old_mail_is_assigned_without_a_word(office):
    office.receive(*mails(1), at=office.now - timedelta(days=5))
    assert office.rows(Case, "assigned_user") == ["anna"]
    assert office.rows(Notification) == []
