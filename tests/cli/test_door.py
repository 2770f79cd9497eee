"""How the program begins and ends, whatever is typed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from espomail.cli import main as door
from espomail.cli.command import exit_codes
from espomail.crm import cases
from espomail.store import connection
from tests.cli.conftest import PROGRAM, Program
from tests.office import Office, mail


def every_command(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group, info_name=path[-1] if path else "espomail")
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)


COMMANDS = dict(every_command(door.espomail))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_how_it_ends(path: tuple[str, ...], espomail: Program) -> None:
    said = espomail(*path, "--help")
    assert said.code == 0
    assert COMMANDS[path].help
    if not isinstance(COMMANDS[path], click.Group):
        told = said.out.partition("Exit codes:")[2]
        codes = [int(code) for code in re.findall(r"^  (\d+)  ", told, re.MULTILINE)]
        assert codes == [code for code, _ in exit_codes(COMMANDS[path])]
        assert {0, 2, 70} <= set(codes)


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[-1] == "show"], ids=" ".join)
def test_what_shows_one_record_can_say_that_there_is_none(path: tuple[str, ...]) -> None:
    if path != ("config", "show"):
        assert 66 in dict(exit_codes(COMMANDS[path]))


def test_version_is_told(espomail: Program) -> None:
    assert re.fullmatch(r"espomail \d+\.\d+\.\d+\n", espomail("--version").out)


def test_asking_for_the_version_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", PROGRAM, "--version"], capture_output=True, text=True, check=True
    )
    for heavy in ("peewee", "msgspec", "yaml", "imapclient", "jinja2", "rich", "logging"):
        assert not re.search(rf"\| +{heavy}(\.|$)", done.stderr, re.MULTILINE), heavy


@pytest.mark.parametrize(
    ("words", "meant"),
    [(("cas", "list"), "case"), (("case", "lst"), "list"), (("case", "list", "--sta", "x"), "--status")],
)
def test_a_slip_is_wrong_usage_and_what_was_meant_is_said(
    espomail: Program, words: tuple[str, ...], meant: str
) -> None:
    said = espomail(*words)
    assert said.code == 2
    assert said.err.startswith("espomail: error: ")
    assert meant in said.err


def test_without_a_command_the_help_is_shown(espomail: Program) -> None:
    said = espomail()
    assert said.code == 2
    assert "Commands:" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "case", "show", "9"),
        ("case", "show", "9", "--json"),
        ("case", "show", "9", "--format=jsonl"),
    ],
)
def test_who_reads_json_gets_errors_as_json(
    office: Office, espomail: Program, words: tuple[str, ...]
) -> None:
    said = espomail(*words)
    assert said.code == 66
    assert said.error == {"code": 66, "message": "there is no case 9"}


def test_wrong_usage_is_told_as_json_too(espomail: Program) -> None:
    assert espomail("case", "list", "--nonsense", "--json").error["code"] == 2


def test_a_missing_configuration_is_78(espomail: Program, tmp_path: Path) -> None:
    said = espomail("--config", tmp_path / "none.yaml", "case", "list")
    assert said.code == 78
    assert "espomail init" in said.err


def test_a_file_that_is_no_database_is_78(office: Office, espomail: Program) -> None:
    connection.close_database()
    office.config.database_file.write_bytes(b"This is no database. " * 100)
    assert espomail("case", "list").code == 78


def test_a_fault_of_the_program_is_a_sentence_and_with_v_a_traceback(
    office: Office, espomail: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("at the worst time\x1b[31m")

    monkeypatch.setattr(cases, "listing", fail)
    said = espomail("case", "list")
    assert said.code == 70
    assert "ZeroDivisionError: at the worst time" in said.err
    assert "Traceback" not in said.err
    assert "\x1b" not in said.err
    assert "Traceback" in espomail("case", "list", "-v").err


def test_a_reader_who_goes_away_is_no_error(office: Office, espomail: Program) -> None:
    for number in range(3000):
        office.account(f"Customer {number} {'x' * 100}")
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(office.path)}
    process = subprocess.Popen(
        [PROGRAM, "account", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGPIPE


def test_a_full_disk_is_told(office: Office) -> None:
    office.receive(mail())
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run(
            [PROGRAM, "case", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "ESPOMAIL_CONFIG": str(office.path)},
            text=True,
            check=False,
        )
    assert done.returncode == 75
    assert done.stderr == "espomail: error: the output cannot be written: No space left on device\n"


def test_ctrl_c_ends_it_quietly(office: Office, tmp_path: Path) -> None:
    source = tmp_path / "source"
    os.mkfifo(source)
    process = subprocess.Popen(
        [PROGRAM, "contact", "create", "--input", source],
        stderr=subprocess.PIPE,
        env={**os.environ, "ESPOMAIL_CONFIG": str(office.path)},
    )
    with source.open("wb"):  # opens as soon as the program reads from it
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, b"")


STOPPED = """
import signal, sys, weakref

class Stop:
    \"\"\"Stops the program where it imports a module, or in a callback at that moment.\"\"\"

    @staticmethod
    def find_spec(name, path, target=None):
        if name == "{module}":
            sys.meta_path.remove(Stop)
            stop = lambda *_: signal.raise_signal({number})
            weakref.ref(Stop(), stop) if {in_callback} else stop()

sys.meta_path.insert(0, Stop)
"""
"""Imported by Python before the program starts."""

EARLY = ("espomail.cli.main", "click", "espomail.cli.streams", "espomail.cli.fetch", "espomail.run", "zlib")


@pytest.mark.parametrize("in_callback", [False, True], ids=["", "callback"])
@pytest.mark.parametrize("module", EARLY)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)], ids=["INT", "TERM"]
)
def test_program_that_is_stopped_while_it_starts_ends_quietly(
    office: Office, tmp_path: Path, module: str, number: signal.Signals, code: int, in_callback: bool
) -> None:
    text = STOPPED.format(module=module, number=int(number), in_callback=in_callback)
    (tmp_path / "sitecustomize.py").write_text(text)
    done = subprocess.run(
        [PROGRAM, "fetch"],
        capture_output=True,
        env={**os.environ, "ESPOMAIL_CONFIG": str(office.path), "PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize(
    "words",
    [
        ("account", "show", "\udcff"),
        ("case", "list", "--search", "\udcff"),
        ("email", "list", "--from", "\udcff"),
    ],
)
def test_words_that_are_no_text_are_unusable(
    office: Office, espomail: Program, words: tuple[str, ...]
) -> None:
    assert espomail(*words).code in {65, 66}


def test_v_logs_to_stderr_and_leaves_the_data_alone(office: Office) -> None:
    office.receive(mail())
    said = [
        subprocess.run(
            [PROGRAM, *words],
            capture_output=True,
            env={**os.environ, "ESPOMAIL_CONFIG": str(office.path)},
            check=True,
        )
        for words in (("-vv", "case", "list"), ("case", "list", "-vv"), ("case", "list"))
    ]
    assert said[0].stdout == said[1].stdout == said[2].stdout
    assert b"SELECT" in said[0].stderr
    assert b"SELECT" in said[1].stderr
    assert said[2].stderr == b""
