"""Where a server's password comes from: the file itself, another file, the environment, or a command.

A secret is asked for when it is needed, and stands in no message, log or repr.
"""

import os
import shlex
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from espomail.config.schema import Server
from espomail.errors import WrongConfiguration

TIMEOUT_S = 30.0
UNUSABLE = "\0\r"
LONGEST_SECRET_BYTES = 64 * 1024  # OAuth2 tokens run to some kilobytes
LONGEST_COMPLAINT_CHARS = 500
SHORTEST_MASKED_CHARS = 4  # masking "a" would leave nothing to read


def secret_of(
    server: Server, *, environ: Mapping[str, str] = os.environ, timeout_s: float = TIMEOUT_S
) -> str:
    """The password to sign in with. A server whose `username` is None is not signed in to.

    Raises WrongConfiguration, which names the place in the configuration and what to do.
    """
    if not server.secret_sources:
        raise WrongConfiguration(f"{server.place}.password: is missing; write one of {', '.join(SOURCES)}")
    return SOURCES[server.secret_sources[0]](server, environ, timeout_s)


def _by_value(server: Server, _environ: Mapping[str, str], _timeout_s: float) -> str:
    return _usable(server, "password", server.password or "")


def _by_file(server: Server, _environ: Mapping[str, str], _timeout_s: float) -> str:
    path = server.password_file or Path()
    try:
        # A named pipe would wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                _refuse(server, "password_file", f"{path} is no regular file")
            if not _is_private(about):
                open_to = f"is open to others (mode {stat.S_IMODE(about.st_mode):04o})"
                _refuse(
                    server, "password_file", f"{path} {open_to}; type: chmod 600 {shlex.quote(str(path))}"
                )
            content = file.read(LONGEST_SECRET_BYTES)
    except OSError as error:
        _refuse(server, "password_file", f"{path} cannot be read: {error.strerror}")
    return _usable(server, "password_file", _text_of(server, "password_file", content))


def _is_private(about: os.stat_result) -> bool:
    """For its owner alone, or root's and readable by a group (root:espomail 0640, the packaged mode)."""
    open_to = stat.S_IMODE(about.st_mode) & 0o077
    return open_to == 0 or (about.st_uid == 0 and open_to == stat.S_IRGRP)


def _by_environment(server: Server, environ: Mapping[str, str], _timeout_s: float) -> str:
    name = server.password_env or ""
    if name not in environ:
        _refuse(server, "password_env", f"the environment variable {name} is not set (cron sets very few)")
    return _usable(server, "password_env", environ[name])


def _by_command(server: Server, environ: Mapping[str, str], timeout_s: float) -> str:
    from espomail.config.commands import CommandFailed, output_of

    command = server.password_command or ()
    try:
        output, complaint = output_of(command, environ=environ, timeout_s=timeout_s)
    except CommandFailed as failure:
        said = _printable(_masked(failure.complaint, failure.output))
        _refuse(server, "password_command", f"{failure.what}{f': {said}' if said else ''}")
    secret = _text_of(server, "password_command", output)
    if not secret.strip():
        said = _printable(complaint.decode("utf-8", "replace"))
        _refuse(server, "password_command", f"{command[0]} printed nothing{f': {said}' if said else ''}")
    return _usable(server, "password_command", secret)


def _text_of(server: Server, key: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(server, key, "the secret is not UTF-8 text")


def _usable(server: Server, key: str, text: str) -> str:
    """The first line, which by the custom of `pass` is the secret; the rest are notes."""
    secret = text.split("\n", 1)[0].removesuffix("\r")
    if not secret:
        _refuse(server, key, "the secret is empty")
    if any(character in UNUSABLE or "\ud800" <= character <= "\udfff" for character in secret):
        _refuse(server, key, "the secret holds a character that no server can be sent")
    return secret


def _masked(complaint: bytes, output: bytes) -> str:
    """What a command complained about, without anything that it printed as the secret."""
    said = complaint.decode("utf-8", "replace")
    for line in output.decode("utf-8", "replace").splitlines():
        if len(line.strip()) >= SHORTEST_MASKED_CHARS:
            said = said.replace(line.strip(), "********")
    return said


def _printable(text: str) -> str:
    one_line = " ".join(text[:LONGEST_COMPLAINT_CHARS].split())
    return "".join(character if character.isprintable() else "\ufffd" for character in one_line)


def _refuse(server: Server, key: str, said: str) -> NoReturn:
    raise WrongConfiguration(f"{server.place}.{key}: {said}") from None


SOURCES: dict[str, Callable[[Server, Mapping[str, str], float], str]] = {
    "password": _by_value,
    "password_file": _by_file,
    "password_env": _by_environment,
    "password_command": _by_command,
}
