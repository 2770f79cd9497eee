"""`espomail account`: customers' organisations."""

from typing import Any

import click

from espomail.cli.command import exits
from espomail.cli.options import prints
from espomail.cli.record_commands import CREATE_EXITS, common_options, create, record_noun
from espomail.cli.session import Session, in_session
from espomail.crm.record_lines import AccountPage

command = record_noun("account", "Accounts: customers' organisations, to which mail is linked.")


@command.command("create")
@common_options
@click.option("--website", metavar="URL")
@prints(AccountPage)
@exits(*CREATE_EXITS)
@in_session
def create_account(session: Session, /, *, source: str | None, **given: Any) -> None:
    """Make an account and print its id, or all of it on a terminal and with --format."""
    create(session, "account", source, given)
