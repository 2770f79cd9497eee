"""`espomail import`: mail from files."""

import io
import sys
from typing import ClassVar, cast, get_args

import click
import msgspec

from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Verb, exits
from espomail.cli.invocation import Invocation
from espomail.cli.options import mail_format
from espomail.cli.output import Output
from espomail.config.zones import zone
from espomail.crm.access import Access
from espomail.errors import DoneInPart, NotFound, NotPermitted, UnusableInput
from espomail.intake.mail_files import Kind
from espomail.operations.import_mail import ImportReport, import_mail


class ImportSummary(ImportReport, frozen=True, kw_only=True):
    """What people read of an import."""

    IN_TABLE: ClassVar = (
        *("mailbox", "fetched", "imported", "duplicates", "skipped", "cases_created", "unreadable"),
    )


@click.command("import", cls=Verb)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--mailbox", required=True, metavar="MAILBOX", help="The mailbox that the mail is taken into.")
@mail_format("auto", *get_args(Kind), help="What the files are. Default: auto, what they look like.")
@exits(DoneInPart, NotFound, UnusableInput, *OF_THE_DATABASE)
@click.pass_obj
def command(invocation: Invocation, *, paths: tuple[str, ...], mailbox: str, kind: str | None) -> None:
    """Take in mail from .eml files, mbox files, and Maildirs with the folders in them; `-` reads stdin.

    It goes the way of fetched mail: filters, cases, and silence about what is older than `quiet_after`. What
    was imported before changes nothing, so that an import that was interrupted is just started again.
    """
    from espomail.cli.progress import Progress

    loaded = acting.load_configuration(invocation)
    actor = acting.act(invocation, loaded.config)
    Access(actor, loaded.config).require_admin("import")
    if actor.is_delegated and set(paths) != {"-"}:
        raise NotPermitted(f"you may name no files here; type: espomail import … - < {paths[0]}")
    progress = Progress(invocation)
    try:
        done = import_mail(
            loaded,
            mailbox,
            paths,
            None if kind in {None, "auto"} else cast("Kind", kind),
            stdin=cast("io.BufferedReader", sys.stdin.buffer),
            on_progress=progress,
        )
    finally:
        progress.end()
    for line in done.news:
        invocation.tell(line)
    _show(done.report, Output(invocation, zone(loaded.config)))
    if done.exit_code:
        raise click.exceptions.Exit(done.exit_code)


def _show(report: ImportReport, out: Output) -> None:
    if not out.is_asked_for:
        return
    if out.format in {"json", "jsonl"}:
        out.show_one(report)
    else:
        out.show_lines(ImportSummary, [ImportSummary(**msgspec.structs.asdict(report))])
