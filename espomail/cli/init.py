"""`espomail init`: a configuration to start from."""

import os
import shlex
import sys
from pathlib import Path

import click
from msgspec import Struct

from espomail.cli import acting
from espomail.cli.command import Verb, exits
from espomail.cli.invocation import Invocation
from espomail.cli.output import Output
from espomail.errors import NotPermitted, TryAgainLater, UnusableInput, WrongUsage


class Made(Struct, frozen=True, kw_only=True):
    """What there is now, by whole paths. The file of the password is still to be written."""

    config: str
    templates: str
    password_file: str


NEXT_STEPS = """\
Next:
  1. Fill in what is marked with <-- in it, and write the mailbox's password into {secret} (chmod 600).
  2. {program} config check
  3. {program} fetch --dry-run
  4. Let cron do it each minute: `crontab -e`, and add the line
     * * * * * {job} fetch"""


@click.command("init", cls=Verb)
@click.option(
    "--directory", metavar="DIR", help="Where config.yaml is made. Default: your own configuration folder."
)
@exits(UnusableInput, TryAgainLater, NotPermitted)
@click.pass_obj
def command(invocation: Invocation, directory: str | None) -> None:
    """Make a configuration to start from: config.yaml and a folder for templates, for your eyes only.

    Nothing that is there is overwritten. No mail from before today will be taken in.
    """
    from espomail.config.starter import start_at
    from espomail.config.zones import system_zone

    if acting.is_delegated(os.geteuid(), invocation.environ):
        raise NotPermitted("a configuration is made by the login that will own it, not through sudo")
    today = invocation.now.astimezone(system_zone(invocation.environ)).date()
    file = start_at(_file(invocation, directory), today)
    secret = file.parent / "support.password"
    if invocation.format is None:
        Output(invocation).show_text(str(file))
    else:
        made = Made(config=str(file), templates=str(file.parent / "templates"), password_file=str(secret))
        Output(invocation).show_one(made)
    program = _program(invocation, file)
    job = program.replace("%", r"\%")  # cron reads a bare % as the end of the line
    invocation.tell(NEXT_STEPS.format(secret=secret, program=program, job=job))


def _file(invocation: Invocation, directory: str | None) -> Path:
    from espomail.config.load import users_folder

    named = invocation.config_path or invocation.environ.get("ESPOMAIL_CONFIG")
    if directory is not None:
        if invocation.config_path is not None:
            raise WrongUsage("--config names the file already; leave out --directory")
        if not directory:
            raise WrongUsage("--directory names no folder")
        file = Path(directory).absolute() / "config.yaml"
    elif named:
        file = Path(named).absolute()
    elif (folder := users_folder(invocation.environ)) is not None:
        file = folder / "config.yaml"
    else:
        raise WrongUsage("this login has no home; say --directory DIR")
    if not str(file).isprintable():
        raise WrongUsage("a path with control characters can stand in no crontab; say another --directory")
    return file


def _program(invocation: Invocation, file: Path) -> str:
    """How this program is called for that file, from cron as well: with its whole path."""
    from espomail.config.load import SYSTEM_WIDE, users_folder

    called = Path(sys.argv[0])
    program = str(called.absolute()) if called.name == "espomail" and called.exists() else "espomail"
    folder = users_folder(invocation.environ)
    found_anyway = {SYSTEM_WIDE, folder / "config.yaml" if folder else SYSTEM_WIDE}
    return shlex.join([program, *([] if file in found_anyway else ["--config", str(file)])])
