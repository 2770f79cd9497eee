"""The reference of the configuration, docs/configuration.md, made from the schema."""

from collections.abc import Iterator

from espomail.config.keys import Key, keys_of, nested_keys
from espomail.config.sample import as_written
from espomail.config.schema import Config
from espomail.config.section import Section

INTRODUCTION = """\
# Configuration

<!-- Made from the schema by `script/docs`; change the descriptions there, in espomail/config/. -->

One file in YAML says everything that the administrator decides. `espomail init` writes one to start from,
`espomail config check` tells what is wrong in one, and `espomail config show` prints what applies, with
every default filled in and every password masked. [config.example.yaml](../config.example.yaml) shows
each key in its place.

## Where it is

The first of these that is there:

1. the file that `--config FILE` names (before the command: `espomail --config FILE fetch`)
2. the file that the environment variable `ESPOMAIL_CONFIG` names
3. `$XDG_CONFIG_HOME/espomail/config.yaml`, which is mostly `~/.config/espomail/config.yaml`
4. `/etc/espomail/config.yaml`

Relative paths in it start at its folder. It is refused when everybody may read it or anybody but its owner
may write it: `chmod 600`, or `chown root:espomail` and `chmod 640` where a login of its own runs espomail.

## When it is wrong

All faults are told at once, each with its line and the path of its key, and the exit code is 78:

```text
config.yaml:14: mailboxes.support.imap.securty: unknown key; did you mean security?
config.yaml:21: mailboxes.support.teams[0]: there is no team "suport"; did you mean support?
```

## How values are written

- A duration is a number with `s`, `m`, `h` or `d`: `30s`, `5m`, `2h`, `30d`.
- A size is a number with `K`, `M` or `G`, in units of 1024: `25M`.
- A limit is a number in a duration: `5 in 2h`.
- A day is written `2026-11-01`.
- A key with nothing after it (or `null`) counts as left out.
- Text stands on one line, since servers and headers take it so; only signatures, phrases of filters,
  passwords and arguments of programs may have more.
- Text that looks like something else (`1234`, `yes`) needs quotes where text is wanted.

## Passwords

Each `imap` and `smtp` takes one of these keys; all but the first keep the secret out of this file:

- `password`: the secret itself.
- `password_file`: a file whose first line is the secret; it must be its owner's alone (`chmod 600`), or
  root's and readable by its group (`root:espomail`, `chmod 640`).
- `password_env`: the name of an environment variable. Cron sets very few; they can stand in the crontab.
- `password_command`: a program and its arguments, as a list. The first line that it prints is the secret. It
  is started without a shell and without a terminal, so that it cannot prompt, and is given 30 seconds, or
  what is left of the run's time, if that is less. When espomail is ended meanwhile, so is the program, with
  all that it has started. What it leaves running, such as an agent, is not waited for.
- `token_command`: such a program, which prints an access token.
- `oauth2`: how tokens are had and renewed by espomail; see [Signing in with tokens](signing-in.md).

An `smtp` with none of them is not signed in to.

## The keys

What is *required* must be there; everything else may be left out. `NAME` is a name of your own choice.
"""


def reference() -> str:
    """The text of docs/configuration.md."""
    return INTRODUCTION + "".join(_page(section, places) for section, places in _sections().items())


def _sections() -> dict[type[Section], list[str]]:
    """Each section with the places where it may stand, in the order of the file."""
    places: dict[type[Section], list[str]] = {}

    def visit(section: type[Section], place: str) -> None:
        places.setdefault(section, []).append(place)
        for key in keys_of(section):
            if key.section is not None:
                suffix = {"one": "", "named": ".NAME", "list": "[]"}[key.shape]
                visit(key.section, f"{place}.{key.name}{suffix}".removeprefix("."))

    visit(Config, "")
    return places


def _page(section: type[Section], places: list[str]) -> str:
    title = ", ".join(f"`{place}`" for place in places) if places != [""] else "The file"
    about = " ".join((section.__doc__ or "").split())
    rows = "\n".join(_rows(section))
    table = f"\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}\n" if rows else ""
    return f"\n### {title}\n\n{about}\n{table}"


def _rows(section: type[Section]) -> Iterator[str]:
    for key in keys_of(section):
        yield _row(key, key.name)
        for nested in nested_keys(key, section):
            yield _row(nested, f"{key.name}.{nested.name}")


def _row(key: Key, name: str) -> str:
    kind = (
        key.kind
        if key.section is None
        else {"one": "a section", "named": "named entries", "list": "a list"}[key.shape]
    )
    default = "*required*" if key.is_required else ""
    if key.section is None and key.default is not None:
        default = f"`{as_written(key.default)}`"
    example = f" Example: `{as_written(key.example)}`" if key.example is not None else ""
    cells = (f"`{name}`", kind, default, f"{key.description}{example}")
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
