"""Asking a token server: what of its answers is for good; nothing of it lasts, grows or leads astray."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from espomail.config.oauth2 import OAuth2
from espomail.errors import EspomailError, ServerTrouble, WrongConfiguration
from espomail.sign_in import token_server
from espomail.sign_in.token_server import Denied, ask
from tests.servers.certificates import Authority
from tests.servers.token_server import CLIENT_ID, CLIENT_SECRET, DRIP, SILENCE, TokenServer

FORM = {"grant_type": "refresh_token", "refresh_token": "the-refresh-token"}


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as running:
        yield running


def provider(server: TokenServer, ca_file: Path | None = None) -> OAuth2:
    return OAuth2(
        place="mailboxes.m.imap.oauth2",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_url=f"{server.url}/token",
        ca_file=ca_file,
    )


def asked(server: TokenServer, ca_file: Path | None = None) -> object:
    return ask(provider(server, ca_file), f"{server.url}/token", FORM)


def test_question_carries_the_client_and_its_secret_in_the_body_alone(server: TokenServer):
    server.answers("/token", (200, {"access_token": "a"}))
    assert asked(server) == {"access_token": "a"}
    assert server.asked == [("/token", {**FORM, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}), "answers 500"),
        ((503, b"<h1>down</h1>"), "answers 503"),
        ((429, {"error": "too_many_requests"}), "answers 429: too_many_requests"),
        ((400, {"error": "temporarily_unavailable"}), "answers 400"),
        ((404, b""), "answers 404"),
        ((403, {"error": {"code": 403}}), "answers 403"),
        ((200, b"<h1>hello</h1>"), "makes no sense"),
        ((200, [1]), "makes no sense"),
        ((200, b""), "makes no sense"),
        ((302, {}), "sends us elsewhere"),
        ((307, {}), "sends us elsewhere"),
        ((200, b"x" * 300_000), "longer than any"),
        ((200, b'{"access_token": ' + b"[" * 3000), "makes no sense"),
        ((400, b'{"error": ' + b"[" * 3000), "answers 400"),
    ],
)  # fmt: skip
def test_answer_that_tells_nothing_for_good_is_a_passing_trouble(
    server: TokenServer, answer: object, said: str
):
    server.answers("/token", answer)  # type: ignore[arg-type]
    with pytest.raises(ServerTrouble, match=said) as trouble:
        asked(server)
    assert trouble.value.is_temporary
    assert [path for path, _ in server.asked] == ["/token"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("invalid_client", "check client_id and client_secret"),
        ("unauthorized_client", "let the provider allow this client"),
        ("invalid_scope", "check scopes"),
    ],
)
def test_client_that_the_provider_does_not_take_is_a_fault_of_the_configuration(
    server: TokenServer, error: str, said: str
):
    server.answers("/token", (401, {"error": error, "error_description": "no"}))
    with pytest.raises(WrongConfiguration, match=said) as wrong:
        asked(server)
    assert str(wrong.value).startswith("mailboxes.m.imap.oauth2: 127.0.0.1 refuses the client: ")


def test_refusal_is_told_with_its_code_and_shows_neither_secrets_nor_control_characters(server: TokenServer):
    said = f"\x1b[31m the-refresh-token of {CLIENT_SECRET} is gone \u202e"
    server.answers("/token", (400, {"error": "invalid_grant", "error_description": said}))
    with pytest.raises(Denied) as denied:
        asked(server)
    assert denied.value.code == "invalid_grant"
    assert denied.value.said == "127.0.0.1: invalid_grant [31m ******** of ******** is gone"


def test_refusal_in_other_letters_than_utf8_is_one_all_the_same(server: TokenServer):
    said = '{"error": "invalid_grant", "error_description": "abgelaufen für immer"}'
    server.answers("/token", (400, said.encode("latin-1")))
    with pytest.raises(Denied, match="invalid_grant abgelaufen f\ufffdr immer"):
        asked(server)


@pytest.mark.parametrize("answer", [SILENCE, DRIP], ids=["silence", "drip"])
def test_server_that_does_not_come_to_an_end_is_given_up(
    server: TokenServer, answer: object, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(token_server, "SILENCE_S", 0.5)
    monkeypatch.setattr(token_server, "LONGEST_S", 1.0)
    server.answers("/token", answer)  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(ServerTrouble, match="does not answer in time") as trouble:
        asked(server)
    assert trouble.value.is_temporary
    assert time.monotonic() - began < 5


def test_server_is_reached_over_tls_by_an_authority_of_our_own(tmp_path: Path):
    authority = Authority(tmp_path)
    with TokenServer(authority.certify("localhost")) as server:
        server.answers("/token", (200, {"access_token": "a"}))
        assert asked(server, authority.ca_file) == {"access_token": "a"}


@pytest.mark.parametrize(
    ("names", "until_days", "is_known", "said"),
    [
        (("localhost",), 30, False, "not trusted: .*; if it comes from an authority of your own"),
        (("localhost",), -1, True, "not trusted: .*expired; it has to be renewed"),
        (("other.example",), 30, True, "not trusted: .*; it is not made out to localhost"),
    ],
    ids=["of nobody", "expired", "of another host"],
)
def test_server_that_is_not_trusted_is_told_nothing(
    tmp_path: Path, names: tuple[str, ...], until_days: int, is_known: bool, said: str
):
    authority = Authority(tmp_path)
    certificate = authority.certify(*names, until_days=until_days)
    with TokenServer(certificate) as server:
        with pytest.raises(ServerTrouble, match=said):
            asked(server, authority.ca_file if is_known else None)
        assert server.asked == []


def test_server_with_a_certificate_of_its_own_making_is_told_nothing(tmp_path: Path):
    authority = Authority(tmp_path)
    key = tmp_path / "ca.key"
    key.write_bytes(
        authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption_algorithm=NoEncryption())
    )
    with TokenServer((authority.ca_file, key)) as server:
        with pytest.raises(ServerTrouble, match=r"not trusted: self-signed certificate; .* as ca_file"):
            asked(server)
        assert server.asked == []


def test_nothing_is_sent_in_clear_text_to_another_machine():
    with pytest.raises(EspomailError, match="nothing is sent there"):
        ask(OAuth2(client_id="c"), "http://login.example.com/token", FORM)


def test_server_that_is_not_there_is_a_passing_trouble():
    with TokenServer() as server:
        pass
    with pytest.raises(ServerTrouble, match="cannot be reached") as trouble:
        asked(server)
    assert trouble.value.is_temporary
