"""Mail templates: `NAME.txt.j2` and `NAME.html.j2` in a folder, or those that come with the program.

They are the administrator's, and what they are filled with is a stranger's: hence the sandbox, the escaping
in HTML, and the limits. The first line of a template may be `Subject: …`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from espomail.errors import WrongConfiguration

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

BUILT_IN: Final = Path(__file__).parent / "templates"
CONTEXT_NAMES: Final = ("case", "contact", "account", "user", "mailbox", "email")
_MOST_CHARS: Final = 1_000_000
_LONGEST_VALUE_CHARS: Final = 100_000  # a stranger's text may be longer, and is cut rather than refused
_LONGEST_SUBJECT_CHARS: Final = 255
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SUBJECT_LINE = re.compile(r"\s*Subject:[ \t]*([^\n]*)(?:\n|\Z)", re.IGNORECASE)


class TemplateTrouble(WrongConfiguration):
    """A template is missing, cannot be read, or does not render. The message names its file."""


class Rendered(msgspec.Struct, frozen=True):
    """A filled template. `subject` is one line, maybe empty; `html` is None where there is no such file."""

    subject: str
    text: str
    html: str | None


class _Source(NamedTuple):
    path: Path
    subject: str
    body: str


class _Compiled(NamedTuple):
    path: Path
    subject: "Template"
    body: "Template"


class Templates:
    """The templates that can be rendered: those of a folder, and behind them the built-in ones."""

    def __init__(self, folder: Path | None) -> None:
        self._folders = [folder, BUILT_IN] if folder is not None else [BUILT_IN]
        self._compiled: dict[str, tuple[_Compiled, ...]] = {}

    def has(self, name: str) -> bool:
        """Whether there is a template of that name."""
        return bool(self._paths(name))

    def check(self, name: str) -> None:
        """Raises TemplateTrouble where the template is missing, or wrong before anything is filled in."""
        from jinja2 import TemplateSyntaxError

        for path in self._existing_paths(name):
            source = _read(path)
            for text in (source.subject, source.body):
                try:
                    _environment(self._folders, path).parse(text)
                except TemplateSyntaxError as error:
                    raise TemplateTrouble(f"{path}: {error.message}") from error

    def render(self, name: str, context: Mapping[str, Any]) -> Rendered:
        """The template filled with `context`. Raises TemplateTrouble, also for a value that is not there."""
        subject, text, html = "", None, None
        values = dict.fromkeys(CONTEXT_NAMES) | dict(context)
        if name not in self._compiled:  # a run has many mails for few templates
            self._compiled[name] = tuple(self._compile(path) for path in self._existing_paths(name))
        for compiled in self._compiled[name]:
            subject = subject or _filled(compiled.subject, compiled.path, values)
            body = _filled(compiled.body, compiled.path, values)
            if compiled.path.name.endswith(".html.j2"):
                html = body
            else:
                text = body
        if text is None:
            from espomail.mail.html import Page

            text = Page(html or "").text()
        return Rendered(" ".join(subject.split())[:_LONGEST_SUBJECT_CHARS], text, html)

    def _compile(self, path: Path) -> "_Compiled":
        source = _read(path)
        environment = _environment(self._folders, path)
        with _told(path):
            subject = environment.overlay(autoescape=False).from_string(source.subject)
            return _Compiled(path, subject, environment.from_string(source.body))

    def _paths(self, name: str) -> list[Path]:
        if _NAME.fullmatch(name) is None:
            return []
        for folder in self._folders:
            found = [path for kind in ("txt", "html") if (path := folder / f"{name}.{kind}.j2").is_file()]
            if found:
                return found
        return []

    def _existing_paths(self, name: str) -> list[Path]:
        paths = self._paths(name)
        if not paths:
            places = " or ".join(str(folder) for folder in self._folders)
            raise TemplateTrouble(f"there is no template {name}.txt.j2 or {name}.html.j2 in {places}")
        return paths


def load(folder: Path | None) -> Templates:
    """The templates of that folder, which need not exist, and the built-in ones."""
    return Templates(folder)


def _read(path: Path) -> _Source:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TemplateTrouble(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise TemplateTrouble(f"{path}: is not UTF-8 text") from error
    line = _SUBJECT_LINE.match(text)
    if line is None:
        return _Source(path, "", text)
    return _Source(path, line[1], text[line.end() :])


def _environment(folders: list[Path], path: Path) -> "SandboxedEnvironment":
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import SandboxedEnvironment

    class Environment(SandboxedEnvironment):
        intercepted_binops = frozenset(("*", "**", "%"))

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not (isinstance(left, int) and isinstance(right, int)):
                raise SecurityError(f"{operator} is for small numbers only")
            return super().call_binop(context, operator, left, right)

    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=path.name.endswith(".html.j2"),
        undefined=StrictUndefined,
        finalize=_shown,
        keep_trailing_newline=True,
    )


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return value[:_LONGEST_VALUE_CHARS] if isinstance(value, str) else value


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever is wrong with a template, as TemplateTrouble that names its file."""
    from jinja2 import TemplateError

    try:
        yield
    except TemplateError as error:
        raise TemplateTrouble(f"{path}: {error.message}") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise TemplateTrouble(f"{path}: {type(error).__name__}: {error}") from error


def _filled(template: "Template", path: Path, values: Mapping[str, Any]) -> str:
    pieces: list[str] = []
    size = 0
    with _told(path):
        for piece in template.generate(values):
            size += len(piece)
            if size > _MOST_CHARS:
                raise TemplateTrouble(f"{path}: makes more than {_MOST_CHARS} characters")
            pieces.append(piece)
    return "".join(pieces)
