"""`forget list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from forget.cli.options import json_option, registry_option

if TYPE_CHECKING:
    from forget.plugins import Listing

_EVERYTHING = ("methods", "datasets", "teachers", "benchmarks", "models", "studies")
_KINDS = (*_EVERYTHING, "plugins")

_EPILOG = """\b
Examples:
  forget list
  forget list methods
  forget list benchmarks --json
  forget list plugins
"""


@click.command("list", epilog=_EPILOG)
@click.argument("kind", required=False, type=click.Choice(_KINDS))
@registry_option
@json_option
def command(kind: str | None, registries: tuple[Path, ...], as_json: bool) -> None:
    """List what there is of one KIND, or of all but plugins: installed, pending and broken.

    `forget list plugins` shows what each plugin brings, and which version of the plugin API it is
    written for.
    """
    from forget.catalogue import load_catalogue
    from forget.convert import to_plain
    from forget.listing import list_broken, list_kind
    from forget.plugins import load_plugins

    catalogue, plugins = load_catalogue(registries), load_plugins()
    chosen = (kind,) if kind else _EVERYTHING
    found = {name: list_kind(name, catalogue, plugins) for name in chosen}
    broken = list_broken(plugins)
    if as_json:
        from forget.cli.console import print_json

        lines = [line for lines in found.values() for line in lines]
        listed = {line.name for line in lines if line.status == "broken"}
        lines += [line for line in broken if line.name not in listed]
        print_json([to_plain(line) for line in lines])
        return
    _print_tables(found)
    for line in broken:
        text = f"The plugin {line.name!r} ({line.provider}) is broken: {line.remedy}"
        click.secho(text, fg="red", err=True)


def _print_tables(found: dict[str, list[Listing]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from forget.cli.console import print_table

    styles = {"installed": "green", "pending": "yellow", "broken": "red"}
    for kind, lines in found.items():
        table = Table(title=kind, title_justify="left", title_style="bold")
        table.add_column("name", no_wrap=True)
        table.add_column("status", no_wrap=True)
        table.add_column("summary")
        table.add_column("from, or what to do")
        for line in lines:
            state = Text(line.status, style=styles[line.status])
            remedy = line.remedy if line.status != "installed" else line.provider
            table.add_row(line.name, state, Text(line.summary), Text(remedy))
        print_table(table)
