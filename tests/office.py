"""A small company in a temporary folder, for tests of the rules: its configuration, its database, its clock.

Mails are taken in as a run would take them, from the journal to the second commit; only the servers are
missing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from espomail.config import load as config_load
from espomail.crm.context import Context
from espomail.intake import journal
from espomail.intake.left_over import settle_left_over
from espomail.intake.messages import Position, RawMessage
from espomail.intake.reader import read_all
from espomail.intake.settle import Pace, Settled, settle_kept
from espomail.mail import templating
from espomail.store import connection, write
from espomail.store.changes import Changes, add
from espomail.store.ids import Ids
from espomail.store.models import TABLES, Account, Contact, Follower, Lead, RecordAddress, Table, TokenKey
from espomail.store.read import rows_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)

CONFIG = """
organisation: {name: Example Ltd, domains: [example.com]}
timezone: Europe/Berlin
teams: {support: {}, sales: {}}
users:
  anna: {name: Anna Novak, emails: [anna@example.com], teams: {support: Agent}, roles: [agent]}
  boris: {name: Boris Weber, emails: [boris@example.com], teams: {support: Agent}, roles: [agent]}
  clara: {name: Clara Diaz, emails: [clara@example.com], teams: {sales: Agent}, roles: [agent]}
roles:
  agent:
    email: {read: team, edit: own}
    case: {create: yes, read: team, edit: team, stream: team}
    account: {read: all, stream: all}
    contact: {read: all}
    lead: {read: all}
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap: {host: imap.example.com, username: support, password: x, fetch_since: 2026-01-01}
    smtp: {host: smtp.example.com}
    teams: [support]
    case: {create: true, distribution: round-robin, team: support}
    auto_reply: {template: case-received, from_name: Example Support}
"""


def mail(
    subject: str = "Question",
    sender: str = "Carl Customer <carl@customer.example>",
    *,
    to: str = "support@example.com",
    message_id: str | None = None,
    body: str = "Hello, it does not work.",
    **headers: str,
) -> bytes:
    """A plain mail; further header fields by name, `_` for `-`."""
    fields = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Message-ID": message_id
        or f"<{sha256((subject + sender + body).encode()).hexdigest()[:16]}@customer.example>",
        "Date": "Tue, 24 Nov 2026 09:00:00 +0000",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{head}\r\n{body}\r\n".encode()


def header_alone(raw: bytes) -> bytes:
    """What is taken of a mail that is over the size limit."""
    return raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


class Office:
    """One installation. `config` is YAML that is put after, or in the place of, the usual one."""

    def __init__(self, folder: Path, config: str = CONFIG, *, now: datetime = NOW) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "config.yaml"
        self.path.write_text(config, encoding="utf-8")
        self.path.chmod(0o600)
        self.config = config_load.load(self.path).config
        self.now = now
        self.uid = 0
        connection.close_database()
        connection.open_database(self.config.database, now=now)
        TokenKey.update(key=b"k" * 32).execute()

    @property
    def context(self) -> Context:
        context = Context.of_installation(
            self.config, now=self.now, zone=UTC, templates=templating.load(self.config.templates)
        )
        context.installation_id = "0123abcd"
        return context

    def receive(
        self,
        *raws: bytes,
        mailbox: str = "support",
        folder: str = "INBOX",
        at: datetime | None = None,
        batch: int = 400,
        is_partial: bool = False,
    ) -> list[Settled]:
        """Take the mails in, so many in a batch; the result of each. Partial ones are headers alone."""
        messages = []
        for raw in raws:
            self.uid += 1
            received = at or self.now - timedelta(minutes=5)
            messages.append(RawMessage(folder, 7, self.uid, (), received, raw, len(raw), is_partial))
        kept = journal.keep(mailbox, messages, Position(folder, 7, self.uid))
        pace = Pace(batch)
        pace.learn = lambda mails, took_s: None  # type: ignore[method-assign]  # the size is the test's
        return list(settle_kept(kept, read_all(kept), self.context, pace))

    def try_again(self) -> list[Settled]:
        """What the beginning of the next run does: decide what is left over."""
        return list(settle_left_over(self.context, Pace(), list(self.config.mailboxes), lambda: False))

    def write(self, changes: Changes) -> None:
        with connection.writing():
            write.apply(changes)

    def account(self, name: str, *emails: str, followers: Iterable[str] = ()) -> int:
        return self._record(Account, "account", emails, followers, name=name)

    def contact(self, name: str, *emails: str, account: int | None = None) -> int:
        first, _, last = name.rpartition(" ")
        return self._record(Contact, "contact", emails, (), first_name=first, last_name=last, account=account)

    def lead(self, name: str, *emails: str, **fields: Any) -> int:
        return self._record(Lead, "lead", emails, (), name=name, **fields)

    def follow(self, kind: str, number: int, user: str) -> None:
        self.write((add(Follower, record_type=kind, record_id=number, user=user),))

    def rows(self, model: type[Table], *columns: str) -> list[Any]:
        """The table's rows in the order of their keys: those columns, or whole."""
        rows = rows_of(model.select())
        rows.sort(key=lambda row: tuple(str(value) for value in row.values()))
        if "id" in model._meta.fields:
            rows.sort(key=lambda row: row["id"])
        if not columns:
            return rows
        return [
            row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns) for row in rows
        ]

    def dump(self) -> dict[str, list[Any]]:
        """Everything that the database holds."""
        return {model.__name__: self.rows(model) for model in TABLES}

    def _record(
        self, model: Any, kind: str, emails: Sequence[str], followers: Iterable[str], **fields: Any
    ) -> int:
        ids = Ids.load()
        number = ids.next(model)
        self.write(
            (
                add(model, id=number, created_at=self.now, modified_at=self.now, **fields),
                *(
                    add(RecordAddress, record_type=kind, record_id=number, address=address, position=position)
                    for position, address in enumerate(emails)
                ),
                *(add(Follower, record_type=kind, record_id=number, user=user) for user in followers),
                *ids.changes(),
            )
        )
        return number
