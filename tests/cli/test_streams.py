"""The program started without some of its standard streams, or with one that fails."""

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.cli.conftest import PROGRAM, Said
from tests.office import Office, mail

FULL_DISK = "espomail: error: the output cannot be written: No space left on device\n"
CLOSED = "espomail: error: the output cannot be written: it is closed\n"

FromShell = Callable[..., Said]


@pytest.fixture
def from_shell(office: Office) -> FromShell:
    """Call the program by a shell, which redirects its streams."""

    def call(*words: str, redirected: str, environ: dict[str, str] | None = None) -> Said:
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "ESPOMAIL_CONFIG": str(office.path), **(environ or {})},
            text=True,
            check=False,
            timeout=60,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return call


@pytest.mark.parametrize("words", [("case", "list"), ("--help",), ("case", "list", "--help"), ("--version",)])
@pytest.mark.parametrize(("redirected", "told"), [(">&-", CLOSED), (">/dev/full", FULL_DISK)])
def test_output_that_cannot_be_written_is_one_line_and_75(
    office: Office, from_shell: FromShell, words: tuple[str, ...], redirected: str, told: str
) -> None:
    office.receive(mail())
    said = from_shell(*words, redirected=redirected)
    assert (said.code, said.err) == (75, told)


def test_with_nothing_to_print_a_closed_stdout_is_no_error(from_shell: FromShell) -> None:
    said = from_shell("config", "check", redirected=">&-")
    assert (said.code, said.err) == (0, "")


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_data_comes_without_stdin_and_stderr(office: Office, from_shell: FromShell, redirected: str) -> None:
    office.receive(mail("Printer"))
    said = from_shell("case", "list", "--fields", "number,name", redirected=redirected)
    assert (said.code, said.out) == (0, "1\tPrinter\n")
    assert from_shell("db", "check", redirected=redirected).code == 0


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", ">&- 2>&-", ">&- 2>&- <&-"])
def test_an_error_that_nobody_can_be_told_still_has_its_exit_code(
    from_shell: FromShell, redirected: str
) -> None:
    assert from_shell("case", "show", "99", redirected=redirected).code == 66


def test_no_file_is_taken_for_a_stream_that_was_closed(office: Office, from_shell: FromShell) -> None:
    before = office.config.database_file.read_bytes()[:100]
    for _ in range(2):
        assert from_shell("case", "list", "--search", "x", "-vv", redirected="<&- >&- 2>&-").code == 0
        assert from_shell("account", "create", "--name", "Customer", redirected="<&- >&- 2>&-").code == 75
    assert office.config.database_file.read_bytes()[:16] == before[:16]
    assert from_shell("db", "check", redirected="").code == 0


def test_a_stdin_that_is_closed_cannot_be_read_as_an_empty_one(from_shell: FromShell) -> None:
    for words in (("contact", "create", "--input", "-"), ("import", "--mailbox", "support", "-")):
        said = from_shell(*words, redirected="<&-")
        assert (said.code, said.err) == (65, "espomail: error: stdin cannot be read: it is closed\n")


def test_a_mail_that_cannot_be_read_has_to_come_again(from_shell: FromShell) -> None:
    assert from_shell("ingest", "--mailbox", "support", redirected="<&-").code == 75


def test_text_is_utf_8_whatever_the_locale_says(office: Office, from_shell: FromShell) -> None:
    office.account("Käse…")
    ascii_only = {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"}
    assert from_shell("account", "list", "--fields", "name", redirected="", environ=ascii_only).out == (
        "Käse…\n"
    )
    said = from_shell("contact", "--help", redirected="", environ=ascii_only)
    assert said.code == 0


def test_a_reader_who_is_gone_before_the_help_is_no_error(office: Office) -> None:
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", '"$0" --help | true; echo "${PIPESTATUS[0]}"', PROGRAM],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout in {"0\n", "141\n"}
