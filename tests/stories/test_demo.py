"""The demo: the main job in one folder, without root and without any other mail server."""

import shutil
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import takewhile
from pathlib import Path

import pytest

from espomail.config.load import load
from tests.servers.espomail import PROGRAM, Ended, Espomail
from tests.servers.ports import HOST, is_listening


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Espomail, Ended]:
    """A demo that was made as people make it, and what it said."""
    outside = Espomail(tmp_path_factory.mktemp("demo"))
    ended = outside.run("demo")
    return Espomail(outside.folder / "espomail-demo"), ended


@pytest.fixture
def demo(told: tuple[Espomail, Ended], tmp_path: Path) -> Espomail:
    """That demo, moved to a folder of the test's own: nothing in it depends on where it is."""
    return Espomail(shutil.copytree(told[0].folder, tmp_path / "espomail-demo"))


def ports(demo: Espomail) -> tuple[int, int]:
    """Where its IMAP and its SMTP server are, when they are."""
    mailbox = load(demo.config).config.mailboxes["support"]
    assert mailbox.smtp is not None and mailbox.imap.port and mailbox.smtp.port
    return mailbox.imap.port, mailbox.smtp.port


def mail_of(demo: Espomail, address: str) -> list[EmailMessage]:
    files = sorted((demo.folder / "mail" / address).glob("new/*"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]  # type: ignore[misc]


LAST_LINE = "Ctrl-C ends both servers.\n"


class Served:
    """`espomail demo --serve` in the demo's folder, until Ctrl-C."""

    def __init__(self, process: "subprocess.Popen[str]", said: list[str]) -> None:
        self.process = process
        self.said = said  # the lines of its greeting


@contextmanager
def served(demo: Espomail) -> Iterator[Served]:
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", PROGRAM, "demo", "--serve"],  # ends when the tests are killed
        cwd=demo.folder,
        env=demo.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            yield Served(process, list(takewhile(LAST_LINE.__ne__, process.stderr)))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_demo_shows_mails_becoming_cases_and_their_answers(told: tuple[Espomail, Ended]):
    _, ended = told
    assert (ended.exit_code, ended.stderr) == (0, "")
    shown = [line for line in ended.stdout.splitlines() if line.startswith("$ ")]
    assert shown[:2] == ["$ espomail fetch", "$ espomail case list"]
    assert shown[2].startswith("$ cat mail/emma@fernhill.example/new/")
    assert shown[3:] == ["$ espomail fetch", "$ espomail case show 1"]
    for text in ("Rechnung für Oktober fehlt", "Не приходит заказ", "トナーの在庫について"):
        assert text in ended.stdout
    assert "Subject: [#1] We have received your message: Printer prints stripes" in ended.stdout
    assert "espomail case list" in ended.stdout.splitlines()[-3]


def test_demo_says_how_its_commands_are_found(tmp_path: Path):
    export = f"export PATH={PROGRAM.parent}:$PATH"
    elsewhere = Espomail(tmp_path).run("demo", environment={"PATH": "/usr/bin:/bin"})
    assert elsewhere.stdout.splitlines()[-7:-2] == [
        "",
        "  cd espomail-demo",
        f"  {export}",
        "  export ESPOMAIL_CONFIG=$PWD/config.yaml",
        "  espomail case list",
    ]
    here = Espomail(tmp_path).run("demo", environment={"PATH": f"{PROGRAM.parent}:/usr/bin:/bin"})
    assert export not in here.stdout


def test_each_customer_has_one_answer_and_machines_have_none(told: tuple[Espomail, Ended]):
    demo, _ = told
    answered = {
        folder.name: [mail["Subject"].split()[0] for mail in mail_of(demo, folder.name)]
        for folder in (demo.folder / "mail").iterdir()
        if folder.is_dir() and list(folder.glob("new/*")) and folder.name != "support@example.com"
    }
    assert answered == {
        "emma@fernhill.example": ["[#1]"],
        "juergen@gaertnerei-weiss.example": ["[#2]"],
        "olga@sever.example": ["[#3]"],
        "hanako@sakura.example": ["[#4]"],
        "emile@boulangerie.example": ["[#5]"],
    }


def test_demo_leaves_an_installation_to_go_on_with(told: tuple[Espomail, Ended]):
    demo, _ = told
    assert (demo.config.stat().st_mode & 0o777, demo.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert demo.ok("config", "check") == ""
    cases = demo.json("case", "list")
    assert [(case["number"], case["assigned_user"], case["emails"]) for case in cases] == [
        (6, "boris", 1),
        (5, "anna", 2),
        (4, "boris", 2),
        (3, "anna", 2),
        (2, "boris", 3),
        (1, "anna", 3),
    ]
    (french,) = demo.json("email", "list", "--from", "emile@boulangerie.example")
    assert (french["subject"], french["attachments"]) == ("Écran cassé à la livraison", 1)
    assert demo.json("quarantine", "list") == []


def test_served_demo_takes_new_mail_and_answers_it(demo: Espomail):
    with served(demo):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Nina <nina@home.example>", "support@example.com", "Hello"
        mail["Message-ID"] = "<hello@home.example>"
        mail.set_content("Are you there?\n")
        with smtplib.SMTP(HOST, ports(demo)[1], "localhost") as server:
            server.send_message(mail)
        assert demo.ok("fetch") == ""
    assert demo.json("case", "show", 7)["name"] == "Hello"
    (answer,) = mail_of(demo, "nina@home.example")
    assert answer["Subject"].startswith("[#7] ")
    assert answer["Return-Path"] == "<>"


def test_serving_says_where_and_ends_with_ctrl_c(demo: Espomail):
    imap_port, smtp_port = ports(demo)
    with served(demo) as server:
        assert is_listening(imap_port)
    assert server.said[0] == (
        f"IMAP is at {HOST}:{imap_port}, SMTP at {HOST}:{smtp_port}; the password is in {demo.config}.\n"
    )
    assert f"  cd {demo.folder}\n" in server.said
    assert server.process.returncode == 0
    assert not is_listening(imap_port)
    assert not is_listening(smtp_port)


def test_smtp_server_of_the_demo_takes_no_address_that_leads_out_of_its_folder(demo: Espomail):
    with (
        served(demo),
        smtplib.SMTP(HOST, ports(demo)[1], "localhost") as server,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        server.sendmail("nina@home.example", ["../../etc@home.example"], "Subject: hello\r\n\r\nhello")


def test_demo_is_made_anew_and_leaves_other_files_alone(demo: Espomail):
    (demo.folder / "notes.txt").write_text("mine")
    ended = demo.run("demo", environment={"ESPOMAIL_CONFIG": ""})
    assert ended.exit_code == 0
    assert "── It is all in" in ended.stdout
    assert [case["number"] for case in demo.json("case", "list")] == [6, 5, 4, 3, 2, 1]
    assert (demo.folder / "notes.txt").read_text() == "mine"


def test_demo_that_is_served_is_not_made_anew(demo: Espomail):
    with served(demo):
        assert demo.run("demo").exit_code == 75
    assert len(demo.json("case", "list")) == 6


def test_folder_with_something_else_in_it_is_refused(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    ended = Espomail(tmp_path).run("demo", "--directory", tmp_path)
    assert ended.exit_code == 65
    assert f"{tmp_path} is not empty and no demo" in ended.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_serving_a_demo_that_is_not_there_says_how_to_make_one(tmp_path: Path):
    ended = Espomail(tmp_path).run("demo", "--serve")
    assert ended.exit_code == 66
    assert "`espomail demo` makes one" in ended.stderr


def test_port_that_is_taken_is_named(demo: Espomail):
    smtp_port = ports(demo)[1]
    with socket.create_server((HOST, smtp_port)):
        ended = demo.run("demo", "--serve")
    assert ended.exit_code == 69
    assert f"{HOST}:{smtp_port} cannot be listened on: Address already in use" in ended.stderr


def test_missing_servers_are_named_with_what_installs_them(tmp_path: Path):
    without = "import sys; sys.modules['pymap'] = None; "
    calls = "from espomail.cli.main import main; sys.exit(main(['demo']))"
    ended = subprocess.run(
        [sys.executable, "-c", without + calls], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 78
    assert "(pymap)" in ended.stderr
    assert "pipx install --force '.[demo]'" in ended.stderr
    assert list(tmp_path.iterdir()) == []
