"""Being allowed in from another device: a short code is typed in wherever there is a browser (RFC 8628)."""

import time
from typing import Any, Final

from msgspec import Struct

from espomail.config.oauth2 import OAuth2
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import clean
from espomail.sign_in import token_server
from espomail.sign_in.grant import seconds_of

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
PAUSE_S: Final = 5.0  # between two questions, where the provider does not say (§3.2)
SHORTEST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
SLOWER_S: Final = 5.0  # RFC 8628 §3.5
LONGEST_WAIT_S: Final = 1800.0


class DeviceCode(Struct, frozen=True, kw_only=True):
    """What somebody is asked to do within `valid_s` seconds: type `user_code` in at `url`."""

    user_code: str
    url: str
    device_code: str
    valid_s: float
    pause_s: float

    def __repr__(self) -> str:
        return f"DeviceCode(url={self.url!r})"


def begin(oauth2: OAuth2) -> DeviceCode:
    """Ask the provider for a code. Raises ServerTrouble, WrongConfiguration."""
    form = {"scope": " ".join(oauth2.scopes)}
    try:
        answer = token_server.ask(oauth2, oauth2.device_url or "", form)
    except token_server.Denied as denied:
        raise ServerTrouble(f"no code: {denied.said}", is_temporary=False) from None
    url = answer.get("verification_uri") or answer.get("verification_url")  # the latter is Google's
    words = (answer.get("user_code"), url, answer.get("device_code"))
    if not all(isinstance(word, str) and word for word in words):
        raise ServerTrouble("the provider's answer has no code in it, or no address to type it in")
    pause_s = seconds_of(answer, "interval") or PAUSE_S
    return DeviceCode(
        user_code=clean(words[0]),
        url=clean(words[1]),
        device_code=str(words[2]),
        valid_s=min(seconds_of(answer, "expires_in") or LONGEST_WAIT_S, LONGEST_WAIT_S),
        pause_s=min(max(pause_s, SHORTEST_PAUSE_S), LONGEST_PAUSE_S),
    )


def wait(oauth2: OAuth2, code: DeviceCode) -> dict[str, Any]:
    """The provider's answer with the tokens, once somebody has typed the code in and allowed it.

    Raises LoginRefused when somebody forbids it, ServerTrouble when nobody does anything in time.
    """
    form = {"grant_type": GRANT_TYPE, "device_code": code.device_code}
    pause_s = code.pause_s
    ends_at = time.monotonic() + code.valid_s
    while time.monotonic() < ends_at:
        time.sleep(pause_s)
        try:
            return token_server.ask(oauth2, oauth2.token_url or "", form)
        except token_server.Denied as denied:
            match denied.code:
                case "authorization_pending":
                    continue
                case "slow_down":
                    pause_s += SLOWER_S
                case "expired_token":
                    break
                case _:
                    raise LoginRefused(f"not allowed: {denied.said}") from None
        except ServerTrouble:
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)  # the network may come back while the code is good
    raise ServerTrouble("the code was not typed in and allowed in time; begin again")
