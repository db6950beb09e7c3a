"""How much there is to compute for the log-likelihoods of benchmarks, by way of computing it.

    python benchmarks/count_tokens.py --data MIRROR [--model NAME] [--benchmarks core10]

- one by one: every request is run from its first token on
- reused: requests that differ in their last token alone are run once, as lm-eval's `hf` model does
- distinct: every distinct prefix of all requests of a benchmark once: the built-in engine's work
- planned: what the built-in engine runs, batch limits included
- scored: positions that meet the vocabulary matrix
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click


class Count(NamedTuple):
    """Tokens of one benchmark, or of several."""

    requests: int
    one_by_one: int
    reused: int
    distinct: int
    planned: int
    scored: int


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Data mirror.")
@click.option("--model", default="smollm2-135m", show_default=True, help="Whose tokenizer.")
@click.option("--benchmarks", default="core10", show_default=True)
@click.option("--limit", type=int, help="Items of each benchmark.")
def main(data: Path, model: str, benchmarks: str, limit: int | None) -> None:
    from rich.table import Table

    from forget.cli.console import print_table

    counted = count(data, model, benchmarks, limit)
    table = Table("benchmark", *Count._fields)
    for name, line in counted.items():
        table.add_row(name, *(f"{number:,}" for number in line))
    total = Count(*(sum(numbers) for numbers in zip(*counted.values(), strict=True)))
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in total))
    print_table(table)


def count(data: Path, model: str, benchmarks: str, limit: int | None) -> dict[str, Count]:
    """Count every benchmark that asks for log-likelihoods."""
    from forget.cli.console import quiet_libraries
    from forget.inference.builtin import BuiltinEngine
    from forget.inference.engine import Score
    from forget.inference.machine import resolve_machine
    from forget.inference.models import find_model, obtain_model
    from forget.session import open_session

    counted = {}
    with tempfile.TemporaryDirectory() as out, quiet_libraries(Path(out) / "log") as screen:
        session = open_session(out=Path(out), data=data)
        folder = obtain_model(find_model(model, session.catalogue), screen).folder
        assert folder is not None
        engine = BuiltinEngine(resolve_machine("cpu"))
        for exam in session.exams(benchmarks.split(","), limit):
            with screen.task(exam.name, None):
                requests = [r for r in exam.requests(folder) if isinstance(r, Score)]
                if requests:
                    work = engine.prepare(requests, folder)
                    planned = round(sum(batch.cost for batch in work.batches))
                    counted[exam.name] = _count(work.ready, planned)
    return counted


def _count(encoded: Sequence[object], planned: int) -> Count:
    from forget.inference.forest import count_nodes, sort_key
    from forget.inference.tokens import EncodedScore

    items = [item for item in encoded if isinstance(item, EncodedScore)]
    inputs = {sort_key(item.tokens): len(item.tokens) for item in items}
    scored = {
        sort_key(item.tokens[: len(item.tokens) - back])
        for item in items
        for back in range(len(item.targets))
    }
    return Count(
        requests=len(items),
        one_by_one=sum(len(item.tokens) for item in items),
        reused=sum(inputs.values()),
        distinct=count_nodes([item.tokens for item in items]),
        planned=planned,
        scored=len(scored),
    )


if __name__ == "__main__":
    main()
