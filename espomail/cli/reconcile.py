"""`espomail reconcile`: the servers' mail against the journal."""

import click

from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Verb, exits
from espomail.cli.invocation import Invocation
from espomail.cli.options import prints
from espomail.cli.output import Output
from espomail.config.zones import zone
from espomail.crm.access import Access
from espomail.errors import DoneInPart, NotFound
from espomail.operations.reconcile import Difference, reconcile


@click.command("reconcile", cls=Verb)
@click.argument("mailboxes", metavar="[MAILBOX]...", nargs=-1)
@click.option("--fetch-missing", is_flag=True, help="Take in what is missing.")
@prints(Difference)
@exits(DoneInPart, NotFound, *OF_THE_DATABASE)
@click.pass_obj
def command(invocation: Invocation, *, mailboxes: tuple[str, ...], fetch_missing: bool) -> None:
    """Compare the mail on the servers with what has become of it; list the differences.

    All mailboxes, or those that are named, as far as they have been read and since their `fetch_since`. Exit
    code 1 where there is a difference, or a mailbox that could not be compared.
    """
    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("reconcile")
    now = invocation.now.replace(microsecond=0)
    found = reconcile(loaded, mailboxes, fetches_missing=fetch_missing, now=now)
    if found.fetched:
        invocation.tell(f"fetched what was missing: {found.fetched}")
    for trouble in found.troubles:
        invocation.tell(trouble)
    Output(invocation, zone(loaded.config)).show_lines(Difference, found.differences)
    if found.exit_code:
        raise click.exceptions.Exit(found.exit_code)
