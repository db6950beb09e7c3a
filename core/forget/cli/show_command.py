"""`forget show`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forget.cli.completing import complete_names
from forget.cli.options import json_option, registry_option

_EPILOG = """\b
Examples:
  forget show gt-sft
  forget show phase1
  forget show mmlu --json
"""


@click.command("show", epilog=_EPILOG)
@click.argument(
    "name",
    shell_complete=complete_names(
        "methods", "datasets", "teachers", "benchmarks", "models", "suites", "studies"
    ),
)
@registry_option
@json_option
def command(name: str, registries: tuple[Path, ...], as_json: bool) -> None:
    """Show all known of NAME: a method, dataset, teacher, benchmark, model, suite or study.

    What the registry says, who brings it, a method's settings, a benchmark's tasks and files.
    """
    from forget.catalogue import load_catalogue
    from forget.listing import describe_name
    from forget.plugins import load_plugins

    found = describe_name(name, load_catalogue(registries), load_plugins())
    if as_json:
        from forget.cli.console import print_json

        print_json(found[0] if len(found) == 1 else found)
        return
    for described in found:
        _print(described)


def _print(described: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from forget.cli.console import print_table

    settings = described.pop("settings", None)
    table = Table(show_header=False, title=f"{described['kind']} {described['name']}")
    for key, value in _flat(described):
        table.add_row(Text(key, style="bold"), Text(str(value)))
    print_table(table)
    where = {"method": "--set NAME=VALUE", "teacher": "settings = { NAME = VALUE } of an entry"}
    if settings is not None and described["kind"] in where:
        columns = Table(title=f"settings ({where[described['kind']]})", title_justify="left")
        for heading in ("name", "type", "default", "meaning"):
            columns.add_column(heading)
        for info in settings:
            row = (info["name"], info["type"], _plain_default(info["default"]), info["help"])
            columns.add_row(*(Text(cell) for cell in row))
        print_table(columns)


def _plain_default(value: Any) -> str:
    """Write a default as it is written on the command line."""
    if isinstance(value, bool):  # before numbers: True == 1.0
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Turn nested tables into ``registry.settings.lr`` lines, leaving out what is empty."""
    lines: list[tuple[str, Any]] = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += _flat(item, f"{prefix}{key}.")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            for index, part in enumerate(item):
                lines += _flat(part, f"{prefix}{key}[{index}].")
        elif item not in ("", None, [], {}):
            lines.append(
                (f"{prefix}{key}", ", ".join(map(str, item)) if isinstance(item, list) else item)
            )
    return lines
