"""A private Postfix on loopback ports that delivers the domains of the tests to a private Dovecot by LMTP.

`smtp_port` takes mail from anybody on this machine, as a company's MX does; `submission_port` wants STARTTLS
and a login, `submissions_port` TLS from the first byte and a login. Needs root, as Postfix starts its daemons
under users of its own.
"""

import json
import shutil
import smtplib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.dovecot import DOMAINS, Dovecot
from tests.servers.ports import HOST
from tests.servers.private_server import PrivateServer, installed

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = /tmp
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.example.com
mynetworks = 127.0.0.0/8
relayhost =
default_transport = error:no mail leaves this machine
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
lmtp_destination_concurrency_limit = 2
smtpd_recipient_restrictions =
  check_recipient_access inline:{{
    {{ unknown@example.com = 550 5.1.1 no such user }},
    {{ later@example.com = 450 4.2.1 try again later }} }},
  permit_mynetworks, reject
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth_port}
"""

NO_LOCAL_MAIL = """
mydestination =
alias_maps =
"""

MASTER = """
{smtp_port} inet n - n - - smtpd
{submission_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
{submissions_port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(PrivateServer):
    """Start it with `with`. `ca_file` is what a client has to trust.

    `settings` and `services` are added to main.cf and master.cf.
    """

    def __init__(self, dovecot: Dovecot, *, settings: str = NO_LOCAL_MAIL, services: str = "") -> None:
        super().__init__(3)
        self.smtp_port, self.submission_port, self.submissions_port = self.ports
        for name in ("queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix", "postfix")
        values = {
            "folder": self.folder,
            "domains": ", ".join(DOMAINS),
            "lmtp_port": dovecot.lmtp_port,
            "auth_port": dovecot.auth_port,
            "certificate": self.certificate,
            "key": self.key,
        }
        ports = {
            "smtp_port": self.smtp_port,
            "submission_port": self.submission_port,
            "submissions_port": self.submissions_port,
        }
        (self.folder / "main.cf").write_text(MAIN.format(**values) + settings)
        (self.folder / "master.cf").write_text(MASTER.format(**ports) + services)

    def _command(self) -> Sequence[str | Path]:
        self._call("postfix", "check")  # makes the folders of the queue
        daemons = self._call("postconf", "-hx", "daemon_directory").strip()
        return [f"{daemons}/master", "-c", self.folder]  # "postfix start" would hand it over to init

    def send(self, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Hand a message in, as a customer's mail server would."""
        with smtplib.SMTP(HOST, self.smtp_port, timeout=30) as client:
            client.sendmail(envelope_sender, list(recipients), raw)

    def queued(self) -> list[dict[str, Any]]:
        """What waits in the queue, as `postqueue -j` tells it."""
        return [json.loads(line) for line in self._call("postqueue", "-j").splitlines()]

    def try_again(self) -> None:
        """Try to deliver at once what was deferred."""
        self._call("postqueue", "-f")

    def _call(self, program: str, *arguments: str) -> str:
        """Run a program of Postfix's on this instance; gives its output."""
        done = subprocess.run(
            [installed(program, "postfix"), "-c", self.folder, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + self.log()
        return done.stdout
