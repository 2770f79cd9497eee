"""Peak memory of an intake: it must not grow with the number of mails.

python -m benchmarks.memory [--mails 1000] [--times 8]
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.intake import USER, espomail
from benchmarks.mails import generate
from tests.servers.dovecot import Dovecot


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--mails", type=int, default=1000)
    options.add_argument("--times", type=int, default=8)
    given = options.parse_args()
    few = peak_mb(given.mails)
    many = peak_mb(given.mails * given.times)
    print(
        f"{given.mails} mails: {few:.0f} MB; {given.times} times as many: {many:.0f} MB, {many / few:.2f} ×"
    )


def peak_mb(mails: int) -> float:
    """The most memory that the program itself has held; the process that reads mails is not counted."""
    with Dovecot() as dovecot, tempfile.TemporaryDirectory(prefix="espomail-benchmark-") as folder:
        dovecot.deliver_dated(USER, list(generate(mails)))
        running = subprocess.Popen(espomail(dovecot, Path(folder)))
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0
        return used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
