"""The configuration, typed. Validation, the sample file and the reference are all made from these classes.

A value that the file leaves out has its default here; what a default takes from another key (a port from the
security, a personal mailbox's address from its user) is filled in by `load`, so that the rest of the program
never asks twice.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from espomail.config.amounts import Duration, Limit, Size

Port = Annotated[int, Meta(ge=1, le=65535)]
Security = Literal["tls", "starttls", "none"]
Level = Literal["no", "own", "team", "all"]
Reach = Literal["no", "team", "all"]
Distribution = Literal["direct-assignment", "round-robin", "less-busy", "none"]

SECRET_SOURCES = ("password", "password_file", "password_env", "password_command")


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One mapping of the file. An unknown key in it is a fault."""


class Organisation(Section, frozen=True, kw_only=True):
    """Who runs this installation."""

    name: Annotated[str, Meta(description="The name that people outside know.", examples=["Example Ltd"])] = (
        ""
    )
    domains: Annotated[
        tuple[str, ...], Meta(description="Our own mail domains.", examples=[["example.com"]])
    ] = ()


class Absence(Section, frozen=True, kw_only=True):
    """A span of days on which a user is given no cases. Both days count."""

    from_: Annotated[date, Meta(description="The first day away.")] = field(name="from")
    to: Annotated[date, Meta(description="The last day away.")]


class Team(Section, frozen=True, kw_only=True):
    """A team. Who belongs to it is said with each user."""


class User(Section, frozen=True, kw_only=True):
    """Somebody who works here. The order of the users is the order of distribution."""

    key: str = field(default="", name="(key)")  # the name of the entry; filled in by load
    name: Annotated[str, Meta(description="The full name.", examples=["Anna Novak"])] = ""
    emails: Annotated[
        tuple[str, ...], Meta(description="The user's own addresses.", examples=[["anna@example.com"]])
    ] = ()
    login: Annotated[str | None, Meta(description="The operating system's login. Default: the key.")] = None
    admin: Annotated[bool, Meta(description="An administrator may do everything.")] = False
    active: Annotated[bool, Meta(description="A user who has left stays here, inactive.")] = True
    teams: Annotated[
        dict[str, str | None] | tuple[str, ...],
        Meta(description="The user's teams, with the position in each.", examples=[{"support": "Agent"}]),
    ] = ()
    roles: Annotated[tuple[str, ...], Meta(description="The user's roles; the most permissive wins.")] = ()
    absent: Annotated[tuple[Absence, ...], Meta(description="Days on which no cases are assigned.")] = ()
    signature: Annotated[str, Meta(description="Stands under the user's answers.")] = ""

    @property
    def positions(self) -> Mapping[str, str | None]:
        """Each team of the user with the position held there (None: no position named)."""
        return self.teams if isinstance(self.teams, dict) else dict.fromkeys(self.teams)

    def is_absent_on(self, day: date) -> bool:
        """Whether the user is away on that day of the configured time zone."""
        return any(span.from_ <= day <= span.to for span in self.absent)


class Rights(Section, frozen=True, kw_only=True):
    """What a role may do with one kind of record."""

    create: Annotated[bool, Meta(description="May make new ones.")] = False
    read: Annotated[Level, Meta(description="Which ones may be read.")] = "no"
    edit: Annotated[Level, Meta(description="Which ones may be changed.")] = "no"
    delete: Annotated[Level, Meta(description="Which ones may be deleted, for everybody.")] = "no"
    stream: Annotated[Level, Meta(description="Whose Stream may be read.")] = "no"


class Role(Section, frozen=True, kw_only=True):
    """A set of rights. A missing entry means no."""

    group_mailbox: Annotated[
        Reach, Meta(description="From which shared group mailboxes the user may send.")
    ] = "no"
    personal_mailbox: Annotated[bool, Meta(description="May set up mailboxes of one's own.")] = False
    email: Rights = Rights()
    case: Rights = Rights()
    account: Rights = Rights()
    contact: Rights = Rights()
    lead: Rights = Rights()
    opportunity: Rights = Rights()


class Server(Section, frozen=True, kw_only=True):
    """How a mail server is reached and signed in to. One of the password keys says where the secret is."""

    place: str = field(default="", name="(place)")  # where it stands in the file; filled in by load
    host: Annotated[str, Meta(description="The server's name.", examples=["imap.example.com"])]
    port: Annotated[
        Port | None, Meta(description="Default: 993, 143 (IMAP), 465, 587, 25 (SMTP) by security.")
    ] = None
    security: Annotated[
        Security, Meta(description="Never falls back to clear text when the server does not offer it.")
    ] = "tls"
    ca_file: Annotated[Path | None, Meta(description="Trust these certificates only.")] = None
    username: Annotated[str | None, Meta(description="Default: the mailbox's address.")] = None
    password: Annotated[str | None, Meta(description="The secret itself.")] = None
    password_file: Annotated[Path | None, Meta(description="A file whose first line is the secret.")] = None
    password_env: Annotated[str | None, Meta(description="An environment variable with the secret.")] = None
    password_command: Annotated[
        tuple[str, ...] | None,
        Meta(description="A program that prints the secret.", examples=[["pass", "show", "mail/support"]]),
    ] = None

    @property
    def secret_sources(self) -> tuple[str, ...]:
        """The password keys that are given. After load there is one, or none for a server without sign-in."""
        return tuple(key for key in SECRET_SOURCES if getattr(self, key) is not None)

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in self.__struct_fields__)
        masked = (
            f"{name}={'********' if name == 'password' and value else repr(value)}" for name, value in shown
        )
        return f"{type(self).__name__}({', '.join(masked)})"


class MoveTo(Section, frozen=True, kw_only=True):
    """Move each mail on the server once it is safe here."""

    move: Annotated[
        str, Meta(description="The folder; it is made where it is missing.", examples=["Archive"])
    ]


class Imap(Server, frozen=True, kw_only=True):
    """Where a mailbox's mail is read."""

    folders: Annotated[
        tuple[str, ...], Meta(min_length=1, description="The folders to read.", examples=[["INBOX", "Sent"]])
    ] = ("INBOX",)
    fetch_since: Annotated[date, Meta(description="Mail that arrived before this day is left alone.")]
    after_import: Annotated[
        Literal["keep", "seen", "delete"] | MoveTo,
        Meta(description="What happens to the mail on the server once it is safe here."),
    ] = "keep"
    portion: Annotated[int, Meta(ge=1, description="Messages a run; the rest comes with the next.")] = 500
    max_size: Annotated[Size, Meta(description="Of larger mail only the headers are taken.")] = field(
        default_factory=lambda: Size.parse("25M")
    )


class Smtp(Server, frozen=True, kw_only=True):
    """How a mailbox's mail goes out."""

    shared: Annotated[bool, Meta(description="Users may send from it, as their roles permit.")] = False
    save_sent: Annotated[
        str | None, Meta(description="The IMAP folder that gets a copy of what was sent.", examples=["Sent"])
    ] = None


class NewAfter(Section, frozen=True, kw_only=True):
    """A reply to a case that was closed longer ago than this opens a new case."""

    new_after: Annotated[Duration, Meta(description="Time since the case was closed.", examples=["30d"])]


class CaseRules(Section, frozen=True, kw_only=True):
    """Email-to-Case: how cases are made of a group mailbox's mail."""

    create: Annotated[bool, Meta(description="Make a case of each new thread.")] = False
    distribution: Annotated[
        Distribution, Meta(description="How new cases are assigned. `least-busy` is `less-busy`.")
    ] = "none"
    assign_to: Annotated[str | None, Meta(description="The user, for direct-assignment.")] = None
    team: Annotated[
        str | None, Meta(description="The team that gets the cases. Default: the mailbox's only team.")
    ] = None
    position: Annotated[
        str | None,
        Meta(description="Only users with this position in the team get cases.", examples=["Agent"]),
    ] = None
    reply_to_closed: Annotated[
        Literal["reopen", "new", "keep"] | NewAfter,
        Meta(description="What a reply to a closed case does."),
    ] = "reopen"
    join: Annotated[
        Literal["thread", "party"],
        Meta(
            description="Who may join a case by replying: anybody of the thread, or parties of the case only."
        ),
    ] = "thread"
    storm: Annotated[Limit, Meta(description="Beyond so many mails of one sender no new cases are made.")] = (
        field(default_factory=lambda: Limit.parse("20 in 1h"))
    )


class AutoReply(Section, frozen=True, kw_only=True):
    """The answer to a new case, or to new mail of a mailbox that makes no cases."""

    template: Annotated[str, Meta(description="The template's name.", examples=["case-received"])]
    from_name: Annotated[str | None, Meta(description="The sender's name.", examples=["Example Support"])] = (
        None
    )
    from_address: Annotated[str | None, Meta(description="Default: the mailbox's address.")] = None
    reply_to: Annotated[str | None, Meta(description="Where answers go. Default: the From address.")] = None
    envelope_sender: Annotated[
        str | None, Meta(description="For servers that refuse the empty envelope sender (RFC 3834).")
    ] = None


class Mailbox(Section, frozen=True, kw_only=True):
    """A mailbox that is read: of a group (support@) or of one user."""

    key: str = field(default="", name="(key)")  # the name of the entry; filled in by load
    kind: Annotated[Literal["group", "personal"], Meta(description="Whose mailbox it is.")]
    address: Annotated[
        str | None,
        Meta(
            description="Its address. Default for a personal one: its user's first.",
            examples=["support@example.com"],
        ),
    ] = None
    user: Annotated[str | None, Meta(description="The owner of a personal mailbox.")] = None
    imap: Imap
    smtp: Smtp | None = None
    teams: Annotated[tuple[str, ...], Meta(description="The teams that incoming mail is assigned to.")] = ()
    all_team_users: Annotated[
        bool, Meta(description="Put each mail in the inbox of every user of the teams.")
    ] = False
    group_folder: Annotated[str | None, Meta(description="The group folder that its mail goes to.")] = None
    folder: Annotated[str | None, Meta(description="The user's own folder for what arrives here.")] = None
    case: CaseRules = field(default_factory=CaseRules)
    auto_reply: AutoReply | None = None

    @property
    def own_address(self) -> str:
        """The mailbox's address in lower case; `load` sees to it that there is one."""
        return (self.address or "").lower()


class GroupFolder(Section, frozen=True, kw_only=True):
    """A folder that several users share."""

    teams: Annotated[tuple[str, ...], Meta(description="Whose users see it.")] = ()
    skip_notification: Annotated[bool, Meta(description="Mail that goes here notifies nobody.")] = False


class ToGroupFolder(Section, frozen=True, kw_only=True):
    """Put the mail in a group folder."""

    group_folder: Annotated[str, Meta(description="The folder's name.", examples=["Invoices"])]


class Filter(Section, frozen=True, kw_only=True):
    """Sifts incoming mail. All given fields must match; a filter with no field never matches."""

    name: Annotated[str, Meta(description="Told wherever the filter has acted.", examples=["monitoring"])]
    mailbox: Annotated[str | None, Meta(description="Only for this mailbox. Default: for all.")] = None
    from_: Annotated[
        str | None, Meta(description="Sender; `*` is a wildcard.", examples=["*@monitor.example.com"])
    ] = field(default=None, name="from")
    to: Annotated[str | None, Meta(description="Any address of To; `*` is a wildcard.")] = None
    subject: Annotated[
        str | None, Meta(description="The whole subject; `*` is a wildcard.", examples=["*OK*"])
    ] = None
    body_contains: Annotated[
        tuple[str, ...],
        Meta(description="Any of these phrases stands in the text.", examples=[["recovered"]]),
    ] = ()
    body_contains_all: Annotated[
        tuple[str, ...], Meta(description="All of these phrases stand in the text.")
    ] = ()
    action: Annotated[
        Literal["skip"] | ToGroupFolder | None, Meta(description="skip: the mail is not taken in.")
    ] = None
    mark_read: Annotated[bool, Meta(description="Nobody finds the mail unread.")] = False
    skip_notification: Annotated[bool, Meta(description="The mail notifies nobody.")] = False

    @property
    def group_folder(self) -> str | None:
        """The group folder that the filter moves mail to."""
        return self.action.group_folder if isinstance(self.action, ToGroupFolder) else None


class AutoReplyLimits(Section, frozen=True, kw_only=True):
    """How many auto-replies may be queued, so that no loop lasts."""

    per_address: Annotated[Limit, Meta(description="To one address.")] = field(
        default_factory=lambda: Limit.parse("5 in 2h")
    )
    per_domain: Annotated[Limit, Meta(description="To all addresses of one domain.")] = field(
        default_factory=lambda: Limit.parse("50 in 1h")
    )
    total: Annotated[Limit, Meta(description="Altogether.")] = field(
        default_factory=lambda: Limit.parse("500 in 1h")
    )


class Authentication(Section, frozen=True, kw_only=True):
    """Whose Authentication-Results are believed."""

    trusted_authserv_id: Annotated[
        str | None, Meta(description="The authserv-id of our own mail server.", examples=["mx.example.com"])
    ] = None


class Config(Section, frozen=True, kw_only=True):
    """The whole file."""

    database: Annotated[str, Meta(description="sqlite:///FILE.")] = "sqlite:///espomail.db"
    organisation: Organisation = Organisation()
    timezone: Annotated[
        str | None,
        Meta(description="For what people read. Default: the system's.", examples=["Europe/Berlin"]),
    ] = None
    b2c: Annotated[
        bool, Meta(description="Customers are people: mail is linked to contacts, not accounts.")
    ] = False
    system_mailbox: Annotated[
        str | None,
        Meta(description="The group mailbox that notifications are sent from.", examples=["support"]),
    ] = None
    quiet_after: Annotated[
        Duration, Meta(description="Older mail is taken in without notifications and auto-replies.")
    ] = field(default_factory=lambda: Duration.parse("2d"))
    personal_mailbox_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Servers that users may set up mailboxes on.", examples=[["imap.example.com:993"]]),
    ] = ()
    secret_key_file: Annotated[Path, Meta(description="Encrypts what users store.")] = field(
        default_factory=lambda: Path("secret.key")
    )
    teams: dict[str, Team] = {}
    users: dict[str, User] = {}
    roles: dict[str, Role] = {}
    templates: Annotated[Path, Meta(description="The folder of NAME.txt.j2 and NAME.html.j2.")] = field(
        default_factory=lambda: Path("templates")
    )
    mailboxes: dict[str, Mailbox]
    group_folders: dict[str, GroupFolder] = {}
    filters: tuple[Filter, ...] = ()
    auto_reply_limits: AutoReplyLimits = field(default_factory=AutoReplyLimits)
    authentication: Authentication = Authentication()

    @property
    def database_file(self) -> Path:
        """The SQLite database; after load its path is absolute."""
        return Path(self.database.removeprefix("sqlite:///"))
