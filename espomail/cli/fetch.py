"""`espomail fetch`: one run, as cron starts it each minute."""

from collections.abc import Sequence
from typing import Any, ClassVar

import click
from msgspec import Struct

from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Verb, exits
from espomail.cli.invocation import Invocation
from espomail.cli.output import Output
from espomail.config.amounts import Duration
from espomail.config.zones import zone
from espomail.crm.access import Access
from espomail.errors import DoneInPart, NotFound
from espomail.report import FetchReport, FetchRequest, MailboxReport, OutboxReport


class Span(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no argument here
    """A duration, as 50s or 2m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Duration:
        try:
            return value if isinstance(value, Duration) else Duration.parse(value)
        except ValueError as error:
            return self.fail(f"{value!r} {error}", param, ctx)


class RunSummary(Struct, frozen=True, kw_only=True):
    """What machines read of a run."""

    mailboxes: tuple[MailboxReport, ...]
    outbox: OutboxReport
    seconds: float


class MailboxSummary(MailboxReport, frozen=True, kw_only=True):
    """What people read of one mailbox's run."""

    IN_TABLE: ClassVar = (
        *("mailbox", "ok", "fetched", "imported", "cases_created", "auto_replies", "remaining", "error"),
    )


@click.command("fetch", cls=Verb)
@click.argument("mailboxes", metavar="[MAILBOX]...", nargs=-1)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many messages a mailbox.")
@click.option("--budget", type=Span(), default="50s", show_default=True, help="How long the run may take.")
@click.option("--dry-run", is_flag=True, help="Decide the same, write nothing, change nothing on the server.")
@click.option("--no-send", is_flag=True, help="Leave what is due in the outbox.")
@click.option("--wait", is_flag=True, help="Wait for another run to end.")
@click.option("--fail-if-locked", is_flag=True, help="Exit with 75 when another run is going on.")
@click.option("--answer-old", is_flag=True, help="Treat mail older than `quiet_after` like any other.")
@exits(DoneInPart, NotFound, *OF_THE_DATABASE)
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    mailboxes: tuple[str, ...],
    limit: int | None,
    budget: Duration,
    dry_run: bool,
    no_send: bool,
    wait: bool,
    fail_if_locked: bool,
    answer_old: bool,
) -> None:
    """Fetch new mail, file it, open cases, send what is due. Cron runs this each minute.

    All mailboxes, or those that are named; a named one is tried even where it waits after a failure. Without
    a terminal it is silent, except on stderr when a mailbox begins or ceases to fail and when a message had
    to be set aside.
    """
    from espomail import run
    from espomail.cli.progress import Progress

    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin("fetch")
    request = FetchRequest(
        mailboxes=mailboxes,
        limit=limit,
        budget_s=budget.total_seconds(),
        is_dry_run=dry_run,
        sends=not no_send,
        waits_for_lock=wait,
        fails_if_locked=fail_if_locked,
        answers_old=answer_old,
    )
    progress = Progress(invocation)

    def tell(news: Sequence[str]) -> None:
        progress.end()
        invocation.tell(*news)

    try:
        report = run.fetch(loaded, request, on_progress=progress, on_news=tell)
    finally:
        progress.end()
    _show(report, Output(invocation, zone(loaded.config)))
    if report.exit_code:
        raise click.exceptions.Exit(report.exit_code)


def _show(report: FetchReport, out: Output) -> None:
    if not out.is_asked_for:
        return
    if out.format in {"json", "jsonl"}:
        out.show_one(
            RunSummary(mailboxes=report.mailboxes, outbox=report.outbox, seconds=round(report.seconds, 3))
        )
        return
    names = MailboxReport.__struct_fields__
    lines = [MailboxSummary(**{name: getattr(box, name) for name in names}) for box in report.mailboxes]
    out.show_lines(MailboxSummary, lines)
    if out.format == "table":
        sent = report.outbox
        doubtful = f", {sent.in_doubt} in doubt" if sent.in_doubt else ""
        out.show_text(f"outbox: {sent.sent} sent, {sent.failed} failed, {sent.waiting} waiting{doubtful}")
