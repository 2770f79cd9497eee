"""What no schema sees in the sign-in with tokens, to a server of a mailbox."""

from collections.abc import Iterator

from espomail.config.addresses import is_loopback, is_secure_url, is_tenant
from espomail.config.faults import Path, quoted
from espomail.config.oauth2 import PROVIDERS, OAuth2
from espomail.config.servers import TOKEN_SOURCES, Server

Found = Iterator[tuple[Path, str]]


def token_faults(server: Server, path: Path) -> Found:
    """What is wrong with a server's `token_command` and `oauth2`; `path` is where the server stands."""
    yield from _program(server.token_command, (*path, "token_command"))
    for key in TOKEN_SOURCES:
        if key in server.secret_sources and server.security == "none" and not is_loopback(server.host):
            yield (*path, key), "tokens are not sent in clear text; set security: tls, or starttls"
    if server.oauth2 is not None:
        for check in (_provider, _addresses, _scopes, _client_secret):
            yield from check(server.oauth2, (*path, "oauth2"))


def _provider(oauth2: OAuth2, path: Path) -> Found:
    if oauth2.tenant is not None and (oauth2.provider != "microsoft" or not is_tenant(oauth2.tenant)):
        said = "belongs to provider: microsoft, and is a name like example.onmicrosoft.com, or an id"
        yield (*path, "tenant"), said
    if oauth2.provider is not None:
        return
    known = " or ".join(f"provider: {name}" for name in PROVIDERS)
    for key in ("token_url", "scopes"):
        if not getattr(oauth2, key):
            yield (*path, key), f"is missing; write it, or {known}"
    if oauth2.authorization_url is None and oauth2.device_url is None:
        yield (*path, "authorization_url"), "is missing; write it, or device_url"


def _addresses(oauth2: OAuth2, path: Path) -> Found:
    for key in ("authorization_url", "device_url", "token_url"):
        url = getattr(oauth2, key)
        if url is not None and not is_secure_url(url):
            yield (*path, key), f"{quoted(url)} is no address that begins with https://"


def _scopes(oauth2: OAuth2, path: Path) -> Found:
    for index, scope in enumerate(oauth2.scopes):
        if not scope or not scope.isascii() or not scope.isprintable() or " " in scope:
            yield (*path, "scopes", index), f"{quoted(scope)} is no scope; each is an item of its own"


def _client_secret(oauth2: OAuth2, path: Path) -> Found:
    given = oauth2.client_secret_sources
    if len(given) > 1:
        yield (*path, given[1]), f"there is {given[0]} already; one of them is enough"
    yield from _program(oauth2.client_secret_command, (*path, "client_secret_command"))


def _program(command: tuple[str, ...] | None, path: Path) -> Found:
    if command is not None and not (command and command[0]):
        yield path, "must name a program"
