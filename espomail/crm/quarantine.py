"""Messages that the rules could not decide: parked raw, until an operator retries or drops them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from msgspec import Struct, field
from msgspec.structs import asdict

from espomail.crm.access import no_such
from espomail.crm.listing import Listing
from espomail.crm.related import in_portions
from espomail.mail.parse import parse, parse_headers
from espomail.store.changes import Row
from espomail.store.compression import decompress
from espomail.store.models import Journal, RawMessage
from espomail.store.read import rows_of


class ParkedLine(Struct, frozen=True, kw_only=True):
    """A parked message in a list. `since` is when it was parked."""

    IN_TABLE: ClassVar = ("id", "mailbox", "folder", "uid", "subject", "tries", "error", "since")

    id: int
    mailbox: str
    folder: str
    uid: int
    subject: str
    tries: int
    error: str
    since: datetime | None


class ParkedPage(ParkedLine, frozen=True, kw_only=True):
    """A parked message with all that is shown of it. `report` is where the program failed."""

    TEXTS: ClassVar = ("report", "body_plain")

    message_id: str
    from_: str | None = field(name="from")
    received_at: datetime
    size: int
    partial: bool
    report: str
    body_plain: str


def listing() -> Listing[ParkedLine]:
    """All parked messages, the newest first."""
    query = Journal.select().where(Journal.outcome == "quarantined")
    return Listing(
        line=ParkedLine,
        query=query,
        order=(Journal.id.desc(),),
        sorts={
            "id": Journal.id,
            "mailbox": Journal.mailbox,
            "folder": Journal.folder,
            "uid": Journal.uid,
            "tries": Journal.tries,
            "since": Journal.decided_at,
        },
        lines_of=_lines,
    )


def page(number: int) -> ParkedPage:
    """One parked message. Raises NotFound where there is none of that id."""
    row = parked([number])[0]
    line = next(_lines([row]))
    mail = parse(_raw_of(row))
    return ParkedPage(
        **asdict(line),
        message_id=mail.message_id,
        from_=mail.sender.address if mail.sender else None,
        received_at=row["received_at"],
        size=row["size"],
        partial=row["is_partial"],
        report=row["error"] or "",
        body_plain=mail.body_plain,
    )


def parked(ids: Collection[int] | None = None) -> list[Row]:
    """The journal's rows of these parked messages, or of all. Raises NotFound for one that is not parked."""
    all_parked = Journal.select().where(Journal.outcome == "quarantined").order_by(Journal.id)
    if ids is None:
        return list(rows_of(all_parked))
    found: dict[int, Row] = {}
    for some in in_portions(ids):
        found |= {row["id"]: row for row in rows_of(all_parked.where(Journal.id.in_(some)))}
    for number in ids:
        if number not in found:
            raise no_such("message in quarantine with the id", number)
    return [found[number] for number in sorted(set(ids))]


def _lines(rows: Sequence[Row]) -> Iterator[ParkedLine]:
    for row in rows:
        yield ParkedLine(
            id=row["id"],
            mailbox=row["mailbox"],
            folder=row["folder"],
            uid=row["uid"],
            subject=parse_headers(_raw_of(row)).subject,
            tries=row["tries"],
            error=_last_line(row["error"] or ""),
            since=row["decided_at"],
        )


def _raw_of(row: Row) -> bytes:
    stored = RawMessage.get_or_none(RawMessage.id == row["raw_message"])
    return b"" if stored is None else decompress(bytes(stored.data))


def _last_line(report: str) -> str:
    """What a traceback comes to."""
    return report.strip().rpartition("\n")[2]
