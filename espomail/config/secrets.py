"""Where a secret comes from: the configuration itself, another file, the environment, or a command.

A secret is asked for when it is needed, and stands in no message, log or repr.
"""

import os
import shlex
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from espomail.config.oauth2 import OAuth2
from espomail.config.section import MASK, Section
from espomail.config.servers import SECRET_SOURCES, Server
from espomail.errors import CutShort, WrongConfiguration

TIMEOUT_S = 30.0
FAIR_S = 8.0  # a program that does not end in so long has failed by itself, however late a run was
UNUSABLE = "\0\r"
LONGEST_SECRET_BYTES = 64 * 1024  # OAuth2 tokens run to some kilobytes
LONGEST_COMPLAINT_CHARS = 500
SHORTEST_MASKED_CHARS = 4  # masking "a" would leave nothing to read


def secret_of(
    server: Server, *, environ: Mapping[str, str] = os.environ, timeout_s: float = TIMEOUT_S
) -> str:
    """The password, or the token of a `token_command`, to sign in with.

    A server whose `username` is None is not signed in to. Raises WrongConfiguration, which names the place in
    the configuration and what to do; CutShort, where `timeout_s` is not fair.
    """
    keys = [key for key in server.secret_sources if key != "oauth2"]
    if not keys:
        known = ", ".join(key for key in SECRET_SOURCES if key != "oauth2")
        raise WrongConfiguration(f"{server.place}.password: is missing; write one of {known}")
    return _secret(server, server.place, keys[0], environ, timeout_s)


def client_secret_of(
    oauth2: OAuth2, *, environ: Mapping[str, str] = os.environ, timeout_s: float = TIMEOUT_S
) -> str | None:
    """The secret with which the provider of tokens knows us; None where there is none.

    Raises WrongConfiguration, as above.
    """
    keys = oauth2.client_secret_sources
    return _secret(oauth2, oauth2.place, keys[0], environ, timeout_s) if keys else None


def maskable(secret: str) -> tuple[str, ...]:
    """What to mask in a server's words: nothing where it is too short to be told from other text."""
    return (secret,) if len(secret) >= SHORTEST_MASKED_CHARS else ()


def _secret(section: Section, place: str, key: str, environ: Mapping[str, str], timeout_s: float) -> str:
    kind = key.rpartition("_")[2]
    here, value = f"{place}.{key}", getattr(section, key)
    match kind:
        case "file":
            return _by_file(here, value)
        case "env":
            return _by_environment(here, value, environ)
        case "command":
            return _by_command(here, value, environ, timeout_s)
    return _usable(here, value)


def _by_file(here: str, path: Path) -> str:
    try:
        # A named pipe would wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                _refuse(here, f"{path} is no regular file")
            if exposed := exposure(path, about):
                _refuse(here, exposed)
            content = file.read(LONGEST_SECRET_BYTES)
    except OSError as error:
        _refuse(here, f"{path} cannot be read: {error.strerror}")
    return _usable(here, _text_of(here, content))


def exposure(path: Path, about: os.stat_result) -> str | None:
    """That a file with a secret is open to others, and what to do.

    None where it is for its owner alone, or root's and readable by a group (root:espomail 0640, the packaged
    mode).
    """
    mode = stat.S_IMODE(about.st_mode)
    open_to = mode & 0o077
    if open_to == 0 or (about.st_uid == 0 and open_to == stat.S_IRGRP):
        return None
    return f"{path} is open to others (mode {mode:04o}); type: chmod 600 {shlex.quote(str(path))}"


def _by_environment(here: str, name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        _refuse(here, f"the environment variable {name} is not set (cron sets very few)")
    return _usable(here, environ[name])


def _by_command(here: str, command: tuple[str, ...], environ: Mapping[str, str], timeout_s: float) -> str:
    from espomail.config.commands import CommandFailed, output_of

    ends_at = time.monotonic() + timeout_s
    try:
        output, complaint = output_of(command, environ=environ, timeout_s=timeout_s)
    except CommandFailed as failure:
        is_cut_short = timeout_s < FAIR_S and time.monotonic() >= ends_at
        said = _printable(_masked(failure.complaint, failure.output))
        told = f"{failure.what}{f': {said}' if said else ''}"
        _refuse(here, told, CutShort if is_cut_short else WrongConfiguration)
    secret = _text_of(here, output)
    if not secret.strip():
        said = _printable(complaint.decode("utf-8", "replace"))
        _refuse(here, f"{command[0]} printed nothing{f': {said}' if said else ''}")
    return _usable(here, secret)


def _text_of(here: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(here, "the secret is not UTF-8 text")


def _usable(here: str, text: str) -> str:
    """The first line, which by the custom of `pass` is the secret; the rest are notes."""
    secret = text.split("\n", 1)[0].removesuffix("\r")
    if not secret:
        _refuse(here, "the secret is empty")
    if any(character in UNUSABLE or "\ud800" <= character <= "\udfff" for character in secret):
        _refuse(here, "the secret holds a character that no server can be sent")
    return secret


def _masked(complaint: bytes, output: bytes) -> str:
    """What a command complained about, without anything that it printed as the secret."""
    said = complaint.decode("utf-8", "replace")
    for line in output.decode("utf-8", "replace").splitlines():
        if len(line.strip()) >= SHORTEST_MASKED_CHARS:
            said = said.replace(line.strip(), MASK)
    return said


def _printable(text: str) -> str:
    one_line = " ".join(text[:LONGEST_COMPLAINT_CHARS].split())
    return "".join(character if character.isprintable() else "\ufffd" for character in one_line)


def _refuse(here: str, said: str, kind: type[WrongConfiguration] = WrongConfiguration) -> NoReturn:
    raise kind(f"{here}: {said}") from None
