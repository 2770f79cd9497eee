"""When a mailbox that fails is tried again."""

from datetime import timedelta

import pytest

from espomail.errors import CutShort, LoginRefused, ServerTrouble, WrongConfiguration
from espomail.intake.backoff import wait_after

MINUTE = timedelta(minutes=1)


def minutes(trouble: Exception, tries: int = 1) -> float:
    """The wait after so many failures of that kind."""
    return wait_after(trouble, tries, tries if isinstance(trouble, LoginRefused) else 0) / MINUTE


def test_first_failure_of_the_network_is_tried_again_by_the_next_run():
    assert minutes(ServerTrouble("host: cannot be reached")) == 0


def test_waits_grow_and_end_at_a_quarter_of_an_hour():
    waits = [minutes(ServerTrouble("host: cannot be reached"), tries) for tries in range(1, 20)]
    assert waits == sorted(waits)
    assert waits[-1] == 15


def test_refused_login_waits_longest():
    waits = [minutes(LoginRefused("host: login of u refused"), tries) for tries in (1, 2, 3, 50)]
    assert waits == [5, 15, 60, 60]


def test_secret_that_cannot_be_read_waits_like_a_server():
    assert minutes(WrongConfiguration("mailboxes.m.imap.password_file: no such file"), 3) == 4


def test_command_that_a_late_run_has_cut_short_waits_no_longer_after_other_failures():
    assert minutes(CutShort("mailboxes.m.imap.password_command: sleep did not end within 1 s"), 4) == 0


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("m: signing in: the server said: [LIMIT] Too many", 15),
        ("m: signing in: the server said: [UNAVAILABLE] later", 5),
        ("m: no sign-in for now: [INUSE] locked", 2),
        ("m: the server said: [THROTTLED] slow down", 15),
        ("m: the server said: Too many simultaneous connections. (Failure)", 15),
        ("m: Request is throttled. Suggested Backoff Time: 299923 milliseconds", 299.923 / 60),
        ("m: Request is throttled. Suggested Backoff Time: 999999999 milliseconds", 60),
        ("m: the server said: [ALERT] hello", 0),
    ],
)
def test_what_a_server_asks_for_is_obeyed(said: str, wait: float):
    assert minutes(ServerTrouble(said)) == pytest.approx(wait)
