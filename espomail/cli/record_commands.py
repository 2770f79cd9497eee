"""What the commands of accounts, contacts and leads have in common."""

from typing import Any

import click

from espomail.cli.command import OF_THE_DATABASE, Callback, Noun, exits
from espomail.cli.following import add_following
from espomail.cli.options import lists, prints
from espomail.cli.session import Session, in_session
from espomail.crm import new_records, records
from espomail.crm.record_lines import LINES, PAGES
from espomail.errors import EspomailError, NotFound, UnusableInput, WrongUsage

CREATE_EXITS: tuple[type[EspomailError], ...] = (UnusableInput, NotFound, *OF_THE_DATABASE)


def record_noun(kind: str, told: str) -> Noun:
    """The noun of a kind of record, with `list`, `show`, `follow` and `unfollow`."""
    noun = Noun(kind, help=told)

    @noun.command("list", help=f"List the {kind}s that you may read, the newest first.")
    @click.option("--search", metavar="TEXT", help="Those with this in their name or addresses.")
    @lists(LINES[kind][0])
    @exits(*OF_THE_DATABASE)
    @in_session
    def list_records(session: Session, search: str | None) -> None:
        session.out.show_list(records.listing(session.access, kind, search))

    @noun.command("show", help=f"Show one {kind}, by its id or its exact name.")
    @click.argument("record", metavar="ID|NAME")
    @prints(PAGES[kind])
    @exits(NotFound, UnusableInput, *OF_THE_DATABASE)
    @in_session
    def show(session: Session, record: str) -> None:
        session.out.show_one(records.page(session.access, records.find(session.access, kind, record)))

    add_following(noun, kind, "ID|NAME", lambda access, text: records.find(access, kind, text))
    return noun


def common_options(function: Callback) -> Callback:
    """The options of `create` that every kind of record has."""
    for option in reversed(
        (
            click.option("--name", metavar="NAME"),
            click.option(
                "--email",
                "emails",
                metavar="ADDRESS",
                multiple=True,
                help="Repeatable; the first is primary.",
            ),
            click.option("--phone", metavar="NUMBER"),
            click.option("--assigned-user", metavar="USER", help="Whose it is."),
            click.option("--team", "teams", metavar="TEAM", multiple=True, help="Repeatable."),
            click.option(
                "--input",
                "source",
                metavar="FILE|-",
                help="One JSON object, instead of options.",
            ),
        )
    ):
        function = option(function)
    return function


def create(session: Session, kind: str, source: str | None, given: dict[str, Any]) -> None:
    """Make the record, of options or of a JSON object; print its id, or on request all of it."""
    values = {name: value for name, value in given.items() if value not in (None, ())}
    if source is not None:
        if values:
            raise WrongUsage("--input brings all the fields; leave out the other options")
        new = new_records.read(new_records.KINDS[kind], session.read_input(source))
    else:
        if values.keys().isdisjoint({"name", "first_name", "last_name"}):
            raise WrongUsage("a name is missing; say --name NAME")
        new = new_records.KINDS[kind](**values)
    with session.writing() as work:
        ref, changes = new_records.create(session.access, kind, new, work.pen)
        work.put(changes)
    if session.out.is_asked_for and records.is_readable(session.access, ref):
        session.out.show_one(records.page(session.access, ref))
    else:
        session.out.show_text(str(ref.id))
