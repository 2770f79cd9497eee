"""Fills in what a default takes from elsewhere, so that the rest of the program never asks twice."""

from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from msgspec.structs import replace

from espomail.config.folder_names import folder_name
from espomail.config.oauth2 import OAuth2
from espomail.config.schema import (
    AutoReply,
    Config,
    Imap,
    Mailbox,
    MoveTo,
    Organisation,
    Server,
    Smtp,
    User,
)

AnyServer = TypeVar("AnyServer", Imap, Smtp)

IMAP_PORTS = {"tls": 993, "starttls": 143, "none": 143}
SMTP_PORTS = {"tls": 465, "starttls": 587, "none": 25}
SQLITE = "sqlite:///"


def complete(config: Config, folder: Path) -> Config:
    """The configuration with every default in place, and absolute paths (relative ones start at `folder`).

    It copes with a configuration that is still wrong: what cannot be known stays as it is.
    """
    users = {key: _user(key, user) for key, user in config.users.items()}
    database = _database(config.database, folder)
    tokens = (
        Path(database.removeprefix(SQLITE)).parent if database.startswith(SQLITE) else folder
    ) / "tokens"
    return replace(
        config,
        database=database,
        organisation=_organisation(config.organisation),
        secret_key_file=_absolute(config.secret_key_file, folder),
        templates=_absolute(config.templates, folder),
        users=users,
        mailboxes={
            key: _with_token_files(_mailbox(key, mailbox, users, folder), tokens)
            for key, mailbox in config.mailboxes.items()
        },
    )


def _database(url: str, folder: Path) -> str:
    if not url.startswith(SQLITE) or url == SQLITE:
        return url
    return f"{SQLITE}{_absolute(Path(url.removeprefix(SQLITE)), folder)}"


def _organisation(organisation: Organisation) -> Organisation:
    return replace(organisation, domains=_lower(organisation.domains))


def _user(key: str, user: User) -> User:
    return replace(user, key=key, name=user.name or key, emails=_lower(user.emails), login=user.login or key)


def _mailbox(key: str, mailbox: Mailbox, users: dict[str, User], folder: Path) -> Mailbox:
    address = mailbox.address.lower() if mailbox.address else _address_of_owner(mailbox, users)
    imap = _server(mailbox.imap, f"mailboxes.{key}.imap", folder, IMAP_PORTS)
    smtp = mailbox.smtp and _server(mailbox.smtp, f"mailboxes.{key}.smtp", folder, SMTP_PORTS)
    case = mailbox.case
    if case.team is None and len(mailbox.teams) == 1:
        case = replace(case, team=mailbox.teams[0])
    return replace(
        mailbox,
        key=key,
        address=address,
        imap=replace(_with_folders(imap), username=imap.username or address),
        # A server that is told no secret is one that asks for none: a relay of the house.
        smtp=smtp
        and replace(
            smtp,
            username=smtp.username or (address if smtp.secret_sources else None),
            save_sent=smtp.save_sent and folder_name(smtp.save_sent),
        ),
        case=case,
        auto_reply=mailbox.auto_reply and _auto_reply(mailbox.auto_reply, address),
    )


def _with_folders(imap: Imap) -> Imap:
    after = imap.after_import
    return replace(
        imap,
        folders=tuple(folder_name(name) for name in imap.folders),
        after_import=MoveTo(move=folder_name(after.move)) if isinstance(after, MoveTo) else after,
    )


def _address_of_owner(mailbox: Mailbox, users: dict[str, User]) -> str | None:
    owner = users.get(mailbox.user) if mailbox.kind == "personal" and mailbox.user else None
    return owner.emails[0] if owner and owner.emails else None


def _server(server: AnyServer, place: str, folder: Path, ports: dict[str, int]) -> AnyServer:
    return replace(
        server,
        place=place,
        port=server.port or ports[server.security],
        ca_file=server.ca_file and _absolute(server.ca_file, folder),
        password_file=server.password_file and _absolute(server.password_file, folder),
        password_command=server.password_command and _command(server.password_command, folder),
        token_command=server.token_command and _command(server.token_command, folder),
        oauth2=server.oauth2 and _oauth2(server.oauth2, f"{place}.oauth2", folder),
    )


def _command(command: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    program, *arguments = command
    is_path = "/" in program
    return (str(_absolute(Path(program), folder)) if is_path else program, *arguments)


def _oauth2(oauth2: OAuth2, place: str, folder: Path) -> OAuth2:
    return replace(
        oauth2.with_known_addresses(),
        place=place,
        client_secret_file=oauth2.client_secret_file and _absolute(oauth2.client_secret_file, folder),
        client_secret_command=oauth2.client_secret_command and _command(oauth2.client_secret_command, folder),
        ca_file=oauth2.ca_file and _absolute(oauth2.ca_file, folder),
        token_file=oauth2.token_file and _absolute(oauth2.token_file, folder),
    )


def _with_token_files(mailbox: Mailbox, folder: Path) -> Mailbox:
    """Where tokens are kept. A mailbox whose mail comes and goes by one account is authorized once."""
    name = quote(mailbox.key, safe=" ")
    imap = _with_token_file(mailbox.imap, folder / f"{name}.json")
    if mailbox.smtp is None:
        return replace(mailbox, imap=imap)
    is_same = _account(mailbox.smtp) == _account(mailbox.imap)
    smtp = _with_token_file(mailbox.smtp, folder / (f"{name}.json" if is_same else f"{name}.smtp.json"))
    return replace(mailbox, imap=imap, smtp=smtp)


def _account(server: Server) -> tuple[object, ...]:
    return server.username, server.oauth2 and replace(server.oauth2, place="")


def _with_token_file(server: AnyServer, file: Path) -> AnyServer:
    if server.oauth2 is None:
        return server
    return replace(server, oauth2=replace(server.oauth2, token_file=server.oauth2.token_file or file))


def _auto_reply(auto_reply: AutoReply, address: str | None) -> AutoReply:
    return replace(
        auto_reply,
        from_address=auto_reply.from_address.lower() if auto_reply.from_address else address,
        reply_to=auto_reply.reply_to and auto_reply.reply_to.lower(),
        envelope_sender=auto_reply.envelope_sender and auto_reply.envelope_sender.lower(),
    )


def _absolute(path: Path, folder: Path) -> Path:
    try:
        return folder / path.expanduser()
    except RuntimeError:  # ~somebody, who is not known here
        return folder / path


def _lower(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)
