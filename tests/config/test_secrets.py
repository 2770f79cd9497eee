"""Where a password comes from, and what is said when it cannot be had."""

import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from espomail.config.schema import Imap
from espomail.config.secrets import secret_of
from espomail.errors import WrongConfiguration


def server(
    *,
    password: str | None = None,
    password_file: Path | None = None,
    password_env: str | None = None,
    password_command: tuple[str, ...] | None = None,
) -> Imap:
    return Imap(
        place="mailboxes.support.imap",
        host="imap.example.com",
        fetch_since=date(2026, 11, 1),
        password=password,
        password_file=password_file,
        password_env=password_env,
        password_command=password_command,
    )


def python(code: str) -> Imap:
    return server(password_command=(sys.executable, "-c", code))


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_secret_by_value() -> None:
    assert secret_of(server(password="pä ss")) == "pä ss"


def test_secret_by_environment() -> None:
    assert secret_of(server(password_env="SUPPORT"), environ={"SUPPORT": "hunter2"}) == "hunter2"


@pytest.mark.parametrize(
    "content", [b"hunter2", b"hunter2\n", b"hunter2\r\nlogin: support\n", b"\xef\xbb\xbfhunter2\n"]
)
def test_secret_by_file_is_its_first_line(tmp_path: Path, content: bytes) -> None:
    assert secret_of(server(password_file=secret_file(tmp_path, content))) == "hunter2"


def test_secret_by_command_is_the_first_line_that_it_prints() -> None:
    assert secret_of(python("print('hunter2'); print('login: support')")) == "hunter2"


def test_arguments_of_a_command_see_no_shell(tmp_path: Path) -> None:
    marker = tmp_path / "made"
    assert secret_of(server(password_command=("echo", f"$(touch {marker}); $HOME"))).startswith("$(touch")
    assert not marker.exists()


def test_command_can_read_no_input_and_has_no_terminal() -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), os.getsid(0) == os.getpid())"
    assert secret_of(python(code)) == "'' True"


def test_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        f"import subprocess, pathlib; child = subprocess.Popen(['sleep', '60']);"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid)); child.wait()"
    )
    with pytest.raises(WrongConfiguration, match="did not end within 2 s"):
        secret_of(python(code), timeout_s=2)
    assert_ends(int(pid_file.read_text()))


def test_daemon_that_a_command_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        f"import subprocess, pathlib; child = subprocess.Popen(['sleep', '60']);"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid)); print('hunter2')"
    )
    began = time.monotonic()
    assert secret_of(python(code)) == "hunter2"
    assert time.monotonic() - began < 20
    assert _runs(int(pid_file.read_text()))
    os.kill(int(pid_file.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_daemon_that_goes_on_writing_is_not_listened_to(tmp_path: Path, stream: str) -> None:
    pid_file = tmp_path / "pid"
    code = (
        f"import subprocess, sys; writes = ['sh', '-c', 'echo $$ > {pid_file}; exec yes'];"
        f"subprocess.Popen(writes, stdout=sys.{stream}); print('hunter2', flush=True);"
        f"import os, time\nwhile not os.path.exists({str(pid_file)!r}): time.sleep(0.01)\n"
        "time.sleep(0.5)"
    )
    if stream == "stderr":
        assert secret_of(python(code)) == "hunter2"
    else:
        with pytest.raises(WrongConfiguration, match="printed more than 65536 bytes, which is no secret"):
            secret_of(python(code))
    assert_ends(int(pid_file.read_text()))  # nobody reads what it writes any more


def test_command_that_prints_no_end_of_bytes_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(WrongConfiguration, match="printed more than 65536 bytes, which is no secret"):
        secret_of(server(password_command=("cat", "/dev/zero")))
    assert time.monotonic() - began < 20


def test_command_that_closes_its_output_is_waited_for() -> None:
    closes = "import os, sys, time; print('hunter2', flush=True); os.close(1); os.close(2); time.sleep({})"
    assert secret_of(python(closes.format(0.2))) == "hunter2"
    with pytest.raises(WrongConfiguration, match="did not end within 1 s"):
        secret_of(python(closes.format(60)), timeout_s=1)


def test_long_complaint_is_told_as_far_as_people_read() -> None:
    with pytest.raises(WrongConfiguration, match="failed with exit code 1: no key") as refused:
        secret_of(python("import sys; sys.exit('no key ' * 1_000_000)"))
    assert len(str(refused.value)) < 1000


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _runs(pid):
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_complaint_of_a_command_is_told_without_the_secret() -> None:
    code = "import sys; print('hunter2'); sys.exit('agent is locked, will not give hunter2\\x1b[31m')"
    with pytest.raises(WrongConfiguration) as refused:
        secret_of(python(code))
    told = str(refused.value)
    assert told.startswith("mailboxes.support.imap.password_command: ")
    assert "failed with exit code 1: agent is locked, will not give ********\ufffd[31m" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_secret_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, b"hunter2", mode)
    if os.getuid() == 0:
        os.chown(path, 65534, -1)
    with pytest.raises(
        WrongConfiguration, match=rf"is open to others \(mode {mode:04o}\); type: chmod 600 {path}"
    ):
        secret_of(server(password_file=path))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (server(), "mailboxes.support.imap.password: is missing; write one of password, password_file"),
        (server(password=""), "password: the secret is empty"),
        (server(password_env="SUPPORT"), "password_env: the environment variable SUPPORT is not set"),
        (server(password_file=Path("/nowhere/secret")), "/nowhere/secret cannot be read: No such file"),
        (server(password_file=Path("/dev/null")), "password_file: /dev/null is no regular file"),
        (server(password_command=("no-such-program",)), "there is no program no-such-program on the PATH"),
        (server(password_command=("/nowhere/program",)), "there is no program /nowhere/program"),
        (server(password_command=("/",)), "/ cannot be started"),
        (server(password_command=("true",)), "true printed nothing"),
        (python("import sys; print('no key', file=sys.stderr)"), "printed nothing: no key"),
        (python("print('a' + chr(0))"), "the secret holds a character that no server can be sent"),
        (python("import sys; sys.stdout.buffer.write(b'\\xff')"), "the secret is not UTF-8 text"),
        (python("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"), "was ended by SIGTERM"),
    ],
)  # fmt: skip
def test_secret_that_cannot_be_had_is_told_with_its_place(wrong: Imap, said: str) -> None:
    with pytest.raises(WrongConfiguration) as refused:
        secret_of(wrong, environ={"PATH": os.environ["PATH"]})
    assert said in str(refused.value)
