"""What is made from the schema: the sample file, the reference and what `config show` prints."""

import re
from datetime import date
from pathlib import Path

import msgspec
import pytest

from espomail.config.document import read_document
from espomail.config.keys import keys_of
from espomail.config.load import load
from espomail.config.mend import STAND_INS
from espomail.config.reference import reference
from espomail.config.sample import sample
from espomail.config.schema import Config
from espomail.config.section import Section
from espomail.config.show import as_yaml, shown
from espomail.config.spellings import in_the_schemas_terms
from espomail.config.starter import start_at, starter
from espomail.config.validate import json_schema, schema_faults
from espomail.errors import UnusableInput

ROOT = Path(__file__).parents[2]
COMMENTED_KEY = re.compile(r"^(\s*)# ([a-z_]+): (?=\S)", re.MULTILINE)


def read(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    loaded = load(path)
    assert loaded.warnings == ()
    return loaded.config


def sections(section: type[Section]) -> set[type[Section]]:
    under = {key.section for key in keys_of(section) if key.section is not None}
    return {section}.union(*(sections(inner) for inner in under))


def test_committed_sample_and_reference_are_what_the_schema_makes() -> None:
    message = "stale: run script/docs"
    assert (ROOT / "config.example.yaml").read_text(encoding="utf-8") == sample(), message
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == reference(), message


def test_sample_loads_as_it_stands(tmp_path: Path) -> None:
    config = read(tmp_path, sample())
    assert list(config.mailboxes) == ["support", "anna"]
    assert config.mailboxes["support"].case.create


def test_sample_shows_every_key() -> None:
    text = sample()
    for section in sections(Config):
        for key in keys_of(section):
            assert re.search(rf"\b{key.name}:", text), f"{section.__name__}.{key.name}"


def test_reference_tells_every_key_with_a_description() -> None:
    text = reference()
    for section in sections(Config):
        for key in keys_of(section):
            assert key.description, f"{section.__name__}.{key.name}"
            assert f"| `{key.name}` |" in text


def test_defaults_in_the_comments_of_the_sample_are_the_defaults(tmp_path: Path) -> None:
    """Uncommenting every key that shows a default changes nothing."""
    defaults = {
        key.name: key.default
        for section in sections(Config)
        for key in keys_of(section)
        if key.example is None
    }

    def uncomment(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}: " if defaults.get(match[2]) is not None else match[0]

    uncommented = COMMENTED_KEY.sub(uncomment, sample())
    assert uncommented.count("#") < sample().count("#") - 15
    assert read(tmp_path, uncommented) == read(tmp_path, sample())


def test_shown_configuration_means_the_same_when_it_is_read_back(tmp_path: Path) -> None:
    config = read(tmp_path, sample())
    assert read(tmp_path, as_yaml(config)) == config


def test_shown_configuration_masks_passwords_only(tmp_path: Path) -> None:
    text = sample().replace("password_command: [pass, show, mail/support]", "password: hunter2")
    config = read(tmp_path, text)
    assert "hunter2" not in as_yaml(config)
    assert shown(config)["mailboxes"]["support"]["imap"]["password"] == "********"
    assert shown(config)["mailboxes"]["anna"]["imap"]["password"] is None
    msgspec.json.encode(shown(config))


def test_validation_for_people_agrees_with_the_one_that_loads() -> None:
    content = read_document(sample().encode()).data
    assert schema_faults(in_the_schemas_terms(content)) == []


def test_every_required_key_has_a_stand_in_for_the_checks_across_sections() -> None:
    required = {
        name for definition in json_schema()["$defs"].values() for name in definition.get("required", ())
    }
    assert required <= {*STAND_INS, "kind"}


def test_starting_file_loads_and_takes_no_older_mail(tmp_path: Path) -> None:
    config = read(tmp_path, starter(date(2026, 11, 25)))
    assert config.mailboxes["support"].imap.fetch_since == date(2026, 11, 25)
    assert config.mailboxes["support"].auto_reply is None
    config = read(tmp_path, starter(date(2026, 11, 25)).replace("# auto_reply", "auto_reply"))
    assert config.mailboxes["support"].auto_reply is not None


def test_start_makes_a_private_folder_and_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "espomail"
    path = start_at(folder / "config.yaml", date(2026, 11, 25))
    assert path == folder / "config.yaml"
    modes = [each.stat().st_mode & 0o777 for each in (folder, path, folder / "templates")]
    assert modes == [0o700, 0o600, 0o700]
    path.write_text("mine")
    with pytest.raises(UnusableInput, match="is there already; nothing was changed"):
        start_at(folder / "config.yaml", date(2026, 11, 26))
    assert path.read_text() == "mine"


def test_start_at_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableInput, match="cannot be made: Not a directory"):
        start_at(tmp_path / "file" / "espomail" / "config.yaml", date(2026, 11, 25))
