"""Every fault that the schema alone can see, told in the words of the file rather than of JSON Schema."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import msgspec

from espomail.config.amounts import Duration, Limit, Size
from espomail.config.faults import Fault, Path, quoted, suggestion
from espomail.config.schema import Config

if TYPE_CHECKING:
    import jsonschema_rs

TYPE_NAMES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "null",
}
FORMS_BY_PATTERN = {f"^{kind.PATTERN}$": kind.FORMS for kind in (Duration, Size, Limit)}


def decode_amount(kind: type, written: object) -> object:
    """msgspec's hook for the types that it does not know. Raises ValueError for what is none of them."""
    if issubclass(kind, PurePath):
        if not isinstance(written, str) or not written:
            raise ValueError("must be a path")
        return kind(written)
    if issubclass(kind, Duration | Size | Limit):
        return kind.parse(written)
    raise TypeError(f"{kind.__name__} has no written form")


@cache
def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors and for the validation here."""
    schema = msgspec.json.schema(Config, schema_hook=_schema_of)
    for definition in schema["$defs"].values():
        properties = definition.get("properties", {})
        for filled_in in [name for name in properties if name.startswith("(")]:
            del properties[filled_in]
    return schema


def _schema_of(kind: type) -> dict[str, Any]:
    if issubclass(kind, PurePath):
        return {"type": "string", "minLength": 1}
    if issubclass(kind, Size):
        return {
            "anyOf": [{"type": "string", "pattern": f"^{Size.PATTERN}$"}, {"type": "integer", "minimum": 1}]
        }
    if issubclass(kind, Duration | Limit):
        return {"type": "string", "pattern": f"^{kind.PATTERN}$"}
    raise NotImplementedError(kind.__name__)


def schema_faults(data: object) -> list[Fault]:
    """All faults of `data` (the file's content in the schema's terms)."""
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(json_schema(), validate_formats=True, formats={"date": _is_day})
    faults = [fault for error in validator.iter_errors(data) for fault in _told(error, data)]
    return list(dict.fromkeys(faults))


def _is_day(text: str) -> bool:
    """By the calendar of Python, which begins with the year 1."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _told(error: "jsonschema_rs.ValidationError", data: object) -> Iterator[Fault]:
    path, kind = tuple(error.instance_path), error.kind.as_dict()
    value = _at(data, path)
    match error.kind.name:
        case "required":
            yield Fault((*path, kind["property"]), "is missing")
        case "additionalProperties":
            known = list(_definition(error)["properties"])
            for key in kind["unexpected"]:
                yield Fault((*path, key), f"unknown key{suggestion(key, known)}")
        case "anyOf":
            yield from _nearest_form(error, path, value, data)
        case "type" if "pattern" in _definition(error):
            yield Fault(path, f"must be {FORMS_BY_PATTERN[_definition(error)['pattern']]}")
        case name:
            yield Fault(path, _wording(name, kind, value))


def _wording(name: str, kind: Mapping[str, Any], value: object) -> str:
    match name:
        case "type":
            return _must_be(kind["types"], value)
        case "enum":
            return _one_of([option for option in kind["options"] if option is not None], value)
        case "pattern":
            return f"must be {FORMS_BY_PATTERN[kind['pattern']]}"
        case "format":
            return "must be a day like 2026-11-01"
        case "minimum":
            return f"must be {kind['limit']} or more"
        case "maximum":
            return f"must be {kind['limit']} or less"
        case "minItems" | "minLength":
            return "must not be empty"
    return "is not what is expected here"  # a rule added to the schema; its wording belongs above


def _must_be(types: list[str], value: object) -> str:
    wanted = " or ".join(TYPE_NAMES[name] for name in types if name != "null")
    if types[0] == "string" and isinstance(value, bool | int | float):
        return "must be text; put it in quotes"
    if types[0] == "array" and isinstance(value, str):
        return "must be a list; write it in [ ]"
    return f"must be {wanted}"


def _one_of(options: list[object], value: object) -> str:
    words = sorted(str(option) for option in options)
    if value is True and "all" in words:
        return f"yes is no level of access; write one of {', '.join(word for word in words if word != 'no')}"
    if not isinstance(value, str):
        return f"must be one of {', '.join(words)}"
    return f"{quoted(value)} is none of {', '.join(words)}{suggestion(value, words)}"


def _nearest_form(
    error: "jsonschema_rs.ValidationError", path: Path, value: object, data: object
) -> Iterator[Fault]:
    """Of several forms that are allowed, the one that was meant: that whose kind of value it is."""
    forms = error.kind.as_dict()["context"]
    meant = [form for form in forms if not _is_of_another_type(form, path, value)]
    if meant:
        for inner in meant[0]:
            yield from _told(inner, data)
        return
    wanted = [name for form in forms for name in _type_names(form) if name != TYPE_NAMES["null"]]
    if wanted == [TYPE_NAMES["string"]]:
        yield Fault(path, _must_be(["string"], value))
    else:
        yield Fault(path, f"must be {' or '.join(wanted)}")


def _is_of_another_type(form: list["jsonschema_rs.ValidationError"], path: Path, value: object) -> bool:
    if not form or tuple(form[0].instance_path) != path:
        return False
    return form[0].kind.name == "type" or (form[0].kind.name == "enum" and not isinstance(value, str))


def _type_names(form: list["jsonschema_rs.ValidationError"]) -> list[str]:
    kind = form[0].kind.as_dict()
    if form[0].kind.name == "enum":
        return [str(option) for option in kind["options"] if option is not None]
    return [TYPE_NAMES[name] for name in kind["types"]]


def _definition(error: "jsonschema_rs.ValidationError") -> dict[str, Any]:
    """The part of the schema that the value does not fit."""
    definition: Any = json_schema()
    for step in tuple(error.schema_path)[:-1]:
        definition = definition[step]
    return dict(definition)


def _at(data: Any, path: Path) -> object:
    for step in path:
        data = data[step]
    return data
