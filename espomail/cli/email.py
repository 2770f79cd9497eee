"""`espomail email`: the e-mails that were received and sent."""

from pathlib import Path

import click
import msgspec

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.moments import Given, Moment
from espomail.cli.options import NUMBER, TYPE_AND_ID, lists, prints
from espomail.cli.session import Session, in_session
from espomail.crm import emails
from espomail.crm.email_lines import EmailLine, EmailPage
from espomail.crm.mail_folders import require_folder
from espomail.crm.records import require_readable
from espomail.crm.refs import Ref
from espomail.errors import NotFound, UnusableInput, WrongUsage
from espomail.mail import quotes
from espomail.operations.new_file import new_file


@click.group("email", cls=Noun)
def command() -> None:
    """E-mails: list them, show one, have its bytes and its attachments."""


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
    if folder is not None:
        require_folder(session.access, folder)
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
@click.option(
    "--full", is_flag=True, help="On a page: also the signature, and what the text quotes at its end."
)
@prints(EmailPage)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def show(session: Session, email_id: int, *, full: bool) -> None:
    """Show an e-mail with its text, its attachments, and what was decided about it, rule by rule."""
    page = emails.page(session.access, email_id)
    if session.out.format == "table" and not full:
        page = msgspec.structs.replace(page, body_plain=_short(page.body_plain))
    session.out.show_one(page)


@command.command("raw")
@click.argument("email_id", metavar="ID", type=NUMBER)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def raw(session: Session, email_id: int) -> None:
    """Print the bytes of an e-mail exactly as its server sent them.

    Not to a terminal, which they could steer.
    """
    session.out.require_no_terminal(f"espomail email raw {email_id} > mail.eml")
    session.out.write_bytes(emails.raw(session.access, email_id))


@command.command("attachment")
@click.argument("email_id", metavar="ID", type=NUMBER)
@click.argument("index", type=NUMBER)
@click.option("-o", "--output", metavar="FILE", default="-", help="A new file. Default: -, which is stdout.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@exits(NotFound, UnusableInput, *OF_THE_DATABASE)
@in_session
def attachment(session: Session, email_id: int, index: int, *, output: str, force: bool) -> None:
    """Write an attachment of an e-mail, by its index in `email show`, to a file or to stdout.

    It is not opened, and nothing is written but that file.
    """
    typed = f"espomail email attachment {email_id} {index}"
    if output == "-":
        session.out.require_no_terminal(f"{typed} -o FILE")
        session.out.write_bytes(emails.attachment(session.access, email_id, index))
        return
    session.require_own_files(output, typed)
    content = emails.attachment(session.access, email_id, index)
    with new_file(Path(output), replaces=force) as file:
        file.write(content)


def _short(text: str) -> str:
    """What was written; of the rest only how much there is."""
    parts = quotes.split(text)
    rest = (("signature", parts.signature), ("quotation", parts.quoted))
    hidden = [f"{name}: {len(part.strip().splitlines())} lines" for name, part in rest if part.strip()]
    return f"{parts.written.rstrip()}\n\n[{'; '.join(hidden)}; --full shows all]" if hidden else text
