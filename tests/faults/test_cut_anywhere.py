"""A connection that breaks after any byte of a session loses no mail and doubles none."""

import re

import pytest

from tests.faults.conftest import Desk
from tests.servers.proxy import Fault, Then

CUTS = 30


@pytest.fixture(scope="module")
def recorded() -> dict[type, bytes]:
    """What each server says in a whole session that nothing disturbs."""
    return {}


@pytest.mark.parametrize("number", range(CUTS))
def test_connection_cut_anywhere_loses_nothing(desk_anywhere: Desk, recorded: dict[type, bytes], number: int):
    server = type(desk_anywhere.mailboxes)
    if server not in recorded:
        recorded[server] = desk_anywhere.said_undisturbed()
    place = places_of_all_kinds(recorded[server], CUTS)[number]
    desk_anywhere.fetch(Fault(Then.CUT, place))
    assert desk_anywhere.proxy.faults_met == 1
    desk_anywhere.fetch()
    desk_anywhere.assert_each_is_here_once()


def places_of_all_kinds(session: bytes, number: int) -> list[int]:
    """Places before, in and after the ends of lines, inside lines, and in short and long literals.

    A third of them lies before the first message, where a session has few bytes and many turns.
    """
    ends = [end.end() for end in re.finditer(rb"(?<!^\)\r)\n", session, re.MULTILINE)]
    around = sorted({end + by for end in ends for by in (-2, -1, 0, 1, 7)})
    first_message = session.index(b"BODY[] {")
    before = [place for place in around if place < first_message]
    after = [place for place in around if first_message <= place < len(session) - 20]
    return spread(before, number // 3) + spread(after, number - number // 3)


def spread(places: list[int], number: int) -> list[int]:
    return [places[index * len(places) // number] for index in range(number)]
