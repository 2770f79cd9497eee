"""`espomail demo`: the main job, without a real mailbox."""

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from espomail.cli import acting
from espomail.cli.command import Verb, exits
from espomail.cli.invocation import Invocation
from espomail.cli.output import Output
from espomail.errors import (
    NotFound,
    NotPermitted,
    ServerTrouble,
    TryAgainLater,
    UnusableInput,
    WrongConfiguration,
)

if TYPE_CHECKING:
    from espomail.operations.demo import Demo

DEFAULT = "espomail-demo"

HOW_TO_GO_ON = """
── It is all in {folder}: configuration, database and mail. To go on:

{steps}

`espomail demo --serve` in that folder brings its mail servers back, so that `espomail fetch` works there."""

SERVED = """\
IMAP is at {host}:{imap_port}, SMTP at {host}:{smtp_port}; the password is in {config}.
Whoever is written to has a mailbox in {mail}. In another terminal:

{steps}

Ctrl-C ends both servers."""


@click.command("demo", cls=Verb)
@click.option(
    "--directory",
    metavar="DIR",
    help=f"The demo's folder. Default: this one, if it is a demo; else {DEFAULT} in it.",
)
@click.option("--serve", is_flag=True, help="Bring back the servers of the demo that is there, until Ctrl-C.")
@exits(UnusableInput, NotFound, ServerTrouble, TryAgainLater, NotPermitted, WrongConfiguration)
@click.pass_obj
def command(invocation: Invocation, *, directory: str | None, serve: bool) -> None:
    """Show the main job with a mail server of its own: mails in five languages, cases, and the answers.

    Needs neither root nor a mailbox. What it makes stays in one folder, to go on with; a demo that is there
    is made anew, anything else is left alone.
    """
    from espomail.operations import demo as demos
    from espomail.operations.demo_servers import require_servers

    if acting.is_delegated(os.geteuid(), invocation.environ):
        raise NotPermitted("the demo is not for users who act through sudo")
    require_servers()
    folder = _folder(directory)
    if serve:
        _serve(demos.open_demo(folder), invocation)
        return
    demo = demos.make_demo(folder, now=invocation.now, password=secrets.token_urlsafe(12))
    out = Output(invocation)

    def run(words: Sequence[str]) -> int:
        out.show_text(f"$ {shlex.join(['espomail', *words])}")
        return _run(words, demo, invocation, is_terminal=out.is_terminal)

    with demo.serving():
        demos.tell(demo, now=invocation.now, run=run, say=out.show_text)
    there = [] if folder == Path.cwd() else [f"cd {shlex.quote(os.path.relpath(folder))}"]
    out.show_text(HOW_TO_GO_ON.format(folder=folder, steps=_steps(there, "espomail case list")))


def _folder(directory: str | None) -> Path:
    from espomail.operations.demo import is_demo

    here = Path.cwd()
    if directory is not None:
        return here / directory
    return here if is_demo(here) else here / DEFAULT


def _run(words: Sequence[str], demo: "Demo", invocation: Invocation, *, is_terminal: bool) -> int:
    """One command in a process of its own, with our terminal; what it prints is for people in any case."""
    itself = "import sys; from espomail.cli.entry import main; sys.exit(main())"
    form = [] if is_terminal else ["--format", "table"]
    done = subprocess.run(  # this program itself, with words of ours
        [sys.executable, "-P", "-c", itself, *form, *words],
        env={**invocation.environ, "ESPOMAIL_CONFIG": str(demo.config)},
        cwd=demo.folder,
        check=False,
    )
    return done.returncode


def _steps(change_folder: Sequence[str], last: str) -> str:
    """What to type to go on in the demo's folder, on a terminal where nothing is set up."""
    steps = (*change_folder, *_path_to_program(), "export ESPOMAIL_CONFIG=$PWD/config.yaml", last)
    return "\n".join(f"  {step}" for step in steps)


def _path_to_program() -> list[str]:
    """How `espomail` becomes this program, where another one or none would be found."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("espomail")
    if called.name != "espomail" or not called.exists() or (found and called.samefile(found)):
        return []
    return [f"export PATH={shlex.quote(str(called.parent))}:$PATH"]


def _serve(demo: "Demo", invocation: Invocation) -> None:
    from espomail.operations.demo_servers import HOST

    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # so that neither comes before it is waited for
    with demo.serving():
        invocation.tell(
            SERVED.format(
                host=HOST,
                imap_port=demo.imap_port,
                smtp_port=demo.smtp_port,
                config=shlex.quote(str(demo.config)),
                mail=demo.mailboxes.folder,
                steps=_steps([f"cd {shlex.quote(str(demo.folder))}"], "espomail fetch"),
            )
        )
        signal.sigwait(ends)
