"""Files and folders that the configuration names and that are not there, or open to others.

A later mount may bring them.
"""

from collections.abc import Iterator
from pathlib import Path

from espomail.config.schema import Config, Server
from espomail.config.secrets import exposure
from espomail.sign_in.tokens import how_to_allow


def file_oddities(config: Config) -> list[str]:
    """What is missing or exposed, a line each, and each sign-in with tokens that nobody has allowed yet."""
    return [*_folder_oddities(config), *_odd_files(config), *_not_allowed(config)]


def _odd_files(config: Config) -> Iterator[str]:
    for server in _servers(config):
        for place, file in _named(server):
            if not file.exists():
                yield f"{place}: there is no file {file}"
            elif not place.endswith("ca_file") and (exposed := exposure(file, file.stat())):
                yield f"{place}: {exposed}"


def _folder_oddities(config: Config) -> Iterator[str]:
    file = config.database_file
    if not file.parent.is_dir():
        yield f"database: there is no folder {file.parent}; make it first"
    elif file.is_dir():
        yield f"database: {file} is a folder; name a file in it"
    if config.templates.exists() and not config.templates.is_dir():
        yield f"templates: {config.templates} is no folder"


def _named(server: Server) -> Iterator[tuple[str, Path]]:
    """Each file that the section of a server names, with its key."""
    for section, names in (
        (server, ("password_file", "ca_file")),
        (server.oauth2, ("client_secret_file", "ca_file")),
    ):
        for name in names:
            file = getattr(section, name, None)
            if section is not None and file is not None:
                yield f"{section.place}.{name}", file


def _not_allowed(config: Config) -> Iterator[str]:
    told: set[Path] = set()
    for server in _servers(config):
        file = None if server.oauth2 is None else server.oauth2.token_file
        if server.oauth2 is None or file is None or file in told:
            continue
        told.add(file)
        if not file.exists():
            yield f"{server.oauth2.place}: nobody has allowed it yet; {how_to_allow(server)}"


def _servers(config: Config) -> Iterator[Server]:
    for mailbox in config.mailboxes.values():
        yield mailbox.imap
        if mailbox.smtp is not None:
            yield mailbox.smtp
