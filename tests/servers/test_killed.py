"""Tests that are killed cannot clean up: what their servers do then."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers.ports import is_listening, wait_until

ROOT = Path(__file__).parents[2]

SERVERS = """
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
with Dovecot() as dovecot, Cyrus() as cyrus, Postfix(dovecot) as postfix:
    print(dovecot.folder, cyrus.folder, postfix.folder, end=" ")
    print(dovecot.imap_port, cyrus.imap_port, postfix.smtp_port, flush=True)
    input()
"""
STUBBORN = """
import sys
from tests.servers.private_server import PrivateServer
SERVER = '''
import signal, socket, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
'''
class Stubborn(PrivateServer):
    def _command(self):
        return [sys.executable, "-c", SERVER, str(self.ports[0])]
with Stubborn(1) as server:
    print(server.folder, *server.ports, flush=True)
    input()
"""
DEMO = """
from pathlib import Path
from tests.servers.espomail import Espomail
from tests.stories.test_demo import ports, served
Espomail(Path({folder!r})).run("demo")
demo = Espomail(Path({folder!r}, "espomail-demo"))
with served(demo):
    print(*ports(demo), flush=True)
    input()
"""
CRON = """
from tests.servers.cron import Cron
with Cron("* * * * * echo ran") as cron:
    print(cron.folder, cron.table, flush=True)
    input()
"""


def said_before_its_kill(program: str) -> list[str]:
    """The words of the line that a Python program says before it waits for input, and is killed instead."""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as running:
        assert running.stdout is not None
        said = running.stdout.readline().split()
        running.kill()
    return said


def assert_servers_end(*ports: str) -> None:
    for port in ports:
        wait_until(lambda port=port: not is_listening(int(port)), f"the end of the server on port {port}")


def test_servers_end_with_the_tests_that_started_them(root):
    said = said_before_its_kill(SERVERS)
    folders, ports = said[:3], said[3:]
    assert_servers_end(*ports)
    for folder in folders:
        shutil.rmtree(folder)


def test_server_that_does_not_want_to_end_is_killed(root):
    folder, port = said_before_its_kill(STUBBORN)
    assert_servers_end(port)
    shutil.rmtree(folder)


def test_demo_that_is_served_ends_with_the_tests_that_started_it(tmp_path: Path):
    assert_servers_end(*said_before_its_kill(DEMO.format(folder=str(tmp_path))))


def test_cron_runs_nothing_any_more_and_forgets_the_crontab(root):
    folder, table = map(Path, said_before_its_kill(CRON))
    assert table.exists()
    subprocess.run([folder / "shell", "-c", "echo ran"], check=True)  # as the host's cron would, each minute
    assert not table.exists()
    assert not (folder / "output").exists()
    shutil.rmtree(folder)
