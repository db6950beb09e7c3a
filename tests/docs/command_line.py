"""Writes docs/reference/cli.md from the commands' own help: `make reference`."""

from __future__ import annotations

import inspect
import re
import textwrap

import click

from docs.documents import DOCS, document, markdown
from forget.cli import group

__all__ = ["PAGE", "all_commands", "page"]

PAGE = DOCS / "reference" / "cli.md"

_HEADER = """\
# Reference: the command line

`forget --help` and `forget COMMAND --help` say the same. `forget --version` prints the version.
Tables and JSON go to standard output, progress and messages to standard error;
[exit statuses](json.md#exit-status) are few. `python -m forget` is the same program.

This page is written by `make reference` from the commands' help.
"""
_NOT_RUN = "<!-- not run: forms of the command; tests parse each by the program's own parser -->"
_GUIDES = {
    "run": ("tutorials/first-run.md", "how-to/scheduling.md"),
    "plan": ("how-to/scheduling.md",),
    "doctor": ("how-to/doctor.md", "how-to/offline.md"),
    "work": ("how-to/scheduling.md",),
    "cancel": ("how-to/slurm.md",),
    "retry": ("how-to/slurm.md",),
    "advance": ("how-to/slurm.md",),
    "status": ("how-to/status.md",),
    "eval": ("how-to/your-own-checkpoints.md",),
    "compare": ("how-to/compare.md",),
    "interpolate": ("how-to/mitigations.md",),
    "card": ("how-to/sharing.md",),
    "report": (
        "how-to/report.md",
        "how-to/figures.md",
        "how-to/sharing.md",
        "explanation/verdict.md",
    ),
    "data": ("how-to/data.md",),
    "data fetch": ("how-to/data-mirror.md",),
    "list": ("reference/plugin-api.md",),
    "new plugin": ("tutorials/your-own-plugin.md", "how-to/writing-a-plugin.md"),
}
"""Documents that say more about a command, below docs/."""

_ENVIRONMENT = [
    ["`FORGET_DATA`", "the [data mirror](../how-to/data-mirror.md), where `--data` is not given"],
    [
        "`FORGET_CACHE`",
        "where converted models are kept; default: `forget` in the user's cache folder",
    ],
    ["`FORGET_PLUGINS`", "load these plugins alone, by commas; for debugging"],
    [
        "`HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`",
        "as for every program that uses the Hugging Face Hub",
    ],
]

Row = list[str]


def page() -> str:
    """Return the whole page."""
    parts = [_HEADER]
    parts += [_section(name, command) for name, command in all_commands().items()]
    parts.append("## Environment variables\n\n" + markdown(["variable", "meaning"], _ENVIRONMENT))
    return "\n".join(parts)


def all_commands(above: click.Group = group, prefix: str = "") -> dict[str, click.Command]:
    """Return every command by its words, those of groups included."""
    found: dict[str, click.Command] = {}
    for name in above.list_commands(click.Context(above)):
        command = above.get_command(click.Context(above), name)
        assert command is not None
        found[f"{prefix}{name}"] = command
        if isinstance(command, click.Group):
            found |= all_commands(command, f"{prefix}{name} ")
    return found


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"forget {name}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## `forget {name}`\n", f"```text\n{usage}\n```\n"]
    parts += [_prose(inspect.cleandoc(command.help or ""))]
    examples, _, more = inspect.cleandoc(command.epilog or "").partition("\n\n")
    parts += [_prose(part) for part in more.split("\n\n") if part]
    if guides := _GUIDES.get(name):
        parts.append(f"More: {', '.join(map(_link, guides))}.\n")
    parts += [_options(command), _examples(examples)]
    return "\n".join(part for part in parts if part)


def _prose(text: str) -> str:
    """Return help as Markdown; what click must not fill is a block."""
    if text.startswith("\b\n"):
        title, _, lines = text.removeprefix("\b\n").partition("\n")
        return f"{title}\n\n```text\n{textwrap.dedent(lines)}\n```\n"
    return _marked(text).replace("<", "\\<") + "\n"


def _marked(text: str) -> str:
    """Mark options as code where they are not."""
    return re.sub(r"(`[^`]*`)|(?<![\w-])(--[a-z][\w-]*)", lambda m: m[1] or f"`{m[2]}`", text)


def _link(name: str) -> str:
    title = re.findall(r"^# (.*)$", document(f"docs/{name}"), re.MULTILINE)[0]
    return f"[{title}](../{name})"


def _examples(text: str) -> str:
    lines = textwrap.dedent(text.removeprefix("\b\nExamples:\n")).rstrip()
    prompted = re.sub(r"^(?=forget )", "$ ", lines, flags=re.MULTILINE)
    return f"{_NOT_RUN}\n\n```console\n{prompted}\n```\n"


def _options(command: click.Command) -> str:
    """Return the table; where most of `forget run` would be repeated, what differs."""
    rows, usual = option_rows(command), option_rows(all_commands()["run"])
    shared = [row for row in usual if row in rows]
    said = ""
    if rows != usual and len(shared) > len(usual) / 2:
        *most, last = [row[0] for row in usual if row not in shared]
        rows = [row for row in rows if row not in shared]
        besides = " Besides:" if rows else ""
        said = f"Options: those of `forget run`, without {', '.join(most)} and {last}.{besides}\n"
    table = markdown(["option", "value", "default", "meaning"], rows) if rows else ""
    return "\n".join(part for part in (said, table) if part)


def option_rows(command: click.Command) -> list[Row]:
    """Return option, value, default and meaning of every option of a command."""
    context = click.Context(command)
    rows = []
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.is_eager or parameter.hidden:
            continue
        # What no default can say by itself, the help says in brackets.
        help_, _, said = (parameter.help or "").partition("  [default: ")
        help_ = help_.replace(" (repeatable)", "")
        default = parameter.get_default(context) if parameter.show_default else None
        shown = "required" if parameter.required else said.rstrip("]")
        if isinstance(default, str | int | float):
            shown = str(default)
        rows.append([f"`{parameter.opts[0]}`", _value(parameter), shown, _marked(help_)])
    return rows


def _value(parameter: click.Option) -> str:
    if parameter.is_flag:
        return ""
    if isinstance(parameter.type, click.Choice):
        return ", ".join(parameter.type.choices)
    named = {click.Path: "path", type(click.INT): "integer", type(click.FLOAT): "number"}
    value = parameter.metavar or named.get(type(parameter.type), "text")
    return f"{value}, repeatable" if parameter.multiple else value


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
