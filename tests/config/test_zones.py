"""The time zone that people read times in."""

from datetime import datetime, timedelta
from pathlib import Path

from espomail.config.schema import Config
from espomail.config.zones import zone

ZONEINFO = Path("/usr/share/zoneinfo")


def test_configured_zone_comes_first(tmp_path: Path) -> None:
    config = Config(mailboxes={}, timezone="Asia/Tokyo")
    assert zone(config, {"TZ": "Europe/Paris"}, tmp_path / "localtime").key == "Asia/Tokyo"


def test_system_zone_is_that_of_tz_then_localtime_then_utc(tmp_path: Path) -> None:
    config = Config(mailboxes={})
    localtime = tmp_path / "localtime"
    assert zone(config, {}, localtime).key == "UTC"
    localtime.symlink_to(ZONEINFO / "Europe" / "Berlin")
    assert zone(config, {}, localtime).key == "Europe/Berlin"
    assert zone(config, {"TZ": ":Europe/Paris"}, localtime).key == "Europe/Paris"
    assert zone(config, {"TZ": "no/such"}, localtime).key == "Europe/Berlin"


def test_copied_localtime_is_read_as_it_is(tmp_path: Path) -> None:
    localtime = tmp_path / "localtime"
    localtime.write_bytes((ZONEINFO / "Asia" / "Tokyo").read_bytes())
    there = zone(Config(mailboxes={}), {}, localtime)
    assert datetime(2026, 11, 25, tzinfo=there).utcoffset() == timedelta(hours=9)
