"""Renders the templates of a plugin, and writes them to a folder that was not there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from packaging.version import Version

from forget.errors import OutputError
from forget.hooks import API_VERSION
from forget.scaffold.naming import Names, PluginKind
from forget.store.atomic import ensure_writable, staged_folder

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["COMMANDS", "render", "write"]

COMMANDS: Mapping[PluginKind, str] = {
    "method": "forget run --method {name}",
    "dataset": "forget run --method gt-sft --dataset {name}",
    "teacher": "forget run --method cf-sft --teacher {name}",
    "benchmark": "forget run --method gt-sft --benchmarks {name}",
}
"""What tries a plugin of each kind, once it is installed."""

_COMMON = {
    "pyproject.toml": "common/pyproject.toml",
    "README.md": "common/README.md",
    "{module}/__init__.py": "{kind}/plugin.py",
    "{module}/py.typed": "common/py.typed",
    "tests/test_{label}.py": "{kind}/tests.py",
}
_BESIDE: Mapping[PluginKind, Mapping[str, str]] = {
    "benchmark": {
        "{module}/items.py": "benchmark/items.py",
        "{module}/{label}.yaml": "benchmark/task.yaml",
    },
}
"""Files that only some kinds have, as path to template."""


def render(names: Names, version: str) -> dict[str, str]:
    """Return the text of every file of a plugin by its path.

    Args:
        names: What is called how.
        version: The version of forget that it is written for.
    """
    environment = _environment()
    values = attrs.asdict(names)
    wanted = Version(version).public  # a requirement may not name more
    context = {
        **values,
        "version": wanted,
        "api_version": API_VERSION,
        "command": COMMANDS[names.kind].format(**values),
    }
    templates = {**_COMMON, **_BESIDE.get(names.kind, {})}
    return {
        path.format(**values): environment.get_template(f"{name.format(**values)}.jinja").render(
            context
        )
        for path, name in templates.items()
    }


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write files into a new folder: all of them, or none.

    Args:
        files: Their texts by path.
        folder: It; parents are made.

    Raises:
        OutputError: There is something of that name, or it cannot be made.
        StorageError: The disk is full.
    """
    _refuse_existing(folder)
    ensure_writable(folder, "folder", "--path")
    # Somebody else may have been faster: what they made is theirs.
    with staged_folder(folder, keep=_refuse_existing) as staging:
        for path, text in files.items():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            (staging / path).write_text(text, encoding="utf-8")


def _refuse_existing(folder: Path) -> bool:
    if os.path.lexists(folder):
        raise OutputError(
            f"There is something at {folder} already, and nothing is overwritten. Name a folder "
            "that is not there yet with --path, or move that one away."
        )
    return False


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(  # noqa: S701 - Python and TOML, of a name that is checked
        loader=PackageLoader("forget.scaffold", "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
