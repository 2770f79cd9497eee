"""`espomail config`: whether the configuration is right, and what applies."""

import os
import sys
from typing import TYPE_CHECKING

import click

from espomail.cli import acting
from espomail.cli.command import Noun, exits
from espomail.cli.invocation import Invocation
from espomail.cli.output import Output, json_line
from espomail.errors import NotPermitted, WrongConfiguration, WrongUsage

if TYPE_CHECKING:
    from espomail.config.load import Loaded


@click.group("config", cls=Noun)
def command() -> None:
    """The configuration: check it, show what applies."""


@command.command("check")
@exits(NotPermitted, WrongConfiguration)
@click.pass_obj
def check(invocation: Invocation) -> None:
    """Tell everything that is wrong with the configuration, each fault with its line.

    Templates are tried out too. What is allowed but probably not meant is told as a warning, and is no error.
    """
    from espomail.operations.check_files import file_oddities
    from espomail.operations.check_templates import template_faults, template_oddities

    loaded = _loaded(invocation)
    faults = template_faults(loaded.config)
    if faults:
        raise WrongConfiguration("\n".join(faults))
    warnings = [*loaded.warnings, *template_oddities(loaded.config), *file_oddities(loaded.config)]
    for warning in warnings:
        invocation.tell(f"espomail: warning: {warning}")
    if invocation.wants_json:
        Output(invocation).show_text(json_line({"config": str(loaded.path), "warnings": warnings}))
    elif sys.stderr.isatty():
        invocation.tell(f"{loaded.path}: fine")


@command.command("show")
@exits(NotPermitted, WrongConfiguration)
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Print the configuration with every default filled in and every password masked, as YAML or JSON."""
    from espomail.config.show import as_yaml, shown

    if invocation.format not in {None, "json", "jsonl"}:
        raise WrongUsage("a configuration is shown as YAML, or with --json as JSON")
    config = _loaded(invocation).config
    text = json_line(shown(config)) if invocation.wants_json else as_yaml(config).rstrip("\n")
    Output(invocation).show_text(text)


def _loaded(invocation: Invocation) -> "Loaded":
    """The configuration, for who may see it: whoever can read the file, and administrators through sudo.

    As another user, too, only an administrator may.
    """
    loaded = acting.load_configuration(invocation)
    if invocation.as_user is not None or acting.is_delegated(os.geteuid(), invocation.environ):
        actor = acting.act(invocation, loaded.config)
        if not actor.is_admin:
            raise NotPermitted("the configuration is for administrators")
    return loaded
