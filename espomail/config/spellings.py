"""What people may write beside the forms of the schema, brought to those forms."""

from collections.abc import Mapping
from typing import Any

NAMED_ENTRIES = ("teams", "users", "roles", "mailboxes", "group_folders")
RECORDS = ("email", "case", "account", "contact", "lead", "opportunity")
LEVELS = ("read", "edit", "delete", "stream")


def in_the_schemas_terms(data: object) -> object:
    """The content of a file with other spellings replaced.

    A key with nothing under it is left out (so that all of a section may be a comment), a named entry with
    nothing under it is an empty one, `no` (YAML reads it as false) is a level of access, and `least-busy` is
    `less-busy`. What is wrong is left for the validation to tell.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        return data
    content = _written(data, ())
    for role in _mappings(content.get("roles")):
        _replace(role, "group_mailbox", False, "no")
        for rights in (role.get(record) for record in RECORDS):
            for level in LEVELS:
                _replace(rights, level, False, "no")
    for mailbox in _mappings(content.get("mailboxes")):
        _replace(mailbox.get("case"), "distribution", "least-busy", "less-busy")
    return content


def _written(value: Any, path: tuple[object, ...]) -> Any:
    """A copy, so that nothing here changes what an anchor of the file shares with other places."""
    if isinstance(value, list):
        return [_written(entry, (*path, index)) for index, entry in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    entries = {key: _written(entry, (*path, key)) for key, entry in value.items() if isinstance(key, str)}
    if len(path) == 1 and path[0] in NAMED_ENTRIES:
        return {key: {} if entry is None else entry for key, entry in entries.items()}
    if len(path) == 3 and (path[0], path[2]) == ("users", "teams"):
        return entries  # null is a membership without a position
    return {key: entry for key, entry in entries.items() if entry is not None}


def _mappings(entries: object) -> list[dict[str, Any]]:
    return (
        [entry for entry in entries.values() if isinstance(entry, dict)] if isinstance(entries, dict) else []
    )


def _replace(mapping: object, key: str, written: bool | str, meant: str) -> None:
    if not isinstance(mapping, dict):
        return
    value = mapping.get(key)
    if type(value) is type(written) and value == written:  # 0 is not `no`
        mapping[key] = meant
