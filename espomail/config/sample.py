"""The sample file: every key with its meaning, its default and an example, made from the schema."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from espomail.config.keys import Key, keys_of
from espomail.config.schema import Config
from espomail.config.section import Section

WIDTH = 110
QUOTED = re.compile(r"'(no|\d{4}-\d\d-\d\d)'")
HEADER = """\
# The configuration of espomail, with every key that it may have; `espomail init` writes a shorter one.
# A comment like `# key: value` shows the default or an example. Relative paths start at this folder.
# Keep this file to yourself (chmod 600, or root:espomail and 640). `espomail config check` finds mistakes.
"""
ENTRY_NAMES = {
    "teams": "support",
    "users": "anna",
    "roles": "agent",
    "mailboxes": "support",
    "group_folders": "Invoices",
}
# A second entry, which shows the other use of its section.
FURTHER_ENTRIES: dict[str, Any] = {
    "mailboxes": {
        "anna": {
            "kind": "personal",
            "user": "anna",
            "imap": {
                "host": "mail.example.com",
                "fetch_since": "2026-11-01",
                "password_file": "secrets/anna",
            },
        }
    },
    "filters": [
        {"name": "invoices", "mailbox": "support", "to": "billing@*", "action": {"group_folder": "Invoices"}}
    ],
}
# Examples that contradict another key of the sample, or say something that few people need to say.
COMMENTED = frozenset(
    {
        "assign_to", "authorization_url", "body_contains_all", "ca_file", "client_secret",
        "client_secret_command", "client_secret_env", "client_secret_file", "device_url", "envelope_sender",
        "folder", "from_address", "group_folder", "login", "mailbox", "oauth2", "password", "password_env",
        "password_file", "port", "reply_to", "scopes", "team", "tenant", "to", "token_command", "token_file",
        "token_url", "user", "username",
    }
)  # fmt: skip


def sample() -> str:
    """The text of config.example.yaml."""
    return HEADER + "\n".join(line.rstrip() for line in _Writer().section(Config, 0)) + "\n"


class _Writer:
    """Explains each key of the schema once, wherever it comes first."""

    def __init__(self) -> None:
        self._explained: set[tuple[type[Section], str]] = set()

    def section(self, section: type[Section], indent: int) -> Iterator[str]:
        for key in keys_of(section):
            if indent == 0:
                yield ""
            yield from self._explanation(key, indent)
            yield from self._key(key, indent)

    def _explanation(self, key: Key, indent: int) -> Iterator[str]:
        if (key.owner, key.name) in self._explained:
            return
        self._explained.add((key.owner, key.name))
        told = []
        if key.section is None and (" | " in key.kind or " like " in key.kind):
            told.append(key.kind)
        if key.is_required:
            told.append("required")
        elif key.section is None and key.default is not None:
            told.append(f"default: {as_written(key.default)}")
        text = key.description.replace("`", "") + (f" ({'; '.join(told)})" if told else "")
        margin = " " * indent + "# "
        yield from textwrap.wrap(text, WIDTH, initial_indent=margin, subsequent_indent=margin)

    def _key(self, key: Key, indent: int) -> Iterator[str]:
        margin = " " * indent
        if key.section is None or key.example is not None:
            is_shown = (key.is_required or key.example is not None) and key.name not in COMMENTED
            value = key.default if key.example is None else key.example
            yield f"{margin}{'' if is_shown else '# '}{key.name}: {as_written(value)}"
            return
        if key.name in COMMENTED:
            yield f"{margin}# {key.name}:"
            yield from (f"{margin}# {line[indent:]}" for line in self.section(key.section, indent + 2))
            return
        yield f"{margin}{key.name}:"
        further = FURTHER_ENTRIES.get(key.name)
        match key.shape:
            case "one":
                yield from self.section(key.section, indent + 2)
            case "named":
                name = ENTRY_NAMES[key.name]
                yield f"{margin}  {name}:" if keys_of(key.section) else f"{margin}  {name}: {{}}"
                yield from self.section(key.section, indent + 4)
            case "list":
                yield from _as_item(self.section(key.section, indent + 4), indent + 2)
        if further is not None:
            yield from textwrap.indent(_block(further), f"{margin}  ").splitlines()


def _as_item(lines: Iterator[str], indent: int) -> Iterator[str]:
    is_begun = False
    for line in lines:
        if not is_begun and not line.lstrip().startswith("#"):
            is_begun = True
            yield f"{' ' * indent}- {line.lstrip()}"
        else:
            yield line


def as_written(value: object) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    ).removesuffix("...\n")
    return _bare(text.strip())


def _block(value: object) -> str:
    return _bare(yaml.safe_dump(value, default_flow_style=False, allow_unicode=True, sort_keys=False))


def _bare(text: str) -> str:
    """Days and `no` without the quotes that PyYAML gives them: the loader reads them as they are meant."""
    return QUOTED.sub(r"\1", text)
