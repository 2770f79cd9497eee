"""The token file: whole or not there, its owner's alone, and one run's at a time."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from espomail.config.oauth2 import OAuth2
from espomail.errors import WrongConfiguration
from espomail.sign_in import token_file
from espomail.sign_in.grant import Grant

NOW = datetime(2026, 11, 26, tzinfo=UTC)
GRANT = Grant(
    token_url="https://login.example.com/token",
    client_id="c",
    account="a@example.com",
    scopes=("mail",),
    authorized_at=NOW,
    refresh_token="the-refresh-token",
    access_token="the-access-token",
    obtained_at=NOW,
    expires_at=NOW,
)


@pytest.fixture
def oauth2(tmp_path: Path) -> OAuth2:
    file = tmp_path / "tokens" / "support.json"
    return OAuth2(client_id="c", place="mailboxes.support.imap.oauth2", token_file=file)


def save(oauth2: OAuth2, grant: Grant) -> None:
    with token_file.locked(oauth2, 0) as is_ours, token_file.replacing(oauth2) as put:
        assert is_ours
        put(grant)


def test_what_is_kept_is_read_again(oauth2: OAuth2):
    assert token_file.read(oauth2) is None
    save(oauth2, GRANT)
    save(oauth2, replace(GRANT, refused="no", refused_at=NOW))
    assert token_file.read(oauth2) == replace(GRANT, refused="no", refused_at=NOW)


@pytest.mark.parametrize("content", [b"", b'{"token_url": "\xff', b'{"other": ' + b"[" * 3000])
def test_file_that_somebody_else_has_written_is_told_and_not_quoted(oauth2: OAuth2, content: bytes):
    save(oauth2, GRANT)
    token_file.path_of(oauth2).write_bytes(content)
    with pytest.raises(WrongConfiguration, match="not what espomail has written; remove it, and authorize"):
        token_file.read(oauth2)


def test_file_is_its_owner_s_alone_whatever_the_umask(oauth2: OAuth2):
    before = os.umask(0)
    try:
        save(oauth2, GRANT)
    finally:
        os.umask(before)
    path = token_file.path_of(oauth2)
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "support.json": 0o600,
        ".support.json.lock": 0o600,
    }
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_run_that_dies_before_it_has_new_tokens_leaves_the_old_ones(oauth2: OAuth2):
    save(oauth2, GRANT)
    with pytest.raises(KeyboardInterrupt), token_file.replacing(oauth2):
        raise KeyboardInterrupt
    assert token_file.read(oauth2) == GRANT
    assert not list(token_file.path_of(oauth2).parent.glob("*.new"))


def test_part_that_a_killed_run_has_left_is_in_nobody_s_way(oauth2: OAuth2):
    save(oauth2, GRANT)
    path = token_file.path_of(oauth2)
    path.with_name(".support.json.new").write_text("half of")
    save(oauth2, replace(GRANT, access_token="newer"))
    found = token_file.read(oauth2)
    assert found is not None and found.access_token == "newer"


def test_one_run_at_a_time_holds_the_lock(oauth2: OAuth2):
    with token_file.locked(oauth2, 0) as first, token_file.locked(oauth2, 0.1) as second:
        assert (first, second) == (True, False)
    with token_file.locked(oauth2, 0) as third:
        assert third


def test_link_in_the_place_of_the_new_file_is_not_followed(oauth2: OAuth2, tmp_path: Path):
    save(oauth2, GRANT)
    (tmp_path / "precious").write_text("precious")
    token_file.path_of(oauth2).with_name(".support.json.new").symlink_to(tmp_path / "precious")
    with pytest.raises(WrongConfiguration, match=r"support\.json cannot be written"):
        save(oauth2, GRANT)
    assert (tmp_path / "precious").read_text() == "precious"


def test_grant_does_not_show_its_tokens():
    assert "token" not in repr(GRANT) + str(GRANT)
