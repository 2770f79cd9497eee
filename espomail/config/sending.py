"""Whose SMTP server sends what goes out from a mailbox."""

from espomail.config.schema import Config, Mailbox


def sending_mailbox(config: Config, mailbox: Mailbox) -> Mailbox | None:
    """The mailbox whose `smtp` sends for this one, itself where it has any; None where nothing can be sent.

    Else one with the same address (the owner's personal one, then a group's), else `system_mailbox` where
    its `smtp` is shared (docs/behaviour.md, Sending).
    """
    if mailbox.smtp is not None:
        return mailbox
    of_address = [
        one
        for one in config.mailboxes.values()
        if one.smtp is not None
        and one.own_address == mailbox.own_address != ""
        and (one.kind == "group" or one.user == mailbox.user)
    ]
    of_address.sort(key=lambda one: one.kind == "group")
    if of_address:
        return of_address[0]
    system = config.mailboxes.get(config.system_mailbox or "")
    return system if system is not None and system.smtp is not None and system.smtp.shared else None
