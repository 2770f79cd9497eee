"""What a user may do with a record: roles, levels, own and team (docs/behaviour.md, Users, teams, roles)."""

from collections.abc import Collection
from typing import Literal

from espomail.config.schema import Config, Level, Rights, User

Action = Literal["read", "edit", "delete", "stream"]

LEVELS: tuple[Level, ...] = ("no", "own", "team", "all")

WITHOUT_ROLE = {"email": Rights(read="own", edit="own")}
"""What a user has whom no role is given."""


def level_of(user: User, config: Config, kind: str, action: Action) -> Level:
    """How far the user's rights go: the most permissive of the roles. An administrator may do all."""
    if user.admin:
        return "all"
    if not user.roles:
        granted = [WITHOUT_ROLE.get(kind, Rights())]
    else:
        granted = [getattr(config.roles[role], kind) for role in user.roles]
    return max((getattr(rights, action) for rights in granted), key=LEVELS.index)


def may_create(user: User, config: Config, kind: str) -> bool:
    """Whether the user may make such a record."""
    return user.admin or any(getattr(config.roles[role], kind).create for role in user.roles)


def may(
    user: User,
    config: Config,
    kind: str,
    action: Action,
    *,
    owners: Collection[str | None],
    teams: Collection[str],
) -> bool:
    """Whether the user may do this with a record that belongs to these users and teams.

    Whose a record is depends on the action: an e-mail is read by all its users, edited by the assigned ones.
    """
    level = level_of(user, config, kind, action)
    if level == "no":
        return False
    if level == "all" or user.key in owners:
        return True
    return level == "team" and not user.positions.keys().isdisjoint(teams)
