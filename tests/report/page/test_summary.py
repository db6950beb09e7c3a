from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from forget.report.page.summary import headline, summaries
from report.page import materials
from report.page.materials import Run, frame, material, missing

EXAMS = ("arc_easy", "boolq", "mmlu")


def rows(**changes: dict[str, Any]) -> pd.DataFrame:
    """Make one run's last checkpoint; `changes` are laid over the rows of exams."""
    made = material([Run(method="gt-sft")], (100, 200), EXAMS, flips=0).results
    base = {"delta": 0.001, "low": -0.004, "high": 0.006, "verdict": "kept"}
    lines = [
        line | base | changes.get(line["benchmark"].partition(":")[0], {})
        for line in made.to_dict("records")
    ]
    return frame(lines)


def test_what_was_forgotten_is_named_worst_first() -> None:
    lost = {"verdict": "forgot", "low": -0.05, "high": -0.01}
    [run] = summaries(rows(boolq=lost | {"delta": -0.022}, mmlu=lost | {"delta": -0.013}))
    assert run.checkpoint == "step-000200"
    assert run.counts == {"forgot": 2, "improved": 0, "kept": 1, "inconclusive": 0, "missing": 0}
    assert run.sentence.startswith(
        "Forgot 2 of 3 benchmarks (BoolQ −2.2, MMLU −1.3). Kept 1 within the margin."
    )
    assert run.worst is not None
    assert run.worst["benchmark"] == "boolq"


def test_kept_everywhere_is_a_finding() -> None:
    task = {"delta": 0.244, "base_score": 0.05, "score": 0.294, "low": 0.2, "high": 0.288}
    [run] = summaries(rows(task=task))
    assert run.sentence == (
        "Forgot nothing beyond the margin on any benchmark. On average +0.1 points [−0.4, +0.6]. "
        "On its own task it went from 5.0 to 29.4 (+24.4 [+20.0, +28.8])."
    )


def test_inconclusive_is_not_kept() -> None:
    unsure = {"verdict": "inconclusive", "detectable": 0.015}
    [run] = summaries(rows(boolq=unsure, mmlu=unsure | {"detectable": 0.0053}))
    assert run.sentence.startswith(
        "No benchmark is shown to be forgotten, which is not to say that none is. Kept 1 within "
        "the margin. Inconclusive on 2, where a drop of 0.5 to 1.5 points would probably have "
        "shown."
    )


def test_improvements_are_named() -> None:
    better = {"verdict": "improved", "delta": 0.03}
    [run] = summaries(rows(boolq=better))
    assert "Forgot nothing beyond the margin" in run.sentence
    assert "Improved 1 (BoolQ +3.0)." in run.sentence


def test_long_lists_are_cut() -> None:
    lost = {"verdict": "forgot", "delta": -0.02}
    made = material([Run(method="pi")], (1,), tuple(materials.BENCHMARKS), flips=0).results
    lines = [line | lost for line in made.to_dict("records")]
    [run] = summaries(frame(lines))
    assert run.sentence.startswith("Forgot 10 of 10 benchmarks (ARC-Challenge −2.0, ")
    assert "−2.0, 6 more)." in run.sentence


def test_missing_benchmarks_are_named_and_the_average_says_so() -> None:
    made = rows().to_dict("records")
    lines = [missing(line) if line["benchmark"] == "boolq" else line for line in made]
    lines = [
        line | {"title": "average of 2 of 3"} if line["kind"] == "average" else line
        for line in lines
    ]
    [run] = summaries(frame(lines))
    assert run.counts["missing"] == 1
    assert "Not evaluated: BoolQ. The average of 2 of 3 is +0.1 points" in run.sentence


def test_nothing_is_evaluated() -> None:
    lines = [missing(line) for line in rows().to_dict("records")]
    [run] = summaries(frame(lines))
    assert run.worst is None
    assert run.sentence == (
        "Not evaluated yet on any benchmark, so nothing can be said about forgetting. There is no "
        "average. The trained task is not evaluated."
    )


def test_a_run_without_benchmarks_or_task() -> None:
    made = rows()
    [run] = summaries(made[made["kind"] == "average"])
    assert run.sentence == "No benchmark was asked for, so nothing can be said about forgetting."
    [run] = summaries(made[made["kind"] == "benchmark"])
    assert run.sentence.endswith("There is no average.")
    assert run.task is None


def test_models_that_are_compared_are_judged_one_by_one() -> None:
    made = rows()
    other = made.assign(checkpoint=made["checkpoint"] + "-other")
    found = summaries(pd.concat([made, other]))
    assert [run.label for run in found] == ["step-000200", "step-000200-other"]


def test_headline_of_many() -> None:
    found = summaries(materials.small().results)
    said = headline(found)
    assert said.startswith("Of 3 models, 1 forgot something on at least one benchmark, 2 cannot ")
    assert said.endswith("One model is not evaluated on all benchmarks.")


def test_headline_of_one_is_its_sentence() -> None:
    found = summaries(rows())
    assert headline(found) == found[0].sentence


def test_headline_of_none() -> None:
    assert headline([]) == "There is no checkpoint yet, so there is nothing to judge."


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["large", "small"])
def test_every_run_is_there(kind: str) -> None:
    made = getattr(materials, kind)().results
    assert [run.run for run in summaries(made)] == made["run"].unique().tolist()
