"""What somebody has allowed us, as a provider's tokens, and what its answers say of that."""

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from espomail.config.oauth2 import OAuth2
from espomail.errors import ServerTrouble
from espomail.sign_in.token import USABLE

AHEAD: Final = timedelta(minutes=5)  # an access token is renewed so long before its end
USUAL_LIFE: Final = timedelta(hours=1)  # where the provider does not say
LONGEST_LIFE: Final = timedelta(days=3650)


class Grant(Struct, frozen=True, kw_only=True):
    """Kept in the token file. All moments are aware UTC."""

    token_url: str
    client_id: str
    account: str
    scopes: tuple[str, ...]
    authorized_at: datetime
    authorized_until: datetime | None = None  # None: not known
    refresh_token: str
    access_token: str
    obtained_at: datetime
    expires_at: datetime
    refused: str | None = None  # why it is renewed no more: somebody has to allow it again
    refused_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Grant(account={self.account!r}, expires_at={self.expires_at}, refused={self.refused!r})"

    def is_of(self, oauth2: OAuth2) -> bool:
        """Whether it comes from the provider, and for the client, that the configuration names."""
        return (self.token_url, self.client_id) == (oauth2.token_url, oauth2.client_id)

    def is_good_at(self, now: datetime) -> bool:
        """Whether a server would still take the access token."""
        return self.obtained_at - AHEAD <= now < self.expires_at  # a clock that was set back tells nothing

    def is_to_be_renewed_at(self, now: datetime) -> bool:
        """Whether the access token is near its end, or past it."""
        life = self.expires_at - self.obtained_at
        return not self.is_good_at(now) or self.expires_at - now < min(AHEAD, life / 2)

    def was_refused_since(self, moment: datetime, now: datetime) -> bool:
        """Whether the provider has refused to renew it after that moment."""
        return self.refused_at is not None and moment < self.refused_at <= now

    def renewed(self, answer: dict[str, Any], now: datetime) -> "Grant":
        """With the tokens of this answer. A refresh token that does not come with it stays as it was."""
        return replace(
            self,
            **_tokens(answer, now),
            refresh_token=_token(answer, "refresh_token") or self.refresh_token,
            authorized_until=_end(answer, "refresh_token_expires_in", now) or self.authorized_until,
            refused=None,
            refused_at=None,
        )

    def refused_with(self, said: str, now: datetime) -> "Grant":
        """With the provider's refusal to renew it."""
        return replace(self, refused=said, refused_at=now)


def granted(oauth2: OAuth2, account: str, answer: dict[str, Any], now: datetime) -> Grant:
    """What a provider's answer gives us, once somebody has allowed it. Raises ServerTrouble."""
    refresh_token = _token(answer, "refresh_token")
    if refresh_token is None:
        said = "the provider gives no refresh token, so that this would end within the hour"
        hint = f"see that {oauth2.place}.scopes asks for one, as offline_access does"
        raise ServerTrouble(f"{said}; {hint}", is_temporary=False)
    scope = answer.get("scope")
    return Grant(
        token_url=oauth2.token_url or "",
        client_id=oauth2.client_id,
        account=account,
        scopes=tuple(scope.split()) if isinstance(scope, str) else oauth2.scopes,
        authorized_at=now,
        authorized_until=_end(answer, "refresh_token_expires_in", now),
        refresh_token=refresh_token,
        **_tokens(answer, now),
    )


def _tokens(answer: dict[str, Any], now: datetime) -> dict[str, Any]:
    access_token = _token(answer, "access_token")
    if access_token is None or str(answer.get("token_type", "Bearer")).lower() != "bearer":  # RFC 6749 §7.1
        raise ServerTrouble("the token server's answer has no token in it that could be used")
    expires_at = _end(answer, "expires_in", now) or now + USUAL_LIFE
    return {"access_token": access_token, "obtained_at": now, "expires_at": expires_at}


def _token(answer: dict[str, Any], key: str) -> str | None:
    text = answer.get(key)
    return text if isinstance(text, str) and USABLE.fullmatch(text) else None


def _end(answer: dict[str, Any], key: str, now: datetime) -> datetime | None:
    """When something ends that the answer gives so many seconds; some providers write them as text."""
    seconds = seconds_of(answer, key)
    return None if seconds is None else now + min(timedelta(seconds=seconds), LONGEST_LIFE)


def seconds_of(answer: dict[str, Any], key: str) -> float | None:
    """A number of seconds, if the answer has it and it is above nought."""
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return min(seconds, LONGEST_LIFE.total_seconds()) if seconds > 0 else None
