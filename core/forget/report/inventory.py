"""The inventory of data as tables for people: in a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.inventory.audit import Check
from forget.inventory.records import Entry
from forget.report import markdown
from forget.report.paths import Paths

__all__ = ["as_markdown", "render_checks", "render_inventory"]

_STYLES = {
    "complete": "green",
    "intact": "green",
    "generated": "green",
    "hub": "cyan",
    "unfinished": "yellow",
    "missing": "yellow",
    "absent": "yellow",
    "damaged": "red",
}
_SHORT = {"temperature": "T", "top_p": "top-p", "top_k": "top-k"}
_HIDDEN = ("seed", "stops")
_USUAL: Mapping[str, tuple[Any, ...]] = {"top_p": (None, 1)}
"""Values that change nothing, where these are not none and nought."""

_NOTHING = (
    "There is no prepared data below the output folder yet: `forget run` makes it. Name another "
    "output folder with --out."
)


def render_inventory(entries: Sequence[Entry]) -> RenderableType:
    """Return a table of the sources, one of the prepared data, one of the stores."""
    sources = [entry for entry in entries if entry.format == "source"]
    stores = [entry for entry in entries if entry.format == "trajectories"]
    prepared = [entry for entry in entries if entry.format in ("SFT", "pairs", "prompts")]
    parts: list[RenderableType] = [_sources(sources)] if sources else []
    parts.append(_prepared(prepared) if prepared else Text(_NOTHING, style="dim"))
    if stores:
        parts.append(_stores(stores))
    return Group(*parts)


def render_checks(checks: Iterable[Check]) -> RenderableType:
    """Return a line for each thing that was read through, and what to do under those damaged."""
    table = Table()
    table.add_column("what", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("state", overflow="fold")
    for check in checks:
        state = Text(check.state, style=_STYLES[check.state])
        if check.problem:
            state.append(f": {check.problem}", style="default")
        if check.remedy:
            state.append(f". {check.remedy}", style="default")
        table.add_row(Paths(check.name), check.kind, _number(check.rows), state)
    return table


def as_markdown(entries: Iterable[Entry]) -> str:
    """Return the table of an experiment tracker: a directory a line."""
    heading = (
        "Directory", "Format", "Train Samples", "Purpose", "Kept", "Teacher", "Digest", "Runs",
        "State",
    )  # fmt: skip
    lines = [
        (
            f"`{entry.folder}`" if entry.folder else entry.dataset,
            entry.format + (f" ({entry.split})" if entry.split else ""),
            _number(entry.rows),
            entry.purpose,
            _percent(entry.kept_fraction),
            _teacher(entry),
            f"`{entry.digest[:12]}`" if entry.digest else "",
            "; ".join(_brief(entry.runs)),
            _state(entry).plain,
        )
        for entry in entries
    ]
    return markdown.table(heading, lines)


def _sources(entries: Iterable[Entry]) -> Table:
    table = Table(title="sources", title_justify="left", title_style="bold")
    table.add_column("dataset", no_wrap=True)
    table.add_column("split", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("for")
    table.add_column("from", overflow="fold")
    table.add_column("state", overflow="fold")
    for entry in entries:
        origin = Text(entry.folder) if entry.folder else Text("code", style="dim")
        numbers = (_number(entry.rows), Text(entry.purpose), origin, _state(entry))
        table.add_row(Text(entry.dataset), Text(entry.split), *numbers)
    return table


def _prepared(entries: Iterable[Entry]) -> Table:
    table = Table(title="prepared for training", title_justify="left", title_style="bold")
    table.add_column("folder,\nruns with equal data", no_wrap=True)
    table.add_column("rows\nkept", justify="right", no_wrap=True)
    table.add_column("purpose\nformat, teacher")
    table.add_column("state\ndigest", overflow="fold")
    for entry in entries:
        purpose = Text.assemble(entry.purpose, (f"\n{entry.format}", "dim"))
        if entry.teacher:
            purpose.append(f", {_teacher(entry)}", style="dim")
        rows = f"{_number(entry.rows)}\n{_percent(entry.kept_fraction)}"
        state = _state(entry).append(f"\n{entry.digest[:12]}".rstrip(), style="dim")
        table.add_row(Paths(entry.folder, _brief(entry.runs[1:])), rows, purpose, state)
    return table


def _stores(entries: Iterable[Entry]) -> Table:
    table = Table(title="trajectories", title_justify="left", title_style="bold")
    table.add_column("folder,\nruns made from it", no_wrap=True)
    table.add_column("completions", justify="right", no_wrap=True)
    table.add_column("teacher")
    table.add_column("state", overflow="fold")
    for entry in entries:
        folder = Paths(entry.folder, _brief(entry.runs))
        table.add_row(folder, _number(entry.rows), Text(_teacher(entry)), _state(entry))
    return table


def _state(entry: Entry) -> Text:
    """Write a state as it is read: ``1,234 of 3,000`` where something is left to do."""
    if entry.state == "hub":
        return Text("Hub", style=_STYLES["hub"])
    if entry.state == "missing":
        return Text("not in the mirror", style=_STYLES["missing"])
    if entry.state == "unfinished":
        return Text(f"{entry.rows or 0:,} of {entry.expected or 0:,}", style=_STYLES["unfinished"])
    text = Text(entry.state, style=_STYLES[entry.state])
    return text.append(f": {entry.problem}") if entry.problem else text


def _brief(runs: Sequence[str]) -> list[str]:
    """Write run directories, those that differ in their seed alone on one line."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        above, _, seed = run.rpartition("/seed-")
        seeds.setdefault(above, []).append(seed)
    return [
        f"{above}/seed-{numbers[0]}"
        if len(numbers) == 1
        else f"{above}/ seeds {', '.join(sorted(numbers, key=_natural))}"
        for above, numbers in seeds.items()
    ]


def _natural(text: str) -> tuple[int, str]:
    return (int(text) if text.isdigit() else 0, text)


def _teacher(entry: Entry) -> str:
    return ", ".join(part for part in (entry.teacher, *_sampling(entry.sampling)) if part)


def _sampling(sampling: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sampling.items():
        if name in _HIDDEN or (name != "temperature" and value in _USUAL.get(name, (None, 0, ""))):
            continue
        if name == "samples":
            yield f"{value} sample{'' if value == 1 else 's'}"
        elif name == "max_new_tokens":
            yield f"{value} tokens"
        else:
            yield _SHORT.get(name, name) if value is True else f"{_SHORT.get(name, name)} {value}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    # One lost of thousands is no hundred per cent.
    return f"{min(100 * share, 99.9 if share < 1 else 100):.1f} %"
