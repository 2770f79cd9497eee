"""Who is acting, and what those who act through the service's login may not do.

The tests that change their uid need root, as the tests with real servers do.
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from espomail.cli.acting import actor_for
from espomail.cli.main import main
from espomail.cli.preload import PACKAGE, preload_for
from espomail.crm.access import SYSTEM, Actor
from espomail.errors import NotPermitted
from espomail.store import connection
from tests.cli.conftest import PROGRAM, OfficeWith, Program, Said
from tests.office import Office, mail

OWNER, ANNA, ADA, LEFT, STRANGER = 500, 501, 502, 503, 504
LOGINS = {OWNER: "espomail", ANNA: "anovak", ADA: "ada", LEFT: "lena", STRANGER: "eve"}
SERVICE = pwd.getpwnam("nobody")
CALLER = pwd.getpwnam("daemon")


@pytest.fixture
def staff(office_with: OfficeWith) -> Office:
    """Anna with a login of another name, an administrator, and somebody who has left."""
    return office_with("  anna: {", "  ada: {admin: true}\n  lena: {active: false}\n  anna: {login: anovak, ")


def acting(staff: Office, uid: int, sudo_uid: int | None, as_user: str | None) -> Actor:
    """Who acts in a process of that uid, which sudo may have started for another, with that `--as`."""
    return actor_for(
        staff.config,
        uid=uid,
        owner_uid=OWNER,
        sudo_uid=sudo_uid,
        as_user=as_user,
        login_of=LOGINS.__getitem__,
    )


@pytest.mark.parametrize(
    ("uid", "sudo_uid", "as_user", "actor"),
    [
        (0, None, None, SYSTEM),
        (0, ANNA, None, SYSTEM),
        (0, ANNA, "anna", Actor(user="anna")),
        (OWNER, None, None, SYSTEM),
        (OWNER, OWNER, None, SYSTEM),
        (OWNER, None, "anna", Actor(user="anna")),
        (OWNER, None, "ada", Actor(user="ada", is_admin=True)),
        (OWNER, ANNA, None, Actor(user="anna", is_delegated=True)),
        (OWNER, ADA, None, Actor(user="ada", is_admin=True, is_delegated=True)),
        (ANNA, None, None, Actor(user="anna")),
        (ANNA, ADA, None, Actor(user="anna")),
        (ADA, None, None, Actor(user="ada", is_admin=True)),
    ],
)
def test_the_uids_say_who_is_acting(
    staff: Office, uid: int, sudo_uid: int | None, as_user: str | None, actor: Actor
) -> None:
    assert acting(staff, uid, sudo_uid, as_user) == actor


@pytest.mark.parametrize(
    ("uid", "sudo_uid", "as_user"),
    [
        (STRANGER, None, None),
        (OWNER, STRANGER, None),
        (OWNER, LEFT, None),
        (LEFT, None, None),
        (0, None, "lena"),
        (0, None, "nobody"),
        (OWNER, ANNA, "ada"),
        (ANNA, None, "anna"),
        (ADA, None, "anna"),
    ],
)
def test_nobody_else_acts(staff: Office, uid: int, sudo_uid: int | None, as_user: str | None) -> None:
    with pytest.raises(NotPermitted):
        acting(staff, uid, sudo_uid, as_user)


# --- with real uids


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Not below pytest's own folder, which each test run of the same login closes to all others."""
    with tempfile.TemporaryDirectory(prefix="espomail-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def service(root: None, office_with: OfficeWith, tmp_path: Path) -> Office:
    """An office that the login `nobody` owns; the login `daemon` is anna's."""
    office = office_with("  anna: {", "  anna: {login: daemon, ")
    office.receive(mail())
    connection.close_database()
    for path in (office.folder, *office.folder.iterdir()):
        os.chown(path, SERVICE.pw_uid, SERVICE.pw_gid)
    return office


def through(uid: int, words: list[str], environ: dict[str, str], out: Path) -> Said:
    """Call the program in a child process of that uid."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            preload_for(uid, pwd.getpwuid(uid).pw_gid, [])
            for number, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(out / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
            os.setgroups([])
            os.setuid(uid)
            code = main(words, environ)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return Said(os.waitstatus_to_exitcode(status), (out / "out").read_text(), (out / "err").read_text())


@pytest.fixture
def as_service(
    service: Office, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Call the program as the service's login, through sudo by another; the configuration is in its home.

    The tests may give no login a home, so that one answer of the system is changed.
    """
    home = tmp_path / "home" / ".config" / "espomail"
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(
        service.path.read_text() + f"database: sqlite:///{service.config.database_file}\n"
    )
    (home / "config.yaml").chmod(0o600)
    os.chown(home / "config.yaml", SERVICE.pw_uid, SERVICE.pw_gid)
    entry = pwd.struct_passwd((*SERVICE[:5], str(tmp_path / "home"), SERVICE[6]))
    by_uid = pwd.getpwuid
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: entry if uid == SERVICE.pw_uid else by_uid(uid))

    def call(*words: object, sudo_uid: int | None = CALLER.pw_uid, **environ: str) -> Said:
        with capfd.disabled():
            sudo = {} if sudo_uid is None else {"SUDO_UID": str(sudo_uid)}
            said = {"HOME": str(tmp_path / "home"), **sudo, **environ}
            return through(SERVICE.pw_uid, list(map(str, words)), said, tmp_path)

    return call


def test_root_becomes_the_owner_of_the_database(service: Office) -> None:
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(service.path), "SUDO_UID": str(CALLER.pw_uid)}
    for words in (("case", "list"), ("account", "create", "--name", "Acme"), ("fetch",)):
        subprocess.run([PROGRAM, *words], env=environ, capture_output=True, check=False)
    owners = {path.name: path.stat().st_uid for path in service.folder.iterdir()}
    assert set(owners.values()) == {SERVICE.pw_uid}


def test_root_is_told_that_the_owner_of_the_database_cannot_read_the_program(
    service: Office, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    shutil.copytree(PACKAGE, private / "espomail")
    private.chmod(0o700)
    for words in (("case", "list"), ("fetch",), ("db", "check")):
        done = subprocess.run(
            [sys.executable, "-c", "from espomail.cli.entry import main; raise SystemExit(main())", *words],
            env={**os.environ, "ESPOMAIL_CONFIG": str(service.path), "PYTHONPATH": str(private)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        whose = f"the owner of the database (uid {SERVICE.pw_uid})"
        told = f"{whose} cannot read {private}/espomail; install espomail where every login can read it"
        assert (done.returncode, done.stderr) == (77, f"espomail: error: {told}\n")


def test_root_takes_in_much_mail_with_a_python_of_its_own(service: Office, tmp_path: Path) -> None:
    (tmp_path / "much.mbox").write_bytes(
        b"".join(b"From x\n" + mail(f"No. {at}") + b"\n" for at in range(120))
    )
    done = subprocess.run(
        [PROGRAM, "import", "--mailbox", "support", "--json", tmp_path / "much.mbox"],
        env={**os.environ, "ESPOMAIL_CONFIG": str(service.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["imported"] == 120


def test_root_leaves_nothing_of_its_own_where_the_database_is_new(service: Office) -> None:
    service.config.database_file.unlink()
    environ = {**os.environ, "ESPOMAIL_CONFIG": str(service.path)}
    subprocess.run([PROGRAM, "case", "list"], env=environ, check=True)
    assert service.config.database_file.stat().st_uid == SERVICE.pw_uid


def test_a_configuration_that_may_not_be_read_is_not_called_missing(
    service: Office, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    (home / ".config" / "espomail").symlink_to(service.folder)
    for mode in (0o700, 0o755):  # the folder may not be looked into; the file may not be read
        service.folder.chmod(mode)
        for environ in ({"ESPOMAIL_CONFIG": str(service.path)}, {"HOME": str(home)}):
            with capfd.disabled():
                said = through(CALLER.pw_uid, ["config", "check"], environ, tmp_path)
            assert said.code == 78
            assert "config.yaml cannot be read: Permission denied; run espomail as its owner" in said.err
            assert "(sudo -u nobody espomail …)" in said.err


def test_a_delegated_user_reads_as_that_user(as_service: Callable[..., Said]) -> None:
    assert as_service("case", "list", "--fields", "number").out == "1\n"
    assert as_service("notification", "list", "--fields", "user").out == "anna\n"
    assert as_service("quarantine", "list").code == 77


def test_the_service_itself_is_the_system(as_service: Callable[..., Said]) -> None:
    assert as_service("quarantine", "list", sudo_uid=None).code == 0
    assert as_service("notification", "list", "--fields", "user", sudo_uid=None).out == "anna\n"


def test_a_login_that_nobody_has_reads_nothing(as_service: Callable[..., Said]) -> None:
    for sudo_uid in (0, 4_000_000):
        said = as_service("case", "list", sudo_uid=sudo_uid)
        assert (said.code, said.out) == (77, "")


def test_a_sudo_uid_that_is_no_number_is_refused(as_service: Callable[..., Said]) -> None:
    assert as_service("case", "list", sudo_uid=None, SUDO_UID="root").code == 77


def test_a_delegated_user_names_no_configuration(as_service: Callable[..., Said], service: Office) -> None:
    assert as_service("--config", service.path, "case", "list").code == 77
    assert as_service("case", "list", ESPOMAIL_CONFIG=str(service.path)).code == 77
    assert as_service("--config", "/nowhere.yaml", "case", "list").code == 77


def test_a_delegated_users_own_configuration_is_not_looked_at(
    as_service: Callable[..., Said], tmp_path: Path
) -> None:
    evil = tmp_path / "evil" / "espomail"
    evil.mkdir(parents=True)
    (evil / "config.yaml").write_text("not: ours")
    said = as_service("case", "list", "--fields", "number", XDG_CONFIG_HOME=str(evil.parent), HOME=str(evil))
    assert (said.code, said.out) == (0, "1\n")


def test_a_delegated_user_does_not_act_as_another(as_service: Callable[..., Said]) -> None:
    assert as_service("--as", "boris", "case", "list").code == 77


def test_a_delegated_user_names_no_files(as_service: Callable[..., Said], service: Office) -> None:
    said = as_service("contact", "create", "--input", service.path)
    assert said.code == 77
    assert f"--input - < {service.path}" in said.err
    assert "mailboxes" not in said.err


def test_another_login_needs_the_database(service: Office, tmp_path: Path, espomail: Program) -> None:
    service.path.chmod(0o640)
    os.chown(service.path, SERVICE.pw_uid, CALLER.pw_gid)
    said = through(CALLER.pw_uid, ["--config", str(service.path), "case", "list"], {}, tmp_path)
    assert said.code in {77, 78}  # 78 where even the configuration is out of reach
    assert said.out == ""


def test_a_delegated_user_has_mail_by_stdin_and_stdout_alone(
    as_service: Callable[..., Said], tmp_path: Path
) -> None:
    said = as_service("email", "attachment", "1", "1", "-o", tmp_path / "file")
    assert said.code == 77
    assert f"type: espomail email attachment 1 1 > {tmp_path / 'file'}" in said.err
    config = tmp_path / "home" / ".config" / "espomail" / "config.yaml"
    config.write_text(config.read_text().replace("anna: {login", "anna: {admin: true, login"))
    assert as_service("export", "-o", tmp_path / "folder").code == 77
    assert as_service("export", "--format", "mbox", "-o", tmp_path / "file").code == 77
    assert as_service("import", "--mailbox", "support", tmp_path / "file").code == 77
    said = as_service("export", "--format", "mbox", "-o", "-")
    assert (said.code, said.out.startswith("From espomail ")) == (0, True)
