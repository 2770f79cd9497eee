"""One question to a provider's token server, and its answer: an object of JSON (RFC 6749 §5).

Nothing is asked but over TLS, save on this machine; no redirect is followed; time and size have their limits.
"""

import ssl
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from espomail.config.addresses import is_secure_url
from espomail.config.oauth2 import OAuth2
from espomail.config.secrets import TIMEOUT_S, client_secret_of
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.reach import Tls, clean, connected, reaching, watched
from espomail.sign_in.answer import object_in

SILENCE_S: Final = 8.0
LONGEST_S: Final = 10.0  # for all of it: a run that is late has little time
LEAST_S: Final = 1.0  # for each step of what is begun, however late it is
LONGEST_ANSWER_BYTES: Final = 256 * 1024
SHORTEST_MASKED_CHARS: Final = 4

_HEADERS: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "User-Agent": "espomail",
    "Connection": "close",
}
_SECRET: Final = ("client_secret", "code", "code_verifier", "device_code", "refresh_token")
_TEMPORARY: Final = ("temporarily_unavailable", "server_error")
_OF_THE_CONFIGURATION: Final = {
    "invalid_client": "check client_id and client_secret",
    "unauthorized_client": "let the provider allow this client what it asks for",
    "unsupported_grant_type": "check token_url, and what the provider allows this client",
    "invalid_scope": "check scopes",
    "invalid_request": "check oauth2 against what the provider wants",
}


class Denied(Exception):
    """The server says no, for good, in words of RFC 6749 §5.2 or RFC 8628 §3.5: `code` is one of theirs."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


class _Place(msgspec.Struct, frozen=True):
    """The server as `reach` wants it."""

    host: str
    port: int
    ca_file: Path | None
    place: str


def ask(oauth2: OAuth2, url: str, form: Mapping[str, str], *, ends_at: float = inf) -> dict[str, Any]:
    """The answer of the server at `url` to this form, with the client's own id and secret in it.

    `ends_at` is a moment of the monotonic clock, in seconds, after which nothing is waited for. Raises
    Denied; ServerTrouble, where it is for now; WrongConfiguration, where it does not know us.
    """
    secret = client_secret_of(oauth2, timeout_s=_left_s(ends_at, TIMEOUT_S))
    whole = {**form, "client_id": oauth2.client_id, **({"client_secret": secret} if secret else {})}
    status, content = _post(oauth2, url, urlencode(whole).encode(), _left_s(ends_at, LONGEST_S))
    answer = object_in(content)
    where = clean(urlsplit(url).hostname)
    error = answer.get("error")
    if status == 200 and error is None:
        if not answer:
            raise ServerTrouble(f"{where}: the token server's answer makes no sense")
        return answer
    secrets = [whole[key] for key in _SECRET if len(whole.get(key, "")) >= SHORTEST_MASKED_CHARS]
    told = (clean(said or "", *secrets) for said in (error, answer.get("error_description")))
    said = " ".join(filter(None, told))
    if 300 <= status < 400:
        raise ServerTrouble(f"{where}: the token server sends us elsewhere ({status}); check {oauth2.place}")
    if not isinstance(error, str) or status == 429 or status >= 500 or error in _TEMPORARY:
        raise ServerTrouble(f"{where}: the token server answers {status}{f': {said}' if said else ''}")
    if error in _OF_THE_CONFIGURATION:
        what = f"{where} refuses the client: {said}; {_OF_THE_CONFIGURATION[error]}"
        raise WrongConfiguration(f"{oauth2.place}: {what}")
    raise Denied(error, f"{where}: {said}")


def _left_s(ends_at: float, most_s: float) -> float:
    return max(LEAST_S, min(most_s, ends_at - time.monotonic()))


def _post(oauth2: OAuth2, url: str, body: bytes, time_s: float) -> tuple[int, bytes]:
    import http.client

    if not is_secure_url(url):  # a provider may have named it
        raise ServerTrouble(f"{clean(url)}: nothing is sent there, as it does not begin with https://")
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    server = _Place(parts.hostname or "", parts.port or (443 if is_tls else 80), oauth2.ca_file, oauth2.place)
    where = f"{server.host}:{server.port}"
    connection = http.client.HTTPConnection(server.host, server.port)
    target = f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
    with watched(time_s, where) as watch, reaching(server):
        sock = connected(server.host, server.port, min(SILENCE_S, time_s), watch)
        try:
            if is_tls:
                sock = Tls(server, watch).wrap_socket(sock, server_hostname=server.host)
            connection.sock = sock
            connection.request("POST", target, body, _HEADERS)
            with connection.getresponse() as response:
                content = response.read(LONGEST_ANSWER_BYTES + 1)
            if watch.has_cut:  # an answer without a length ends like that, too
                raise ServerTrouble(where)
        except ssl.SSLError:  # some of them are ValueErrors; `reaching` tells them
            raise
        except (http.client.HTTPException, ValueError) as trouble:
            said = f"{where}: the token server's answer makes no sense: {clean(trouble)}"
            raise ServerTrouble(said) from trouble
        finally:
            sock.close()
    if len(content) > LONGEST_ANSWER_BYTES:
        raise ServerTrouble(f"{where}: the token server's answer is longer than any of this kind")
    return response.status, content
