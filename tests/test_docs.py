"""What the documentation says exists: commands, scripts, files, headings, exit codes."""

import os
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from espomail import errors
from espomail.cli.entry import INTERRUPTED
from espomail.cli.invocation import Invocation
from espomail.cli.main import READER_IS_GONE, espomail
from espomail.outbox.queue import BY_PROGRAM_GIVEN_UP_AFTER, GIVEN_UP_AFTER
from espomail.outbox.waits import WAITS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(espomail [^`]+)`")
CALL = re.compile(r"(?:sudo -u \S+ )?(espomail .+)")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CITED = re.compile(r"\(docs/([a-z]+\.md), ([^)]+)\)")


def console_lines(page: Path) -> list[str]:
    """What is typed in the page's console blocks."""
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def espomail_commands() -> list[str]:
    """Every command of espomail that a page names, in a block or in a sentence."""
    found: set[str] = set()
    for page in PAGES:
        found.update(called[1] for line in console_lines(page) if (called := CALL.match(line)))
        prose = ANY_BLOCK.sub("", page.read_text(encoding="utf-8"))
        found.update(command for command in INLINE.findall(prose) if not command.endswith("…"))
    return sorted(found)


def require_known(words: list[str]) -> None:
    """Have click read a command line to its end, as far as nothing is run."""
    invocation = Invocation(now=datetime(2026, 11, 24, tzinfo=UTC), environ={})
    command: click.Command = espomail
    context: click.Context | None = None
    name = "espomail"
    while True:
        context = command.make_context(name, words, parent=context, obj=invocation)
        if not isinstance(command, click.Group):
            return
        words = [*context._protected_args, *context.args]
        assert words, "a command is missing"
        found, subcommand, words = command.resolve_command(context, words)
        assert found is not None and subcommand is not None
        name, command = found, subcommand


def headings(page: Path) -> list[str]:
    return HEADING.findall(ANY_BLOCK.sub("", page.read_text(encoding="utf-8")))


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("line", [pytest.param(line, id=line) for line in espomail_commands()])
def test_command_of_the_docs_is_one_that_espomail_knows(line: str):
    try:
        require_known(shlex.split(line)[1:])
    except click.exceptions.NoArgsIsHelpError:
        return  # a noun is named, as in `espomail case`
    except click.exceptions.Exit as asked_for_help:
        assert asked_for_help.exit_code == 0


def test_docs_name_enough_commands_for_this_to_mean_something():
    assert len(espomail_commands()) > 20


def test_unknown_commands_and_options_would_be_found():
    for words in (["case", "lsit"], ["case", "list", "--opne"], ["fetch", "--budget", "soon"]):
        with pytest.raises(click.UsageError):
            require_known(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_of_the_page_can_be_run(page: Path):
    for line in console_lines(page):
        script = shlex.split(line)[0]
        if script.startswith("script/"):
            assert os.access(ROOT / script, os.X_OK), script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_page_lead_somewhere(page: Path):
    for target, fragment in LINK.findall(page.read_text(encoding="utf-8")):
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if fragment:
            assert fragment in [anchor(heading) for heading in headings(file)], f"{target}#{fragment}"


def test_headings_that_the_code_cites_are_there():
    cited = [
        (source.relative_to(ROOT), page, heading)
        for source in (ROOT / "espomail").rglob("*.py")
        for page, heading in CITED.findall(source.read_text(encoding="utf-8"))
    ]
    assert cited
    for source, page, heading in cited:
        known = headings(ROOT / "docs" / page)
        assert any(one.startswith(heading) for one in known), f"{source} cites {page}, {heading}"


def test_readme_opens_with_the_demo_and_the_tests():
    assert console_lines(ROOT / "README.md")[:2] == ["script/demo", "script/test"]


def test_crontab_of_the_readme_is_the_example():
    crontab = (ROOT / "crontab.example").read_text(encoding="utf-8").splitlines()
    lines = [line for line in crontab if line and not line.startswith("#")]
    assert "\n".join(["```text", *lines, "```"]) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_exit_codes_of_the_docs_are_those_of_the_program():
    meanings: dict[int, list[str]] = {}
    for error in [errors.EspomailError, *_below(errors.EspomailError)]:
        meanings.setdefault(error.exit_code, []).append(error.meaning)
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", page, re.MULTILINE)
    told = {int(code): set(meaning.split("; ")) for code, meaning in rows}
    assert told.pop(0) == {"done, whether or not there was anything to do"}
    assert told.pop(INTERRUPTED) == {"interrupted by Ctrl-C"}
    assert told.pop(READER_IS_GONE) == {"nobody reads the output any more"}
    assert told == {code: set(known) for code, known in meanings.items()}


def test_backup_of_the_docs_is_for_its_owner_alone():
    lines = console_lines(ROOT / "docs" / "operating.md")
    (copying,) = (number for number, line in enumerate(lines) if "VACUUM INTO" in line)
    assert lines[copying - 1] == "umask 077"


def test_retries_of_the_outbox_are_told_as_they_are():
    *first, last = [int(wait.total_seconds() // 60) for wait in WAITS]
    told = f"after {', '.join(map(str, first))} minutes, then every {last}"
    assert told in (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rules = (ROOT / "docs" / "behaviour.md").read_text(encoding="utf-8")
    assert f"written by the program for {BY_PROGRAM_GIVEN_UP_AFTER.days} days" in rules
    assert f"written by a person for {GIVEN_UP_AFTER.days}" in rules


def test_design_names_rooms_and_modules_that_are_there():
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z]+/)?[a-z_]+(?:\.py|/))`", page)) - {"tests/", "benchmarks/"}
    assert len(named) > 15
    for path in named:
        found = (ROOT / "espomail" / path, ROOT / path, *(ROOT / "espomail").rglob(path))
        assert any(one.exists() for one in found), path
    for name in re.findall(r"[├└] ([a-z]+\.[a-z_]+(?:\.[A-Za-z_]+)*) ", page):
        room, module, *_ = name.split(".")
        assert (ROOT / "espomail" / room / f"{module}.py").exists(), name


def _below(kind: type[errors.EspomailError]) -> Iterator[type[errors.EspomailError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)
