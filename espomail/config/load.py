"""Finds the configuration and reads it: typed, complete, or refused with all that is wrong with it."""

import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from espomail.config import checks
from espomail.config.characters import character_faults
from espomail.config.complete import complete
from espomail.config.document import Document, NotYamlError, read_document
from espomail.config.faults import Fault, written_path
from espomail.config.schema import Config
from espomail.config.spellings import in_the_schemas_terms
from espomail.config.validate import decode_amount
from espomail.errors import WrongConfiguration

SYSTEM_WIDE = Path("/etc/espomail/config.yaml")
HOW_TO_START = "`espomail init` makes one"
LARGEST_BYTES = 10 * 1024**2  # some 20,000 mailboxes


class Loaded(msgspec.Struct, frozen=True):
    """A configuration that may be worked with."""

    config: Config
    path: Path  # absolute
    warnings: tuple[str, ...]  # each `config.yaml:LINE: key.path: what is odd`


def find(explicit: str | None, environ: Mapping[str, str], system_wide: Path = SYSTEM_WIDE) -> Path:
    """The configuration's path: `--config`, $ESPOMAIL_CONFIG, the user's own, or the system's.

    One that is named must be there. Raises WrongConfiguration when there is none, or none that may be read.
    """
    for named, by in ((explicit, "--config"), (environ.get("ESPOMAIL_CONFIG"), "$ESPOMAIL_CONFIG")):
        if named:
            path = Path(named)
            if trouble := _trouble_with(path):
                raise WrongConfiguration(_not_found(path, trouble, f", which {by} names; {HOW_TO_START}"))
            return path.absolute()
    candidates = (*_of_the_user(environ), system_wide)
    troubles = {path: _trouble_with(path) for path in candidates}
    for path, trouble in troubles.items():
        if trouble is None:
            return path
    for path, trouble in troubles.items():
        if isinstance(trouble, PermissionError):
            raise WrongConfiguration(_cannot_be_read(path, trouble))
    looked = " or ".join(str(path) for path in candidates)
    raise WrongConfiguration(
        f"no configuration: there is no {looked}; {HOW_TO_START}, --config names another"
    )


def users_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder of a user's own configuration; None for a login without a home."""
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():  # the XDG specification has relative ones ignored
        try:
            base = Path(environ.get("HOME") or "~").expanduser() / ".config"
        except RuntimeError:
            return None
    return base / "espomail"


def _of_the_user(environ: Mapping[str, str]) -> tuple[Path, ...]:
    folder = users_folder(environ)
    return (folder / "config.yaml",) if folder else ()


def _trouble_with(path: Path) -> OSError | None:
    """Why there is no such file for us."""
    try:
        path.stat()
    except OSError as trouble:
        return trouble
    except ValueError:  # a NUL in the name
        return FileNotFoundError()
    return None


def _not_found(path: Path, trouble: OSError, advice: str) -> str:
    if isinstance(trouble, FileNotFoundError | NotADirectoryError):
        return f"there is no {path}{advice}"
    return _cannot_be_read(path, trouble)


def _cannot_be_read(path: Path, trouble: OSError) -> str:
    said = f"{path} cannot be read: {trouble.strerror}"
    if not isinstance(trouble, PermissionError):
        return said
    owner = _owner_of(path)
    return f"{said}; run espomail as its owner{f' (sudo -u {owner} espomail …)' if owner else ''}"


def _owner_of(path: Path) -> str | None:
    """The login that the file belongs to, or else the nearest folder around it that can be looked at."""
    import pwd

    for place in (path, *path.parents):
        try:
            return pwd.getpwuid(place.stat().st_uid).pw_name
        except (OSError, KeyError):
            continue
    return None


def load(path: Path) -> Loaded:
    """The configuration of the file at `path`. Raises WrongConfiguration with every fault, one a line."""
    path = path.absolute()
    content, mode = _content(path)
    mode_faults = _mode_faults(path, mode)
    try:
        document = read_document(content)
    except NotYamlError as error:
        raise _refused(path, [*mode_faults, Fault((), error.said, line=error.line)]) from None
    data = in_the_schemas_terms(document.data)
    faults = [*mode_faults, *document.faults, *character_faults(data)]
    try:
        config = complete(msgspec.convert(data, Config, dec_hook=decode_amount), path.parent)
    except msgspec.ValidationError as error:
        faults += _all_faults(data, path.parent, error)
        raise _refused(path, faults, document) from None
    faults += checks.faults(config)
    if faults:
        raise _refused(path, faults, document)
    return Loaded(config, path, tuple(_lines(path, checks.warnings(config), document)))


def _content(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise WrongConfiguration(f"{path} is a device; name a file")
            content = file.read(LARGEST_BYTES + 1)
    except IsADirectoryError:
        raise WrongConfiguration(f"{path} is a folder; name the file in it") from None
    except OSError as error:
        raise WrongConfiguration(_cannot_be_read(path, error)) from None
    if len(content) > LARGEST_BYTES:
        raise WrongConfiguration(f"{path} is no configuration: it has more than {LARGEST_BYTES} bytes")
    return content, mode


def _mode_faults(path: Path, mode: int) -> list[Fault]:
    exposed = (
        "readable by everybody" * bool(mode & stat.S_IROTH),
        "writable by others than its owner" * bool(mode & (stat.S_IWGRP | stat.S_IWOTH)),
    )
    if not any(exposed):
        return []
    told = " and ".join(filter(None, exposed))
    fault = f"is {told} (mode {stat.S_IMODE(mode):04o}); type: chmod g-w,o= {shlex.quote(str(path))}"
    return [Fault((), fault, line=1)]


def _all_faults(data: object, folder: Path, error: msgspec.ValidationError) -> list[Fault]:
    from espomail.config.mend import mended
    from espomail.config.validate import schema_faults

    found = schema_faults(data) or [Fault((), str(error))]
    try:
        config = msgspec.convert(mended(data, found), Config, dec_hook=decode_amount)
    except msgspec.ValidationError:
        return found  # the checks across sections wait until this much is right
    known = {fault.path for fault in found}
    others = [
        fault
        for fault in checks.faults(complete(config, folder))
        if not any(fault.path[:length] in known for length in range(1, len(fault.path) + 1))
    ]
    return found + others


def _refused(path: Path, faults: Iterable[Fault], document: Document | None = None) -> WrongConfiguration:
    lines = _lines(path, faults, document)
    what = "this is wrong" if len(lines) == 1 else f"these {len(lines)} things are wrong"
    return WrongConfiguration("\n".join([f"{path} is refused; {what}:", *lines]))


def _lines(path: Path, faults: Iterable[Fault], document: Document | None) -> list[str]:
    placed = {
        (
            fault.line or (document.line_of(fault.path) if document else 1),
            written_path(fault.path),
            fault.said,
        )
        for fault in faults
    }
    return [f"{path.name}:{line}: {f'{key}: ' if key else ''}{said}" for line, key, said in sorted(placed)]
