"""A new file is there whole or not at all, and in the place of no other."""

import errno
import os
from pathlib import Path

import pytest

from espomail.errors import EspomailError, NotFound, TryAgainLater, UnusableInput
from espomail.operations.new_file import new_file


def write(target: Path, content: bytes = b"new", *, replaces: bool = False) -> None:
    with new_file(target, replaces=replaces) as file:
        file.write(content)


def test_file_is_written_with_the_rights_that_the_login_gives_to_files(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(mask)
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "file").stat().st_mode & 0o777) == (b"new", 0o640)


def test_what_is_there_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(UnusableInput, match="--force"):
        write(target)
    assert target.read_bytes() == b"old"
    write(target, replaces=True)
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_file_that_came_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "file"
    with pytest.raises(UnusableInput), new_file(target, replaces=False) as file:
        file.write(b"new")
        target.write_bytes(b"quicker")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"quicker"}


def test_nothing_is_left_of_what_breaks_off(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "file", replaces=False) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with (
        pytest.raises(TryAgainLater, match="No space left"),
        new_file(tmp_path / "file", replaces=False) as file,
    ):
        file.write(b"half")
        Path("/dev/full").write_bytes(b"rest")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("replaces", [False, True])
def test_link_is_never_written_through(tmp_path: Path, replaces: bool) -> None:
    (tmp_path / "elsewhere").write_bytes(b"old")
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        try:
            write(tmp_path / name, replaces=replaces)
        except UnusableInput:
            assert not replaces or name == "dangling"
    assert (tmp_path / "elsewhere").read_bytes() == b"old"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("missing/file", NotFound),
        ("folder", UnusableInput),
        ("file/file", UnusableInput),
        ("pipe", UnusableInput),
    ],
)
def test_what_cannot_be_written_is_told(tmp_path: Path, target: str, kind: type[EspomailError]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(kind):
        write(tmp_path / target, replaces=True)


def test_file_systems_without_hard_links_get_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"
    with pytest.raises(UnusableInput), new_file(tmp_path / "other", replaces=False) as file:
        file.write(b"new")
        (tmp_path / "other").write_bytes(b"quicker")
    assert (tmp_path / "other").read_bytes() == b"quicker"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]
