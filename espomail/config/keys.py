"""The keys of the schema as people are told of them, in the sample file and in the reference."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from espomail.config.amounts import Duration, Limit, Size
from espomail.config.section import Section

KINDS: dict[object, str] = {
    bool: "true or false",
    str: "text",
    int: "a number",
    date: "a day",
    Path: "a path",
    Duration: "a duration like 5m, 2h or 30d",
    Size: "a size like 500K or 25M",
    Limit: "a limit like 5 in 2h",
}
AMOUNTS = (Duration, Size, Limit)


class Key(msgspec.Struct, frozen=True):
    """One key of a section."""

    name: str
    owner: type[Section]  # the class that defines it
    description: str
    kind: str  # what may stand there, in words
    is_required: bool
    default: object  # as it is written; None where there is none to tell
    example: object  # as it is written; None where there is none
    section: type[Section] | None  # the section that stands under it
    shape: Literal["one", "named", "list"]  # of that section: once, as named entries, or as a list


def keys_of(section: type[Section]) -> tuple[Key, ...]:
    """The keys that a section may have, in the order of the schema."""
    fields = (field for field in msgspec.structs.fields(section) if not field.encode_name.startswith("("))
    return tuple(_key(section, field) for field in fields)


def nested_keys(key: Key, section: type[Section]) -> Iterator[Key]:
    """The keys of the mappings that a value may be, such as `move` of `after_import`."""
    field = next(field for field in msgspec.structs.fields(section) if field.encode_name == key.name)
    if key.section is None:
        for member in _members(field.type):
            if _is_section(member):
                yield from keys_of(member)


def written(value: object) -> object:
    """A default as it would stand in the file: of plain types only."""
    if isinstance(value, AMOUNTS):
        return value.written
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [written(item) for item in value]
    return value


def _key(section: type[Section], field: msgspec.structs.FieldInfo) -> Key:
    meta = _meta(field.type)
    under, shape = _under(field.type)
    default = None if under else written(_default(field))
    return Key(
        name=field.encode_name,
        owner=next(
            base for base in reversed(section.__mro__) if field.name in vars(base).get("__annotations__", ())
        ),
        description=meta.description or "",
        kind=_kind(field.type),
        is_required=field.required,
        default=None if default in ("", []) else default,
        example=_example(field.type, meta),
        section=under,
        shape=shape,
    )


def _meta(kind: object) -> msgspec.Meta:
    if get_origin(kind) is Annotated:
        for extra in get_args(kind)[1:]:
            if isinstance(extra, msgspec.Meta) and extra.description:
                return extra
    return msgspec.Meta()


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


def _example(kind: object, meta: msgspec.Meta) -> object:
    example = meta.examples[0] if meta.examples else None
    return date.fromisoformat(example) if date in _members(kind) and isinstance(example, str) else example


def _members(kind: object) -> tuple[Any, ...]:
    """The types that a value may be of; null is left out, since a key left out says the same."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(member for part in get_args(kind) for member in _members(part) if member is not NoneType)
    return (kind,)


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _under(kind: object) -> tuple[type[Section] | None, Literal["one", "named", "list"]]:
    members = _members(kind)
    if len(members) != 1:
        return None, "one"
    (only,) = members
    origin, arguments = get_origin(only), get_args(only)
    if origin is dict and _is_section(arguments[1]):
        return arguments[1], "named"
    if origin is tuple and _is_section(arguments[0]):
        return arguments[0], "list"
    return (only, "one") if _is_section(only) else (None, "one")


def _kind(kind: object) -> str:
    return " | ".join(_kind_of_member(member) for member in _members(kind))


def _kind_of_member(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " | ".join(arguments)
    if origin is tuple:
        return "a list" if _is_section(arguments[0]) else f"a list of {_plural(arguments[0])}"
    if origin is dict:
        return "named entries" if _is_section(arguments[1]) else "a mapping of text to text"
    if _is_section(kind):
        inner = ", ".join(f"{key.name}: {key.kind.removeprefix('a ')}" for key in keys_of(kind))
        return f"{{{inner}}}" if len(keys_of(kind)) == 1 else "a section"
    return KINDS[kind]


def _plural(kind: object) -> str:
    return {"text": "texts"}.get(_kind(kind), _kind(kind))
