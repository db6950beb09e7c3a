"""Paths that are broken, and words for states."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from forget.inventory.records import Entry
from forget.report.inventory import as_markdown, render_inventory
from forget.report.paths import Paths

RUN = "runs/phase1/qwen3-1.7b/arithmetic/gt-sft/seed-0/data"


def lines(width: int, *, terminal: bool) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=terminal, color_system=None)
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_row(Paths(RUN, ["short/path"]), "words " * 9)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.strip().partition(" ")[0] for line in text.splitlines()]


def test_a_path_is_broken_after_a_slash() -> None:
    assert lines(80, terminal=True)[:3] == [
        "runs/phase1/qwen3-1.7b/",
        "arithmetic/gt-sft/seed-0/data",
        "short/path",
    ]


def test_a_path_is_whole_where_programs_read_it() -> None:
    assert lines(80, terminal=False)[:2] == [RUN, "short/path"]


def test_a_name_that_is_too_long_is_folded() -> None:
    console = Console(file=StringIO(), width=10)
    console.print(Paths("a" * 25))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "".join(text.split()) == "a" * 25


@pytest.mark.parametrize(
    ("state", "values", "says"),
    [
        ("complete", {}, "complete"),
        ("unfinished", {"rows": 1234, "expected": 3000}, "1,234 of 3,000"),
        ("damaged", {"problem": "a | b"}, "damaged: a \\| b"),
        ("missing", {}, "not in the mirror"),
        ("hub", {}, "Hub"),
    ],
)
def test_states(state: str, values: dict[str, object], says: str) -> None:
    entry = Entry(
        folder="f",
        path=None,
        format="SFT",
        dataset="d",
        state=state,
        **values,  # type: ignore[arg-type]
    )
    assert as_markdown([entry]).splitlines()[-1].endswith(f"| {says} |")


def test_runs_in_the_order_of_their_seeds() -> None:
    runs = tuple(f"runs/a/seed-{seed}" for seed in (0, 10, 2))
    entry = Entry(folder="f", path=None, format="SFT", dataset="d", state="complete", runs=runs)
    assert "runs/a/ seeds 0, 2, 10" in as_markdown([entry])


@pytest.mark.parametrize(
    ("sampling", "says"),
    [
        ({"temperature": 0.0, "top_p": 1.0, "top_k": 0, "thinking": False}, "T 0.0"),
        ({"temperature": 0.7, "top_p": 0.95, "top_k": 20}, "T 0.7, top-p 0.95, top-k 20"),
        ({"thinking": True, "shots": 4, "samples": 1}, "thinking, shots 4, 1 sample"),
        ({"max_new_tokens": 512, "seed": 3, "stops": ["x"], "odd": [1]}, "512 tokens, odd [1]"),
    ],
)
def test_sampling(sampling: dict[str, object], says: str) -> None:
    entry = Entry(
        folder="f", path=None, format="SFT", dataset="d", state="complete", sampling=sampling
    )
    assert f"| {says} |" in as_markdown([entry])


def test_nearly_all_is_not_all() -> None:
    entry = Entry(
        folder="f", path=None, format="SFT", dataset="d", state="complete", kept_fraction=0.99987
    )
    assert "| 99.9 % |" in as_markdown([entry])


def test_markup_in_names_is_text() -> None:
    entry = Entry(
        folder="[bold]f", path=None, format="SFT", dataset="d", state="damaged", problem="[/red]"
    )
    console = Console(file=StringIO(), width=100)
    console.print(render_inventory([entry]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[bold]f" in text
    assert "[/red]" in text
