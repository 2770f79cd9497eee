"""For a Python that root alone can read, run for somebody else's database.

Modules are imported where they are first needed. Once root's rights are given up, libraries that are
installed in root's home could not be read any more, and would fail in the middle of a run: so all of them are
read before. espomail's own folder has more than modules, such as migrations and templates: it must be
readable.
"""

import ast
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import click

from espomail.errors import NotPermitted

PACKAGE = Path(__file__).parent.parent


def preload_for(uid: int, gid: int, groups: Sequence[int]) -> None:
    """Import everything now, where that user cannot read Python's libraries. Only for the superuser.

    Raises NotPermitted where that user cannot read espomail.
    """
    with _acting_as(uid, gid, groups):
        is_readable = _is_readable(PACKAGE / "__init__.py")
        has_libraries = _is_readable(Path(os.__file__)) and _is_readable(Path(click.__file__))
    if not is_readable:
        whose = f"the owner of the database (uid {uid})"
        raise NotPermitted(f"{whose} cannot read {PACKAGE}; install espomail where every login can read it")
    if not has_libraries:
        for name in (*_modules_named(), *_codecs()):
            with suppress(ImportError):  # what only a type checker, another system or an extra would import
                import_module(name)


@contextmanager
def _acting_as(uid: int, gid: int, groups: Sequence[int]) -> Iterator[None]:
    """With that user's rights for a while."""
    own_gid, own_groups = os.getegid(), os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(own_groups)


def _is_readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False


def _modules_named() -> Iterator[str]:
    """Every module that an import anywhere in espomail names."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _codecs() -> Iterator[str]:
    """Mail comes in any of them."""
    import encodings
    import pkgutil

    yield from (f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__))
