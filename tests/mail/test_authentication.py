"""Only what our own server found out counts, and only DMARC speaks of the address in From."""

import pytest

from espomail.mail.authentication import UNKNOWN, Authentication, read
from espomail.mail.parse import parse

OURS = "mx.example.org"


def verdict(*values: str, trusted: str | None = OURS) -> Authentication:
    lines = [f"Authentication-Results: {value}" for value in values]
    return read(parse("\r\n".join((*lines, "From: a@example.com", "", "")).encode()), trusted)


def test_results_of_our_server_are_read() -> None:
    found = verdict(
        f"{OURS}; spf=pass smtp.mailfrom=a@example.com; dkim=pass header.d=example.com; dmarc=pass"
    )
    assert found == Authentication(spf="pass", dkim="pass", dmarc="pass", verdict="pass")


def test_failed_dmarc_is_a_failure() -> None:
    assert verdict(f"{OURS}; dmarc=fail (p=reject) header.from=example.com").verdict == "fail"


@pytest.mark.parametrize("result", ["none", "temperror", "permerror", "bestguesspass"])
def test_dmarc_without_a_verdict_is_unknown(result: str) -> None:
    assert verdict(f"{OURS}; dmarc={result}").verdict == "unknown"


def test_spf_and_dkim_alone_prove_nothing_about_from() -> None:
    assert verdict(f"{OURS}; spf=pass; dkim=pass").verdict == "unknown"


def test_results_of_other_servers_do_not_count() -> None:
    assert verdict("mx.evil.example; dmarc=pass") == UNKNOWN
    assert verdict(f"{OURS}.evil.example; dmarc=pass") == UNKNOWN
    assert verdict("dmarc=pass; spf=pass") == UNKNOWN


def test_only_the_topmost_field_of_our_server_counts() -> None:
    assert verdict(f"{OURS}; dmarc=fail", f"{OURS}; dmarc=pass").verdict == "fail"
    assert verdict("other.example; dmarc=pass", f"{OURS}; dmarc=fail").verdict == "fail"


def test_without_a_trusted_server_nothing_is_known() -> None:
    assert verdict(f"{OURS}; dmarc=pass", trusted=None) == UNKNOWN


@pytest.mark.parametrize(
    "value",
    [
        f'{OURS}; dmarc=fail; spf=pass smtp.mailfrom="a;dmarc=pass"@example.com',
        f'{OURS}; dmarc=fail reason="dmarc=pass"',
        f"{OURS}; dmarc=fail (dmarc=pass (dmarc=pass))",
        f"{OURS}; dmarc=pass; dmarc=fail",
    ],
)
def test_text_of_the_sender_cannot_turn_a_failure(value: str) -> None:
    assert verdict(value).verdict == "fail"


@pytest.mark.parametrize(
    "value",
    [
        f"{OURS} 1; dmarc=pass",
        f"{OURS.upper()}; DMARC=Pass",
        f"{OURS} (our server); dmarc=pass",
        f'{OURS}; spf=pass smtp.mailfrom="a b"@example.com; dmarc=pass header.from=example.com',
        f"{OURS};\r\n\tspf=none;\r\n\tdmarc=pass (p=none dis=none) header.from=example.com",
    ],
)
def test_servers_writings_are_understood(value: str) -> None:
    assert verdict(value).verdict == "pass"


def test_one_good_signature_is_enough() -> None:
    assert verdict(f"{OURS}; dkim=fail header.d=a.example; dkim=pass header.d=b.example").dkim == "pass"


@pytest.mark.parametrize(
    "value", ["", ";", f"{OURS}", f"{OURS};", f"{OURS}; none", f"{OURS}; ((((", f"{OURS}; =", '"']
)
def test_nonsense_is_unknown(value: str) -> None:
    assert verdict(value) == UNKNOWN
