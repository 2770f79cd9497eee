"""What applies: the configuration with every default filled in, and no secret in it."""

from typing import Any

import msgspec
import yaml

from espomail.config.keys import written
from espomail.config.schema import Config, Mailbox, Section
from espomail.config.section import MASK


def shown(section: Config | Mailbox) -> dict[str, Any]:
    """The configuration, or a mailbox of it, in plain values as they would stand in the file.

    Passwords are masked.
    """
    return _section(section)


def as_yaml(section: Config | Mailbox) -> str:
    """The same, as YAML that can be read back."""
    return yaml.dump(shown(section), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Never abbreviates what is the same in two places: people read this."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _section(section: Section) -> dict[str, Any]:
    return {
        field.encode_name: MASK if section.is_masked(field.name) else _plain(getattr(section, field.name))
        for field in msgspec.structs.fields(section)
        if not field.encode_name.startswith("(")
    }


def _plain(value: object) -> object:
    if isinstance(value, Section):
        return _section(value)
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return written(value)
