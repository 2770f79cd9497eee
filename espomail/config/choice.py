"""Which of the mailboxes of a configuration somebody has named."""

from collections.abc import Sequence

from espomail.config.faults import quoted
from espomail.config.schema import Config, Mailbox
from espomail.errors import NotFound


def mailboxes_named(config: Config, names: Sequence[str]) -> tuple[Mailbox, ...]:
    """The mailboxes of these names, in the order of the configuration; all of them where none is named.

    Raises NotFound, which tells what there is.
    """
    known = config.mailboxes
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise NotFound(f"there is no mailbox {quoted(unknown)}; there are: {', '.join(known) or 'none'}")
    return tuple(mailbox for key, mailbox in known.items() if not names or key in names)
