"""The door: `espomail`, its commands by name, and what becomes of everything that goes wrong behind it."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from itertools import pairwise

import click

from espomail.cli.command import Noun, invocation_of
from espomail.cli.entry import INTERRUPTED
from espomail.cli.invocation import Invocation, say
from espomail.cli.safe_text import safe_lines
from espomail.cli.streams import abandon_stdout
from espomail.errors import EspomailError, WrongUsage

COMMANDS: Mapping[str, str] = {
    "account": "espomail.cli.account",
    "case": "espomail.cli.case",
    "config": "espomail.cli.config",
    "contact": "espomail.cli.contact",
    "db": "espomail.cli.db",
    "demo": "espomail.cli.demo",
    "doctor": "espomail.cli.doctor",
    "email": "espomail.cli.email",
    "export": "espomail.cli.export_mail",
    "fetch": "espomail.cli.fetch",
    "import": "espomail.cli.import_mail",
    "ingest": "espomail.cli.ingest",
    "init": "espomail.cli.init",
    "lead": "espomail.cli.lead",
    "mailbox": "espomail.cli.mailbox",
    "notification": "espomail.cli.notification",
    "outbox": "espomail.cli.outbox",
    "quarantine": "espomail.cli.quarantine",
    "reconcile": "espomail.cli.reconcile",
}
"""Where each command is: a module whose `command` it is. It is imported when it is called for."""

READER_IS_GONE = 141  # as a shell tells of a program that SIGPIPE has ended


class Program(Noun):
    """`espomail` itself. Cron starts it each minute, so it imports the one command that it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and args[0].isprintable():
            from espomail.config.faults import suggestion

            raise click.UsageError(f"No such command {args[0]!r}{suggestion(args[0], COMMANDS)}.", ctx)
        return super().resolve_command(ctx, args)


@click.command(
    "espomail",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--config", metavar="FILE", help="The configuration. Default: $ESPOMAIL_CONFIG, then the usual places."
)
@click.option("--as", "as_user", metavar="USER", help="Act as this user; only the system may.")
@click.version_option(package_name="espomail", message="espomail %(version)s")
@click.pass_context
def espomail(context: click.Context, config: str | None, as_user: str | None) -> None:
    """E-mail to case, from cron.

    Reads IMAP mailboxes, links mail to records, opens cases and answers over SMTP.
    """
    if config == "":  # of a variable that is not set; the usual places would be another installation
        raise WrongUsage("--config names no file")
    invocation = invocation_of(context)
    invocation.config_path = config
    invocation.as_user = as_user


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command line; gives back the exit code. Nothing is raised from here."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    invocation = Invocation(now=datetime.now(UTC), environ=os.environ if environ is None else environ)
    try:
        code = _run(words, invocation)
        sys.stdout.flush()
    except BrokenPipeError:
        abandon_stdout()
        return READER_IS_GONE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as usage:
        say(usage.format_message())
        return WrongUsage.exit_code
    except click.ClickException as usage:
        return _refuse(invocation, words, WrongUsage.exit_code, _told_usage(usage))
    except EspomailError as error:
        return _refuse(invocation, words, error.exit_code, str(error))
    except Exception as fault:  # noqa: BLE001  # the door: a person sees a sentence, never a traceback
        return _refuse(invocation, words, EspomailError.exit_code, _told_fault(fault, invocation))
    return code


def _run(words: list[str], invocation: Invocation) -> int:
    # Not click's own `main`: it would decide by itself how errors look and what they return.
    try:
        with espomail.make_context("espomail", words, obj=invocation) as context:
            espomail.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return 0


def _told_usage(usage: click.ClickException) -> str:
    context = getattr(usage, "ctx", None)
    hint = f"; see `{context.command_path} --help`" if context is not None else ""
    return usage.format_message().rstrip(".") + hint


def _told_fault(fault: Exception, invocation: Invocation) -> str:
    if invocation.verbosity > 0:
        import traceback

        say(traceback.format_exc())
    said = f"{type(fault).__name__}: {fault}"[:500]
    return f"a fault of the program: {said}\nPlease report it, with what the same command says with -v."


def _refuse(invocation: Invocation, words: Sequence[str], code: int, message: str) -> int:
    if invocation.wants_json or (invocation.format is None and _asks_for_json(words)):
        from espomail.cli.output import json_line

        say(json_line({"error": {"code": code, "message": safe_lines(message)}}))
    else:
        say(f"espomail: error: {message}")
    return code


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether a command line that could not be read asks for JSON."""
    pairs = set(pairwise(words))
    return not {"--json", "--format=json", "--format=jsonl"}.isdisjoint(words) or not {
        ("--format", "json"),
        ("--format", "jsonl"),
    }.isdisjoint(pairs)
