"""The part of the schema about the people who work here: teams, users, and what roles let them do."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, field

from espomail.config.section import Section

Level = Literal["no", "own", "team", "all"]
Reach = Literal["no", "team", "all"]


class Absence(Section, frozen=True, kw_only=True):
    """A span of days on which a user is given no cases. Both days count."""

    from_: Annotated[date, Meta(description="The first day away.")] = field(name="from")
    to: Annotated[date, Meta(description="The last day away.")]


class Team(Section, frozen=True, kw_only=True):
    """A team. Who belongs to it is said with each user."""


class User(Section, frozen=True, kw_only=True):
    """Somebody who works here. The order of the users is the order of distribution."""

    key: str = field(default="", name="(key)")  # the name of the entry; filled in by load
    name: Annotated[str, Meta(description="The full name. Default: the key.", examples=["Anna Novak"])] = ""
    emails: Annotated[
        tuple[str, ...], Meta(description="The user's own addresses.", examples=[["anna@example.com"]])
    ] = ()
    login: Annotated[
        str | None, Meta(description="The operating system's login. Default: the key.", examples=["anovak"])
    ] = None
    admin: Annotated[bool, Meta(description="An administrator may do everything.")] = False
    active: Annotated[bool, Meta(description="A user who has left stays here, inactive.")] = True
    teams: Annotated[
        dict[str, str | None] | tuple[str, ...],
        Meta(description="The user's teams, with the position in each.", examples=[{"support": "Agent"}]),
    ] = ()
    roles: Annotated[
        tuple[str, ...],
        Meta(description="The user's roles; the most permissive wins.", examples=[["agent"]]),
    ] = ()
    absent: Annotated[
        tuple[Absence, ...],
        Meta(
            description="Days on which no cases are assigned; the first and the last count.",
            examples=[[{"from": "2026-12-24", "to": "2027-01-02"}]],
        ),
    ] = ()
    signature: Annotated[
        str, Meta(description="Stands under the user's answers.", examples=["Anna, Example Support"])
    ] = ""

    @property
    def positions(self) -> Mapping[str, str | None]:
        """Each team of the user with the position held there (None: no position named)."""
        return self.teams if isinstance(self.teams, dict) else dict.fromkeys(self.teams)

    def is_absent_on(self, day: date) -> bool:
        """Whether the user is away on that day of the configured time zone."""
        return any(span.from_ <= day <= span.to for span in self.absent)


class Rights(Section, frozen=True, kw_only=True):
    """What a role may do with one kind of record."""

    create: Annotated[bool, Meta(description="May make new ones.", examples=[True])] = False
    read: Annotated[
        Level,
        Meta(description="Which may be read: one's own, the team's too, or all.", examples=["team"]),
    ] = "no"
    edit: Annotated[Level, Meta(description="Which may be changed. Has no effect yet.", examples=["own"])] = (
        "no"
    )
    delete: Annotated[Level, Meta(description="Which may be deleted, for everybody. Has no effect yet.")] = (
        "no"
    )
    stream: Annotated[Level, Meta(description="Whose Stream may be read.")] = "no"


class Role(Section, frozen=True, kw_only=True):
    """A set of rights. A missing entry means no."""

    group_mailbox: Annotated[
        Reach,
        Meta(
            description="From which shared group mailboxes the user may send: of the team's, or of all. "
            "Has no effect yet.",
            examples=["team"],
        ),
    ] = "no"
    personal_mailbox: Annotated[
        bool, Meta(description="May set up mailboxes of one's own. Has no effect yet.", examples=[True])
    ] = False
    email: Annotated[Rights, Meta(description="What may be done with e-mails.")] = Rights()
    case: Annotated[
        Rights,
        Meta(
            description="What may be done with cases.",
            examples=[{"create": True, "read": "team", "edit": "team", "stream": "team"}],
        ),
    ] = Rights()
    account: Annotated[
        Rights,
        Meta(
            description="What may be done with accounts, which are customers' organisations.",
            examples=[{"create": True, "read": "all", "edit": "team", "stream": "all"}],
        ),
    ] = Rights()
    contact: Annotated[
        Rights,
        Meta(
            description="What may be done with contacts, which are people.",
            examples=[{"create": True, "read": "all", "edit": "team", "stream": "all"}],
        ),
    ] = Rights()
    lead: Annotated[Rights, Meta(description="What may be done with leads.", examples=[{"read": "all"}])] = (
        Rights()
    )
    opportunity: Annotated[
        Rights,
        Meta(
            description="What may be done with opportunities. Has no effect yet.", examples=[{"read": "all"}]
        ),
    ] = Rights()
