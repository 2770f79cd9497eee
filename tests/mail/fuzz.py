"""The long search for a mail that breaks the program (`script/fuzz`).

Golden mails, and real ones once `script/corpus` has brought them, are damaged and read as intake reads them.
A mail that breaks a promise is kept in a file, so that it can become a golden one.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import msgspec

from espomail.mail import defects
from espomail.mail.parse import attachment_bytes, harmless_html, parse_headers
from espomail.mail.reading import Reading, read
from tests.mail.golden_mails import mails
from tests.mail.mutations import LARGEST_BYTES, mutated
from tests.mail.test_never_raises import CORPUS, assert_bearable

USUAL_NUMBER = 200_000
USUAL_SEED = 20261124
AT_ONCE = 1000
REAL_MAILS = 500  # of the corpus, for each thousand


class Found(NamedTuple):
    """What one search has found."""

    number: int
    slowest_s: float
    broken: list[tuple[bytes, str]]


def search(seed: int) -> Found:
    """Damage and read so many mails."""
    broken: list[tuple[bytes, str]] = []
    slowest_s = 0.0
    for raw in mutated(AT_ONCE, seed=seed, of=_sound(seed)):
        start = time.process_time()
        try:
            examine(raw)
        except Exception:  # noqa: BLE001  # whatever it is, it is what is looked for
            broken.append((raw, traceback.format_exc()))
        slowest_s = max(slowest_s, time.process_time() - start)
    return Found(AT_ONCE, slowest_s, broken)


def examine(raw: bytes) -> None:
    """Hold the program to what it promises of any mail."""
    reading = read(raw, is_partial=False)
    mail = reading.parsed
    assert_bearable(mail)
    assert defects.PARSER_FAULT not in mail.defects
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reading), type=Reading) == reading
    for attachment in mail.attachments:
        assert len(attachment_bytes(raw, attachment.index)) == attachment.size
    assert "<script" not in harmless_html(raw).html
    assert_bearable(parse_headers(raw))


def _sound(seed: int) -> list[bytes]:
    real = sorted(CORPUS.rglob("*.eml"))
    start = seed * REAL_MAILS % max(len(real), 1)
    chosen = [*mails(), *(real + real)[start : start + min(REAL_MAILS, len(real))]]
    return [raw for raw in map(Path.read_bytes, chosen) if len(raw) <= LARGEST_BYTES]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("number", nargs="?", type=int, default=USUAL_NUMBER, help="of damaged mails")
    options.add_argument(
        "seed", nargs="?", type=int, default=USUAL_SEED, help="another one finds other things"
    )
    asked = options.parse_args()
    number, slowest_s, broken = 0, 0.0, 0
    start = time.monotonic()
    with ProcessPoolExecutor() as pool:
        seeds = range(asked.seed, asked.seed + -(-asked.number // AT_ONCE))
        for found in as_completed([pool.submit(search, seed) for seed in seeds]):
            number += found.result().number
            slowest_s = max(slowest_s, found.result().slowest_s)
            for raw, report in found.result().broken:
                broken += 1
                sys.stderr.write(f"{_kept(raw)}\n{report}")
    took_s = time.monotonic() - start
    said = f"{number} damaged mails, {broken} broke a promise; the slowest took {slowest_s:.2f} s"
    sys.stdout.write(f"{said}; all of them {took_s:.0f} s\n")
    return 1 if broken else 0


def _kept(raw: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="espomail-fuzz-", suffix=".eml")
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
    return Path(name)


if __name__ == "__main__":
    sys.exit(main())
