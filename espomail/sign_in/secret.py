"""With what to sign in to a server: a password, or a token."""

from datetime import datetime

from espomail.config.secrets import secret_of
from espomail.config.servers import Server
from espomail.errors import WrongConfiguration
from espomail.sign_in.token import USABLE, Token


def secret_for(server: Server, now: datetime, *, insists: bool = False) -> str | Token:
    """The secret that the configuration names; tokens are renewed when it is time. `now` is aware UTC.

    `insists` asks the provider of tokens also when it has refused lately. Raises WrongConfiguration, and for
    tokens ServerTrouble and LoginRefused.
    """
    if server.oauth2 is not None:
        from espomail.sign_in.tokens import token_of

        return token_of(server, server.oauth2, now, insists=insists)
    secret = secret_of(server)
    if server.token_command is None:
        return secret
    if not USABLE.fullmatch(secret):
        raise WrongConfiguration(f"{server.place}.token_command: what it printed is no access token")
    return Token(text=secret)
