"""`espomail doctor`: whether everything that mail needs on its way is as it has to be."""

import click

from espomail.cli import acting
from espomail.cli.command import Verb, exits
from espomail.cli.findings import show_findings
from espomail.cli.invocation import Invocation
from espomail.cli.options import prints
from espomail.cli.output import Output
from espomail.crm.access import Access
from espomail.errors import DoneInPart, NotPermitted, WrongConfiguration
from espomail.operations.findings import Finding


@click.command("doctor", cls=Verb)
@prints(Finding)
@exits(DoneInPart, NotPermitted, WrongConfiguration)
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Look after everything that mail needs: database, cron, and the servers of all mailboxes.

    A line for each thing: ok, warning or error, and what to do. Nothing is changed, and no message is sent.
    """
    from espomail.operations.doctor import examine

    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("doctor")
    checkups = list(examine(loaded, now=invocation.now))
    show_findings(Output(invocation), [one for checkup in checkups for one in checkup.findings])
    if any(checkup.exit_code for checkup in checkups):
        raise click.exceptions.Exit(DoneInPart.exit_code)
