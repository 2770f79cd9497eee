"""A provider of tokens on a loopback port: codes for devices, a page for browsers, tokens, introspection.

A refresh token is good once: each renewal gives another one. It misbehaves as a test wants.
"""

import json
import socket
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections import defaultdict, deque
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.servers.listener import Listener
from tests.servers.ports import HOST

CLIENT_ID = "espomail-tests"
CLIENT_SECRET = "client-secret-of-the-tests"
SCOPES = "mail offline_access"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"

Answer = tuple[int, Any]  # a status, and what is sent as JSON; bytes are sent as they are
SILENCE = (0, "silence")  # instead of an answer: nothing, for as long as the server runs
DRIP = (0, "drip")  # an answer without end, byte by byte


class TokenServer(Listener):
    """Start it with `with`. `answers("/token", (503, {}))` gives these answers before its own."""

    def __init__(self, certificate: tuple[Path, Path] | None = None) -> None:
        super().__init__()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.life_s: object = 3600
        self.extra: dict[str, object] = {}  # goes into every answer with tokens
        self.user = ""  # whose tokens are given out
        self.is_allowed: bool | None = True  # by the person in front of the browser; None: not yet
        self._script: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._number = 0
        self._refresh: set[str] = set()
        self._access: dict[str, tuple[str, float]] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self.url = f"http://{HOST}:{self.port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._listener = context.wrap_socket(
                self._listener, server_side=True, do_handshake_on_connect=False
            )
            self.url = f"https://localhost:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        self._handler()(connection, None, None)  # type: ignore[arg-type]  # it needs no server of HTTP's

    # --- what a test does

    def begin_anew(self, user: str) -> None:
        """Forget all that was, for another test, in which this user's tokens are given out."""
        with self._lock:
            for known in (self.asked, self.extra, self._script, self._refresh, self._access, self._codes):
                known.clear()  # type: ignore[attr-defined]
            self.life_s, self.user, self.is_allowed = 3600, user, True

    def answers(self, path: str, *answers: Answer) -> None:
        """The next answers at this path, instead of its own."""
        self._script[path].extend(answers)

    def revoke(self) -> None:
        """Nothing that was given out is good any more."""
        with self._lock:
            self._refresh.clear()
            self._access.clear()

    def expire(self) -> None:
        """No access token is good any more; refresh tokens are."""
        with self._lock:
            self._access.clear()

    def renewals(self) -> int:
        """How often somebody wanted to renew tokens."""
        return sum(form.get("grant_type") == "refresh_token" for _, form in self.asked)

    def given(self) -> list[str]:
        """All tokens and secrets that nobody else may see."""
        with self._lock:
            numbers = range(1, self._number + 1)
        kinds = ("access-token", "refresh-token", "device-code", "browser-code")
        return [CLIENT_SECRET, *(f"{kind}-of-tests-{number}-" for kind in kinds for number in numbers)]

    def tokens(self) -> dict[str, object]:
        """New tokens, as an answer."""
        with self._lock:
            access, refresh = self._new("access-token"), self._new("refresh-token")
            self._refresh.add(refresh)
            life_s = float(str(self.life_s or 3600))
            self._access[access] = (self.user, time.time() + life_s)
        life = {} if self.life_s is None else {"expires_in": self.life_s}
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            **life,
            **self.extra,
        }

    # --- what it does

    def _new(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-of-tests-{self._number}-" + "x" * 40

    def _answer(self, path: str, form: dict[str, str]) -> Answer:
        known: dict[str, Callable[[dict[str, str]], Answer]] = {
            "/token": self._token,
            "/device": self._device,
            "/introspect": self._introspect,
        }
        self.asked.append((path, form))
        if self._script[path]:
            return self._script[path].popleft()
        return known[path](form) if path in known else (404, {})

    def _token(self, form: dict[str, str]) -> Answer:
        if (form.get("client_id"), form.get("client_secret", CLIENT_SECRET)) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        match form.get("grant_type"):
            case "refresh_token":
                with self._lock:
                    is_good = form["refresh_token"] in self._refresh
                    self._refresh.discard(form["refresh_token"])
            case "authorization_code":
                asked = self._codes.pop(form.get("code", ""), None)
                challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
                is_good = asked is not None and (asked["code_challenge"], asked["redirect_uri"]) == (
                    challenge.decode(),
                    form["redirect_uri"],
                )
            case grant_type if grant_type == DEVICE_CODE and form["device_code"] in self._codes:
                if self.is_allowed is None:
                    return 400, {"error": "authorization_pending"}
                if not self.is_allowed:
                    return 400, {"error": "access_denied", "error_description": "the user said no"}
                is_good = True
            case _:
                return 400, {"error": "unsupported_grant_type"}
        if not is_good:
            said = f"Token has been expired or revoked: {form.get('refresh_token', '')}"
            return 400, {"error": "invalid_grant", "error_description": said}
        return 200, self.tokens()

    def _device(self, form: dict[str, str]) -> Answer:
        if form.get("scope") != SCOPES:
            return 400, {"error": "invalid_scope"}
        with self._lock:
            code = self._new("device-code")
        self._codes[code] = form
        return 200, {
            "device_code": code,
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.url}/type-it-in",
            "expires_in": 900,
            "interval": 1,
        }

    def _authorize(self, asked: dict[str, str]) -> str:
        """Where a browser is sent, once the person in front of it has allowed it or not."""
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        back = {"state": asked["state"]}
        if self.is_allowed:
            with self._lock:
                back["code"] = self._new("browser-code")
            self._codes[back["code"]] = asked
        else:
            back |= {"error": "access_denied", "error_description": "the user said no"}
        return f"{asked['redirect_uri']}/?{urlencode(back)}"

    def _introspect(self, form: dict[str, str]) -> Answer:
        with self._lock:
            user, until = self._access.get(form.get("token", ""), ("", 0.0))
        if time.time() >= until:
            return 200, {"active": False}
        return 200, {"active": True, "username": user, "scope": SCOPES}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path != "/authorize":
                    return self.send_error(404)
                self.send_response(302)
                self.send_header("Location", provider._authorize(_fields(parts.query)))
                self.send_header("Content-Length", "0")
                return self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                status, content = provider._answer(self.path, _fields(body))
                if (status, content) == SILENCE:
                    provider.is_over.wait()
                    return
                if (status, content) == DRIP:
                    self.send_response(200)
                    self.end_headers()
                    while not provider.is_over.wait(0.05):
                        self.wfile.write(b" ")
                    return
                whole = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", f"{provider.url}/elsewhere")
                self.send_header("Content-Length", str(len(whole)))
                self.end_headers()
                self.wfile.write(whole)

            def log_message(self, *_: object) -> None:
                return

        return Handler


def _fields(text: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(text).items()}
