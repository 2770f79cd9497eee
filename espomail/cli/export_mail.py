"""`espomail export`: e-mails into files."""

from pathlib import Path
from typing import cast

import click

from espomail.cli.command import OF_THE_DATABASE, Verb, exits
from espomail.cli.moments import Given, Moment
from espomail.cli.options import NUMBER, mail_format
from espomail.cli.progress import Progress
from espomail.cli.session import Session, in_session
from espomail.crm.emails import EmailFilter
from espomail.crm.records import require_readable
from espomail.crm.refs import Ref
from espomail.errors import DoneInPart, NotFound, UnusableInput, WrongUsage
from espomail.operations import export_mail
from espomail.operations.export_mail import ExportReport, ToFolder
from espomail.operations.new_file import new_file


@click.command("export", cls=Verb)
@click.option("--case", type=NUMBER, metavar="NUMBER", help="The e-mails of this case.")
@click.option("--mailbox", metavar="MAILBOX", help="Those met in this mailbox.")
@click.option("--since", type=Moment(), help="Received since a day, a moment, or 30d ago.")
@click.option("--until", type=Moment(), help="Received before; a day counts wholly.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR|FILE",
    help="A folder; for mbox a new file, or - for stdout.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@mail_format("eml", "mbox", "maildir", help="A file for each, one for all, or a Maildir. Default: eml.")
@exits(DoneInPart, NotFound, UnusableInput, *OF_THE_DATABASE)
@in_session
def command(
    session: Session,
    *,
    case: int | None,
    mailbox: str | None,
    since: Given | None,
    until: Given | None,
    output: str,
    force: bool,
    kind: str | None,
) -> None:
    """Write e-mails to files, byte for byte as they came; without conditions all of them.

    What is in the folder already is left as it is, so that the same command brings it up to date. `import`
    reads all three formats, and makes the same records of them.
    """
    session.access.require_admin("export")
    if case is not None:
        require_readable(session.access, Ref("case", case))
    wanted = EmailFilter(
        mailbox=session.require_known("mailbox", mailbox, session.config.mailboxes),
        parent=None if case is None else Ref("case", case),
        since=session.moment(since),
        until=session.moment(until, is_end=True),
    )
    progress = Progress(session.invocation)
    try:
        if kind == "mbox":
            report = _as_mbox(session, wanted, output, progress, replaces=force)
        else:
            report = _to_folder(
                session, wanted, cast("ToFolder", kind or "eml"), output, progress, replaces=force
            )
    finally:
        progress.end()
    if report.missing:
        session.invocation.tell(f"{report.missing} e-mails could not be exported: their bytes were not kept")
    if session.out.is_asked_for and output != "-":
        session.out.show_one(report)
    if report.exit_code:
        raise click.exceptions.Exit(report.exit_code)


def _as_mbox(
    session: Session, wanted: EmailFilter, output: str, progress: Progress, *, replaces: bool
) -> ExportReport:
    if output == "-":
        session.out.require_no_terminal("espomail export … --format mbox -o - > mail.mbox")
        return export_mail.export_as_mbox(
            session.access, wanted, session.out.write_bytes, on_progress=progress
        )
    session.require_own_files(output, "espomail export … --format mbox -o -")
    with new_file(Path(output), replaces=replaces) as file:
        return export_mail.export_as_mbox(session.access, wanted, file.write, on_progress=progress)


def _to_folder(
    session: Session, wanted: EmailFilter, kind: ToFolder, output: str, progress: Progress, *, replaces: bool
) -> ExportReport:
    if output == "-":
        raise WrongUsage(f"stdout takes one file; say --format mbox, or a folder for --format {kind}")
    session.require_own_files("mail.mbox", "espomail export … --format mbox -o -")
    return export_mail.export_to_folder(
        session.access, wanted, kind, Path(output), replaces=replaces, on_progress=progress
    )
