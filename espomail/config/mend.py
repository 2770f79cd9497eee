"""Makes a faulty file whole enough for the checks across its sections: all faults are told at once."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from espomail.config.faults import Fault, Path

# Stands in for what is required, and for items of a list, whose places must not shift.
STAND_INS: dict[str, Any] = {
    "absent": {"from": "2000-01-01", "to": "2000-01-01"},
    "client_id": "x",
    "fetch_since": "2000-01-01",
    "filters": {"name": "", "action": "skip"},
    "from": "2000-01-01",
    "group_folder": "",
    "host": "localhost",
    "imap": {"host": "localhost", "fetch_since": "2000-01-01"},
    "mailboxes": {},
    "move": "",
    "name": "",
    "new_after": "30d",
    "template": "case-received",
    "to": "2000-01-01",
}


def mended(data: object, faults: Iterable[Fault]) -> object:
    """A copy of `data` in which what is faulty is left out, or replaced where something must stand."""
    whole = deepcopy(data)
    for fault in faults:
        if fault.path:
            _mend_at(whole, fault.path)
    return whole if isinstance(whole, dict) else {"mailboxes": {}}


def _mend_at(whole: Any, path: Path) -> None:
    *outer, last = path
    around = whole
    for step in outer:
        try:
            around = around[step]
        except (KeyError, IndexError, TypeError):  # mended already, with what is around it
            return
    if isinstance(around, dict) and isinstance(last, str):
        if last == "kind":
            around["kind"] = "personal" if "user" in around else "group"
        elif last in STAND_INS:
            around[last] = deepcopy(STAND_INS[last])
        else:
            around.pop(last, None)
    elif isinstance(around, list) and isinstance(last, int):
        around[last] = deepcopy(STAND_INS.get(str(outer[-1]), ""))
