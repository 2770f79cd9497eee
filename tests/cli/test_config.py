"""`espomail init` and `espomail config`, as they are called."""

import os
import pty
import pwd
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest
import yaml

from espomail.cli import acting
from espomail.cli.main import main
from espomail.config.load import load

PROGRAM = (sys.executable, "-c", "import sys; from espomail.cli.main import main; sys.exit(main())")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a login whose configuration `init` has just made."""
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TZ": "Europe/Berlin"}
    assert main(["-q", "init"], environ) == 0
    password = configuration(environ).with_name("support.password")
    password.write_text("secret\n")
    password.chmod(0o600)
    return environ


def configuration(environ: dict[str, str]) -> Path:
    return Path(environ["HOME"]) / ".config" / "espomail" / "config.yaml"


def test_init_prints_the_file_and_tells_the_next_steps(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "TZ": "UTC"}
    assert main(["init"], environ) == 0
    path = tmp_path / "espomail" / "config.yaml"
    told = capfd.readouterr()
    assert told.out == f"{path}\n"
    assert "* * * * * espomail fetch\n" in told.err
    assert str(path.parent / "support.password") in told.err
    since = load(path).config.mailboxes["support"].imap.fetch_since
    assert abs((since - date.today()).days) <= 1  # noqa: DTZ011


def test_init_tells_programs_what_it_has_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["--json"], ["--format", "csv"]):
        folder = tmp_path / words[-1]
        assert main(["init", *words, "--directory", str(folder)], {"HOME": str(tmp_path)}) == 0
        paths = [str(folder / name) for name in ("config.yaml", "templates", "support.password")]
        out = capfd.readouterr().out
        if words == ["--json"]:
            assert msgspec.json.decode(out) == dict(
                zip(("config", "templates", "password_file"), paths, strict=True)
            )
        else:
            assert out == f"config,templates,password_file\n{','.join(paths)}\n"


def test_init_elsewhere_tells_commands_that_name_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "100% ours"
    assert main(["init", "--directory", str(folder)], {"HOME": str(tmp_path)}) == 0
    told = capfd.readouterr().err
    quoted = shlex.quote(str(folder / "config.yaml"))
    assert f"espomail --config {quoted} config check" in told
    assert "100\\% ours" in told.splitlines()[-1]
    assert main(["--config", str(folder / "config.yaml"), "config", "check"], {}) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["init", "--directory", ""], "--directory names no folder"),
        (["--config", "", "init"], "--config names no file"),
        (["--config", "", "config", "check"], "--config names no file"),
        (["init", "--directory", "two\nlines"], "a path with control characters can stand in no crontab"),
    ],
)
def test_a_place_that_nobody_means_is_wrong_usage(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words, {"HOME": str(tmp_path)}) == 2
    assert capfd.readouterr().err.startswith(f"espomail: error: {said}")
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_nothing_half_done(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "templates").write_text("mine")
    assert main(["init", "--directory", str(tmp_path)], {"HOME": str(tmp_path)}) == 65
    assert f"{tmp_path}/templates is there already; nothing was changed" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["templates"]


def test_init_on_a_full_disk_can_be_said_again(tmp_path: Path) -> None:
    folder = shlex.quote(f"{tmp_path}/new/one")
    limited = f"ulimit -f 0; exec {shlex.join(PROGRAM)} init --directory {folder}"
    done = subprocess.run(
        ["/bin/bash", "-c", f"trap '' XFSZ; {limited}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 75
    assert list(tmp_path.iterdir()) == []
    assert f"{tmp_path}/new/one/config.yaml cannot be made: File too large" in done.stderr
    assert main(["-q", "init", "--directory", str(tmp_path)], {"HOME": str(tmp_path)}) == 0


def test_init_overwrites_nothing(home: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    configuration(home).write_text("mine")
    assert main(["init"], home) == 65
    assert (
        capfd.readouterr().err
        == f"espomail: error: {configuration(home)} is there already; nothing was changed\n"
    )
    assert configuration(home).read_text() == "mine"


def test_check_is_silent_when_all_is_right(home: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"], home) == 0
    assert capfd.readouterr() == ("", "")


def test_check_says_on_a_terminal_that_all_is_right(home: dict[str, str]) -> None:
    terminal, end = pty.openpty()
    try:
        subprocess.run(
            [*PROGRAM, "config", "check"], env=home, stdout=end, stderr=end, check=True, timeout=60
        )
        assert os.read(terminal, 1000).decode().strip().endswith("config.yaml: fine")
    finally:
        os.close(terminal)
        os.close(end)


def test_check_tells_every_fault_and_exits_78(
    home: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = configuration(home)
    path.write_text(
        path.read_text().replace("security: tls", "securty: tls").replace("[support]", "[suport]")
    )
    assert main(["config", "check"], home) == 78
    told = capfd.readouterr().err
    assert "mailboxes.support.imap.securty: unknown key; did you mean security?" in told
    assert 'mailboxes.support.teams[0]: there is no team "suport"; did you mean support?' in told
    assert all(line.startswith("config.yaml:") for line in told.splitlines()[1:])


def test_check_warns_on_stderr_and_succeeds(home: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    path = configuration(home)
    path.write_text(path.read_text().replace("support: {}", "support: {}\n  sales: {}"))
    assert main(["config", "check"], home) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("espomail: warning: config.yaml:")
    assert err.endswith("teams.sales: no active user belongs to it\n")
    assert main(["config", "check", "--json"], home) == 0
    assert len(msgspec.json.decode(capfd.readouterr().out)["warnings"]) == 1


def test_check_tries_the_templates(home: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    path = configuration(home)
    path.write_text(
        path.read_text().replace("# auto_reply: {template: case-received", "auto_reply: {template: ours")
    )
    (path.parent / "templates" / "ours.txt.j2").write_text("{{ case.nummer }}")
    assert main(["config", "check"], home) == 78
    assert "ours.txt.j2" in capfd.readouterr().err


def test_show_prints_yaml_or_json_without_secrets(
    home: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = configuration(home)
    path.write_text(path.read_text().replace("password_file: support.password", "password: hunter2"))
    assert main(["config", "show"], home) == 0
    as_yaml = capfd.readouterr().out
    assert main(["config", "show", "--json"], home) == 0
    as_json = capfd.readouterr().out
    assert "hunter2" not in as_yaml + as_json
    imap = msgspec.json.decode(as_json)["mailboxes"]["support"]["imap"]
    assert (imap["password"], imap["port"]) == ("********", 993)
    assert yaml.safe_load(as_yaml)["mailboxes"]["support"]["imap"]["port"] == 993
    assert main(["config", "show", "--format", "jsonl"], home) == 0
    assert capfd.readouterr().out == as_json
    assert main(["config", "show", "--format", "csv"], home) == 2


@pytest.mark.parametrize("verb", ["check", "show"])
def test_configuration_is_for_administrators_as_another_user_too(
    home: dict[str, str], capfd: pytest.CaptureFixture[str], verb: str
) -> None:
    assert main(["--as", "anna", "config", verb], home) == 77
    assert main(["--as", "nobody", "config", verb], home) == 77
    assert capfd.readouterr().out == ""
    path = configuration(home)
    path.write_text(path.read_text().replace("name: Anna Novak", "admin: true"))
    assert main(["--as", "anna", "config", verb], home) == 0


@pytest.fixture
def through_sudo(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of somebody who calls the program through sudo as the login that owns all."""
    owner, caller = 4711, 4712
    entries = {
        owner: ("espomail", "x", owner, owner, "", home["HOME"], "/bin/sh"),
        caller: ("anna", "x", caller, caller, "", "/home/anna", "/bin/sh"),
    }
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: pwd.struct_passwd(entries[uid]))
    owned = os.stat_result((0o700, 0, 0, 0, owner, owner, 0, 0, 0, 0))
    monkeypatch.setattr(acting, "_owner", lambda _: owned)
    return {"HOME": "/home/anna", "SUDO_UID": str(caller), "PATH": os.environ["PATH"]}


@pytest.mark.parametrize("verb", ["check", "show"])
def test_configuration_is_for_administrators_only_through_sudo(
    home: dict[str, str], through_sudo: dict[str, str], verb: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", verb], through_sudo) == 77
    assert capfd.readouterr() == ("", "espomail: error: the configuration is for administrators\n")
    path = configuration(home)
    path.write_text(path.read_text().replace("name: Anna Novak", "admin: true"))
    assert main(["config", verb], through_sudo) == 0


def test_nobody_makes_a_configuration_through_sudo(through_sudo: dict[str, str], tmp_path: Path) -> None:
    assert main(["init", "--directory", str(tmp_path / "new")], through_sudo) == 77
    assert not (tmp_path / "new").exists()


def test_missing_configuration_is_told_with_the_command_that_makes_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", str(tmp_path / "none.yaml"), "config", "check"], {}) == 78
    assert "`espomail init` makes one" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        ("database: sqlite:///gone/espomail.db", "database: there is no folder {}/gone; make it first"),
        ("database: sqlite:///templates", "database: {}/templates is a folder; name a file in it"),
        (
            "templates: support.password\ndatabase: sqlite:///espomail.db",
            "templates: {}/support.password is no folder",
        ),
    ],
)
def test_check_warns_of_what_is_no_folder(
    home: dict[str, str], capfd: pytest.CaptureFixture[str], settings: str, warning: str
) -> None:
    path = configuration(home)
    path.write_text(path.read_text().replace("database: sqlite:///espomail.db", settings))
    assert main(["config", "check"], home) == 0
    assert capfd.readouterr().err == f"espomail: warning: {warning.format(path.parent)}\n"


def test_check_warns_of_a_password_file_that_is_missing(
    home: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    configuration(home).with_name("support.password").unlink()
    assert main(["config", "check"], home) == 0
    assert "mailboxes.support.imap.password_file: there is no file" in capfd.readouterr().err


def test_check_warns_of_a_password_file_that_others_can_read(
    home: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    file = configuration(home).with_name("support.password")
    file.chmod(0o644)
    assert main(["config", "check"], home) == 0
    said = f"{file} is open to others (mode 0644); type: chmod 600 {file}"
    assert f"mailboxes.support.imap.password_file: {said}\n" in capfd.readouterr().err
