"""A private Postfix on loopback ports that delivers the domains of the tests to a private Dovecot by LMTP.

`smtp_port` takes mail from anybody on this machine, as a company's MX does; `submission_port` wants STARTTLS
and a login, `submissions_port` TLS from the first byte and a login. Needs root, as Postfix starts its daemons
under users of its own.
"""

import grp
import json
import os
import pwd
import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.certificates import Authority
from tests.servers.dovecot import DOMAINS, Dovecot
from tests.servers.ports import HOST, free_port, is_listening, wait_until

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

# "postfix start" hands the master over to init, and the master, as it changes its user, loses the signal that
# the kernel would send it when its parent dies. A shell that stays beside it passes that signal on.
KEEPER = 'trap "kill \\$!" TERM; "$0" -c "$1" & wait $!; wait $!'


class Postfix:
    """Start it with `with`. `ca_file` is what a client has to trust.

    `settings` and `services` are added to main.cf and master.cf.
    """

    def __init__(self, dovecot: Dovecot, *, settings: str = NO_LOCAL_MAIL, services: str = "") -> None:
        self.program = shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")
        if self.program is None:
            raise FileNotFoundError("postfix is not installed: apt-get install postfix")
        self.process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-", dir="/tmp"))
        self.folder.chmod(0o755)
        authority = Authority(self.folder)
        certificate, key = authority.certify("localhost", HOST)
        self.ca_file = authority.ca_file
        self.smtp_port, self.submission_port, self.submissions_port = free_port(), free_port(), free_port()
        for name in ("queue", "data"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postfix").gr_gid)
        values = {
            "folder": self.folder,
            "domains": ", ".join(DOMAINS),
            "lmtp_port": dovecot.lmtp_port,
            "auth_port": dovecot.auth_port,
            "certificate": certificate,
            "key": key,
        }
        ports = {
            "smtp_port": self.smtp_port,
            "submission_port": self.submission_port,
            "submissions_port": self.submissions_port,
        }
        (self.folder / "main.cf").write_text(MAIN.format(**values) + settings)
        (self.folder / "master.cf").write_text(MASTER.format(**ports) + services)

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
        """Start it, also again after `stop`; it keeps its ports and its queue. It ends with this process."""
        self._call(str(self.program), "check")  # makes the folders of the queue
        master = self._call(self._beside("postconf"), "-hx", "daemon_directory").strip()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "sh", "-c", KEEPER, f"{master}/master", str(self.folder)],
            stdin=subprocess.DEVNULL,
        )
        for port in (self.smtp_port, self.submission_port, self.submissions_port):
            wait_until(partial(self._is_listening, port), f"Postfix on port {port}")

    def stop(self) -> None:
        """Stop it with all its processes."""
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(timeout=20)

    def send(self, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """Hand a message in, as a customer's mail server would."""
        with smtplib.SMTP(HOST, self.smtp_port, timeout=30) as client:
            client.sendmail(envelope_sender, list(recipients), raw)

    def queued(self) -> list[dict[str, Any]]:
        """What waits in the queue, as `postqueue -j` tells it."""
        return [json.loads(line) for line in self._call(self._beside("postqueue"), "-j").splitlines()]

    def try_again(self) -> None:
        """Try to deliver at once what was deferred."""
        self._call(self._beside("postqueue"), "-f")

    def log(self) -> str:
        """What it has logged so far."""
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _beside(self, program: str) -> str:
        """The path of another program of Postfix's."""
        return f"{Path(str(self.program)).parent}/{program}"

    def _is_listening(self, port: int) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise ChildProcessError(f"Postfix has ended: {self.log()[-2000:]}")
        return is_listening(port)

    def _call(self, *command: str) -> str:
        """Run a program of Postfix's on this instance; gives its output."""
        program, *arguments = command
        done = subprocess.run(
            [program, "-c", str(self.folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + self.log()
        return done.stdout
