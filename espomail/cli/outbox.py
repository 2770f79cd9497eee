"""`espomail outbox`: mail on its way out."""

import click

from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.invocation import Invocation
from espomail.cli.options import NUMBER, lists
from espomail.cli.output import Output
from espomail.cli.session import Session, in_session
from espomail.crm import outgoing
from espomail.crm.access import Access
from espomail.crm.outgoing import OutboxLine
from espomail.errors import DoneInPart, NotFound, UnusableInput, WrongUsage


@click.group("outbox", cls=Noun)
def command() -> None:
    """Mail on its way out: what waits and why, another try, sending what is due."""


@command.command("list")
@click.option("--all", "with_done", is_flag=True, help="Also what was sent or cancelled.")
@lists(OutboxLine)
@exits(*OF_THE_DATABASE)
@in_session
def list_outbox(session: Session, *, with_done: bool) -> None:
    """List the messages that are not sent yet, the newest first."""
    session.out.show_list(outgoing.listing(session.access, with_done=with_done))


@command.command("retry")
@click.argument("ids", metavar="[ID]...", type=NUMBER, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All that wait or were refused.")
@exits(NotFound, UnusableInput, *OF_THE_DATABASE)
@in_session
def retry(session: Session, ids: tuple[int, ...], *, is_all: bool) -> None:
    """Make messages due now; the next run sends them. One that was sent is never sent again.

    A message in doubt may have gone out when the program was interrupted: it is tried again by its id alone.
    """
    session.access.require_admin("outbox retry")
    if bool(ids) == is_all:
        raise WrongUsage("say which: ID… or --all")
    with session.writing() as work:
        work.put(outgoing.retry_all(session.now) if is_all else outgoing.retry(ids, session.now))


@command.command("flush")
@exits(DoneInPart, *OF_THE_DATABASE)
@click.pass_obj
def flush(invocation: Invocation) -> None:
    """Send what is due, now."""
    from espomail import run

    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("outbox flush")
    flushed = run.flush(loaded, on_news=lambda news: invocation.tell(*news))
    out = Output(invocation)
    if out.is_asked_for:
        out.show_one(flushed.outbox)
    if flushed.exit_code or flushed.outbox.failed:
        raise click.exceptions.Exit(DoneInPart.exit_code)
