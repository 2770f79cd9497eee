"""The short configuration that `init` writes: one support mailbox, to be completed by hand."""

import os
from datetime import date
from pathlib import Path

from espomail.errors import UnusableInput

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

    What is there already is left as it is. Raises UnusableInput when that is the file, or when nothing can be
    made there.
    """
    folder = file.parent
    if os.path.lexists(file):
        raise UnusableInput(f"{file} is there already; nothing was changed")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "templates").mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as config:
                config.write(starter(today))
        except OSError as error:
            file.unlink()
            raise OSError(error.errno, error.strerror, str(file)) from None
    except FileExistsError as error:
        raise UnusableInput(f"{error.filename} is there already; nothing was changed") from None
    except OSError as error:
        raise UnusableInput(f"{error.filename} cannot be made: {error.strerror}") from None
    return file
