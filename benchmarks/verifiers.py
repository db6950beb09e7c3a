"""How many completions a second the verifiers of the datasets grade.

    python benchmarks/verifiers.py --data MIRROR [--limit N] [--threads 1,2]

Each test example is graded twice: with its own solution and with its neighbour's. "by value" grades
only those neighbours of MATH whose texts do not decide, so that each goes through math-verify. The
processor time counts all processes; unlike the rates it does not depend on who else computes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from forget.completion import Completion
from forget.dataset import Dataset, Example

Case = tuple[Example, Completion]


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Data mirror.")
@click.option("--limit", type=int, help="Test examples of each dataset.")
@click.option("--threads", default="1,2", show_default=True, help="Numbers of threads.")
def main(data: Path, limit: int | None, threads: str) -> None:
    from rich.table import Table

    from forget.cli.console import print_table
    from forget.mirror import Mirror
    from forget_datasets.gsm8k import Gsm8k
    from forget_datasets.math import Math
    from forget_datasets.triviaqa import TriviaQa

    counts = [int(count) for count in threads.split(",")]
    rates = (f"{n} thread{'s' * (n > 1)} [1/s]" for n in counts)
    table = Table("dataset", "verdicts", "right", "processor [ms each]", *rates)
    math, groups = Math(), []
    for dataset in (Gsm8k(), math, TriviaQa()):
        found = cases(dataset.load("test", Mirror(root=data))[:limit])
        groups.append((dataset.title, dataset, found))
        if dataset is math:
            groups.append(("MATH, by value", dataset, [case for case in found if undecided(case)]))
    for title, dataset, found in groups:
        grade(dataset, found[:2], max(counts))  # starts what must be started
        measured = [grade(dataset, found, count) for count in counts]
        _, right, cpu_ms = measured[0]
        cells = [f"{len(found):,}", f"{right / max(len(found), 1):.1%}", f"{cpu_ms:.2f}"]
        table.add_row(title, *cells, *(f"{rate:,.0f}" for rate, *_ in measured))
    print_table(table)


def cases(examples: Sequence[Example]) -> list[Case]:
    """Pair every example with its own solution and with the next one's."""
    others = [*examples[1:], *examples[:1]]
    return [
        (example, Completion(text=solution, finished=True, tokens=1))
        for example, other in zip(examples, others, strict=True)
        for solution in (example.solution, other.solution)
    ]


def undecided(case: Case) -> bool:
    """Whether the texts of a MATH answer and its completion leave the comparison to math-verify."""
    from forget_datasets.answer_text import find_boxed
    from forget_datasets.math.latex import difference, same_text, tidy

    boxed = find_boxed(case[1].text)
    gold, answer = tidy(case[0].answer), tidy(boxed.content if boxed else "")
    return not same_text(gold, answer) and difference(gold, answer) is None


def grade(dataset: Dataset, found: Sequence[Case], threads: int) -> tuple[float, int, float]:
    """Return verdicts per second, how many were right, and processor time for each [ms]."""
    verify: Callable[[Case], bool] = lambda case: dataset.verify(*case).correct  # noqa: E731
    with ThreadPoolExecutor(threads) as pool:
        start, cpu = time.perf_counter(), cpu_s()
        right = sum(pool.map(verify, found))
        each = (cpu_s() - cpu) / max(len(found), 1)
        return len(found) / (time.perf_counter() - start), right, each * 1000


def cpu_s() -> float:
    """Return the processor time of this process and those that it started [s]."""
    import psutil

    this = psutil.Process()
    return sum(sum(p.cpu_times()[:2]) for p in (this, *this.children()))


if __name__ == "__main__":
    main()
