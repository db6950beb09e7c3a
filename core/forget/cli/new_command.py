"""`forget new`: what a command can begin for you."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from forget.scaffold.naming import PluginKind

_EPILOG = """\b
Examples:
  forget new plugin short-answers --kind method
  forget new plugin doubling --kind dataset --path plugins/doubling
"""


@click.group("new", epilog=_EPILOG)
def command() -> None:
    """Begin something of your own: a plugin."""


@command.command("plugin", epilog=_EPILOG, short_help="Write the distribution of a new plugin.")
@click.argument("plugin", metavar="NAME")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(["method", "dataset", "teacher", "benchmark"]),
    help="What the plugin brings.",
)
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    help="Folder to make, which must not be there yet.  [default: forget-NAME]",
)
def plugin(plugin: str, kind: PluginKind, path: Path | None) -> None:
    """Write a small distribution that brings NAME: pyproject, module, tests, README.

    It works as it is: install it, run its tests, use it, then make it yours. A name that something
    installed has already is refused, and so is a folder that is there.
    """
    from forget import __version__
    from forget.catalogue import load_catalogue
    from forget.plugins import load_plugins
    from forget.scaffold.naming import check_free, names_of
    from forget.scaffold.writing import COMMANDS, render, write

    names = names_of(plugin, kind)
    check_free(names, load_catalogue(), load_plugins())
    folder = Path(names.distribution) if path is None else path
    files = render(names, __version__)
    write(files, folder)
    lines = [
        f"Written to {folder}, a plugin that brings the {kind} {names.name!r}:",
        *(f"  {name}" for name in files),
        "Next:",
        f"  cd {shlex.quote(str(folder))}",
        "  pip install --editable '.[test]'",
        "  pytest",
        f"  {COMMANDS[kind].format(name=names.name)}",
    ]
    click.echo("\n".join(lines))
