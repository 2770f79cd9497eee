"""Getting a secret ends in time, whatever it comes from."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from espomail.config.oauth2 import OAuth2
from espomail.config.schema import Smtp
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.sign_in import secret, token_file
from espomail.sign_in.grant import Grant
from espomail.sign_in.secret import secret_for
from espomail.sign_in.token import Token
from tests.servers.token_server import SILENCE, TokenServer

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SLEEPS = ("sleep", "60")


@pytest.fixture(autouse=True)
def little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret, "LEAST_S", 0.5)


def allowed(
    server: TokenServer, folder: Path, *, client_secret_command: tuple[str, ...] | None = None
) -> Smtp:
    """A server whose access token, obtained an hour ago, has come to its end."""
    oauth2 = OAuth2(
        place="mailboxes.m.smtp.oauth2",
        client_id="c",
        client_secret_command=client_secret_command,
        token_url=f"{server.url}/token",
        token_file=folder / "token.json",
    )
    grant = Grant(
        token_url=f"{server.url}/token",
        client_id="c",
        account="m",
        scopes=("mail",),
        authorized_at=NOW,
        refresh_token="r",
        access_token="a",
        obtained_at=NOW - timedelta(hours=1),
        expires_at=NOW,
    )
    with token_file.replacing(oauth2) as save:
        save(grant)
    return Smtp(host="mail.example.com", oauth2=oauth2)


def late(server: Smtp, now: datetime = NOW) -> object:
    """The secret for a visit whose time is over."""
    return secret_for(server, now, deadline=time.monotonic() - 1)


@pytest.mark.parametrize("key", ["password_command", "token_command"])
def test_command_is_not_waited_for_when_the_time_is_over(key: str):
    began = time.monotonic()
    with pytest.raises(WrongConfiguration, match="sleep did not end within"):
        late(Smtp(host="mail.example.com", username="m", **{key: SLEEPS}))  # type: ignore[arg-type]
    assert time.monotonic() - began < 5


def test_command_has_what_is_left_of_the_time():
    slow = Smtp(host="mail.example.com", username="m", password_command=("sh", "-c", "sleep 1; echo hunter2"))
    assert secret_for(slow, NOW, deadline=time.monotonic() + 20) == "hunter2"


def test_provider_is_not_waited_for_when_the_time_is_over(tmp_path: Path):
    with TokenServer() as server:
        server.answers("/token", SILENCE)
        began = time.monotonic()
        with pytest.raises(ServerTrouble, match="does not answer in time"):
            late(allowed(server, tmp_path))
        assert time.monotonic() - began < 5


def test_command_for_the_secret_of_the_client_is_not_waited_for_when_the_time_is_over(tmp_path: Path):
    with TokenServer() as server:
        began = time.monotonic()
        with pytest.raises(WrongConfiguration, match="sleep did not end within"):
            late(allowed(server, tmp_path, client_secret_command=SLEEPS))
        assert time.monotonic() - began < 5


def test_run_that_renews_the_same_tokens_is_not_waited_for_when_the_time_is_over(tmp_path: Path):
    with TokenServer() as server:
        mailbox = allowed(server, tmp_path)
        assert mailbox.oauth2 is not None
        began = time.monotonic()
        with token_file.locked(mailbox.oauth2, 0), pytest.raises(ServerTrouble, match="another run"):
            late(mailbox)
        assert time.monotonic() - began < 5


def test_provider_is_not_waited_for_in_a_session_whose_time_is_over(tmp_path: Path):
    """A mail server has refused the token that is kept, which has some time before it."""
    with TokenServer() as server:
        token = late(allowed(server, tmp_path), NOW - timedelta(minutes=30))
        server.answers("/token", SILENCE)
        began = time.monotonic()
        assert isinstance(token, Token)
        assert token.newer() is None
        assert server.renewals() == 1
        assert time.monotonic() - began < 5
