"""The short configuration that `init` writes: one support mailbox, to be completed by hand."""

import errno
import os
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final

from espomail.errors import TryAgainLater, UnusableInput

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

STARTER = """\
# The configuration of espomail. What is marked with <-- is yours to fill in; `espomail config check` tells
# what is wrong or missing. Every key, with its meaning and default: docs/configuration.md.

database: sqlite:///espomail.db

organisation:
  name: Example Ltd                     # <--
  domains: [example.com]                # <-- your own mail domains

teams:
  support: {{}}

users:                                  # <-- who works here; their order is the order of distribution
  anna:
    name: Anna Novak
    emails: [anna@example.com]
    teams: [support]
    roles: [agent]

roles:
  agent:
    group_mailbox: team
    email: {{create: yes, read: team, edit: own}}
    case: {{create: yes, read: team, edit: team, stream: team}}
    account: {{create: yes, read: all, edit: team, stream: all}}
    contact: {{create: yes, read: all, edit: team, stream: all}}
    lead: {{create: yes, read: all, edit: team, stream: all}}

mailboxes:
  support:
    kind: group
    address: support@example.com        # <--
    imap:
      host: imap.example.com            # <--
      security: tls                     # tls | starttls | none
      password_file: support.password   # <-- a file (chmod 600) with the password in its first line
      fetch_since: {today}           # older mail stays where it is
    smtp:
      host: smtp.example.com            # <--
      security: starttls
      password_file: support.password
      shared: true
    teams: [support]
    case:
      create: true
      distribution: round-robin
    # Answers each new case by itself. Switch it on once `espomail fetch --dry-run` shows what you expect.
    # auto_reply: {{template: case-received, from_name: Example Support}}
"""


def starter(today: date) -> str:
    """The text of a new config.yaml, which takes in no mail from before `today`."""
    return STARTER.format(today=today.isoformat())


def start_at(file: Path, today: date) -> Path:
    """Makes the file (0600), its folder (0700) and a templates folder beside it; gives back the file's path.

    What is there already is left as it is, and nothing is left of what breaks off. Raises UnusableInput when
    the file is there, or when nothing can be made there; TryAgainLater where the disk is full.
    """
    made: list[Path] = []
    if os.path.lexists(file):
        raise UnusableInput(f"{file} is there already; nothing was changed")
    try:
        templates = file.parent / "templates"
        missing = [one for one in reversed(file.parents) if not os.path.lexists(one)]
        for folder in (*missing, *([] if templates.is_dir() else [templates])):
            folder.mkdir(mode=0o777 if folder in file.parent.parents else 0o700)
            made.append(folder)
        _write(file, starter(today))
    except OSError as error:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, FileExistsError):
            raise UnusableInput(f"{error.filename} is there already; nothing was changed") from None
        kind = TryAgainLater if error.errno in _NO_ROOM else UnusableInput
        raise kind(f"{error.filename} cannot be made: {error.strerror}") from None
    return file


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as config:
            config.write(text)
    except OSError as error:
        file.unlink()
        raise OSError(error.errno, error.strerror, str(file)) from None
