"""People hear of a mailbox when something changes, and not every minute."""

from espomail.intake import health
from espomail.store.models import MailboxState


def test_mailbox_that_works_is_not_mentioned(office):
    assert health.record("support", None, office.now) == []
    assert health.record("support", None, office.now) == []


def test_failure_is_told_once_and_so_is_the_recovery(office):
    assert health.record("support", "host is unknown", office.now) == ["mailbox support: host is unknown"]
    assert health.record("support", "host is unknown", office.now) == []
    assert health.record("support", None, office.now) == ["mailbox support: works again"]
    assert health.record("support", None, office.now) == []


def test_another_reason_is_told(office):
    health.record("support", "host is unknown", office.now)
    assert health.record("support", "login refused", office.now) == [
        "mailbox support: still fails, now because of: login refused"
    ]


def test_number_that_differs_at_each_try_is_no_other_reason(office):
    health.record("support", "busy [session a1f4, 10:00:01]", office.now)
    assert health.record("support", "busy [session b2c9, 10:01:07]", office.now) == []


def test_start_of_a_failure_is_remembered(office):
    health.record("support", "x", office.now)
    health.record("support", "x", office.now.replace(hour=12))
    state = MailboxState.get()
    assert (state.failing_since, state.tries) == (office.now, 2)
