"""`espomail mailbox`: what is read, how it fares, and whether its servers can be used."""

import sys
from datetime import UTC, datetime
from typing import Literal

import click
from msgspec.structs import replace

from espomail.cli import acting
from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.findings import show_findings
from espomail.cli.invocation import Invocation
from espomail.cli.options import prints
from espomail.cli.output import Output
from espomail.cli.session import Session, in_session
from espomail.config.load import Loaded
from espomail.config.schema import Mailbox
from espomail.crm import mailboxes
from espomail.crm.access import Access
from espomail.crm.mailboxes import MailboxLine, MailboxPage, MailboxStatus
from espomail.errors import (
    LoginRefused,
    NotFound,
    NotPermitted,
    ServerTrouble,
    TryAgainLater,
    WrongConfiguration,
    WrongUsage,
)
from espomail.operations.findings import Finding
from espomail.operations.mailbox_checks import FolderLine


@click.group("mailbox", cls=Noun)
def command() -> None:
    """The mailboxes: what is read, how they fare, whether their servers can be used."""


@command.command("list")
@prints(MailboxLine)
@exits(*OF_THE_DATABASE)
@click.pass_obj
def list_mailboxes(invocation: Invocation) -> None:
    """List the mailboxes, in the order of the configuration."""
    loaded = acting.load_configuration(invocation)
    access = Access(acting.act(invocation, loaded.config), loaded.config)
    Output(invocation).show_lines(MailboxLine, mailboxes.lines(access))


@command.command("show")
@click.argument("key", metavar="MAILBOX")
@prints(MailboxPage)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def show(session: Session, key: str) -> None:
    """Show a mailbox: its settings with masked passwords, how far it is read, how it fares."""
    session.access.require_admin("mailbox show")
    page = mailboxes.page(session.config, key)
    if session.out.format == "table":
        from espomail.config.show import as_yaml

        page = replace(page, settings=as_yaml(session.config.mailboxes[key]).rstrip("\n"))
    session.out.show_one(page)


@command.command("status")
@click.argument("keys", metavar="[MAILBOX]...", nargs=-1)
@prints(MailboxStatus)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def status(session: Session, keys: tuple[str, ...]) -> None:
    """Tell how the mailboxes fare, as the runs of `fetch` have left it. No server is asked."""
    session.out.show_lines(MailboxStatus, mailboxes.statuses(session.access, keys))


@command.command("folders")
@click.argument("key", metavar="MAILBOX")
@prints(FolderLine)
@exits(NotFound, ServerTrouble, LoginRefused, NotPermitted, WrongConfiguration)
@click.pass_obj
def folders(invocation: Invocation, key: str) -> None:
    """List the folders that the server has, and which of them are read."""
    from espomail.operations.mailbox_checks import folders_of

    _, mailbox = _mailbox(invocation, "folders", key)
    Output(invocation).show_lines(FolderLine, folders_of(mailbox, now=invocation.now))


@command.command("test")
@click.argument("key", metavar="MAILBOX")
@prints(Finding)
@exits(NotFound, ServerTrouble, LoginRefused, NotPermitted, WrongConfiguration)
@click.pass_obj
def test(invocation: Invocation, key: str) -> None:
    """Try the mailbox's servers: reach, TLS, login, folders, and over SMTP the sender of auto-replies.

    Nothing is changed on the server, and no message is sent.
    """
    from espomail.operations.mailbox_checks import check_mailbox

    loaded, mailbox = _mailbox(invocation, "test", key)
    checkup = check_mailbox(loaded.config, mailbox, now=invocation.now)
    show_findings(Output(invocation), checkup.findings)
    if checkup.exit_code:
        raise click.exceptions.Exit(checkup.exit_code)


@command.command("authorize")
@click.argument("key", metavar="MAILBOX")
@click.option("--server", type=click.Choice(("imap", "smtp")), help="Default: the first with `oauth2`.")
@click.option(
    "--way",
    type=click.Choice(("browser", "device")),
    help="Come back to this machine from a browser, or type a code in on another device. Default: device, "
    "where the provider has it for mail, as Microsoft does and Google does not.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Where the browser comes back to, as for `ssh -L`. Default: any.",
)
@exits(NotFound, ServerTrouble, TryAgainLater, LoginRefused, NotPermitted, WrongConfiguration)
@click.pass_obj
def authorize(
    invocation: Invocation,
    key: str,
    *,
    server: Literal["imap", "smtp"] | None,
    way: Literal["browser", "device"] | None,
    port: int,
) -> None:
    """Have somebody allow espomail a mailbox whose provider wants tokens (`oauth2`).

    What is to be done in a browser, on whatever machine, is told on stderr. Tokens are kept for the runs of
    `fetch`, which renew them.
    """
    from espomail.cli.authorize import complain, show_authorized, tell_to_do
    from espomail.operations.authorize import authorize as ask

    _, mailbox = _mailbox(invocation, "authorize", key)
    authorized = ask(
        mailbox,
        protocol=server,
        way=way,
        port=port,
        clock=lambda: datetime.now(UTC),
        tell=lambda to_do: tell_to_do(invocation, to_do),
        complain=lambda said: complain(invocation, said),
    )
    show_authorized(Output(invocation), authorized)


@command.command("reset")
@click.argument("key", metavar="MAILBOX")
@click.option("--folder", metavar="FOLDER", help="Only this folder. Default: all of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@exits(NotFound, TryAgainLater, NotPermitted, WrongConfiguration)
@click.pass_obj
def reset(invocation: Invocation, key: str, *, folder: str | None, yes: bool) -> None:
    """Forget how far a mailbox has been read; the next run looks through its mail since `fetch_since`.

    What is here already is known by its UID or its Message-ID, and is not taken in twice. What was skipped is
    decided anew.
    """
    from espomail.operations.mailbox_reset import reset as forget

    loaded, mailbox = _mailbox(invocation, "reset", key)
    out = Output(invocation)
    if not yes:
        if not sys.stdin.isatty():
            raise WrongUsage("say --yes: there is no terminal to ask at")
        whose = f"mailbox {key}" if folder is None else f"folder {folder} of mailbox {key}"
        click.confirm(f"Read {whose} again from {mailbox.imap.fetch_since} on?", abort=True, err=True)
    forgotten = forget(loaded, mailbox, folder, now=invocation.now)
    if out.is_asked_for:
        _tell_reset(out, key, forgotten)


def _tell_reset(out: Output, key: str, forgotten: list[str]) -> None:
    if out.invocation.wants_json:
        from espomail.cli.output import json_line

        out.show_text(json_line({"mailbox": key, "folders": forgotten}))
    else:
        out.show_text(f"forgotten: {', '.join(forgotten)}" if forgotten else "nothing had been read")


def _mailbox(invocation: Invocation, verb: str, key: str) -> tuple[Loaded, Mailbox]:
    loaded = acting.load_configuration(invocation)
    Access(acting.act(invocation, loaded.config), loaded.config).require_admin(f"mailbox {verb}")
    return loaded, mailboxes.mailbox_of(loaded.config, key)
