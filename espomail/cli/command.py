"""How a command of espomail is declared: options that all of them share, and the exit codes in its help."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from espomail.cli.ctrl_c import interruptible
from espomail.cli.invocation import Invocation
from espomail.errors import (
    EspomailError,
    NotPermitted,
    TryAgainLater,
    WrongConfiguration,
    WrongUsage,
)

Callback = TypeVar("Callback", bound=Callable[..., Any])

FORMATS = ("table", "json", "jsonl", "csv", "tsv")
OF_EVERY_COMMAND: tuple[type[EspomailError], ...] = (WrongUsage, EspomailError)
OF_THE_DATABASE: tuple[type[EspomailError], ...] = (TryAgainLater, NotPermitted, WrongConfiguration)
"""How any command that works with the database may end, besides 0."""


def exits(*errors: type[EspomailError]) -> Callable[[Callback], Callback]:
    """Declare how the command may end, besides 0, wrong usage and a fault of the program."""

    def mark(function: Callback) -> Callback:
        function.exits = errors  # type: ignore[attr-defined]
        return function

    return mark


def exit_codes(command: click.Command) -> list[tuple[int, str]]:
    """The command's exit codes with their meanings, in order."""
    meanings: dict[int, list[str]] = {0: ["done"]}
    for error in (*OF_EVERY_COMMAND, *getattr(command.callback, "exits", ())):
        known = meanings.setdefault(error.exit_code, [])
        if error.meaning not in known:
            known.append(error.meaning)
    return [(code, "; ".join(told)) for code, told in sorted(meanings.items())]


def invocation_of(context: click.Context) -> Invocation:
    """The call of the program that the command belongs to."""
    found: Invocation = context.ensure_object(Invocation)
    return found


def _set_format(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        invocation_of(context).format = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        invocation_of(context).format = "json"


def _louder(context: click.Context, _: click.Parameter, value: int) -> None:
    invocation_of(context).verbosity += value


def _quieter(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        invocation_of(context).verbosity -= 1


def shared_options() -> list[click.Parameter]:
    """The options that stand before or after the command."""
    return [
        click.Option(
            ["--format"],
            type=click.Choice(FORMATS),
            callback=_set_format,
            expose_value=False,
            help="Default: a table on a terminal, TSV without a header in a pipe.",
        ),
        click.Option(
            ["--json"], is_flag=True, callback=_set_json, expose_value=False, help="Same as --format json."
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            callback=_louder,
            expose_value=False,
            help="Tell more, on stderr; -vv for everything.",
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, callback=_quieter, expose_value=False, help="Tell less."
        ),
    ]


def _log(verbosity: int) -> None:
    """Log to stderr where more is asked for; otherwise `logging` is not even imported."""
    if verbosity > 0:
        import logging

        level = logging.INFO if verbosity == 1 else logging.DEBUG
        logging.basicConfig(level=level, format="espomail: %(message)s")


class Verb(click.Command):
    """One command. Its help ends with its exit codes. It may declare a shared option in its own way."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        own = {name for option in self.params for name in option.opts}
        self.params = [*self.params, *(one for one in shared_options() if own.isdisjoint(one.opts))]

    def invoke(self, ctx: click.Context) -> Any:
        _log(invocation_of(ctx).verbosity)
        with interruptible():
            return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in exit_codes(self)])


class Noun(click.Group):
    """The commands of one kind of thing: `espomail case …`."""

    command_class = Verb

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.params = [*self.params, *shared_options()]
