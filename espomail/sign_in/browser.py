"""Being allowed in from a browser that comes back to us, on this machine (RFC 8252) and with PKCE (RFC 7636).

Over ssh the browser is somewhere else: then the address that it cannot open is pasted here.
"""

import os
import secrets
import select
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from espomail.config.oauth2 import PROVIDERS, OAuth2
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import clean
from espomail.sign_in import token_server

LONGEST_WAIT_S: Final = 900.0
LONGEST_PASTED_BYTES: Final = 64 * 1024
REQUEST_S: Final = 5.0  # a browser that connects and says nothing

DONE: Final = "espomail has the answer. You can close this page, and go back to the terminal."
WRONG_PASTE: Final = "That is not the address that the browser was sent to; copy all of it."
NOT_OURS: Final = "This is not the answer that espomail waits for."


class Visit:
    """Somebody is sent to the provider with `url`, and comes back to us; use it with `with`."""

    def __init__(self, oauth2: OAuth2, account: str | None, port: int = 0) -> None:
        known = PROVIDERS.get(oauth2.provider or "")
        self._oauth2 = oauth2
        self._state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(64)
        self._answers: list[dict[str, str]] = []
        try:
            self._server = _Listener(self, port)
        except OSError as trouble:
            raise ServerTrouble(f"port {port} of this machine cannot be used: {trouble.strerror}") from None
        host = known.loopback if known else "127.0.0.1"
        self.redirect_uri = f"http://{host}:{self._server.server_address[1]}"
        challenge = urlsafe_b64encode(sha256(self._verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": oauth2.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(oauth2.scopes),
            "state": self._state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **({"login_hint": account} if account else {}),
            **dict(known.asked_for if known else ()),
        }
        address = oauth2.authorization_url or ""
        self.url = f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def wait(self, complain: Callable[[str], None]) -> dict[str, Any]:
        """The provider's answer with the tokens, once somebody has come back, or pasted where to.

        `complain` is told when something else was pasted. Raises LoginRefused when somebody forbids it,
        ServerTrouble when nobody does anything in time.
        """
        answer = self._answer(complain)
        if "code" not in answer:
            said = " ".join(clean(answer.get(key, "")) for key in ("error", "error_description"))
            raise LoginRefused(f"not allowed: {said.strip()}")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self.redirect_uri,
            "code_verifier": self._verifier,
        }
        try:
            return token_server.ask(self._oauth2, self._oauth2.token_url or "", form)
        except token_server.Denied as denied:
            raise LoginRefused(f"not allowed: {denied.said}") from None

    def fields_of(self, query: str) -> dict[str, str] | None:
        """What a browser comes back with, if it is the answer to what we have asked. Raises ValueError."""
        fields = {key: values[0] for key, values in parse_qs(query, max_num_fields=50).items()}
        is_ours = secrets.compare_digest(fields.get("state", "").encode(), self._state.encode())
        if not is_ours or not ("code" in fields or "error" in fields):
            return None
        return fields

    def take(self, fields: dict[str, str]) -> None:
        """The wait is over."""
        self._answers.append(fields)

    def _answer(self, complain: Callable[[str], None]) -> dict[str, str]:
        """Wait for a browser, and for a line on stdin."""
        ends_at = time.monotonic() + LONGEST_WAIT_S
        pasted = None if sys.stdin is None else _Pasted(sys.stdin.fileno())
        while not self._answers:
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                raise ServerTrouble("nobody has allowed it in time; begin again")
            sources = [self._server.fileno(), *([pasted.handle] if pasted else [])]
            try:
                ready, _, _ = select.select(sources, [], [], min(1.0, left_s))
            except (OSError, ValueError):  # stdin is closed
                pasted = None
                continue
            if self._server.fileno() in ready:
                self._server.handle_request()
            if pasted and pasted.handle in ready:
                pasted = self._take_pasted(pasted, complain)
        return self._answers[0]

    def _take_pasted(self, pasted: "_Pasted", complain: Callable[[str], None]) -> "_Pasted | None":
        """Take the lines that are there; gives where more may come from."""
        lines = pasted.lines()
        if lines is None:
            return None
        for line in filter(None, lines):
            if not self._has(line):
                complain(WRONG_PASTE)
        return pasted

    def _has(self, line: str) -> bool:
        try:
            parts = urlsplit(line)
            fields = self.fields_of(parts.query or parts.path.lstrip("?"))
        except ValueError:
            return False
        if fields is not None:
            self.take(fields)
        return fields is not None


class _Pasted:
    """Lines of stdin, without waiting for them, and nothing read that is not needed."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._rest = b""

    def lines(self) -> list[str] | None:
        """What has come, whole lines of it; None at the end."""
        try:
            content = os.read(self.handle, 4096)
        except OSError:  # closed, or the terminal is another one's
            return None
        *whole, self._rest = (self._rest + content).split(b"\n")
        if len(self._rest) > LONGEST_PASTED_BYTES:
            self._rest = b""
        if not content:
            return None
        return [line.decode("utf-8", "replace").strip() for line in whole]


class _Listener(ThreadingTCPServer):
    """Listens on this machine alone, for the browser that comes back."""

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, visit: Visit, port: int) -> None:
        self.visit = visit
        super().__init__(("127.0.0.1", port), _Handler)
        self.timeout = 0

    def handle_error(self, *_: object) -> None:
        """A browser that breaks off is no news."""


class _Handler(BaseHTTPRequestHandler):
    """Answers with a plain page; what was asked for appears nowhere, not even in a log."""

    timeout = REQUEST_S
    server: _Listener

    def do_GET(self) -> None:  # http.server's name
        """Take the answer of a browser that comes back."""
        parts = urlsplit(self.path)
        try:
            fields = self.server.visit.fields_of(parts.query) if parts.path == "/" else None
        except ValueError:
            fields = None
        content = (NOT_OURS if fields is None else DONE).encode()
        self.send_response(400 if fields is None else 200)
        for name, value in (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(content))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        if fields is not None:
            self.server.visit.take(fields)

    def log_message(self, *_: object) -> None:
        """The address has a code in it."""
