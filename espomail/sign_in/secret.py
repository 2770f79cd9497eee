"""With what to sign in to a server: a password, or a token."""

import time
from datetime import datetime
from math import inf
from typing import Final

from espomail.config.secrets import TIMEOUT_S, secret_of
from espomail.config.servers import Server
from espomail.errors import WrongConfiguration
from espomail.sign_in.token import USABLE, Token

LEAST_S: Final = 4.0  # what is begun has so much time, however late it is


def secret_for(server: Server, now: datetime, *, insists: bool = False, deadline: float = inf) -> str | Token:
    """The secret that the configuration names; tokens are renewed when it is time. `now` is aware UTC.

    `insists` asks the provider of tokens also when it has refused lately. `deadline` is a moment of the
    monotonic clock, in seconds: no program and no provider is waited for after it, but for `LEAST_S`. Raises
    WrongConfiguration, and for tokens ServerTrouble and LoginRefused.
    """
    ends_at = max(deadline, time.monotonic() + LEAST_S)
    if server.oauth2 is not None:
        from espomail.sign_in.tokens import token_of

        return token_of(server, server.oauth2, now, insists=insists, ends_at=ends_at)
    secret = secret_of(server, timeout_s=min(TIMEOUT_S, ends_at - time.monotonic()))
    if server.token_command is None:
        return secret
    if not USABLE.fullmatch(secret):
        raise WrongConfiguration(f"{server.place}.token_command: what it printed is no access token")
    return Token(text=secret)
