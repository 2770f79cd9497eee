"""The demo: a whole installation in one folder, with its configuration, database and mail, and what it shows.

Its mail servers live inside the program, so it needs neither root nor a real mailbox.
"""

import fcntl
import os
import shlex
import shutil
import smtplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from espomail.config import load
from espomail.errors import EspomailError, NotFound, TryAgainLater, UnusableInput
from espomail.operations.demo_mailboxes import Mailboxes
from espomail.operations.demo_mails import (
    CUSTOMERS,
    EMMA,
    JUERGEN,
    SUPPORT,
    USERS,
    Letter,
    first_letters,
    reply_to,
    vacation_notice,
)
from espomail.operations.demo_servers import HOST, free_ports, serving, write_logins

MARK: Final = ".espomail-demo"
"""The file that makes a folder a demo. Whoever serves the demo holds a lock on it."""

OURS: Final = ("config.yaml", "secret.key", "espomail.db*", "templates", "mail")

CONFIG: Final = """\
# The configuration of a demo of espomail. Both servers are there while `espomail demo --serve` runs.
organisation: {{name: Example Ltd, domains: [example.com]}}

teams:
  support: {{}}
users:
  anna: {{name: Anna Novak, emails: [anna@example.com], teams: {{support: Agent}}, roles: [agent]}}
  boris: {{name: Boris Weber, emails: [boris@example.com], teams: {{support: Agent}}, roles: [agent]}}
roles:
  agent:
    group_mailbox: team
    email: {{create: yes, read: team, edit: own}}
    case: {{create: yes, read: team, edit: team, stream: team}}
    account: {{create: yes, read: all, edit: team, stream: all}}
    contact: {{create: yes, read: all, edit: team, stream: all}}

mailboxes:
  support:
    kind: group
    address: {support}
    imap:
      host: {host}
      port: {imap_port}
      security: none              # the servers of the demo are on this machine; real ones are asked for TLS
      password: {password}
      fetch_since: {since}
    smtp: {{host: {host}, port: {smtp_port}, security: none, shared: true}}
    teams: [support]
    case: {{create: true, distribution: round-robin}}
    auto_reply: {{template: case-received, from_name: Example Support}}

filters:
  - {{name: monitoring, from: "*@monitor.example.com", subject: "OK*", action: skip}}
"""

Run = Callable[[Sequence[str]], int]
"""Runs a command of espomail on the demo, shows it, and gives back its exit code."""


class Demo(msgspec.Struct, frozen=True):
    """One demo, as its configuration describes it."""

    folder: Path
    imap_port: int
    smtp_port: int

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def mailboxes(self) -> Mailboxes:
        return Mailboxes(self.folder / "mail")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Both of its mail servers are there as long as this lasts.

        Raises TryAgainLater when another process serves it, ServerTrouble when a port is taken.
        """
        with (
            _held(self.folder),
            serving(self.mailboxes, imap_port=self.imap_port, smtp_port=self.smtp_port),
        ):
            yield

    def send(self, *letters: Letter) -> None:
        """Send mails to the support address, by its SMTP server."""
        with smtplib.SMTP(HOST, self.smtp_port, "localhost") as server:
            for letter in letters:
                server.sendmail(letter.sender, [SUPPORT], letter.raw, ["BODY=8BITMIME"])


def is_demo(folder: Path) -> bool:
    """Whether a demo was made in this folder."""
    return (folder / MARK).is_file()


def open_demo(folder: Path) -> Demo:
    """The demo of that folder. Raises NotFound when there is none, WrongConfiguration when it is damaged."""
    if not is_demo(folder):
        raise NotFound(f"there is no demo in {folder}; `espomail demo` makes one")
    mailbox = load.load(folder / "config.yaml").config.mailboxes.get("support")
    if mailbox is None or mailbox.smtp is None or not mailbox.imap.port or not mailbox.smtp.port:
        raise UnusableInput(f"{folder / 'config.yaml'} has no mailbox `support` any more; make the demo anew")
    return Demo(folder, mailbox.imap.port, mailbox.smtp.port)


def make_demo(folder: Path, *, now: datetime, password: str) -> Demo:
    """Make a demo in that folder: configuration, mailboxes, two ports of its own. An older one is replaced.

    Raises UnusableInput when something else is in the folder, TryAgainLater when its demo is being served.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_demo(folder):
            if any(folder.iterdir()):
                raise UnusableInput(f"{folder} is not empty and no demo; name another folder by --directory")
            (folder / MARK).touch(mode=0o600)
        with _held(folder):
            return _make_anew(folder, now, password)
    except OSError as trouble:
        raise UnusableInput(f"{trouble.filename or folder} cannot be made: {trouble.strerror}") from trouble


def tell(demo: Demo, *, now: datetime, run: Run, say: Callable[[str], None]) -> None:
    """Let the mails of a day come in, and show what becomes of them. The servers must be there."""
    demo.send(*first_letters(now))
    say(_heading("Seven mails wait in the mailbox support@example.com. Cron would type this each minute:"))
    _do(run, "fetch")
    say(
        _heading(
            "Six became cases, one was skipped by the filter for monitoring. Both users got their share:"
        )
    )
    _do(run, "case", "list")
    say(_heading("The automatic answer, as it lies in Emma's mailbox:"))
    _show_answer(demo, say)
    say(
        _heading(
            "Emma answers it, and so does the vacation program of Jürgen's mail server. The next minute:"
        )
    )
    demo.send(
        reply_to(demo.mailboxes.mails(EMMA)[0], now),
        vacation_notice(demo.mailboxes.mails(JUERGEN)[0], now),
    )
    _do(run, "fetch")
    say(_heading("Neither made a case, and nobody was answered again. Emma's reply is in her case:"))
    _do(run, "case", "show", "1")


def _heading(text: str) -> str:
    return f"\n── {text}\n"


def _do(run: Run, *words: str) -> None:
    code = run(words)
    if code:
        raise EspomailError(f"`espomail {' '.join(words)}` has ended with {code}")


def _show_answer(demo: Demo, say: Callable[[str], None]) -> None:
    (mail,) = demo.mailboxes.files(EMMA)
    say(f"$ cat {shlex.quote(str(mail.relative_to(demo.folder)))}")
    say(mail.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").rstrip())


def _make_anew(folder: Path, now: datetime, password: str) -> Demo:
    for pattern in OURS:
        for old in folder.glob(pattern):
            _remove(old)
    demo = Demo(folder, *free_ports(2))
    addresses = (SUPPORT, *USERS, *CUSTOMERS)
    demo.mailboxes.folder.mkdir(mode=0o700)
    demo.mailboxes.make(addresses)
    write_logins(demo.mailboxes.folder, addresses, password)
    text = CONFIG.format(
        support=SUPPORT,
        host=HOST,
        imap_port=demo.imap_port,
        smtp_port=demo.smtp_port,
        password=password,
        since=(now - timedelta(days=1)).date().isoformat(),
    )
    descriptor = os.open(demo.config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return demo


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The demo is ours: nobody else serves it or makes it anew meanwhile."""
    with (folder / MARK).open("rb") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryAgainLater(
                f"the demo in {folder} is in use; end the other `espomail demo` first"
            ) from None
        yield
