"""The access token of the moment: kept from an earlier run, or renewed ahead of its end (RFC 6749 §6)."""

import shlex
import time
from datetime import datetime, timedelta
from functools import partial
from math import inf
from typing import Final, NoReturn

from msgspec.structs import replace

from espomail.config.oauth2 import OAuth2
from espomail.config.servers import Server
from espomail.errors import LoginRefused, ServerTrouble, WrongConfiguration
from espomail.sign_in import token_file, token_server
from espomail.sign_in.grant import Grant
from espomail.sign_in.token import Token

WAIT_S: Final = token_server.LONGEST_S  # for another run that is renewing them
REFUSAL_STANDS: Final = timedelta(hours=12)
"""Only a person can undo a refusal, so the provider is not asked each minute; now and then, since its
administrator may have lifted what it was for."""

REFUSED_TOO_SOON: Final = timedelta(minutes=10)  # a token as new as this is not refused for its age


def token_of(
    server: Server, oauth2: OAuth2, now: datetime, *, insists: bool = False, ends_at: float = inf
) -> Token:
    """The token to sign in with. `insists`: also ask the provider when it has refused not long ago.

    `ends_at` is a moment of the monotonic clock, in seconds: then nobody is waited for any more. Raises
    ServerTrouble; LoginRefused, when somebody has to allow it again; WrongConfiguration, when nobody has
    allowed it yet.
    """
    grant = _kept(server, oauth2)
    if grant.is_to_be_renewed_at(now):
        grant = _renewed(server, oauth2, grant, now, ends_at, insists=insists)
    return replace(_token(grant), newer=partial(_newer, server, oauth2, grant, now, ends_at))


def how_to_allow(server: Server) -> str:
    """The command that asks somebody to allow it."""
    mailbox, _, protocol = server.place.removeprefix("mailboxes.").rpartition(".")
    other = " --server smtp" if protocol == "smtp" else ""
    return f"type: espomail mailbox authorize {shlex.quote(mailbox)}{other}"


def _kept(server: Server, oauth2: OAuth2) -> Grant:
    grant = token_file.read(oauth2)
    if grant is None:
        raise WrongConfiguration(f"{oauth2.place}: nobody has allowed it yet; {how_to_allow(server)}")
    if not grant.is_of(oauth2):
        said = "what was allowed is another provider's or another client's"
        raise WrongConfiguration(f"{oauth2.place}: {said}; {how_to_allow(server)}")
    return grant


def _renewed(
    server: Server, oauth2: OAuth2, known: Grant, now: datetime, ends_at: float, *, insists: bool
) -> Grant:
    """The grant with a newer access token, whoever has had it renewed: this run, or one at the same time."""
    wait_s = min(WAIT_S, (ends_at - time.monotonic()) / 2)  # the provider is to have its time, too
    with token_file.locked(oauth2, 0 if known.is_good_at(now) else wait_s) as is_ours:
        grant = _kept(server, oauth2)
        if grant.access_token != known.access_token and grant.is_good_at(now):
            return grant
        if not is_ours:
            return _still_good(grant, now, token_file.busy(oauth2))
        if grant.refused is not None and not insists and grant.was_refused_since(now - REFUSAL_STANDS, now):
            _refuse(server, grant.refused)
        with token_file.replacing(oauth2) as save:
            try:
                form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
                answer = token_server.ask(oauth2, oauth2.token_url or "", form, ends_at=ends_at)
                grant = grant.renewed(answer, now)
            except ServerTrouble as trouble:
                return _still_good(grant, now, trouble)
            except token_server.Denied as denied:
                save(grant.refused_with(denied.said, now))
                _refuse(server, denied.said)
            save(grant)
            return grant


def _still_good(grant: Grant, now: datetime, trouble: ServerTrouble) -> Grant:
    """It is renewed ahead of its end, so that a trouble of the token server need not be one of ours."""
    if grant.is_good_at(now):
        return grant
    raise trouble


def _refuse(server: Server, said: str) -> NoReturn:
    raise LoginRefused(f"{said}; somebody has to allow it again; {how_to_allow(server)}")


def _newer(server: Server, oauth2: OAuth2, grant: Grant, now: datetime, ends_at: float) -> Token | None:
    """Another token than this grant's, which a mail server has refused; it gets no third one."""
    if now - grant.obtained_at < REFUSED_TOO_SOON:
        return None
    renewed = _renewed(server, oauth2, grant, now, ends_at, insists=False)
    return None if renewed.access_token == grant.access_token else _token(renewed)


def _token(grant: Grant) -> Token:
    return Token(
        text=grant.access_token,
        expires_at=grant.expires_at,
        authorized_at=grant.authorized_at,
        authorized_until=grant.authorized_until,
    )
