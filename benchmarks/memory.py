"""Peak memory of an intake: it must not grow with the number of mails.

python -m benchmarks.memory [--mails 1000] [--times 8]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.intake import USER, espomail
from benchmarks.mails import generate
from tests.servers.dovecot import Dovecot

# Who started a process counts into its peak, so somebody who holds no mails has to.
PEAK_KB = """
import os, subprocess, sys
_, status, used = os.wait4(subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL).pid, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


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
        command = [sys.executable, "-c", PEAK_KB, *espomail(dovecot, Path(folder))]
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return int(told.stdout) / 1024


if __name__ == "__main__":
    main()
