"""A private Dovecot that takes passwords, and tokens that a token server vouches for (its oauth2 passdb)."""

from tests.servers.dovecot import Dovecot
from tests.servers.token_server import TokenServer

MECHANISMS = "auth_mechanisms = plain login"
PASSDB = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""
INTROSPECTION = """
introspection_mode = post
introspection_url = {url}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""


class TokenDovecot(Dovecot):
    """Start it with `with`. `offers` are the mechanisms for tokens that it announces."""

    def __init__(self, tokens: TokenServer, offers: str = "oauthbearer xoauth2") -> None:
        super().__init__()
        (self.folder / "oauth2.conf").write_text(INTROSPECTION.format(url=tokens.url))
        file = self.folder / "dovecot.conf"
        text = file.read_text()
        assert MECHANISMS in text and "driver = static\n  args = password" in text
        text = text.replace(MECHANISMS, f"{MECHANISMS} {offers}")
        text = text.replace(
            "driver = static\n  args = password",
            "driver = static\n  mechanisms = plain login\n  args = password",
        )
        file.write_text(text + PASSDB.format(folder=self.folder))
