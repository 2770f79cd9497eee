"""How findings are shown: to people whole, each with what to do under it; to programs as any other list."""

from collections.abc import Iterator, Sequence

from espomail.cli.output import Output
from espomail.cli.safe_text import safe_line
from espomail.operations.findings import Finding

LEVEL_WIDTH = len("warning")


def show_findings(out: Output, findings: Sequence[Finding]) -> None:
    """A table would cut off what is said, and what to do."""
    if out.format != "table" or out.invocation.fields:
        out.show_lines(Finding, findings)
        return
    for line in _lines(findings):
        out.show_text(line)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for one in findings:
        place = f"{one.mailbox}: " if one.mailbox else ""
        yield safe_line(f"{one.level.ljust(LEVEL_WIDTH)}  {place}{one.what}: {one.said}")
        if one.advice:
            yield safe_line(f"{' ' * LEVEL_WIDTH}  -> {one.advice}")
