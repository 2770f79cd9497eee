"""`espomail lead`: people who may become customers."""

from typing import Any

import click

from espomail.cli.command import exits
from espomail.cli.options import prints
from espomail.cli.record_commands import CREATE_EXITS, common_options, create, record_noun
from espomail.cli.session import Session, in_session
from espomail.crm.new_records import LEAD_STATUSES
from espomail.crm.record_lines import LeadPage

command = record_noun("lead", "Leads: people who may become customers.")


@command.command("create")
@common_options
@click.option("--status", type=click.Choice(LEAD_STATUSES, case_sensitive=False))
@click.option("--account-name", metavar="NAME", help="The organisation; it is no account yet.")
@click.option("--title", metavar="TEXT", help="What the lead is there.")
@prints(LeadPage)
@exits(*CREATE_EXITS)
@in_session
def create_lead(session: Session, /, *, source: str | None, **given: Any) -> None:
    """Make a lead and print its id, or all of it on a terminal and with --format."""
    create(session, "lead", source, given)
