"""`espomail case`: cases, what was written in them, who follows them."""

import click

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.following import add_following
from espomail.cli.moments import Given, Moment
from espomail.cli.options import NUMBER, lists, prints
from espomail.cli.session import Session, in_session
from espomail.crm import cases
from espomail.crm.access import Access
from espomail.crm.case_lines import CaseLine, CasePage
from espomail.crm.records import find, require_readable
from espomail.crm.refs import Ref
from espomail.errors import NotFound, UnusableInput, WrongUsage


@click.group("case", cls=Noun)
def command() -> None:
    """Cases: list them, show one with its e-mails and its Stream, follow it."""


@command.command("list")
@click.option("--open", "is_open", is_flag=True, help="Those that are New, Assigned or Pending.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(cases.STATUSES, case_sensitive=False),
    help="Those of this status; may be repeated.",
)
@click.option("--assigned", metavar="USER", help="Those of this user.")
@click.option("--mine", is_flag=True, help="Your own.")
@click.option("--unassigned", is_flag=True, help="Those of nobody.")
@click.option("--team", metavar="TEAM", help="Those of this team.")
@click.option("--mailbox", metavar="MAILBOX", help="Those that came by this mailbox.")
@click.option("--account", metavar="ID|NAME", help="Those of this account.")
@click.option("--since", type=Moment(), help="Those made since a day, a moment, or 30d ago.")
@click.option("--search", metavar="TEXT", help="Those with this in their name or description.")
@lists(CaseLine)
@exits(NotFound, UnusableInput, *OF_THE_DATABASE)
@in_session
def list_cases(
    session: Session,
    *,
    is_open: bool,
    statuses: tuple[str, ...],
    assigned: str | None,
    mine: bool,
    unassigned: bool,
    team: str | None,
    mailbox: str | None,
    account: str | None,
    since: Given | None,
    search: str | None,
) -> None:
    """List the cases that you may read, the newest first."""
    if sum((assigned is not None, mine, unassigned)) > 1:
        raise WrongUsage("--assigned, --mine and --unassigned exclude each other")
    config = session.config
    wanted = cases.CaseFilter(
        is_open=is_open,
        statuses=statuses,
        assigned_user=(
            session.require_user("--mine") if mine else session.require_known("user", assigned, config.users)
        ),
        is_unassigned=unassigned,
        team=session.require_known("team", team, config.teams),
        mailbox=session.require_known("mailbox", mailbox, config.mailboxes),
        account=None if account is None else find(session.access, "account", account).id,
        since=session.moment(since),
        search=search,
    )
    session.out.show_list(cases.listing(session.access, wanted))


@command.command("show")
@click.argument("number", type=NUMBER)
@prints(CasePage)
@exits(NotFound, *OF_THE_DATABASE)
@in_session
def show(session: Session, number: int) -> None:
    """Show a case with its e-mails, its Stream and its followers."""
    session.out.show_one(cases.page(session.access, number))


def _find(access: Access, text: str) -> Ref:
    ref = Ref("case", NUMBER.convert(text, None, None))
    require_readable(access, ref)
    return ref


add_following(command, "case", "NUMBER", _find)
