"""The code of a verifier: answers that another one marked are not used again."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

from forget.dataset import Dataset

__all__ = ["verifier_digest"]

_NO_CODE_OF_THEIRS = {"builtins", "typing", "typing_extensions", "abc", "forget.dataset"}


def verifier_digest(dataset: Dataset) -> str:
    """Return a digest of the code that a dataset's verifier is made of.

    It is the module of its class, what is beside that in its package, and what these import of the
    same top-level package. Blank lines and lines of comment do not count, nor does where the code
    is. Other packages are not looked at.
    """
    found: dict[str, Path] = {}
    for cls in type(dataset).__mro__:
        if cls.__module__ not in _NO_CODE_OF_THEIRS:
            _collect(cls.__module__, found)
    code = [(module, _significant(path)) for module, path in sorted(found.items())]
    return hashlib.sha256(repr(code).encode()).hexdigest()[:12]


def _collect(start: str, found: dict[str, Path]) -> None:
    """Add a module and what it is made of to a table of modules and their files."""
    pending = [start]
    while pending:
        module = pending.pop()
        path = None if module in found else _file_of(module)
        if path is None:
            continue
        found[module] = path
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        pending += _imported(_text(path), package, start.partition(".")[0])
        if module == start and package:  # a process of its own may run what nobody imports
            pending += [f"{package}.{near.stem}" for near in path.parent.glob("*.py")]


def _file_of(module: str) -> Path | None:
    """Return the file of a module; None for a name that is none, and for one without source."""
    loaded = sys.modules.get(module)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            return None
        origin = None if spec is None else spec.origin
    return Path(origin) if origin and origin.endswith(".py") else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _significant(path: Path) -> list[str]:
    lines = map(str.rstrip, _text(path).splitlines())
    return [line for line in lines if line and not line.lstrip().startswith("#")]


def _imported(source: str, package: str, top: str) -> Iterator[str]:
    """Yield what code imports of its top-level package: names of modules, or of what they hold."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a file beside the module that is no code of this Python
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            base = resolve_name(relative, package) if node.level else relative
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == top)
