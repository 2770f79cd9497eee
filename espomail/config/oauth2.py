"""The part of the schema about signing in with tokens (OAuth 2.0), and what is known of large providers."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from espomail.config.section import Section

CLIENT_SECRET_SOURCES = (
    "client_secret", "client_secret_file", "client_secret_env", "client_secret_command",
)  # fmt: skip
DEFAULT_TENANT = "common"


class OAuth2(Section, frozen=True, kw_only=True):
    """Sign in with tokens that the provider gives out, once somebody has allowed it.

    `espomail mailbox authorize …` asks for that, and `fetch` renews the tokens.
    """

    MASKED: ClassVar = ("client_secret",)

    place: str = field(default="", name="(place)")  # where it stands in the file; filled in by load
    provider: Annotated[
        Literal["google", "microsoft"] | None,
        Meta(
            description="Whose tokens. Default: those of the provider at `token_url`.", examples=["microsoft"]
        ),
    ] = None
    client_id: Annotated[
        str,
        Meta(
            min_length=1,
            description="What the provider has called espomail when you registered it there.",
            examples=["9e5f94bc-e8a4-4e73-b8be-63364c29d753"],
        ),
    ]
    client_secret: Annotated[
        str | None,
        Meta(description="The secret that goes with it, where the provider gives one.", examples=["GOCSPX"]),
    ] = None
    client_secret_file: Annotated[
        Path | None,
        Meta(description="A file whose first line is that secret.", examples=["secrets/google-client"]),
    ] = None
    client_secret_env: Annotated[
        str | None,
        Meta(description="An environment variable with that secret.", examples=["GOOGLE_CLIENT_SECRET"]),
    ] = None
    client_secret_command: Annotated[
        tuple[str, ...] | None,
        Meta(description="A program that prints that secret.", examples=[["pass", "show", "google-client"]]),
    ] = None
    tenant: Annotated[
        str | None,
        Meta(
            description="Of Microsoft: your organisation's tenant, its name or id. Default: `common`.",
            examples=["example.onmicrosoft.com"],
        ),
    ] = None
    scopes: Annotated[
        tuple[str, ...],
        Meta(
            description="What is asked for. Default: the provider's for IMAP and SMTP.",
            examples=[["https://mail.google.com/"]],
        ),
    ] = ()
    authorization_url: Annotated[
        str | None,
        Meta(
            description="Where people allow it in a browser. Default: the provider's.",
            examples=["https://login.example.com/authorize"],
        ),
    ] = None
    device_url: Annotated[
        str | None,
        Meta(
            description="Gives a code that is typed in elsewhere (RFC 8628). Default: the provider's.",
            examples=["https://login.example.com/device"],
        ),
    ] = None
    token_url: Annotated[
        str | None,
        Meta(
            description="Where tokens come from. Default: the provider's.",
            examples=["https://login.example.com/token"],
        ),
    ] = None
    ca_file: Annotated[
        Path | None,
        Meta(
            description="Trust these certificates (PEM) only, at these addresses. Default: the system's.",
            examples=["our-ca.pem"],
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Meta(
            description="Where the tokens are kept. Default: `tokens/NAME.json` beside the database.",
            examples=["tokens/support.json"],
        ),
    ] = None

    @property
    def client_secret_sources(self) -> tuple[str, ...]:
        """The keys for the client's secret that are given; one after load, or none."""
        return tuple(key for key in CLIENT_SECRET_SOURCES if getattr(self, key) is not None)

    def with_known_addresses(self) -> "OAuth2":
        """With the provider's addresses and scopes where the file gives none."""
        known = PROVIDERS.get(self.provider or "")
        if known is None:
            return self
        tenant = self.tenant or DEFAULT_TENANT
        return replace(
            self,
            scopes=self.scopes or known.scopes,
            authorization_url=self.authorization_url or known.authorization_url.format(tenant=tenant),
            device_url=self.device_url or (known.device_url and known.device_url.format(tenant=tenant)),
            token_url=self.token_url or known.token_url.format(tenant=tenant),
        )


class Provider(Struct, frozen=True, kw_only=True):
    """What does not change from one customer of a provider to the next."""

    authorization_url: str
    device_url: str | None  # None: it lets no program have mail this way
    token_url: str
    scopes: tuple[str, ...]
    asked_for: tuple[tuple[str, str], ...] = ()  # besides what RFC 6749 §4.1.1 says
    loopback: str = "127.0.0.1"  # as which the provider knows the machine that a browser runs on


PROVIDERS = {
    "google": Provider(
        authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
        device_url=None,
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106  # no secret
        scopes=("https://mail.google.com/",),
        # Without these it gives a refresh token only the first time.
        asked_for=(("access_type", "offline"), ("prompt", "consent")),
    ),
    "microsoft": Provider(
        authorization_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        device_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
        token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",  # noqa: S106
        scopes=(
            "https://outlook.office.com/IMAP.AccessAsUser.All",
            "https://outlook.office.com/SMTP.Send",
            "offline_access",
        ),
        loopback="localhost",  # it lets no other name have a port of its own choice
    ),
}
