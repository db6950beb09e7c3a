"""What a model scores on the suite `mini`, and whether the suite can measure that model at all.

python benchmarks/mini_suite.py [--model NAME] [--limit N] [--out FOLDER] [--json]
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import click

NEEDED = 8
"""Benchmarks of the ten that must have room in both directions."""


class Line(NamedTuple):
    """One benchmark's score with its room to fall and to rise."""

    benchmark: str
    metric: str
    items: int
    score: float
    stderr: float
    chance: float

    @property
    def above_chance(self) -> float:
        """Distance to chance in standard errors."""
        return (self.score - self.chance) / self.stderr if self.stderr else math.inf


def measure(model: str, limit: int | None, out: Path) -> list[Line]:
    """Evaluate a model on the suite, continuing what is in `out` already."""
    from forget.cli.console import quiet_libraries
    from forget.inference.models import find_model, obtain_model
    from forget.session import open_session

    session = open_session(out=out)
    exams = session.exams(["mini"], limit)
    with quiet_libraries(out / "mini_suite.log") as screen:
        found = obtain_model(find_model(model, session.catalogue), screen)
        assert found.folder is not None
        results = session.sweep(exams).run(found.folder, found.digest(), model, screen)
    chances = {b.name: b.chance for b in session.benchmarks(["mini"])}
    return [
        Line(r.exam, r.metric, r.items, r.score, _stderr(r.score, r.items), chances[r.exam])
        for r in results
    ]


def _stderr(share: float, items: int) -> float:
    return math.sqrt(share * (1 - share) / items)


@click.command(help=__doc__)
@click.option("--model", default="smollm2-135m", show_default=True)
@click.option("--limit", type=int)
@click.option("--out", type=click.Path(path_type=Path), default=".", show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def main(context: click.Context, model: str, limit: int | None, out: Path, as_json: bool) -> None:
    lines = measure(model, limit, out)
    above = sum(line.above_chance >= 2 for line in lines)
    below = sum(line.score < 0.95 for line in lines)
    if as_json:
        from forget.cli.console import print_json

        print_json(
            [{**line._asdict(), "above_chance_in_stderr": line.above_chance} for line in lines]
        )
    else:
        _print(lines)
        click.echo(
            f"two standard errors above chance: {above} of {len(lines)}; below 0.95: {below}"
        )
    context.exit(0 if min(above, below) >= NEEDED else 1)


def _print(lines: list[Line]) -> None:
    from rich.table import Table

    from forget.cli.console import print_table

    table = Table("benchmark", "metric", "n", "score", "SE", "chance", "above chance")
    for line in lines:
        numbers = (f"{line.score:.3f}", f"{line.stderr:.3f}", f"{line.chance:.4g}")
        table.add_row(
            line.benchmark, line.metric, str(line.items), *numbers, f"{line.above_chance:.1f} SE"
        )
    print_table(table)


if __name__ == "__main__":
    main()
