"""`follow` and `unfollow`: the same for every kind of record that can be followed."""

from collections.abc import Callable

import click
from msgspec import Struct

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.session import Session, in_session
from espomail.crm import followers
from espomail.crm.access import Access
from espomail.crm.refs import Ref
from espomail.errors import NotFound, UnusableInput
from espomail.store.changes import Changes


class Following(Struct, frozen=True, kw_only=True):
    """Whether a user follows a record."""

    type: str
    id: int
    user: str
    following: bool


def add_following(noun: Noun, kind: str, metavar: str, find: Callable[[Access, str], Ref]) -> None:
    """Give the noun its commands `follow` and `unfollow`. `find` says which record is meant."""
    for name, change, is_following, told in (
        ("follow", followers.follow, True, f"Be told of what happens to the {kind}."),
        ("unfollow", followers.unfollow, False, f"Be told no longer of what happens to the {kind}."),
    ):

        @noun.command(name, help=told)
        @click.argument("record", metavar=metavar)
        @exits(NotFound, UnusableInput, *OF_THE_DATABASE)
        @in_session
        def command(
            session: Session,
            record: str,
            name: str = name,
            change: Callable[[Ref, str], Changes] = change,
            is_following: bool = is_following,
        ) -> None:
            user = session.require_user(name)
            with session.writing() as work:
                ref = find(session.access, record)
                work.put(change(ref, user))
            if session.out.is_asked_for:
                session.out.show_one(Following(type=ref.kind, id=ref.id, user=user, following=is_following))
