"""A private Cyrus on loopback ports: IMAP (clear text, STARTTLS, TLS), as unlike Dovecot as it can be.

Folders lie below INBOX with `.` between their names, and a folder's name in the wrong place is refused. Users
have to be made known; their INBOX is made when they first sign in. Needs root, to become Debian's `cyrus`.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.private_server import PrivateServer

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


class Cyrus(PrivateServer, Mailboxes):
    """Start it with `with`. Ports are attributes; `ca_file` is what a client has to trust."""

    separator = "."
    prefix = "INBOX."

    def __init__(self) -> None:
        if not IMAPD.exists():
            raise FileNotFoundError("cyrus-imapd is not there: run script/test once, which unpacks it")
        super().__init__(2)
        self.imap_port, self.imaps_port = self.ports
        self._users: set[str] = set()
        configuration = self.folder / "imapd.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=self.folder, certificate=self.certificate, key=self.key)
        )
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

    def _command(self) -> Sequence[str | Path]:
        configuration, services, pid = (self.folder / name for name in ("imapd.conf", "cyrus.conf", "pid"))
        as_cyrus = ("setpriv", "--reuid=cyrus", "--regid=mail", "--init-groups")
        return [*as_cyrus, "/usr/sbin/cyrmaster", "-C", configuration, "-M", services, "-p", pid]

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
        for file in files:
            shutil.chown(file, "cyrus", "mail")
