"""The time zone that people read times in."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from espomail.config.schema import Config

LOCALTIME = Path("/etc/localtime")


def zone(config: Config, environ: Mapping[str, str] = os.environ, localtime: Path = LOCALTIME) -> ZoneInfo:
    """The configured zone; else the system's, as the C library finds it: TZ, /etc/localtime, UTC."""
    if config.timezone is not None:
        return ZoneInfo(config.timezone)
    return system_zone(environ, localtime)


def system_zone(environ: Mapping[str, str], localtime: Path = LOCALTIME) -> ZoneInfo:
    """The system's zone. Never raises: what cannot be known is UTC."""
    return zone_named(environ.get("TZ", "").removeprefix(":")) or _zone_of(localtime)


def zone_named(name: str) -> ZoneInfo | None:
    """The zone of that name of the tz database, or None."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # unknown; a path out of the database; a folder of it such as Europe
        return None


def _zone_of(localtime: Path) -> ZoneInfo:
    _, is_of_database, name = str(localtime.resolve()).partition("/zoneinfo/")
    named = zone_named(name) if is_of_database else None
    if named is not None:
        return named
    try:
        with localtime.open("rb") as compiled:
            return ZoneInfo.from_file(compiled, key="localtime")
    except (OSError, ValueError):
        return ZoneInfo("UTC")
