"""Trying a mailbox against its servers, and asking its server for its folders."""

from datetime import datetime

from msgspec import Struct

from espomail.config.folder_names import folder_name
from espomail.config.schema import Config, Mailbox
from espomail.config.sending import sending_mailbox
from espomail.intake.login import log_in
from espomail.intake.server_folders import server_folders
from espomail.operations.findings import Checkup
from espomail.operations.imap_checks import check_imap, open_client
from espomail.operations.smtp_checks import check_smtp
from espomail.sign_in.secret import secret_for


class FolderLine(Struct, frozen=True, kw_only=True):
    """A folder of the server. `read`: the configuration says that its mail is taken in."""

    folder: str
    read: bool
    special_use: str | None
    holds_mail: bool


def check_mailbox(config: Config, mailbox: Mailbox, *, now: datetime) -> Checkup:
    """Everything about the mailbox's servers. Nothing is changed on them, and no message is sent.

    Another mailbox's SMTP server is tried where this one's auto-replies go out by it.
    """
    checkup = Checkup(mailbox.key)
    check_imap(checkup, mailbox, now)
    sender = sending_mailbox(config, mailbox) if mailbox.auto_reply else mailbox
    if sender is not None and sender.smtp is not None:
        check_smtp(checkup, mailbox, sender.smtp, now)
    return checkup


def folders_of(mailbox: Mailbox, *, now: datetime) -> list[FolderLine]:
    """The folders that the server has. Raises ServerTrouble, LoginRefused, WrongConfiguration."""
    imap = mailbox.imap
    secret = secret_for(imap, now, insists=True)
    with open_client(imap) as client:
        log_in(client, imap, secret)
        found = server_folders(client, imap.host)
    return [
        FolderLine(
            folder=one.name,
            read=folder_name(one.name) in imap.folders,
            special_use=one.special_use,
            holds_mail=one.holds_mail,
        )
        for one in found
    ]
