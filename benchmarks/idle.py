"""Mailboxes without new mail: `espomail fetch` beside mbsync, and beside the least that any client does.

    python -m benchmarks.idle [--mailboxes 200] [--rounds 5] [--profile]

The least is a loop with imapclient, in 8 threads, that logs in, examines INBOX and logs out. Over TLS mbsync
is left out: it opens all connections at once, and stalls. What counts are the ratios of the wall times.
"""

import argparse
import cProfile
import os
import pstats
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.intake import timed
from benchmarks.one_thread import stay_in_this_thread
from tests.office import mail
from tests.servers.dovecot import Dovecot
from tests.servers.ports import HOST

AS_INSTALLED = "service imap-login {\n  service_count = 1\n}\n"  # Debian's Dovecot: a process for each login

MAILBOX = """
  box{number}:
    kind: group
    address: box{number}@example.com
    imap: {{host: {host}, port: {port}, security: {security}, ca_file: {ca_file}, password: {password},
      fetch_since: 2020-01-01}}
"""

CHANNEL = """
IMAPAccount a{number}
Host {host}
Port {port}
User box{number}@example.com
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far{number}
Account a{number}

MaildirStore near{number}
Path {folder}/{number}/
Inbox {folder}/{number}/INBOX

Channel box{number}
Far :far{number}:
Near :near{number}:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""

BARE = """
import ssl, sys
from concurrent.futures import ThreadPoolExecutor
from imapclient import IMAPClient

def visit(number):
    context = ssl.create_default_context(cafile=ca_file) if is_tls else None
    client = IMAPClient(host, port=int(port), ssl=is_tls, ssl_context=context)
    client.login(f"box{number}@example.com", password)
    client.select_folder("INBOX", readonly=True)
    client.logout()

host, port, security, ca_file, password, most = sys.argv[1:]
is_tls = security == "tls"
with ThreadPoolExecutor(8) as pool:
    list(pool.map(visit, range(int(most))))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--mailboxes", type=int, default=200)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--profile", action="store_true")
    given = options.parse_args()
    if shutil.which("mbsync") is None:
        sys.exit("mbsync is missing: apt-get install isync")
    with (
        Dovecot(more=AS_INSTALLED) as dovecot,
        tempfile.TemporaryDirectory(prefix="espomail-benchmark-") as folder,
    ):
        for number in range(given.mailboxes):
            dovecot.deliver(f"box{number}@example.com", mail("Old"))
        print(f"{given.mailboxes} idle mailboxes; {os.cpu_count()} processors")
        for security in ("none", "tls"):
            compare(dovecot, Path(folder), security, given.mailboxes, given.rounds)
        if given.profile:
            profile(dovecot, Path(folder), given.mailboxes)


def compare(dovecot: Dovecot, folder: Path, security: str, mailboxes: int, rounds: int) -> None:
    """Time all programs in turn, after one round of each that does not count and takes the mail in."""
    commands = {"espomail": espomail(dovecot, folder, security, mailboxes)}
    if security == "none":
        commands["mbsync"] = mbsync(dovecot, folder, mailboxes)
    commands["imapclient"] = bare(dovecot, security, mailboxes)
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            seconds = timed(command)
            if number:
                took[name].append(seconds)
    for name in list(commands)[1:]:
        ratios = [ours / theirs for ours, theirs in zip(took["espomail"], took[name], strict=True)]
        told = " ".join(f"{ratio:.2f}" for ratio in ratios)
        median = statistics.median(ratios)
        print(f"security {security}: espomail takes {median:.2f} × the time of {name} ({told})")


def espomail(dovecot: Dovecot, folder: Path, security: str, mailboxes: int) -> list[str]:
    """The command that finds nothing new, from its second time on."""
    for file in folder.glob("espomail.db*"):
        file.unlink()
    where = {
        "host": HOST,
        "port": dovecot.imaps_port if security == "tls" else dovecot.imap_port,
        "security": security,
        "ca_file": dovecot.ca_file,
        "password": dovecot.password,
    }
    config = folder / "config.yaml"
    config.write_text(
        "mailboxes:" + "".join(MAILBOX.format(number=number, **where) for number in range(mailboxes))
    )
    config.chmod(0o600)
    return [str(Path(sys.executable).with_name("espomail")), "--config", str(config), "fetch"]


def mbsync(dovecot: Dovecot, folder: Path, mailboxes: int) -> list[str]:
    """The command that copies nothing new, from its second time on."""
    where = {"host": HOST, "port": dovecot.imap_port, "password": dovecot.password, "folder": folder}
    rc = folder / "mbsyncrc"
    rc.write_text("".join(CHANNEL.format(number=number, **where) for number in range(mailboxes)))
    for number in range(mailboxes):
        (folder / str(number)).mkdir(exist_ok=True)
    return ["mbsync", "-q", "-c", str(rc), "-a"]


def bare(dovecot: Dovecot, security: str, mailboxes: int) -> list[str]:
    """The command that logs in, examines and logs out."""
    port = dovecot.imaps_port if security == "tls" else dovecot.imap_port
    where = (HOST, port, security, dovecot.ca_file, dovecot.password, mailboxes)
    return [sys.executable, "-c", BARE, *map(str, where)]


def profile(dovecot: Dovecot, folder: Path, mailboxes: int) -> None:
    """Where the time of the threads goes, one after another: a profiler sees but one."""
    from espomail import run
    from espomail.config.load import load
    from espomail.report import FetchRequest

    espomail(dovecot, folder, "none", mailboxes)
    loaded = load(folder / "config.yaml")
    run.fetch(loaded, FetchRequest())
    stay_in_this_thread()
    profiler = cProfile.Profile()
    began = time.monotonic()
    profiler.runcall(run.fetch, loaded, FetchRequest())
    print(f"\none run under the profiler, one mailbox after another: {time.monotonic() - began:.2f} s")
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
