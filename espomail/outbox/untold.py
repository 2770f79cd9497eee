"""What people are to be told of messages on their way out: once, also of those over which a run died."""

from typing import Final

from espomail.store.changes import change
from espomail.store.models import Outbox
from espomail.store.news import News
from espomail.store.read import rows_of

LINES: Final = {
    "in-doubt": "outbox: it is not known whether the {kind} to {to} was delivered: {error}; "
    "the SMTP server's log may tell, and `espomail outbox retry {id}` sends it again",
    "refused": "outbox: the {kind} to {to} was refused: {error}; `espomail outbox retry {id}` tries again",
}
SEE_LIST: Final = "`espomail outbox list` shows them, `outbox retry` sends them after all"


def untold() -> News:
    """What no run has told yet."""
    rows = rows_of(Outbox.select().where(Outbox.untold.is_null(False)).order_by(Outbox.id))
    lines = [
        LINES[row["untold"]].format_map({**row, "to": ", ".join(row["recipients"])})
        for row in rows
        if row["untold"] in LINES
    ]
    if given_up := len(rows) - len(lines):
        lines.append(f"outbox: {given_up} messages waited for too long and were given up; {SEE_LIST}")
    return News(tuple(lines), tuple(change(Outbox, row["id"], untold=None) for row in rows))
