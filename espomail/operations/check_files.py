"""Files that the configuration names and that are not there: odd, though they may come with a later mount."""

from collections.abc import Iterator

from espomail.config.schema import Config, Server


def file_oddities(config: Config) -> list[str]:
    """Each missing password_file or ca_file, a line each."""
    return [
        f"{server.place}.{name}: there is no file {file}"
        for server in _servers(config)
        for name in ("password_file", "ca_file")
        if (file := getattr(server, name)) is not None and not file.exists()
    ]


def _servers(config: Config) -> Iterator[Server]:
    for mailbox in config.mailboxes.values():
        yield mailbox.imap
        if mailbox.smtp is not None:
            yield mailbox.smtp
