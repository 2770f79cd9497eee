"""What the acting user may see and do, as conditions of a query (docs/behaviour.md, Users, teams, roles)."""

from typing import Any

from msgspec import Struct
from peewee import SQL

from espomail.config.schema import Config, User
from espomail.crm.refs import MODELS
from espomail.crm.rights import Action, level_of, may_create
from espomail.errors import NotFound, NotPermitted
from espomail.store.models import Email, EmailTeam, EmailUser, RecordTeam

EVERYTHING = SQL("1 = 1")
NOTHING = SQL("1 = 0")


class Actor(Struct, frozen=True, kw_only=True):
    """Who is acting. The system is no user; it may do all that an administrator may."""

    user: str | None = None
    is_system: bool = False
    is_admin: bool = False
    is_delegated: bool = False  # through the service's login: no paths, no commands


SYSTEM = Actor(is_system=True, is_admin=True)


class Access:
    """The acting user's rights, by the roles of the configuration."""

    def __init__(self, actor: Actor, config: Config) -> None:
        self.actor = actor
        self.config = config

    @property
    def user(self) -> User | None:
        return self.config.users[self.actor.user] if self.actor.user is not None else None

    def records(self, kind: str, action: Action = "read") -> Any:
        """The condition for accounts, contacts, leads or cases that the actor may treat so."""
        model: Any = MODELS[kind]
        user = self.user
        level = "all" if user is None or self.actor.is_admin else level_of(user, self.config, kind, action)
        if user is None or level == "all":
            return EVERYTHING
        if level == "no":
            return NOTHING
        own = (model.assigned_user == user.key) | (model.created_by == user.key)
        if level == "own":
            return own
        of_team = RecordTeam.select(RecordTeam.record_id).where(
            RecordTeam.record_type == kind, RecordTeam.team.in_(list(user.positions))
        )
        return own | model.id.in_(of_team)

    def emails(self, action: Action = "read") -> Any:
        """The condition for e-mails that the actor may treat so."""
        user = self.user
        level = "all" if user is None or self.actor.is_admin else level_of(user, self.config, "email", action)
        if user is None or level == "all":
            return EVERYTHING
        if level == "no":
            return NOTHING
        allowed = Email.id.in_(_emails_of(user, action)) | (Email.created_by == user.key)
        if level == "team":
            of_team = EmailTeam.select(EmailTeam.email).where(EmailTeam.team.in_(list(user.positions)))
            allowed |= Email.id.in_(of_team)
        if action == "read":
            allowed |= Email.group_folder.in_(self.group_folders)
        return allowed

    @property
    def group_folders(self) -> list[str]:
        """The group folders of the actor's teams, whose mail may be read; for administrators all."""
        folders = self.config.group_folders.items()
        user = self.user
        if user is None or self.actor.is_admin:
            return [name for name, _ in folders]
        return [name for name, folder in folders if not user.positions.keys().isdisjoint(folder.teams)]

    def require_creation(self, kind: str) -> None:
        """Raises NotPermitted where the actor may make no such record."""
        user = self.user
        if user is not None and not self.actor.is_admin and not may_create(user, self.config, kind):
            raise NotPermitted(f"{user.key} may not create {kind} records")

    def require_admin(self, what: str) -> None:
        """Raises NotPermitted for everybody but the system and administrators."""
        if not self.actor.is_admin:
            raise NotPermitted(f"{what} is for administrators")


def _emails_of(user: User, action: Action) -> Any:
    """E-mails that are the user's own: to read those in the inbox, to edit the assigned ones.

    To delete one's own e-mail, one has to be its only assignee.
    """
    own = EmailUser.select(EmailUser.email).where(EmailUser.user == user.key)
    if action == "read":
        return own
    own = own.where(EmailUser.is_assigned)
    if action == "delete":
        other = EmailUser.alias()
        others = other.select(other.email).where(other.user != user.key, other.is_assigned)
        own = own.where(EmailUser.email.not_in(others))
    return own


def no_such(kind: str, name: object) -> NotFound:
    """The same text for what does not exist and for what the actor may not read."""
    return NotFound(f"there is no {kind} {name}")
