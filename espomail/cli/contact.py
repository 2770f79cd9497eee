"""`espomail contact`: people, who may belong to an account."""

from typing import Any

import click

from espomail.cli.command import exits
from espomail.cli.options import prints
from espomail.cli.record_commands import CREATE_EXITS, common_options, create, record_noun
from espomail.cli.session import Session, in_session
from espomail.crm.record_lines import ContactPage

command = record_noun("contact", "Contacts: people, who may belong to an account.")


@command.command("create")
@common_options
@click.option("--first-name", metavar="NAME")
@click.option("--last-name", metavar="NAME", help="With --first-name instead of --name.")
@click.option("--account", metavar="ID|NAME", help="The account that the contact belongs to.")
@click.option("--title", metavar="TEXT", help="What the contact is there.")
@prints(ContactPage)
@exits(*CREATE_EXITS)
@in_session
def create_contact(session: Session, /, *, source: str | None, **given: Any) -> None:
    """Make a contact and print its id, or all of it on a terminal and with --format.

    A --name is split at its last space.
    """
    create(session, "contact", source, given)
