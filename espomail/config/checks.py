"""What no schema sees: whether the sections of a configuration fit together.

Every check takes a completed configuration and yields what is wrong. A check is added by one entry in CHECKS
(faults) or ODDITIES (warnings).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath

from espomail.config.addresses import is_address, is_domain, is_host_and_port
from espomail.config.faults import Fault, Path, quoted, suggestion
from espomail.config.folder_names import OF_EVERYBODY
from espomail.config.mailbox_checks import MAILBOX_CHECKS, MAILBOX_ODDITIES
from espomail.config.schema import Config, Filter
from espomail.config.zones import zone_named

Check = Callable[[Config], Iterator[Fault]]
SQLITE = "sqlite:///"
LOOKS_LIKE_A_REGULAR_EXPRESSION = re.compile(r"/.*/i?", re.DOTALL)
STATE_OF_SMTP = " (SMTP)"  # ends the name under which the troubles of a mailbox's SMTP server are remembered


def faults(config: Config) -> list[Fault]:
    """Everything that is wrong with a completed configuration."""
    return [fault for check in CHECKS for fault in check(config)]


def warnings(config: Config) -> list[Fault]:
    """What is allowed, but probably not meant."""
    return [oddity for check in ODDITIES for oddity in check(config)]


def _database(config: Config) -> Iterator[Fault]:
    url = config.database
    if url.startswith(("postgresql://", "postgres://")):
        yield Fault(("database",), "PostgreSQL comes with a later version; write sqlite:///espomail.db")
    elif not url.startswith(SQLITE) or url == SQLITE or url.endswith((":memory:", "/")):
        yield Fault(("database",), "must be sqlite:/// and a file, like sqlite:///espomail.db")
    elif "?" in FilePath(url).name:  # the folder is none of the file's words: it may be the default's
        yield Fault(("database",), 'takes no options; leave out "?" and what follows')


def _timezone(config: Config) -> Iterator[Fault]:
    name = config.timezone
    if name is not None and zone_named(name) is None:
        from zoneinfo import available_timezones

        near = suggestion(name, available_timezones())
        yield Fault(("timezone",), f"{quoted(name)} is no time zone, like Europe/Berlin{near}")


def _names(config: Config) -> Iterator[Fault]:
    """Keys are typed on command lines and printed in lists."""
    for section in ("teams", "users", "roles", "mailboxes", "group_folders"):
        for key in getattr(config, section):
            if not key.strip() or key != key.strip() or not key.isprintable() or key.startswith("-"):
                yield Fault((section, key), "a name must be printable and begin with a letter or digit")


def _taken_names(config: Config) -> Iterator[Fault]:
    for key in config.group_folders:
        if key in OF_EVERYBODY:
            yield Fault(("group_folders", key), "everybody has a folder of that name; choose another")
    for key, mailbox in config.mailboxes.items():
        if mailbox.folder in OF_EVERYBODY:
            yield Fault(("mailboxes", key, "folder"), "everybody has a folder of that name; choose another")
        if key.endswith(STATE_OF_SMTP):
            said = f"a name that ends with{STATE_OF_SMTP} is that of a mailbox's SMTP server; choose another"
            yield Fault(("mailboxes", key), said)


def _references(config: Config) -> Iterator[Fault]:
    for path, name, known, noun in _named(config):
        if name not in known:
            yield Fault(path, f"there is no {noun} {quoted(name)}{suggestion(name, known)}")


def _named(config: Config) -> Iterator[tuple[Path, str, Iterable[str], str]]:
    """Each name that refers to an entry elsewhere, with the names that there are."""
    for key, user in config.users.items():
        for index, team in enumerate(user.positions):
            here = team if isinstance(user.teams, dict) else index
            yield ("users", key, "teams", here), team, config.teams, "team"
        for index, role in enumerate(user.roles):
            yield ("users", key, "roles", index), role, config.roles, "role"
    for key, folder in config.group_folders.items():
        for index, team in enumerate(folder.teams):
            yield ("group_folders", key, "teams", index), team, config.teams, "team"
    for key, mailbox in config.mailboxes.items():
        here_is: Path = ("mailboxes", key)
        for index, team in enumerate(mailbox.teams):
            yield (*here_is, "teams", index), team, config.teams, "team"
        if mailbox.user is not None:
            yield (*here_is, "user"), mailbox.user, config.users, "user"
        if mailbox.group_folder is not None:
            yield (*here_is, "group_folder"), mailbox.group_folder, config.group_folders, "group folder"
        if mailbox.case.assign_to is not None:
            yield (*here_is, "case", "assign_to"), mailbox.case.assign_to, config.users, "user"
        if mailbox.case.team is not None and mailbox.case.team not in mailbox.teams[:1]:
            yield (*here_is, "case", "team"), mailbox.case.team, config.teams, "team"
    for index, rule in enumerate(config.filters):
        if rule.mailbox is not None:
            yield ("filters", index, "mailbox"), rule.mailbox, config.mailboxes, "mailbox"
        if rule.group_folder is not None:
            path: Path = ("filters", index, "action", "group_folder")
            yield path, rule.group_folder, config.group_folders, "group folder"
    if config.system_mailbox is not None:
        yield ("system_mailbox",), config.system_mailbox, config.mailboxes, "mailbox"


def _organisation(config: Config) -> Iterator[Fault]:
    for index, domain in enumerate(config.organisation.domains):
        if not is_domain(domain):
            yield Fault(
                ("organisation", "domains", index), f"{quoted(domain)} is no domain, like example.com"
            )
    for index, server in enumerate(config.personal_mailbox_hosts):
        if not is_host_and_port(server):
            said = f"{quoted(server)} is no server and port, like imap.example.com:993"
            yield Fault(("personal_mailbox_hosts", index), said)


def _system_mailbox(config: Config) -> Iterator[Fault]:
    mailbox = config.mailboxes.get(config.system_mailbox or "")
    if mailbox is not None and (mailbox.kind != "group" or mailbox.smtp is None):
        said = f"{quoted(mailbox.key)} cannot send notifications; it must be a group mailbox with smtp"
        yield Fault(("system_mailbox",), said)


def _users(config: Config) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    logins: dict[str, str] = {}
    for key, user in config.users.items():
        for index, address in enumerate(user.emails):
            here = ("users", key, "emails", index)
            if not is_address(address):
                yield Fault(here, f"{quoted(address)} is no address, like anna@example.com")
            elif address in owners:
                yield Fault(here, f"{address} is the address of {quoted(owners[address])} already")
            owners.setdefault(address, key)
        login = user.login or key
        if login in logins:
            yield Fault(
                ("users", key, "login"), f"{quoted(login)} is the login of {quoted(logins[login])} already"
            )
        logins.setdefault(login, key)
        for index, span in enumerate(user.absent):
            if span.to < span.from_:
                yield Fault(("users", key, "absent", index), "ends before it begins")


def _filters(config: Config) -> Iterator[Fault]:
    names: set[str] = set()
    for index, rule in enumerate(config.filters):
        here: Path = ("filters", index)
        if rule.name in names:
            yield Fault((*here, "name"), f"there is a filter {quoted(rule.name)} already")
        names.add(rule.name)
        if rule.action is None and not (rule.mark_read or rule.skip_notification):
            yield Fault((*here, "action"), "is missing; write action: skip, or what else the filter does")
        mailbox = config.mailboxes.get(rule.mailbox or "")
        if rule.group_folder is not None and (
            rule.mailbox is None or (mailbox and mailbox.kind == "personal")
        ):
            yield Fault((*here, "action"), "only a filter of a group mailbox can move mail to a group folder")
        yield from _patterns(here, rule)


def _patterns(here: Path, rule: Filter) -> Iterator[Fault]:
    """A phrase of nothing stands in every text; what is taken for more than it is matches none."""
    for key, pattern in (("from", rule.from_), ("to", rule.to), ("subject", rule.subject)):
        if pattern is not None and not pattern.strip():
            yield Fault((*here, key), "must not be empty; leave it out to match any")
        elif pattern is not None and LOOKS_LIKE_A_REGULAR_EXPRESSION.fullmatch(pattern):
            yield Fault((*here, key), "regular expressions are not supported; use * as a wildcard")
    for key in ("body_contains", "body_contains_all"):
        for index, phrase in enumerate(getattr(rule, key)):
            if not phrase.strip():
                yield Fault((*here, key, index), "must not be empty; it would stand in every text")


def _mailboxes(config: Config) -> Iterator[Fault]:
    for mailbox in config.mailboxes.values():
        for check in MAILBOX_CHECKS:
            for path, said in check(mailbox, config):
                yield Fault(("mailboxes", mailbox.key, *path), said)


def _folders_read_once(config: Config) -> Iterator[Fault]:
    """Two mailboxes may share an address, but not the mail: each would take the other's."""
    readers: dict[tuple[object, ...], str] = {}
    for mailbox in config.mailboxes.values():
        imap = mailbox.imap
        account = (mailbox.address, imap.host.lower(), imap.port, imap.username)
        others = {readers.setdefault((*account, folder), mailbox.key) for folder in imap.folders}
        for other in sorted(others - {mailbox.key}):
            if mailbox.address is not None:
                said = f"reads a folder of the same account as {quoted(other)}"
                yield Fault(("mailboxes", mailbox.key), said)


def _tokens_of_one_account(config: Config) -> Iterator[Fault]:
    """A file holds what one provider has given one client; it may open several mailboxes."""
    owners: dict[FilePath, tuple[str, tuple[object, ...]]] = {}
    for mailbox in config.mailboxes.values():
        for name, server in (("imap", mailbox.imap), ("smtp", mailbox.smtp)):
            if server is None or server.oauth2 is None or server.oauth2.token_file is None:
                continue
            about = server.oauth2.token_url, server.oauth2.client_id
            place, owner = owners.setdefault(server.oauth2.token_file, (server.oauth2.place, about))
            if owner != about:
                said = f"holds the tokens of another client or provider already, of {place}"
                yield Fault(("mailboxes", mailbox.key, name, "oauth2", "token_file"), said)


def _teams_without_users(config: Config) -> Iterator[Fault]:
    peopled = {team for user in config.users.values() if user.active for team in user.positions}
    for team in config.teams:
        if team not in peopled:
            yield Fault(("teams", team), "no active user belongs to it")


def _filters_without_field(config: Config) -> Iterator[Fault]:
    for index, rule in enumerate(config.filters):
        if not (rule.from_ or rule.to or rule.subject or rule.body_contains or rule.body_contains_all):
            yield Fault(("filters", index), "has no field to match, so it never acts")


def _odd_mailboxes(config: Config) -> Iterator[Fault]:
    for mailbox in config.mailboxes.values():
        for check in MAILBOX_ODDITIES:
            for path, said in check(mailbox, config):
                yield Fault(("mailboxes", mailbox.key, *path), said)


CHECKS: tuple[Check, ...] = (
    _database,
    _timezone,
    _names,
    _taken_names,
    _references,
    _organisation,
    _system_mailbox,
    _users,
    _mailboxes,
    _folders_read_once,
    _tokens_of_one_account,
    _filters,
)
ODDITIES: tuple[Check, ...] = (_teams_without_users, _filters_without_field, _odd_mailboxes)
