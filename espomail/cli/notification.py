"""`espomail notification`: what you have been told."""

import click

from espomail.cli.command import OF_THE_DATABASE, Noun, exits
from espomail.cli.options import lists
from espomail.cli.session import Session, in_session
from espomail.crm import notifications
from espomail.crm.notifications import NotificationLine


@click.group("notification", cls=Noun)
def command() -> None:
    """Notifications: what you have been told of."""


@command.command("list")
@click.option("--unread", is_flag=True, help="Those that you have not read.")
@lists(NotificationLine)
@exits(*OF_THE_DATABASE)
@in_session
def list_notifications(session: Session, *, unread: bool) -> None:
    """List your notifications, the newest first. The system sees everybody's."""
    session.out.show_list(notifications.listing(session.access, is_unread=unread))
