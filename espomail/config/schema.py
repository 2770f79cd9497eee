"""The configuration, typed. Validation, the sample file and the reference are all made from these classes.

A value that the file leaves out has its default here; what a default takes from another key (a port from the
security, a personal mailbox's address from its user) is filled in by `load`, so that the rest of the program
never asks twice.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from espomail.config.amounts import Duration, Limit
from espomail.config.people import Absence, Level, Reach, Rights, Role, Team, User
from espomail.config.section import Section
from espomail.config.servers import SECRET_SOURCES, Imap, MoveTo, Security, Server, Smtp

__all__ = [
    "SECRET_SOURCES",
    "Absence",
    "Authentication",
    "AutoReply",
    "AutoReplyLimits",
    "CaseRules",
    "Config",
    "Distribution",
    "Filter",
    "GroupFolder",
    "Imap",
    "Level",
    "Mailbox",
    "MoveTo",
    "NewAfter",
    "Organisation",
    "Reach",
    "Rights",
    "Role",
    "Section",
    "Security",
    "Server",
    "Smtp",
    "Team",
    "ToGroupFolder",
    "User",
]

Distribution = Literal["direct-assignment", "round-robin", "less-busy", "none"]


class Organisation(Section, frozen=True, kw_only=True):
    """Who runs this installation."""

    name: Annotated[
        str,
        Meta(description="The name that people outside know. Has no effect yet.", examples=["Example Ltd"]),
    ] = ""
    domains: Annotated[
        tuple[str, ...],
        Meta(description="Our own mail domains. Has no effect yet.", examples=[["example.com"]]),
    ] = ()


class NewAfter(Section, frozen=True, kw_only=True):
    """A reply to a case that was closed longer ago than this opens a new case."""

    new_after: Annotated[Duration, Meta(description="Time since the case was closed.", examples=["30d"])]


class CaseRules(Section, frozen=True, kw_only=True):
    """Email-to-Case: how cases are made of a group mailbox's mail."""

    create: Annotated[bool, Meta(description="Make a case of each new thread.", examples=[True])] = False
    distribution: Annotated[
        Distribution,
        Meta(
            description="How new cases are assigned. `least-busy` is `less-busy`.", examples=["round-robin"]
        ),
    ] = "none"
    assign_to: Annotated[
        str | None, Meta(description="The user, for direct-assignment.", examples=["anna"])
    ] = None
    team: Annotated[
        str | None,
        Meta(
            description="The team that gets the cases. Default: the mailbox's only team.",
            examples=["support"],
        ),
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
    from_address: Annotated[
        str | None,
        Meta(description="The sender's address. Default: the mailbox's.", examples=["no-reply@example.com"]),
    ] = None
    reply_to: Annotated[
        str | None,
        Meta(description="Where answers go. Default: the From address.", examples=["support@example.com"]),
    ] = None
    envelope_sender: Annotated[
        str | None,
        Meta(
            description="For servers that refuse the empty envelope sender (RFC 3834).",
            examples=["bounces@example.com"],
        ),
    ] = None


class Mailbox(Section, frozen=True, kw_only=True):
    """A mailbox that is read: of a group (support@) or of one user."""

    key: str = field(default="", name="(key)")  # the name of the entry; filled in by load
    kind: Annotated[
        Literal["group", "personal"], Meta(description="Whose mailbox it is.", examples=["group"])
    ]
    address: Annotated[
        str | None,
        Meta(
            description="Its address. Default for a personal one: its user's first.",
            examples=["support@example.com"],
        ),
    ] = None
    user: Annotated[str | None, Meta(description="The owner of a personal mailbox.", examples=["anna"])] = (
        None
    )
    imap: Annotated[Imap, Meta(description="Where its mail is read.")]
    smtp: Annotated[
        Smtp | None,
        Meta(description="How mail goes out. Default: as `system_mailbox` shares it, or not at all."),
    ] = None
    teams: Annotated[
        tuple[str, ...],
        Meta(description="The teams that incoming mail is assigned to.", examples=[["support"]]),
    ] = ()
    all_team_users: Annotated[
        bool, Meta(description="Put each mail in the inbox of every user of the teams.")
    ] = False
    group_folder: Annotated[
        str | None, Meta(description="The group folder that its mail goes to.", examples=["Invoices"])
    ] = None
    folder: Annotated[
        str | None,
        Meta(description="The owner's own folder for what arrives in a personal mailbox.", examples=["Work"]),
    ] = None
    case: Annotated[CaseRules, Meta(description="Email-to-Case, for group mailboxes.")] = field(
        default_factory=CaseRules
    )
    auto_reply: Annotated[
        AutoReply | None,
        Meta(description="The answer to a new case, or to new mail where no cases are made. Default: none."),
    ] = None

    @property
    def own_address(self) -> str:
        """The mailbox's address in lower case; `load` sees to it that there is one."""
        return (self.address or "").lower()


class GroupFolder(Section, frozen=True, kw_only=True):
    """A folder that several users share."""

    teams: Annotated[tuple[str, ...], Meta(description="Whose users see it.", examples=[["support"]])] = ()
    skip_notification: Annotated[bool, Meta(description="Mail that goes here notifies nobody.")] = False


class ToGroupFolder(Section, frozen=True, kw_only=True):
    """Put the mail in a group folder."""

    group_folder: Annotated[str, Meta(description="The folder's name.", examples=["Invoices"])]


class Filter(Section, frozen=True, kw_only=True):
    """Sifts incoming mail. All given fields must match; a filter with no field never matches."""

    name: Annotated[str, Meta(description="Told wherever the filter has acted.", examples=["monitoring"])]
    mailbox: Annotated[
        str | None,
        Meta(description="Only for this mailbox. Default: for all (global).", examples=["support"]),
    ] = None
    from_: Annotated[
        str | None, Meta(description="Sender; `*` is a wildcard.", examples=["*@monitor.example.com"])
    ] = field(default=None, name="from")
    to: Annotated[
        str | None, Meta(description="Any address of To; `*` is a wildcard.", examples=["support@*"])
    ] = None
    subject: Annotated[
        str | None, Meta(description="The whole subject; `*` is a wildcard.", examples=["*OK*"])
    ] = None
    body_contains: Annotated[
        tuple[str, ...],
        Meta(description="Any of these phrases stands in the text.", examples=[["recovered"]]),
    ] = ()
    body_contains_all: Annotated[
        tuple[str, ...],
        Meta(description="All of these phrases stand in the text.", examples=[["service", "recovered"]]),
    ] = ()
    action: Annotated[
        Literal["skip"] | ToGroupFolder | None,
        Meta(
            description="Take the mail not in at all, or (of a group mailbox) move it to a group folder.",
            examples=["skip"],
        ),
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

    database: Annotated[str, Meta(description="Where everything is kept: sqlite:/// and a file.")] = (
        "sqlite:///espomail.db"
    )
    organisation: Annotated[Organisation, Meta(description="Who runs this installation.")] = Organisation()
    timezone: Annotated[
        str | None,
        Meta(
            description="For the times that people read. Default: the system's.", examples=["Europe/Berlin"]
        ),
    ] = None
    b2c: Annotated[
        bool, Meta(description="Customers are people: mail is linked to contacts, not accounts.")
    ] = False
    system_mailbox: Annotated[
        str | None,
        Meta(
            description="The group mailbox whose `smtp`, where it is `shared`, sends for mailboxes without "
            "one. Notifications are to be sent from it, too; none go out by mail yet.",
            examples=["support"],
        ),
    ] = None
    quiet_after: Annotated[
        Duration, Meta(description="Older mail is taken in without notifications and auto-replies.")
    ] = field(default_factory=lambda: Duration.parse("2d"))
    personal_mailbox_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Servers that users may set up mailboxes on. Has no effect yet.",
            examples=[["imap.example.com:993", "smtp.example.com:587"]],
        ),
    ] = ()
    secret_key_file: Annotated[
        Path,
        Meta(description="Encrypts the passwords that users store; made on first need. Has no effect yet."),
    ] = field(default_factory=lambda: Path("secret.key"))
    teams: Annotated[
        dict[str, Team], Meta(description="The teams. Who belongs to one is said with each user.")
    ] = field(default_factory=dict)
    users: Annotated[
        dict[str, User], Meta(description="Who works here. Their order is the order of distribution.")
    ] = field(default_factory=dict)
    roles: Annotated[dict[str, Role], Meta(description="Sets of rights. A missing entry means no.")] = field(
        default_factory=dict
    )
    templates: Annotated[
        Path, Meta(description="The folder of the templates, NAME.txt.j2 and NAME.html.j2.")
    ] = field(default_factory=lambda: Path("templates"))
    mailboxes: Annotated[dict[str, Mailbox], Meta(description="The mailboxes that are read.")]
    group_folders: Annotated[
        dict[str, GroupFolder], Meta(description="Folders that several users share.")
    ] = field(default_factory=dict)
    filters: Annotated[
        tuple[Filter, ...],
        Meta(description="They sift incoming mail; all fields of one must match, the first that does acts."),
    ] = ()
    auto_reply_limits: Annotated[
        AutoReplyLimits, Meta(description="How many auto-replies may be queued, so that no loop lasts.")
    ] = field(default_factory=AutoReplyLimits)
    authentication: Annotated[
        Authentication, Meta(description="Whose Authentication-Results are believed.")
    ] = Authentication()

    @property
    def database_file(self) -> Path:
        """The SQLite database; after load its path is absolute."""
        return Path(self.database.removeprefix("sqlite:///"))
