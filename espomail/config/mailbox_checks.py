"""What no schema sees in a mailbox: whether its keys fit its kind, its case rules and its servers."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from espomail.config.addresses import is_address, is_host, is_loopback
from espomail.config.faults import Path, quoted
from espomail.config.schema import SECRET_SOURCES, CaseRules, Config, Mailbox, Server
from espomail.config.sending import sending_mailbox
from espomail.config.token_checks import token_faults
from espomail.config.zones import zone

Found = Iterator[tuple[Path, str]]
MailboxCheck = Callable[[Mailbox, Config], Found]

BUILT_IN_TEMPLATES = frozenset({"case-received"})
TEMPLATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
TEMPLATE_SUFFIXES = (".txt.j2", ".html.j2")


def _kind(mailbox: Mailbox, _config: Config) -> Found:
    misplaced: tuple[tuple[str, bool, str], ...]
    if mailbox.kind == "personal":
        if mailbox.user is None:
            yield ("user",), "is missing; a personal mailbox belongs to a user"
        only = "belongs to group mailboxes; this one is personal"
        misplaced = (
            ("case", mailbox.case != CaseRules(team=mailbox.case.team), only),
            ("auto_reply", mailbox.auto_reply is not None, only),
            ("all_team_users", mailbox.all_team_users, only),
            ("group_folder", mailbox.group_folder is not None, only),
        )
    else:
        only = "belongs to personal mailboxes; this one is a group's"
        misplaced = (("user", mailbox.user is not None, only), ("folder", mailbox.folder is not None, only))
    for key, is_given, said in misplaced:
        if is_given:
            yield (key,), said


def _addresses(mailbox: Mailbox, config: Config) -> Found:
    if mailbox.address is None:
        if mailbox.kind == "group":
            yield ("address",), "is missing; mail from it and to it is known by it"
        elif mailbox.user in config.users:
            yield ("address",), f"is missing, and {quoted(mailbox.user)} has no emails to take it from"
    elif not is_address(mailbox.address):
        yield ("address",), f"{quoted(mailbox.address)} is no address, like support@example.com"
    if mailbox.auto_reply is None:
        return
    for key in ("from_address", "reply_to", "envelope_sender"):
        value = getattr(mailbox.auto_reply, key)
        is_default = key == "from_address" and value == mailbox.address
        if value is not None and not is_default and not is_address(value):
            yield ("auto_reply", key), f"{quoted(value)} is no address, like support@example.com"


def _servers(mailbox: Mailbox, _config: Config) -> Found:
    yield from _server(mailbox.imap, ("imap",), has_sign_in=True)
    if mailbox.smtp is not None:
        yield from _server(mailbox.smtp, ("smtp",), has_sign_in=mailbox.smtp.username is not None)
    after = mailbox.imap.after_import
    folder = None if isinstance(after, str) else after.move
    if folder == "":
        yield ("imap", "after_import", "move"), "must not be empty"
    elif folder is not None and folder in mailbox.imap.folders:
        yield ("imap", "after_import", "move"), f"{quoted(folder)} is one of the folders that are read"
    if mailbox.smtp is not None and mailbox.smtp.save_sent == "":
        yield ("smtp", "save_sent"), "must not be empty"
    seen: set[str] = set()
    for index, name in enumerate(mailbox.imap.folders):
        if name in seen or not name:
            yield (
                ("imap", "folders", index),
                f"{quoted(name)} stands here twice" if name else "must not be empty",
            )
        seen.add(name)


def _server(server: Server, path: Path, *, has_sign_in: bool) -> Found:
    if not is_host(server.host):
        yield (*path, "host"), f"{quoted(server.host)} is no server name; a port has a key of its own"
    given = server.secret_sources
    if len(given) > 1:
        yield (*path, given[1]), f"there is {given[0]} already; one of them is enough"
    elif not given and has_sign_in:
        yield (*path, "password"), f"is missing; write one of {', '.join(SECRET_SOURCES)}"
    for key in ("password", "password_env"):
        if getattr(server, key) == "":
            yield (*path, key), "must not be empty"
    if server.password_command == () or (server.password_command and not server.password_command[0]):
        yield (*path, "password_command"), "must name a program"
    yield from token_faults(server, path)


def _case_rules(mailbox: Mailbox, _config: Config) -> Found:
    rules = mailbox.case
    if not rules.create:
        return
    if rules.distribution == "direct-assignment" and rules.assign_to is None:
        yield ("case", "assign_to"), "is missing; direct-assignment needs a user"
    if rules.team is not None:
        return
    if len(mailbox.teams) > 1:
        yield ("case", "team"), f"is missing; the mailbox has {len(mailbox.teams)} teams"
    elif rules.distribution in ("round-robin", "less-busy"):
        yield ("case", "team"), f"is missing; {rules.distribution} needs a team to choose from"


def _auto_reply(mailbox: Mailbox, config: Config) -> Found:
    if mailbox.auto_reply is None:
        return
    name = mailbox.auto_reply.template
    if TEMPLATE_NAME.fullmatch(name) is None:
        yield ("auto_reply", "template"), f"{quoted(name)} is no template's name, like case-received"
    elif name not in BUILT_IN_TEMPLATES and not any(
        (config.templates / f"{name}{suffix}").is_file() for suffix in TEMPLATE_SUFFIXES
    ):
        file = config.templates / f"{name}.txt.j2"
        yield ("auto_reply", "template"), f"there is no {file}, and {quoted(name)} is not built in"
    if sending_mailbox(config, mailbox) is None:
        yield ("auto_reply",), "cannot be sent: the mailbox has no smtp"


def _nobody_to_assign(mailbox: Mailbox, config: Config) -> Found:
    rules = mailbox.case
    if not rules.create or rules.position is None or rules.team not in config.teams:
        return
    if not any(
        user.active and user.positions.get(rules.team, ...) == rules.position
        for user in config.users.values()
    ):
        yield ("case", "position"), f"no active user of {rules.team} is {quoted(rules.position)}"


def _clear_text(mailbox: Mailbox, _config: Config) -> Found:
    for key, server in (("imap", mailbox.imap), ("smtp", mailbox.smtp)):
        if server and server.security == "none" and server.secret_sources and not is_loopback(server.host):
            yield (key, "security"), "password and mail travel in clear text"


def _since_later(mailbox: Mailbox, config: Config) -> Found:
    now = datetime.now(UTC)
    if mailbox.imap.fetch_since < now.date():  # of which no zone is ahead by more than a day
        return
    if mailbox.imap.fetch_since > now.astimezone(zone(config)).date():
        yield ("imap", "fetch_since"), "is a day to come: no mail before it is ever read"


MAILBOX_CHECKS: tuple[MailboxCheck, ...] = (
    _kind,
    _addresses,
    _servers,
    _case_rules,
    _auto_reply,
)
MAILBOX_ODDITIES: tuple[MailboxCheck, ...] = (_nobody_to_assign, _clear_text, _since_later)
