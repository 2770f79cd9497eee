"""A real server behind a bad network: each run ends in time and says why, and no mail is lost or doubled."""

import re
import time
from collections.abc import Iterator

import pytest

from espomail.intake.visits import PATIENCE_S
from espomail.run import READING_SHARE
from tests.faults.conftest import MAILS, OVER, SLACK_S, SUBJECTS, Desk
from tests.servers.dovecot import Dovecot
from tests.servers.proxy import Fault, Proxy, Then

FIRST_BATCH = 25

# Where a session can go bad: what the client has just asked, or what the server has just said.
PLACES = {
    "before the greeting": Fault(Then.CUT),
    "in the greeting": Fault(Then.CUT, after_bytes=9),
    "at the login": Fault(Then.CUT, asked=b"LOGIN"),
    "at the status": Fault(Then.CUT, asked=b"STATUS"),
    "at the folder": Fault(Then.CUT, asked=b"EXAMINE"),
    "at the search": Fault(Then.CUT, asked=b"SEARCH"),
    "in the search": Fault(Then.CUT, seen=b"* SEARCH 1 2 3"),
    "at the flags": Fault(Then.CUT, asked=b"FLAGS"),
    "at the messages": Fault(Then.CUT, asked=b"BODY.PEEK"),
    "before a literal": Fault(Then.CUT, seen=b"BODY[] {"),
    "in a literal": Fault(Then.CUT, seen=b"Subject: Question 7\r\n"),
    "between batches": Fault(Then.CUT, asked=b"FETCH 26,"),
    "in the last literal": Fault(Then.CUT, seen=b"Subject: Question 29\r\n"),
}
KEPT_BEFORE = {"between batches": FIRST_BATCH, "in the last literal": FIRST_BATCH}
FEW = ["before the greeting", "at the login", "in the search", "in a literal", "between batches"]
BETWEEN_ANSWERS = [place for place, fault in PLACES.items() if fault.asked]

UNASKED = (
    b"* 41 EXISTS\r\n* 1 RECENT\r\n* OK [ALERT] The disk is nearly full\r\n* 3 FETCH (FLAGS (\\Seen))\r\n"
    b"* 9 FETCH (FLAGS (\\Seen) UID 9)\r\n* CAPABILITY IMAP4rev1\r\n* FLAGS (\\Seen)\r\n* NO Slow down\r\n"
)
BYTES = bytes(range(256))
ANOTHER_PROTOCOL = b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/login\r\n\r\n"
IMPOSSIBLE_LITERALS = {
    "oversize": b"* 26 FETCH (UID 26 BODY[] {99999999999999}\r\nSubject: Fake\r\n",
    "longer than what comes": b"* 26 FETCH (UID 26 BODY[] {5000}\r\nSubject: Fake\r\n\r\n)\r\n",
    "shorter than what comes": b"* 26 FETCH (UID 26 BODY[] {9}\r\nSubject: Fake\r\n\r\n)\r\n",
    "without a size": b"* 26 FETCH (UID 26 BODY[] {}\r\nSubject: Fake\r\n\r\n)\r\n",
    "of a size below nothing": b"* 26 FETCH (UID 26 BODY[] {-5}\r\nSubject: Fake\r\n\r\n)\r\n",
}


def at(place: str, then: Then, saying: bytes = b"") -> Fault:
    where = PLACES[place]
    return Fault(then, where.after_bytes, where.seen, where.asked, saying)


def assert_mended(desk: Desk) -> None:
    """The next run brings what is not here yet, and nothing twice."""
    report = desk.fetch()
    assert (report.ok, report.error) == (True, None)
    desk.assert_each_is_here_once()


@pytest.mark.parametrize("place", PLACES)
def test_connection_that_is_cut_loses_nothing(desk: Desk, place: str):
    assert re.search("broke off|broke:", desk.fetch_over_bad_network(at(place, Then.CUT)))
    assert desk.kept() == KEPT_BEFORE.get(place, 0)
    assert_mended(desk)


@pytest.mark.parametrize("place", FEW)
def test_connection_that_is_reset_loses_nothing(desk: Desk, place: str):
    assert "reset" in desk.fetch_over_bad_network(at(place, Then.RESET))
    assert desk.kept() == KEPT_BEFORE.get(place, 0)
    assert_mended(desk)


@pytest.mark.parametrize(
    ("place", "then"),
    [*((place, Then.SILENCE) for place in PLACES), *((place, Then.DRIP) for place in FEW)],
)
def test_server_that_stops_talking_is_given_up_in_time_and_loses_nothing(desk: Desk, place: str, then: Then):
    said = desk.fetch_over_bad_network(at(place, then))
    assert "does not answer in time" in said or (place in KEPT_BEFORE and said == OVER)
    assert_mended(desk)


@pytest.mark.parametrize("place", ["before the greeting", "in a literal"])
def test_server_that_says_a_byte_a_second_is_given_up_in_the_usual_time_and_loses_nothing(
    desk: Desk, place: str
):
    began = time.monotonic()
    report = desk.fetch(Fault(Then.DRIP, seen=PLACES[place].seen, drip_s=1), budget_s=6)
    assert time.monotonic() - began < READING_SHARE * 6 + PATIENCE_S + SLACK_S
    assert desk.proxy.faults_met == 1
    assert (report.ok, "does not answer in time" in (report.error or "")) == (False, True)
    assert_mended(desk)


@pytest.mark.parametrize("place", ["before the greeting", *BETWEEN_ANSWERS])
def test_server_that_says_goodbye_in_the_middle_is_quoted_and_loses_nothing(desk: Desk, place: str):
    goodbye = b"* BYE \x1b[31mServer is shutting down\r\n"
    assert "Server is shutting down" in desk.fetch_over_bad_network(at(place, Then.CUT, goodbye))
    assert desk.kept() == KEPT_BEFORE.get(place, 0)
    assert_mended(desk)


@pytest.mark.parametrize(
    ("place", "garbage"),
    [
        *(pytest.param(place, BYTES, id=f"bytes {place}") for place in PLACES),
        *(pytest.param(place, ANOTHER_PROTOCOL, id=f"another protocol {place}") for place in FEW),
    ],
)
def test_garbage_is_no_mail(desk: Desk, place: str, garbage: bytes):
    said = desk.fetch_over_bad_network(at(place, Then.GO_ON, garbage))
    assert re.search("unexpected response|unterminated line", said), said
    assert desk.kept() == KEPT_BEFORE.get(place, 0)
    assert_mended(desk)


@pytest.mark.parametrize("literal", IMPOSSIBLE_LITERALS)
def test_literal_that_cannot_be_is_no_mail(desk: Desk, literal: str):
    fault = at("between batches", Then.SILENCE, IMPOSSIBLE_LITERALS[literal])
    desk.fetch_over_bad_network(fault)
    assert "Fake" not in desk.subjects()
    assert_mended(desk)


@pytest.mark.parametrize("place", BETWEEN_ANSWERS)
def test_what_was_not_asked_for_is_passed_over(desk: Desk, place: str):
    report = desk.fetch(at(place, Then.GO_ON, UNASKED))
    assert desk.proxy.faults_met == 1
    assert (report.ok, report.fetched) == (True, len(MAILS))
    desk.assert_each_is_here_once()


# --- the goodbye


@pytest.mark.parametrize("then", list(Then))
def test_goodbye_that_goes_wrong_is_no_trouble_and_costs_no_time(desk: Desk, then: Then):
    began = time.monotonic()
    report = desk.fetch(Fault(then, asked=b"LOGOUT", saying=b"\xff\xfe* BYE\r"))
    assert time.monotonic() - began < SLACK_S
    assert desk.proxy.faults_met == 1
    assert (report.ok, report.fetched) == (True, len(MAILS))
    desk.assert_each_is_here_once()


# --- TLS


@pytest.fixture(params=["tls", "starttls"])
def encrypted(request: pytest.FixtureRequest, desk: Desk, dovecot: Dovecot) -> Iterator[Desk]:
    """A desk that reaches its server by TLS from the beginning, or by STARTTLS."""
    with Proxy(dovecot.imaps_port if request.param == "tls" else dovecot.imap_port) as proxy:
        desk.proxy = proxy
        desk.configure(security=request.param)
        yield desk


@pytest.mark.parametrize("after_bytes", [0, 3, 700, 1500, 20_000])
@pytest.mark.parametrize("then", [Then.CUT, Then.SILENCE])
def test_encrypted_connection_that_goes_bad_loses_nothing(encrypted: Desk, after_bytes: int, then: Then):
    encrypted.fetch_over_bad_network(Fault(then, after_bytes))
    assert_mended(encrypted)


def test_byte_that_is_forged_in_an_encrypted_session_ends_it(encrypted: Desk):
    said = encrypted.fetch_over_bad_network(Fault(Then.GO_ON, 20_000, saying=b"x"))
    assert "broke" in said
    assert_mended(encrypted)


# --- what the server is told after import

AFTER_IMPORT = {"seen": b"STORE", "delete": b"EXPUNGE", "move": b"MOVE"}


@pytest.mark.parametrize("what", AFTER_IMPORT)
@pytest.mark.parametrize("then", [Then.CUT, Then.SILENCE], ids=["cut", "silent"])
def test_server_that_breaks_off_while_it_is_told_is_told_again(desk_anywhere: Desk, what: str, then: Then):
    desk, done = desk_anywhere, desk_anywhere.mailboxes.name("Done")
    desk.configure(after_import=f"{{move: '{done}'}}" if what == "move" else what)
    desk.fetch_over_bad_network(Fault(then, asked=AFTER_IMPORT[what]))
    report = desk.fetch()
    assert (report.ok, report.error) == (True, None)
    assert desk.subjects() == sorted(SUBJECTS)
    left = desk.mailboxes.flags(desk.user)
    assert left == ([{r"\Seen"}] * len(MAILS) if what == "seen" else [])
    if what == "move":
        assert len(desk.mailboxes.messages(desk.user, done)) == len(MAILS)
