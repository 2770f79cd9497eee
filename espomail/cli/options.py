"""Options and types that several commands have."""

from collections.abc import Callable
from typing import Any

import click
from msgspec import Struct

from espomail.cli.command import FORMATS, Callback, invocation_of
from espomail.cli.output import field_names
from espomail.crm.refs import MODELS, Ref


class Number(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no argument here
    """An id, or a case's number; `#12` is 12."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        digits = value.removeprefix("#") if isinstance(value, str) else str(value)
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 100:
            self.fail(f"{value!r} is no id", param, ctx)
        return int(digits)


class TypeAndId(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no argument here
    """A record, as `account:5`."""

    name = "type:id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ref:
        if isinstance(value, Ref):
            return value
        kind, _, digits = str(value).partition(":")
        if kind not in MODELS:
            self.fail(f"{value!r} is no TYPE:ID; the types are {', '.join(MODELS)}", param, ctx)
        return Ref(kind, Number().convert(digits, param, ctx))


NUMBER = Number()
TYPE_AND_ID = TypeAndId()


def prints(kind: type[Struct]) -> Callable[[Callback], Callback]:
    """`--fields`, for a command that prints things of that kind."""

    def decorate(function: Callback) -> Callback:
        option = click.option(
            "--fields",
            metavar="A,B",
            callback=_remember,
            expose_value=False,
            help=f"Choose among: {', '.join(field_names(kind))}.",
        )
        return option(function)

    return decorate


def lists(kind: type[Struct]) -> Callable[[Callback], Callback]:
    """`--fields`, `--limit` and `--sort`, for a command that lists things of that kind."""

    def decorate(function: Callback) -> Callback:
        for option in (
            click.option(
                "--sort",
                metavar="[-]FIELD",
                callback=_remember,
                expose_value=False,
                help="Sort by a field; with - the largest first. Default: the newest first.",
            ),
            click.option(
                "--limit",
                type=click.IntRange(min=1),
                metavar="N",
                callback=_remember,
                expose_value=False,
                help="At most so many. Default: 50 on a terminal.",
            ),
        ):
            function = option(function)
        return prints(kind)(function)

    return decorate


def mail_format(*kinds: str, help: str) -> Callable[[Callback], Callback]:  # noqa: A002  # click's word
    """`--format`, for a command that also reads or writes mail in one of these formats: as `kind`, or None.

    The formats of what is printed are other words, so both can be said.
    """
    return click.option(
        "--format",
        "kind",
        type=click.Choice((*kinds, *FORMATS)),
        multiple=True,
        metavar="|".join(kinds),
        callback=_tell_apart,
        help=f"{help} Or, as everywhere, the form of what is printed.",
    )


def _tell_apart(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    for_output = [value for value in values if value in FORMATS]
    of_mail = [value for value in values if value not in FORMATS]
    if for_output:
        invocation_of(context).format = for_output[-1]
    if len(of_mail) > 1:
        raise click.BadParameter("one format of mail at a time", context, option)
    return of_mail[0] if of_mail else None


def _remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value is not None and option.name is not None:
        setattr(invocation_of(context), option.name, value)
