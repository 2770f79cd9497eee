"""Where somebody has mail: the inbox and its like, group folders, and folders of one's own."""

from espomail.config.faults import quoted
from espomail.config.folder_names import OF_EVERYBODY
from espomail.crm.access import Access
from espomail.errors import NotFound
from espomail.store.models import Email, EmailUser
from espomail.store.read import tuples_of


def require_folder(access: Access, name: str) -> None:
    """Raises NotFound, which tells the folders that the actor has, where there is none of that name."""
    there = [*OF_EVERYBODY, *access.group_folders, *_own(access)]
    if name in there or (access.actor.is_admin and _is_used(name)):
        return
    raise NotFound(f"there is no folder {quoted(name)}; there are: {', '.join(dict.fromkeys(there))}")


def _own(access: Access) -> list[str]:
    """The acting user's own: those of personal mailboxes, and those that mail is in."""
    user = access.user
    if user is None:
        return []
    mailboxes = access.config.mailboxes.values()
    configured = [one.folder for one in mailboxes if one.user == user.key and one.folder is not None]
    of_user = (EmailUser.user == user.key) & EmailUser.folder.is_null(False)
    used = EmailUser.select(EmailUser.folder).where(of_user).distinct().order_by(EmailUser.folder)
    return [*configured, *(folder for (folder,) in tuples_of(used))]


def _is_used(group_folder: str) -> bool:
    """Whether mail is in it, though it may be configured no longer."""
    found: bool = Email.select().where(Email.group_folder == group_folder).exists()
    return found
