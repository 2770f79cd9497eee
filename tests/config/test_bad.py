"""Each wrong configuration of bad/ is refused with exactly the lines that are kept beside it."""

import os
from pathlib import Path

import pytest

from espomail.config.load import load
from espomail.errors import WrongConfiguration

BAD = sorted(Path(__file__).parent.glob("bad/*.yaml"))


@pytest.mark.parametrize("wrong", BAD, ids=lambda path: path.stem)
def test_wrong_configuration_is_refused_with_every_fault_and_its_line(wrong: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_bytes(wrong.read_bytes())
    config.chmod(0o600)
    with pytest.raises(WrongConfiguration) as refused:
        load(config)
    _, *told = str(refused.value).splitlines()
    expected = wrong.with_suffix(".txt")
    if os.environ.get("REWRITE_EXPECTATIONS"):
        expected.write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8").splitlines()
