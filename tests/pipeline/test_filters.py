"""Filters: which mail they match, and what they do with it."""

import pytest

from espomail.config.schema import Filter
from espomail.mail.parse import parse
from espomail.pipeline.filters import matches, matches_wildcard
from espomail.store.models import Email, EmailUser, Journal, Notification
from tests.office import mail


def with_filter(text: str) -> tuple[str, str]:
    return ("mailboxes:\n", f"filters: [{text}]\ngroup_folders: {{Bills: {{teams: [sales]}}}}\nmailboxes:\n")


@pytest.mark.parametrize(
    ("given", "raw", "is_skipped"),
    [
        ('from: "*@monitor.example"', mail(sender="root@Monitor.example"), True),
        ('from: "*@monitor.example"', mail(), False),
        ('to: "support@*"', mail(to="x@y.example, SUPPORT@example.com"), True),
        ('subject: "*ok*"', mail("All OK now"), True),
        ('subject: "ok"', mail("All OK now"), False),
        ("body_contains: [recovered, fixed]", mail(body="It has FIXED itself"), True),
        ("body_contains_all: [recovered, fixed]", mail(body="It has fixed itself"), False),
        ("body_contains_all: [itself, fixed]", mail(body="It has fixed itself"), True),
        ('from: "carl@*", subject: "no"', mail("yes"), False),
        ("mailbox: support, subject: yes*", mail("yes, please"), True),
    ],
)
def test_filter_skips_what_matches_in_all_given_fields(open_office, given, raw, is_skipped):
    office = open_office(with_filter(f"{{name: f, {given}, action: skip}}".replace("yes*", '"yes*"')))
    office.receive(raw)
    assert office.rows(Journal, "outcome") == ["skipped" if is_skipped else "imported"]


def test_skipped_mail_is_told_with_the_filter_and_leaves_no_copy(open_office):
    office = open_office(with_filter('{name: monitoring, subject: "*OK*", action: skip}'))
    office.receive(mail("Disk OK"))
    assert office.rows(Journal, "because", "raw_message") == [("filter monitoring skips it", None)]
    assert office.rows(Email) == []


def test_filter_moves_mail_to_a_group_folder_whose_team_then_has_it(open_office):
    office = open_office(
        with_filter('{name: bills, mailbox: support, to: "billing@*", action: {group_folder: Bills}}')
    )
    office.receive(mail(to="billing@example.com"))
    assert office.rows(Email, "group_folder")[0] == "Bills"
    assert "clara" in office.rows(EmailUser, "user")


def test_skipping_comes_before_moving_whatever_the_order(open_office):
    office = open_office(
        with_filter(
            '{name: a, mailbox: support, subject: "*", action: {group_folder: Bills}}, '
            '{name: b, subject: "*", action: skip}'
        )
    )
    office.receive(mail())
    assert office.rows(Journal, "outcome") == ["skipped"]


def test_filter_can_mark_as_read_and_silence(open_office):
    office = open_office(
        with_filter('{name: a, subject: "*", mark_read: true}'),
        ("teams: [support]\n", "teams: [support]\n    all_team_users: true\n"),
    )
    office.receive(mail())
    assert office.rows(EmailUser, "is_read") == [True, True]
    assert office.rows(Notification, "type") == ["assign"]


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        ("*", "", True),
        ("a*b", "ab", True),
        ("a*b", "aXXb", True),
        ("a*b", "aXXbc", False),
        ("aa*aa", "aaa", False),
        ("*a*b*", "xxaxxbxx", True),
        ("*a*b*", "xxbxxaxx", False),
        ("[x]?", "[x]?", True),
        ("[x]?", "x1", False),
        ("STRASSE", "straße", True),
        ("", "", False),
    ],
)
def test_star_is_the_only_wildcard_and_the_whole_value_must_match(pattern, text, does):
    assert matches_wildcard(pattern, text) is does


@pytest.mark.parametrize("given", [{"body_contains": ("recovered", "")}, {"body_contains_all": (" ",)}])
def test_empty_phrase_stands_in_no_text(given):
    assert not matches(Filter(name="f", action="skip", **given), parse(mail(body="It is all well")))


def test_pattern_full_of_stars_is_answered_at_once():
    assert not matches_wildcard("*a" * 1000 + "b", "a" * 100_000)


def test_draft_is_no_mail_yet(office):
    office.receive(mail("Half an ans"), folder="INBOX.Drafts")
    assert office.rows(Journal, "outcome", "because") == [("skipped", "folder INBOX.Drafts holds drafts")]
    assert office.rows(Email) == []
