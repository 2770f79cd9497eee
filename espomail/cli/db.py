"""`espomail db`: bringing the database up to date, and looking whether it is whole."""

import sys

import click

from espomail import run
from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.invocation import Invocation
from espomail.cli.output import Output, json_line
from espomail.crm.access import Access
from espomail.errors import DoneInPart


@click.group("db", cls=Noun)
def command() -> None:
    """The database: upgrade it, check it."""


@command.command("upgrade")
@exits(*OF_THE_DATABASE)
@click.pass_obj
def upgrade(invocation: Invocation) -> None:
    """Bring an older database up to this version; a copy of the old one is kept beside it.

    `fetch` does the same by itself. A database that is up to date stays as it is.
    """
    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("db upgrade")
    done = run.upgrade(loaded)
    _tell(invocation, {"applied": done}, f"{len(done)} migrations applied" if done else "nothing to do")


@command.command("check")
@exits(DoneInPart, *OF_THE_DATABASE)
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Look for damage: broken pages, and rows that point at nothing."""
    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("db check")
    faults = run.check(loaded)
    for fault in faults:
        invocation.tell(f"espomail: {fault}")
    _tell(invocation, {"faults": faults}, f"{len(faults)} faults" if faults else "whole")
    if faults:
        raise click.exceptions.Exit(DoneInPart.exit_code)


def _tell(invocation: Invocation, for_programs: dict[str, list[str]], for_people: str) -> None:
    if invocation.wants_json:
        Output(invocation).show_text(json_line(for_programs))
    elif sys.stderr.isatty():
        invocation.tell(for_people)
