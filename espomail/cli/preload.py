"""For an espomail that root alone can read, run for somebody else's database.

Modules are imported where they are first needed. Once root's rights are given up, a Python that is installed
in root's home could not be read any more, and would fail in the middle of a run: so all of it is read before.
"""

import ast
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def preload_for(uid: int) -> None:
    """Import everything now, where that user cannot read Python's library. Only for the superuser."""
    if not _can_read(uid, Path(os.__file__)):
        for name in (*_modules_named(), *_codecs()):
            with suppress(ImportError):  # what only a type checker, another system or an extra would import
                import_module(name)


def _can_read(uid: int, file: Path) -> bool:
    os.seteuid(uid)
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False
    finally:
        os.seteuid(0)


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
