"""Do 95 % intervals hold the truth in 95 of 100 samples, and do tests cry wolf in at most 5?

    python benchmarks/coverage.py [--trials 2000] [--only bands] [--json]

Samples are drawn from known truths, and the intervals and tests that reports show are computed for
each. The simulations are those of the tests, on a finer grid. The error of a coverage found in
2,000 trials is half a point.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import simulations as known
from simulations import CORE10, MMLU, Seeds

AVERAGED = {
    "ten benchmarks": np.array(list(CORE10.values())),
    "100, 200, 300": np.array([100, 200, 300]),
}
TRAINED = {"n 500": np.array([500]), "57 as MMLU's, 700 items": MMLU // 20}
CLUSTERS = {
    "57 as MMLU's": MMLU,
    "10 of 50": np.full(10, 50),
    "10 of 500": np.full(10, 500),
    "30 of 50": np.full(30, 50),
    "1000 of 3": np.full(1000, 3),
}


class Cell(NamedTuple):
    """One truth to be simulated: `share(trials)` is the coverage, or the rate of false alarms."""

    what: str
    truth: str
    share: Callable[[int], float]


def flips() -> Iterator[Cell]:
    for items in (100, 200, 500, 1000, 3270, 14_042):
        for psi in (0.02, 0.05, 0.10, 0.20):
            for delta in (0.0, -psi / 2, -psi):
                yield Cell(
                    "right or wrong, independent",
                    f"n {items}, psi {psi:.2f}, delta {delta:.3f}",
                    partial(_flips, sizes=np.array([items]), psi=psi, delta=delta),
                )


def clusters() -> Iterator[Cell]:
    for name, sizes in CLUSTERS.items():
        for icc in (0.0, 0.02, 0.05, 0.20):
            for psi, delta in ((0.02, -0.01), (0.05, 0.0), (0.10, -0.02), (0.20, -0.02)):
                yield Cell(
                    "right or wrong, clustered",
                    f"{name}, correlation {icc:.2f}, psi {psi:.2f}, delta {delta:.3f}",
                    partial(_flips, sizes=sizes, psi=psi, delta=delta, icc=icc),
                )


def scores() -> Iterator[Cell]:
    for name, sizes in {"n 100": np.array([100]), "n 817": np.array([817]), **CLUSTERS}.items():
        for icc in (0.0,) if len(sizes) == 1 else (0.0, 0.05, 0.20):
            yield Cell(
                "skewed scores",
                f"{name}, correlation {icc:.2f}",
                partial(known.coverage_of_scores, sizes=sizes, icc=icc),
            )


def averages() -> Iterator[Cell]:
    for name, items in AVERAGED.items():
        for psi in (0.02, 0.05, 0.20):
            yield Cell(
                "macro-average",
                f"{name}, psi {psi:.2f}, delta {-psi / 5:.3f}",
                partial(known.coverage_of_average, psi=psi, delta=-psi / 5, items=items),
            )


def bootstrap() -> Iterator[Cell]:
    for items in (100, 500, 3270):
        for psi in (0.02, 0.05, 0.10, 0.20):
            yield Cell(
                "bootstrap, independent",
                f"n {items}, psi {psi:.2f}, delta {-psi / 2:.3f}",
                partial(known.coverage_of_bca, sizes=np.array([items]), psi=psi, delta=-psi / 2),
            )
    for name, sizes in CLUSTERS.items():
        for icc in (0.0, 0.02, 0.20):
            yield Cell(
                "bootstrap, clustered",
                f"{name}, correlation {icc:.2f}, psi 0.10, delta -0.020",
                partial(known.coverage_of_bca, sizes=sizes, psi=0.1, delta=-0.02, icc=icc),
            )


def bands() -> Iterator[Cell]:
    for name, sizes in {"n 500": np.array([500]), "10 of 100": np.full(10, 100)}.items():
        for stay in (0.0, 0.7, 0.95):
            yield Cell(
                "band of 8 checkpoints",
                f"{name}, psi 0.10, {100 * stay:.0f} % of items stay as they were",
                partial(known.coverage_of_band, sizes=sizes, checkpoints=8, psi=0.1, stay=stay),
            )


def seeds() -> Iterator[Cell]:
    for count in (2, 3, 5):
        for training in (0.0, 0.005, 0.02, 0.05):
            how = Seeds(count, training)
            for name, sizes in TRAINED.items():
                yield Cell(
                    "several trainings",
                    f"{count}, {name}, sd between them {training}",
                    partial(known.coverage_of_seeds, how=how, sizes=sizes),
                )
            yield Cell(
                "average of several trainings",
                f"{count}, 8 benchmarks of 500, sd between them {training}",
                partial(known.coverage_of_average_over_seeds, how=how, benchmarks=8, items=500),
            )


def alarms() -> Iterator[Cell]:
    for psi in (0.02, 0.05, 0.10, 0.20):
        yield Cell(
            "false alarms: McNemar, Holm over ten",
            f"psi {psi:.2f}",
            partial(known.false_alarms, psi=psi),
        )
    for icc in (0.0, 0.05, 0.20):
        yield Cell(
            "false alarms: sign flips of clusters, Holm over ten",
            f"psi 0.10, correlation {icc:.2f}",
            partial(known.false_alarms_of_sign_flips, psi=0.1, icc=icc),
        )


GRIDS = (flips, clusters, scores, averages, bootstrap, bands, seeds, alarms)


def _flips(trials: int, **truth: Any) -> float:
    sizes = truth["sizes"]
    if len(sizes) == 1 and sizes[0] * truth["psi"] <= 200:
        return known.coverage_of_flips_exactly(int(sizes[0]), truth["psi"], truth["delta"])
    return known.coverage_of_flips(trials, **truth)


@click.command(help=__doc__)
@click.option("--trials", default=2000, show_default=True, help="Samples of each truth.")
@click.option(
    "--only",
    type=click.Choice([grid.__name__ for grid in GRIDS]),
    multiple=True,
    help="Part of the grid.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
def main(trials: int, only: tuple[str, ...], as_json: bool) -> None:
    chosen = [grid for grid in GRIDS if not only or grid.__name__ in only]
    if not as_json:
        click.echo("| what | truth | share [%] |\n|---|---|---|")
    for grid in chosen:
        for cell in grid():
            share = cell.share(trials)
            if as_json:
                line = {"what": cell.what, "truth": cell.truth, "share": share, "trials": trials}
                click.echo(json.dumps(line))
            else:
                click.echo(f"| {cell.what} | {cell.truth} | {100 * share:.1f} |")


if __name__ == "__main__":
    main()
