"""A private Cyrus on loopback ports: IMAP (clear text, STARTTLS, TLS), as unlike Dovecot as it can be.

Folders lie below INBOX with `.` between their names, and a folder's name in the wrong place is refused. Users
have to be made known; their INBOX is made when they first sign in. Needs root, to become Debian's `cyrus`.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.servers.certificates import Authority
from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST, free_port, is_listening, wait_until

# As a package it would remove Dovecot's: script/test unpacks it there.
IMAPD: Final = Path("/var/cache/espomail-tests/cyrus-imapd/usr/lib/cyrus/bin/imapd")

CONFIGURATION = """
configdirectory: {folder}/config
partition-default: {folder}/mail
defaultpartition: default
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
allowplaintext: yes
failedloginpause: 0
tls_server_cert: {certificate}
tls_server_key: {key}
tls_session_timeout: 0
virtdomains: userid
unixhierarchysep: no
altnamespace: no
autocreate_users: anyone
autocreate_quota: 0
admins: admin
"""

SERVICES = """
START {{
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -C {configuration} -r"
}}
SERVICES {{
  imap cmd="{imapd} -C {configuration}" listen="127.0.0.1:{imap_port}" prefork=0
  imaps cmd="{imapd} -C {configuration} -s" listen="127.0.0.1:{imaps_port}" prefork=0
}}
"""


class Cyrus(Mailboxes):
    """Start it with `with`. Ports are attributes; `ca_file` is what a client has to trust."""

    separator = "."
    prefix = "INBOX."

    def __init__(self) -> None:
        if not IMAPD.exists():
            raise FileNotFoundError("cyrus-imapd is not there: run script/test once, which unpacks it")
        self.folder = Path(tempfile.mkdtemp(prefix="cyrus-", dir="/tmp"))
        self.imap_port, self.imaps_port = free_port(), free_port()
        self._users: set[str] = set()
        authority = Authority(self.folder)
        certificate, key = authority.certify("localhost", HOST)
        self.ca_file = authority.ca_file
        configuration = self.folder / "imapd.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder, certificate=certificate, key=key))
        (self.folder / "cyrus.conf").write_text(
            SERVICES.format(
                configuration=configuration,
                imapd=IMAPD,
                imap_port=self.imap_port,
                imaps_port=self.imaps_port,
            )
        )
        for name in ("mail", *(f"config/{name}" for name in ("db", "lock", "log", "msg", "proc", "socket"))):
            (self.folder / name).mkdir(parents=True)
        self._give_away(self.folder, *self.folder.rglob("*"))

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, also again after `stop`; it keeps its ports and its mail. It ends with this process."""
        # A master that changes its user itself would lose the signal that tells it of this process's end.
        as_cyrus = ["setpriv", "--reuid=cyrus", "--regid=mail", "--init-groups", "--pdeathsig=TERM"]
        files = [
            "-C",
            self.folder / "imapd.conf",
            "-M",
            self.folder / "cyrus.conf",
            "-p",
            self.folder / "pid",
        ]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*as_cyrus, "/usr/sbin/cyrmaster", *files],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,  # at its end it sends the signal to all of its process group
            )
        for port in (self.imap_port, self.imaps_port):
            wait_until(partial(self._is_listening, port), f"Cyrus on port {port}")

    def stop(self) -> None:
        """Stop it with all its processes."""
        if not hasattr(self, "process"):
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _is_listening(self, port: int) -> bool:
        if self.process.poll() is not None:
            raise ChildProcessError(f"Cyrus has ended: {(self.folder / 'output').read_text()[-2000:]}")
        return is_listening(port)

    def add_user(self, user: str) -> None:
        """Let a user, given as an address, sign in."""
        if user in self._users:
            return
        database = self.folder / "sasldb2"
        name, _, domain = user.partition("@")
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", database, "-u", domain, name],
            input=PASSWORD.encode(),
            check=True,
            timeout=30,
        )
        self._give_away(database)
        self._users.add(user)

    def set_rights(self, user: str, rights: str) -> None:
        """What a user may do with the own INBOX (RFC 4314): `lr` is to read it, `i` to put mail into it."""
        self.command("admin", "setacl", f"user.{user}", user, rights)

    def mail_of(self, user: str) -> Path:
        return self.folder / "mail"

    def _give_away(self, *files: Path) -> None:
        cyrus = pwd.getpwnam("cyrus")
        for file in files:
            os.chown(file, cyrus.pw_uid, cyrus.pw_gid)
