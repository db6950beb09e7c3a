"""What a model scores on the suite `mini`, and whether the suite can measure that model at all.

It can if eight of its ten benchmarks leave room in both directions: the score is two standard
errors or more above chance, and below 0.95. The exit status is 1 if it cannot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

STDERRS, CEILING, NEEDED = 2, 0.95, 8


class Line(NamedTuple):
    """One benchmark's score, and the score of a model that knows nothing."""

    benchmark: str
    metric: str
    items: int
    score: float
    chance: float

    @property
    def stderr(self) -> float:
        """sqrt(p(1-p)/n): exact for right and wrong, a bound for shares of probability."""
        return math.sqrt(self.score * (1 - self.score) / self.items)

    @property
    def above_chance(self) -> float:
        """Distance to chance in standard errors; infinite where there is no error."""
        return (self.score - self.chance) / self.stderr if self.stderr else math.inf

    @property
    def can_fall(self) -> bool:
        """Whether the score is clearly above chance."""
        return self.score > self.chance and self.above_chance >= STDERRS

    @property
    def can_rise(self) -> bool:
        """Whether the score is below the ceiling."""
        return self.score < CEILING


def measure(model: str, limit: int | None, out: Path) -> list[Line]:
    """Evaluate a model on the suite, continuing what is in `out` already."""
    from forget.cli.console import quiet_libraries
    from forget.inference.models import find_model, obtain_model
    from forget.session import open_session

    session = open_session(out=out)
    exams = session.exams(["mini"], limit)
    chance = {benchmark.name: benchmark.chance for benchmark in session.benchmarks(["mini"])}
    with quiet_libraries(out / "mini_suite.log") as screen:
        found = obtain_model(find_model(model, session.catalogue), screen)
        assert found.folder is not None
        results = session.sweep(exams).run(found.folder, found.digest(), model, screen)
    return [Line(r.exam, r.metric, r.items, r.score, chance[r.exam]) for r in results]


def table(lines: Sequence[Line]) -> Any:
    """Return the table that is printed."""
    from rich.table import Table

    drawn = Table("benchmark", "metric", "items", "score", "SE", "chance", "above", "below 0.95")
    for line in lines:
        numbers = (f"{line.score:.3f}", f"{line.stderr:.3f}", f"{line.chance:.4g}")
        judged = (f"{line.above_chance:.1f} SE", "yes" if line.can_rise else "no")
        drawn.add_row(line.benchmark, line.metric, str(line.items), *numbers, *judged)
    return drawn


@click.command(help=__doc__)
@click.option("--model", default="smollm2-135m", show_default=True, help="Name, Hub id or folder.")
@click.option("--limit", type=int, help="Score only this many items of each benchmark.")
@click.option("--out", type=click.Path(path_type=Path), default=".", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(model: str, limit: int | None, out: Path, as_json: bool) -> None:
    from forget.cli.console import print_json, print_table
    from forget.errors import ForgetError

    try:
        lines = measure(model, limit, out)
    except ForgetError as error:
        raise click.UsageError(str(error)) from error
    room = {
        f"{STDERRS} SE above chance": sum(line.can_fall for line in lines),
        f"below {CEILING}": sum(line.can_rise for line in lines),
    }
    holds = min(room.values()) >= NEEDED
    if as_json:
        more = ("stderr", "can_fall", "can_rise")
        rows = [x._asdict() | {name: getattr(x, name) for name in more} for x in lines]
        print_json({"model": model, "holds": holds, "benchmarks": rows})
    else:
        print_table(table(lines))
        for condition, count in room.items():
            click.echo(f"{condition}: {count} of {len(lines)}, {NEEDED} needed")
    raise SystemExit(0 if holds else 1)


if __name__ == "__main__":
    main()
