"""`espomail ingest`: one mail on stdin, from an MTA."""

import signal
import sys

import click

from espomail.cli import acting
from espomail.cli.command import Verb, exits
from espomail.cli.invocation import Invocation
from espomail.crm.access import Access
from espomail.errors import TryAgainLater


@click.command("ingest", cls=Verb)
@click.option("--mailbox", metavar="MAILBOX", required=True, help="The mailbox that the mail is for.")
@exits(TryAgainLater)
@click.pass_obj
def command(invocation: Invocation, *, mailbox: str) -> None:
    """Take in one mail from stdin, for an MTA.

    It ends with 0 once the mail is safe in the database, and with 75 for any trouble whatever, since an MTA
    would bounce the mail for any other code. What is to be sent, the next `fetch` sends.
    """
    from espomail.intake import pipe

    loaded = acting.load_configuration(invocation)
    if not acting.is_let_in_by_sudo_alone(invocation, loaded.config):
        Access(acting.act(invocation, loaded.config), loaded.config).require_admin("ingest")
    now = invocation.now.replace(microsecond=0)
    pipe.ingest(loaded, mailbox, sys.stdin.buffer, now=now, on_durable=_stop_for_nothing)


def _stop_for_nothing() -> None:
    """The mail is safe, and that is what the MTA has to hear, even if it asks us to stop now."""
    from espomail.intake.pipe import STOPPING

    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
