"""`espomail quarantine`: messages that could not be decided."""

import sys

import click

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.options import NUMBER, lists, prints
from espomail.cli.session import Session, in_session
from espomail.crm import quarantine
from espomail.crm.quarantine import ParkedLine, ParkedPage
from espomail.errors import NotFound, WrongUsage
from espomail.intake import journal
from espomail.store.changes import Row


@click.group("quarantine", cls=Noun)
def command() -> None:
    """Messages that could not be decided; they are kept as they came until you retry or drop them."""


@command.command("list")
@lists(ParkedLine)
@exits(*OF_THE_DATABASE)
@in_session
def list_parked(session: Session) -> None:
    """List the parked messages, the newest first."""
    session.access.require_admin("quarantine list")
    session.out.show_list(quarantine.listing())


@command.command("show")
@click.argument("number", metavar="ID", type=NUMBER)
@prints(ParkedPage)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def show(session: Session, number: int) -> None:
    """Show a parked message, and where the program failed over it."""
    session.access.require_admin("quarantine show")
    session.out.show_one(quarantine.page(number))


@command.command("retry")
@click.argument("ids", metavar="[ID]...", type=NUMBER, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All of them.")
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def retry(session: Session, ids: tuple[int, ...], *, is_all: bool) -> None:
    """Let the next `fetch` decide messages again."""
    session.access.require_admin("quarantine retry")
    with session.writing() as work:
        for row in _meant(ids, is_all=is_all):
            work.put(journal.retry(row["id"]))


@command.command("drop")
@click.argument("ids", metavar="[ID]...", type=NUMBER, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def drop(session: Session, ids: tuple[int, ...], *, is_all: bool, yes: bool) -> None:
    """Give messages up for good. That they were here stays in the journal; their bytes do not."""
    session.access.require_admin("quarantine drop")
    if sys.stdin.isatty() and not yes:
        click.confirm(f"Drop {len(_meant(ids, is_all=is_all))} messages for good?", abort=True, err=True)
    with session.writing() as work:
        for row in _meant(ids, is_all=is_all):
            work.put(journal.drop(row["id"], row["raw_message"], now=session.now))


def _meant(ids: tuple[int, ...], *, is_all: bool) -> list[Row]:
    if bool(ids) == is_all:
        raise WrongUsage("say which: ID… or --all")
    return quarantine.parked(None if is_all else ids)
