"""Full intake beside a plain copy: `espomail fetch` and `mbsync` take in the same mailbox in turn.

    python -m benchmarks.intake [--mails 2000] [--pairs 5] [--profile]

mbsync copies messages into a Maildir and does no more. espomail reads them, decides about each, opens cases
and writes all of it to its database. What counts is the ratio of the wall times, pair by pair; figures in
seconds are this machine's. With --profile one more intake shows where its time goes.
"""

import argparse
import cProfile
import os
import pstats
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.mails import generate
from benchmarks.one_thread import stay_in_this_thread
from tests.servers.dovecot import Dovecot
from tests.servers.ports import HOST

USER = "support@example.com"

CONFIG = """
teams: {{support: {{}}}}
users:
  anna: {{emails: [anna@example.com], teams: [support]}}
  boris: {{emails: [boris@example.com], teams: [support]}}
mailboxes:
  support:
    kind: group
    address: support@example.com
    imap:
      host: {host}
      port: {port}
      security: none
      password: {password}
      fetch_since: 2020-01-01
      portion: 100000
    smtp: {{host: {host}, port: 9, security: none}}
    teams: [support]
    case: {{create: true, distribution: round-robin, team: support}}
    auto_reply: {{template: case-received}}
"""

MBSYNC = """
IMAPAccount bench
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account bench

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--mails", type=int, default=2000)
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--profile", action="store_true")
    given = options.parse_args()
    if shutil.which("mbsync") is None:
        sys.exit("mbsync is missing: apt-get install isync")
    with Dovecot() as dovecot, tempfile.TemporaryDirectory(prefix="espomail-benchmark-") as folder:
        mails = list(generate(given.mails))
        dovecot.deliver_dated(USER, mails)
        size_kb = sum(len(raw) for _, raw in mails) / len(mails) / 1024
        print(f"{len(mails)} mails of {size_kb:.1f} KB on average; {os.cpu_count()} processors")
        compare(dovecot, Path(folder), len(mails), given.pairs)
        if given.profile:
            profile(dovecot, Path(folder))


def compare(dovecot: Dovecot, folder: Path, mails: int, pairs: int) -> None:
    """Time both programs in turn, after one of each that does not count."""
    ratios = []
    print(f"{'pair':>4}  {'mbsync s':>9}  {'espomail s':>10}  {'mails/s':>8}  {'ratio':>6}")
    for number in range(pairs + 1):
        copied = timed(mbsync(dovecot, folder))
        taken_in = timed(espomail(dovecot, folder))
        check(folder, mails)
        if number:
            ratios.append(taken_in / copied)
            per_s = mails / taken_in
            print(f"{number:>4}  {copied:>9.2f}  {taken_in:>10.2f}  {per_s:>8.0f}  {ratios[-1]:>6.2f}")
    print(f"median of {pairs}: espomail takes {statistics.median(ratios):.2f} × the time of mbsync's copy")


def mbsync(dovecot: Dovecot, folder: Path) -> list[str]:
    """The command that copies the mailbox into a new Maildir."""
    maildir, rc = folder / "maildir", folder / "mbsyncrc"
    shutil.rmtree(maildir, ignore_errors=True)
    maildir.mkdir()
    where = {"host": HOST, "port": dovecot.imap_port, "user": USER, "password": dovecot.password}
    rc.write_text(MBSYNC.format(folder=maildir, **where))
    return ["mbsync", "-q", "-c", str(rc), "bench"]


def espomail(dovecot: Dovecot, folder: Path) -> list[str]:
    """The command that takes the mailbox in, into a new database."""
    for file in folder.glob("espomail.db*"):
        file.unlink()
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(host=HOST, port=dovecot.imap_port, password=dovecot.password))
    config.chmod(0o600)
    program = Path(sys.executable).with_name("espomail")
    return [str(program), "--config", str(config), "fetch"]


def timed(command: list[str]) -> float:
    """Wall seconds of the whole process."""
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stderr}")
    return took


def check(folder: Path, mails: int) -> None:
    """Both have taken all of it, or the comparison says nothing."""
    copied = sum(1 for kind in ("new", "cur") for _ in (folder / "maildir" / "INBOX" / kind).iterdir())
    program, config = Path(sys.executable).with_name("espomail"), folder / "config.yaml"
    command = [str(program), "--config", str(config), "email", "list", "--fields", "id"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    taken_in = len(listed.stdout.splitlines())
    if (copied, taken_in) != (mails, mails):
        sys.exit(f"of {mails} mails mbsync has copied {copied} and espomail taken in {taken_in}")


ROOMS = (
    ("parse", "espomail/mail/"),
    ("imap", "imapclient"),
    ("imap", "imaplib"),
    ("imap", "espomail/intake/imap"),
    ("decide", "espomail/pipeline/"),
    ("load desk", "espomail/crm/"),
    ("compress", "espomail/store/compression"),
    ("write", "espomail/store/"),
    ("write", "espomail/intake/journal"),
)
"""Whose code it is: the room, and a part of the file's name."""

BUILT_IN = (("imap", "_socket"), ("imap", "_ssl"), ("compress", "zstandard"))
"""The same for functions in C, by a part of their name."""

Function = tuple[str, int, str]  # as pstats names it: file, line, name
Row = tuple[int, int, float, float, dict[Function, tuple[int, int, float, float]]]


def profile(dovecot: Dovecot, folder: Path) -> None:
    """One intake in this process and in one thread, and where its time goes."""
    from espomail.cli.main import main as program

    stay_in_this_thread()
    profiler = cProfile.Profile()
    profiler.runcall(program, espomail(dovecot, folder)[1:])
    rows: dict[Function, Row] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    spent: dict[str, float] = defaultdict(float)
    for function, (_, _, own_s, _, _) in rows.items():
        spent[room_of(function, rows)] += own_s
    print("\nwhere the time of one intake goes (one process, one thread, under the profiler):")
    total = sum(spent.values())
    for room, seconds in sorted(spent.items(), key=lambda one: -one[1]):
        print(f"  {room:<10} {seconds:>6.2f} s  {seconds / total:>5.0%}")


def room_of(function: Function, rows: dict[Function, Row]) -> str:
    """The room that a function belongs to; a library's function to the room that calls it most."""
    seen = set()
    while function not in seen:
        seen.add(function)
        file, _, name = function
        table, text = (BUILT_IN, name) if file == "~" else (ROOMS, file)
        for room, part in table:
            if part in text:
                return room
        callers = rows[function][4] if function in rows else {}
        if not callers:
            break
        function = max(callers, key=lambda caller: callers[caller][2])
    return "other"


if __name__ == "__main__":
    main()
