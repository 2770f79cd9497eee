"""What a command works with: the configuration, who is acting, the open database, the output."""

import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click
from peewee import DatabaseError, OperationalError

from espomail.cli import acting
from espomail.cli.invocation import Invocation
from espomail.cli.moments import Given, moment_of
from espomail.cli.output import Output
from espomail.config import zones
from espomail.config.schema import Config
from espomail.crm.access import Access, Actor, no_such
from espomail.crm.notes import Pen
from espomail.errors import (
    NotFound,
    NotPermitted,
    TryAgainLater,
    UnusableInput,
    WrongConfiguration,
    WrongUsage,
)
from espomail.store import connection, write
from espomail.store.changes import Change, Changes
from espomail.store.ids import Ids

Parameters = ParamSpec("Parameters")

LARGEST_INPUT_BYTES = 10 * 1024**2


class Session:
    """One command's work, with the database open."""

    def __init__(self, invocation: Invocation, config: Config, actor: Actor) -> None:
        self.invocation = invocation
        self.config = config
        self.actor = actor
        self.access = Access(actor, config)
        self.zone: tzinfo = zones.zone(config, invocation.environ)
        self.out = Output(invocation, self.zone)

    @property
    def now(self) -> datetime:
        """When the program was called, aware UTC, whole seconds."""
        return self.invocation.now.replace(microsecond=0)

    def require_user(self, what: str) -> str:
        """The acting user's key. Raises WrongUsage for the system, which has to say for whom it acts."""
        if self.actor.user is None:
            raise WrongUsage(f"{what} is a user's; as the system, say whose: espomail --as USER …")
        return self.actor.user

    def require_known(self, kind: str, key: str | None, known: Container[str]) -> str | None:
        """A key of the configuration, if it is one. Raises NotFound for any other."""
        if key is not None and key not in known:
            raise no_such(kind, key)
        return key

    def moment(self, given: Given | None, *, is_end: bool = False) -> datetime | None:
        """The moment that `--since` or `--until` names. A day is one of the configured time zone."""
        return None if given is None else moment_of(given, self.now, self.zone, is_end=is_end)

    @contextmanager
    def writing(self) -> Iterator["Writing"]:
        """One transaction. What is put into it is written when it ends, and nothing when it raises."""
        with connection.writing():
            work = Writing(Pen(Ids.load(), self.now))
            yield work
            write.apply((*work.changes, *work.pen.ids.changes()))

    def require_own_files(self, name: str, instead: str) -> None:
        """Raises NotPermitted for delegated users: the service's login may write where they may not."""
        if self.actor.is_delegated:
            raise NotPermitted(f"you may name no files here; type: {instead} > {name}")

    def read_input(self, name: str) -> bytes:
        """What `--input FILE|-` names. Delegated users name no file: the service's login reads too many."""
        content = self._read_input(name)
        if len(content) > LARGEST_INPUT_BYTES:
            raise UnusableInput(f"{name} has more than {LARGEST_INPUT_BYTES} bytes, which is no record")
        return content

    def _read_input(self, name: str) -> bytes:
        if name == "-":
            return sys.stdin.buffer.read(LARGEST_INPUT_BYTES + 1)
        if self.actor.is_delegated:
            raise NotPermitted(f"you may name no files here; type: --input - < {name}")
        try:
            with Path(name).open("rb") as file:
                return file.read(LARGEST_INPUT_BYTES + 1)
        except FileNotFoundError:
            raise NotFound(f"there is no file {name}") from None
        except PermissionError:
            raise NotPermitted(f"{name} may not be read; type: --input - < {name}") from None
        except OSError as trouble:
            raise UnusableInput(f"{name} cannot be read: {trouble.strerror}") from None


class Writing:
    """Changes that are being gathered, and the pen for new rows."""

    def __init__(self, pen: Pen) -> None:
        self.pen = pen
        self.changes: list[Change] = []

    def put(self, changes: Changes) -> None:
        self.changes.extend(changes)


@contextmanager
def opened(invocation: Invocation) -> Iterator[Session]:
    """A session with the database open, and closed at its end."""
    config = acting.load_configuration(invocation).config
    session = Session(invocation, config, acting.act(invocation, config))
    connection.open_database(config.database, now=invocation.now)
    try:
        yield session
    except UnicodeEncodeError as trouble:  # bytes of the command line that no database takes as text
        raise UnusableInput("what was typed is not UTF-8") from trouble
    except OperationalError as trouble:
        if getattr(trouble.__context__, "sqlite_errorname", "") == "SQLITE_ERROR":  # wrong SQL: our own fault
            raise
        raise TryAgainLater(f"database {config.database_file}: {trouble}") from trouble
    except DatabaseError as trouble:
        if type(trouble) is not DatabaseError:  # the others are faults of the program
            raise
        raise WrongConfiguration(f"database {config.database_file}: {trouble}") from trouble
    finally:
        connection.close_database()


def in_session(
    function: Callable[Concatenate[Session, Parameters], None],
) -> Callable[Parameters, None]:
    """Hand the command a session."""

    @wraps(function)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        invocation = click.get_current_context().find_object(Invocation)
        assert invocation is not None  # noqa: S101  # the door puts it there
        with opened(invocation) as session:
            function(session, *arguments, **options)

    return run
