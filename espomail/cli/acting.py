"""Who is acting: the system, or a user of the configuration, by the login that calls the program."""

import os
import pwd
from collections.abc import Callable, Mapping
from contextlib import suppress

from espomail.cli.invocation import Invocation
from espomail.cli.preload import preload_for
from espomail.config import load
from espomail.config.schema import Config, User
from espomail.crm.access import SYSTEM, Actor
from espomail.errors import NotPermitted, WrongConfiguration


def load_configuration(invocation: Invocation) -> load.Loaded:
    """The configuration that the call names. A delegated user is given the installation's, and no other."""
    environ = invocation.environ
    if not is_delegated(os.geteuid(), environ):
        return load.load(load.find(invocation.config_path, environ))
    for named, by in (
        (invocation.config_path, "--config"),
        (environ.get("ESPOMAIL_CONFIG"), "$ESPOMAIL_CONFIG"),
    ):
        if named:
            raise NotPermitted(f"{by} is not for users who act through sudo; leave it out")
    # Nor $XDG_CONFIG_HOME or $HOME: a configuration runs commands, so it must not be the caller's.
    home = pwd.getpwuid(os.geteuid()).pw_dir
    return load.load(load.find(None, {"HOME": home}))


def act(invocation: Invocation, config: Config) -> Actor:
    """Who is acting. The superuser becomes the owner of the database, before that is opened."""
    owner = _owner(config)
    uid = os.geteuid()
    actor = actor_for(
        config,
        uid=uid,
        owner_uid=owner.st_uid,
        sudo_uid=sudo_uid(invocation.environ),
        as_user=invocation.as_user,
        login_of=_login_of,
    )
    if uid == 0 and owner.st_uid != 0:
        _become(owner.st_uid, owner.st_gid)
    elif uid not in (0, owner.st_uid):
        _require_access(config, owner.st_uid)
    return actor


def actor_for(
    config: Config,
    *,
    uid: int,
    owner_uid: int,
    sudo_uid: int | None,
    as_user: str | None,
    login_of: Callable[[int], str],
) -> Actor:
    """Who is acting, by the uids of the process, of the database's owner and of sudo's caller.

    Raises NotPermitted for a login that no active user has, and for `--as` of anybody but the system.
    """
    if uid == 0 or (uid == owner_uid and sudo_uid in (None, uid)):
        return SYSTEM if as_user is None else _as(config, as_user)
    if as_user is not None:
        raise NotPermitted("only the system may say --as")
    caller = sudo_uid if uid == owner_uid and sudo_uid is not None else uid
    login = login_of(caller)
    user = next((user for user in config.users.values() if user.login == login and user.active), None)
    if user is None:
        raise NotPermitted(f"the login {login} belongs to no active user of the configuration")
    return Actor(user=user.key, is_admin=user.admin, is_delegated=uid == owner_uid)


def is_delegated(uid: int, environ: Mapping[str, str]) -> bool:
    """Whether somebody acts through sudo as another login than root. Told without the configuration."""
    return uid != 0 and sudo_uid(environ) not in (None, uid)


def is_let_in_by_sudo_alone(invocation: Invocation, config: Config) -> bool:
    """Whether a login that is nobody's in the configuration has come through sudo, as an MTA's does.

    Nothing here knows such a login. That it may call the command, sudo's configuration has said.
    """
    caller = sudo_uid(invocation.environ)
    if caller is None or invocation.as_user is not None or not is_delegated(os.geteuid(), invocation.environ):
        return False
    login = _login_of(caller)
    return all(user.login != login for user in config.users.values())


def sudo_uid(environ: Mapping[str, str]) -> int | None:
    """The uid of sudo's caller. Raises NotPermitted where it is no number."""
    text = environ.get("SUDO_UID")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise NotPermitted(f"SUDO_UID is no uid: {text!r}")
    return int(text)


def _as(config: Config, key: str) -> Actor:
    user: User | None = config.users.get(key)
    if user is None or not user.active:
        raise NotPermitted(f"--as: there is no active user {key}")
    return Actor(user=user.key, is_admin=user.admin)


def _login_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"with uid {uid}"


def _owner(config: Config) -> os.stat_result:
    """The database's owner; until there is one, that of its folder."""
    file = config.database_file
    for path in (file, file.parent):
        try:
            return path.stat()
        except FileNotFoundError:
            continue
        except PermissionError as trouble:
            raise NotPermitted(f"database {file}: {trouble.strerror}") from None
        except OSError as trouble:
            raise WrongConfiguration(f"database {file}: {trouble.strerror}") from None
    raise WrongConfiguration(f"database: the folder {file.parent} does not exist; make it first")


def _become(uid: int, gid: int) -> None:
    """Give up the superuser's rights for good."""
    groups: list[int] = []
    with suppress(KeyError):  # a uid without a login
        entry = pwd.getpwuid(uid)
        gid, groups = entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
        # For the programs that print passwords: they look for their own files there.
        os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
    preload_for(uid, gid, groups)
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def _require_access(config: Config, owner_uid: int) -> None:
    file = config.database_file
    anchor = file if file.exists() else file.parent
    if not os.access(anchor, os.R_OK | os.W_OK):
        owner = _login_of(owner_uid)
        raise NotPermitted(f"database {file} belongs to {owner}; type: sudo -u {owner} espomail …")
