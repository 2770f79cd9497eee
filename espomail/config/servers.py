"""The part of the schema about servers: how they are reached, signed in to, read and written."""

from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from espomail.config.amounts import Size
from espomail.config.oauth2 import OAuth2
from espomail.config.section import Section

Port = Annotated[int, Meta(ge=1, le=65535)]
Security = Literal["tls", "starttls", "none"]

SECRET_SOURCES = (
    "password", "password_file", "password_env", "password_command", "token_command", "oauth2",
)  # fmt: skip
TOKEN_SOURCES = ("token_command", "oauth2")


class Server(Section, frozen=True, kw_only=True):
    """How a mail server is reached and signed in to. One of the password keys says where the secret is."""

    MASKED: ClassVar = ("password",)

    place: str = field(default="", name="(place)")  # where it stands in the file; filled in by load
    host: Annotated[str, Meta(description="The server's name.", examples=["mail.example.com"])]
    port: Annotated[
        Port | None,
        Meta(
            description="The port. Default: by security; 993 or 143, and for SMTP 465, 587 or 25.",
            examples=[993],
        ),
    ] = None
    security: Annotated[
        Security, Meta(description="What is asked of the server; espomail never falls back to less.")
    ] = "tls"
    ca_file: Annotated[
        Path | None,
        Meta(
            description="Trust these certificates (PEM) only. Default: the system's.", examples=["our-ca.pem"]
        ),
    ] = None
    username: Annotated[
        str | None,
        Meta(description="The login. Default: the mailbox's address.", examples=["support@example.com"]),
    ] = None
    password: Annotated[
        str | None,
        Meta(
            description="The secret itself; the other keys keep it out of this file.",
            examples=["correct horse battery staple"],
        ),
    ] = None
    password_file: Annotated[
        Path | None, Meta(description="A file whose first line is the secret.", examples=["secrets/support"])
    ] = None
    password_env: Annotated[
        str | None,
        Meta(description="An environment variable with the secret.", examples=["SUPPORT_PASSWORD"]),
    ] = None
    password_command: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="A program that prints the secret; it gets no shell and no terminal.",
            examples=[["pass", "show", "mail/support"]],
        ),
    ] = None
    token_command: Annotated[
        tuple[str, ...] | None,
        Meta(
            description="A program that prints an access token (OAuth 2.0), instead of a password.",
            examples=[["oama", "access", "support@example.com"]],
        ),
    ] = None
    oauth2: Annotated[
        OAuth2 | None, Meta(description="Sign in with tokens that espomail renews, instead of a password.")
    ] = None

    @property
    def secret_sources(self) -> tuple[str, ...]:
        """The password keys that are given. After load there is one, or none for a server without sign-in."""
        return tuple(key for key in SECRET_SOURCES if getattr(self, key) is not None)


class MoveTo(Section, frozen=True, kw_only=True):
    """Move each mail on the server once it is safe here."""

    move: Annotated[
        str, Meta(description="The folder; it is made where it is missing.", examples=["Archive"])
    ]


class Imap(Server, frozen=True, kw_only=True):
    """Where a mailbox's mail is read."""

    folders: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="The folders to read; INBOX in any letters is one.",
            examples=[["INBOX"]],
        ),
    ] = ("INBOX",)
    fetch_since: Annotated[
        date,
        Meta(
            description="Mail that arrived before this day is left alone. Of a folder that has been read, an "
            "earlier day brings in no more by itself; `espomail reconcile --fetch-missing` does.",
            examples=["2026-11-01"],
        ),
    ]
    after_import: Annotated[
        Literal["keep", "seen", "delete"] | MoveTo,
        Meta(
            description="What happens to the mail on the server once it is safe here; a change is for mail "
            "that comes later, and for what could not be done yet."
        ),
    ] = "keep"
    portion: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Messages a run; the rest comes with the next.")
    ] = 500
    max_size: Annotated[
        Size,
        Meta(
            description="Of larger mail only the headers are taken; `espomail reconcile --fetch-missing` "
            "takes the rest in once the size is raised."
        ),
    ] = field(default_factory=lambda: Size.parse("25M"))


class Smtp(Server, frozen=True, kw_only=True):
    """How a mailbox's mail goes out."""

    shared: Annotated[
        bool, Meta(description="Others may send by it, users as their roles permit.", examples=[True])
    ] = False
    save_sent: Annotated[
        str | None, Meta(description="The IMAP folder that gets a copy of what was sent.", examples=["Sent"])
    ] = None
