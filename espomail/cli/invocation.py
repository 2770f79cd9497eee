"""One call of the program: what its general options say, and the world it was called in."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from espomail.cli.safe_text import safe_lines


@dataclass
class Invocation:
    """Filled in while the command line is read; commands find it as click's `obj`."""

    now: datetime  # aware UTC
    environ: Mapping[str, str]
    config_path: str | None = None
    as_user: str | None = None
    format: str | None = None  # None: a table on a terminal, TSV in a pipe
    verbosity: int = 0  # -q takes one, -v adds one
    fields: str | None = None
    limit: int | None = None
    sort: str | None = None

    @property
    def wants_json(self) -> bool:
        """Whether programs read what is said, errors too."""
        return self.format in {"json", "jsonl"}

    def tell(self, *texts: str) -> None:
        """Lines for people, on stderr, unless `-q` says that they want none."""
        if self.verbosity >= 0:
            for text in texts:
                say(text)


def say(text: str) -> None:
    """A line on stderr. When stderr is gone there is nobody to tell."""
    try:
        print(safe_lines(text), file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, AttributeError):
        return
