"""Raw messages come out of the database as they went in."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from espomail.store.compression import compress, decompress


@pytest.mark.parametrize("raw", [b"", b"\0", bytes(range(256)) * 1000])
def test_bytes_come_back(raw: bytes):
    assert decompress(compress(raw)) == raw


def test_threads_may_compress_at_the_same_time():
    raws = [bytes([number % 256]) * 1_000 + number.to_bytes(4, "big") * 20_000 for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda raw: decompress(compress(raw)), raws)) == raws
