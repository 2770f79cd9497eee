"""Mail that the real Postfix hands over, as docs/operating.md has it set up."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.office import CONFIG, mail
from tests.servers.dovecot import Dovecot
from tests.servers.login import Login
from tests.servers.ports import wait_until
from tests.servers.postfix import Postfix

CUSTOMER = "carl@customer.example"

SETTINGS = """
transport_maps = inline:{{ {{ support@example.com = espomail: }}, {{ missing@example.com = missing: }} }}
espomail_destination_recipient_limit = 1
mydestination = alias.example
alias_maps = texthash:{folder}/aliases
local_recipient_maps =
"""
SERVICES = """
espomail unix - n n - - pipe
  flags=DORX user={login} argv={program} ingest --mailbox support
missing unix - n n - - pipe
  user={login} argv={program}-that-is-not-there ingest --mailbox support
local unix - n n - - local
"""
ALIASES = """
support "|sudo -n -u {login} {program} ingest --mailbox support || exit 75"
"""
SUDOERS = """
nobody ALL=({login}) NOPASSWD: {program} ingest --mailbox support
"""


@pytest.fixture(scope="module")
def service(root: None) -> Iterator[Login]:
    with Login() as login:
        yield login


@pytest.fixture(scope="module")
def mta(service: Login, dovecot: Dovecot) -> Iterator[Postfix]:
    names = {"login": service.name, "program": service.program, "folder": service.folder}
    (service.folder / "aliases").write_text(ALIASES.format(**names))
    settings, services = SETTINGS.format(**names), SERVICES.format(**names)
    with Postfix(dovecot, settings=settings, services=services) as running:
        yield running


@pytest.fixture
def sudo(service: Login) -> Iterator[None]:
    if shutil.which("sudo") is None:
        raise FileNotFoundError("sudo is not installed: apt-get install sudo")
    rule = Path("/etc/sudoers.d") / service.name
    rule.write_text(SUDOERS.format(login=service.name, program=service.program))
    rule.chmod(0o440)
    yield
    rule.unlink()


@pytest.fixture
def login(service: Login) -> Iterator[Login]:
    """The service's login, with a configuration and nothing else yet."""
    service.configure(CONFIG)
    yield service
    service.forget()


def wait_for_cases(login: Login, number: int) -> None:
    wait_until(lambda: len(login.json("case", "list")) >= number, "the case")


def wait_for_delivery(mta: Postfix) -> None:
    wait_until(lambda: not mta.queued(), "an empty queue")


def test_mail_becomes_a_case_at_once_and_shows_to_whom_it_was_sent(login: Login, mta: Postfix) -> None:
    mta.send(CUSTOMER, ["support@example.com"], mail("It does not work"))
    wait_for_cases(login, 1)
    (case,) = login.json("case", "list")
    assert (case["name"], case["mailbox"]) == ("It does not work", "support")
    raw = login.run("email", "raw", 1).stdout
    assert "Delivered-To: support@example.com\n" in raw
    assert "X-Original-To: support@example.com\n" in raw
    wait_for_delivery(mta)


def test_mail_stays_with_postfix_until_the_configuration_is_right(login: Login, mta: Postfix) -> None:
    login.configure("nonsense: 1\n")
    mta.send(CUSTOMER, ["support@example.com"], mail("Patience"))
    (waiting,) = wait_until(
        lambda: [one for one in mta.queued() if one["queue_name"] == "deferred"], "the deferred mail"
    )
    assert "is refused" in waiting["recipients"][0]["delay_reason"]
    login.configure(CONFIG)
    mta.try_again()
    wait_for_cases(login, 1)
    wait_for_delivery(mta)
    assert [case["name"] for case in login.json("case", "list")] == ["Patience"]
    assert "status=bounced" not in mta.log()


def test_mail_stays_with_postfix_while_the_program_is_not_installed(login: Login, mta: Postfix) -> None:
    mta.send(CUSTOMER, ["missing@example.com"], mail("Too early"))
    wait_until(lambda: [one for one in mta.queued() if one["queue_name"] == "deferred"], "the deferred mail")
    shutil.copy(login.program, f"{login.program}-that-is-not-there")
    mta.try_again()
    wait_for_cases(login, 1)
    wait_for_delivery(mta)


def test_alias_hands_mail_over_through_sudo(login: Login, mta: Postfix, sudo: None) -> None:
    mta.send(CUSTOMER, ["support@alias.example"], mail("By alias"))
    wait_for_cases(login, 1)
    raw = login.run("email", "raw", 1).stdout
    assert "Delivered-To: support@alias.example\n" in raw
    assert not raw.startswith("From ")
    wait_for_delivery(mta)


def test_alias_keeps_the_mail_where_sudo_has_no_line_for_it(
    login: Login, mta: Postfix, request: pytest.FixtureRequest
) -> None:
    mta.send(CUSTOMER, ["support@alias.example"], mail("Without a line"))
    wait_until(lambda: [one for one in mta.queued() if one["queue_name"] == "deferred"], "the deferred mail")
    request.getfixturevalue("sudo")
    mta.try_again()
    wait_for_cases(login, 1)
    wait_for_delivery(mta)
