"""A private Dovecot on loopback ports: IMAP (clear text, STARTTLS, TLS), LMTP, and SASL for Postfix.

Every user exists, with one password. Needs root: Debian's Dovecot gives its rights away to users of its own.
"""

import os
import pwd
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers.mailboxes import PASSWORD, Mailboxes
from tests.servers.ports import HOST
from tests.servers.private_server import PrivateServer, installed

DOMAINS = ("example.com", "customer.example", "other.example")

CONFIGURATION = """
base_dir = {folder}/run
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap lmtp
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_username_chars =
login_greeting = Dovecot of the tests
mail_max_userip_connections = 1000
first_valid_uid = 1
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u allow_all_users=yes
}}
service imap-login {{
  service_count = 0  # one process for many connections
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
}}
service anvil {{
  # no delay after somebody's wrong password
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  inet_listener sasl {{
    address = 127.0.0.1
    port = {auth_port}
  }}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"""


class Dovecot(PrivateServer, Mailboxes):
    """Start it with `with`. Ports are attributes; `ca_file` is what a client has to trust."""

    def __init__(
        self, *, names: Sequence[str] = ("localhost", HOST), until_days: int = 30, more: str = ""
    ) -> None:
        """`more` are settings of Dovecot's."""
        self._program = installed("dovecot", "dovecot-imapd", "dovecot-lmtpd")
        super().__init__(4, names, until_days)
        self.imap_port, self.imaps_port, self.lmtp_port, self.auth_port = self.ports
        user = pwd.getpwnam("mail")
        (self.folder / "home").mkdir()
        os.chown(self.folder / "home", user.pw_uid, user.pw_gid)
        (self.folder / "dovecot.conf").write_text(
            CONFIGURATION.format(
                folder=self.folder,
                certificate=self.certificate,
                key=self.key,
                password=PASSWORD,
                user=user.pw_uid,
                group=user.pw_gid,
                imap_port=self.imap_port,
                imaps_port=self.imaps_port,
                lmtp_port=self.lmtp_port,
                auth_port=self.auth_port,
            )
            + more
        )

    def _command(self) -> Sequence[str | Path]:
        return [self._program, "-F", "-c", self.folder / "dovecot.conf"]

    def mail_of(self, user: str) -> Path:
        return self.folder / "home" / user / "Maildir"

    def deliver_file(self, user: str, raw: bytes) -> None:
        """Put a message straight into the INBOX's Maildir: for what APPEND refuses, as no bytes at all."""
        self.messages(user)  # makes the Maildir
        new = self.mail_of(user) / "new"
        file = new / f"{time.time_ns()}.M1P1.tests"
        file.write_bytes(raw)
        shutil.chown(file, "mail", "mail")
