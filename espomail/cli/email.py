"""`espomail email`: the e-mails that were received and sent."""

import click

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.moments import Given, Moment
from espomail.cli.options import NUMBER, TYPE_AND_ID, lists, prints
from espomail.cli.session import Session, in_session
from espomail.crm import emails
from espomail.crm.email_lines import EmailLine, EmailPage
from espomail.crm.records import require_readable
from espomail.crm.refs import Ref
from espomail.errors import NotFound, WrongUsage


@click.group("email", cls=Noun)
def command() -> None:
    """E-mails: list them, show one, print its bytes."""


@command.command("list")
@click.option("--mailbox", metavar="MAILBOX", help="Those met in this mailbox.")
@click.option("--case", type=NUMBER, metavar="NUMBER", help="Those of this case.")
@click.option("--parent", type=TYPE_AND_ID, metavar="TYPE:ID", help="Those that belong to this record.")
@click.option("--from", "sender", metavar="ADDRESS", help="Those of this sender; * stands for anything.")
@click.option("--to", "recipient", metavar="ADDRESS", help="Those to this address; * stands for anything.")
@click.option("--since", type=Moment(), help="Received since a day, a moment, or 30d ago.")
@click.option("--until", type=Moment(), help="Received before; a day counts wholly.")
@click.option("--folder", metavar="inbox|sent|archive|trash|NAME", help="Those that you have there.")
@click.option("--unread", is_flag=True, help="Those that you have not read.")
@click.option("--search", metavar="TEXT", help="Those with this in their subject, sender or text.")
@lists(EmailLine)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def list_emails(
    session: Session,
    *,
    mailbox: str | None,
    case: int | None,
    parent: Ref | None,
    sender: str | None,
    recipient: str | None,
    since: Given | None,
    until: Given | None,
    folder: str | None,
    unread: bool,
    search: str | None,
) -> None:
    """List the e-mails that you may read, the newest first."""
    if case is not None and parent is not None:
        raise WrongUsage("--case and --parent exclude each other")
    if case is not None:
        parent = Ref("case", case)
    if parent is not None:
        require_readable(session.access, parent)
    if unread:
        session.require_user("--unread")
    if folder in emails.OWN_FOLDERS:
        session.require_user(f"--folder {folder}")
    wanted = emails.EmailFilter(
        mailbox=session.require_known("mailbox", mailbox, session.config.mailboxes),
        parent=parent,
        sender=sender,
        recipient=recipient,
        since=session.moment(since),
        until=session.moment(until, is_end=True),
        folder=folder,
        is_unread=unread,
        search=search,
    )
    session.out.show_list(emails.listing(session.access, wanted))


@command.command("show")
@click.argument("email_id", metavar="ID", type=NUMBER)
@prints(EmailPage)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def show(session: Session, email_id: int) -> None:
    """Show an e-mail with its text, its attachments, and what was decided about it, rule by rule."""
    session.out.show_one(emails.page(session.access, email_id))


@command.command("raw")
@click.argument("email_id", metavar="ID", type=NUMBER)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def raw(session: Session, email_id: int) -> None:
    """Print the bytes of an e-mail exactly as its server sent them.

    Not to a terminal, which they could steer.
    """
    if session.out.is_terminal:
        raise WrongUsage(f"a mail can steer a terminal; type: espomail email raw {email_id} > mail.eml")
    session.out.write_bytes(emails.raw(session.access, email_id))
