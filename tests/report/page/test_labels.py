from __future__ import annotations

import pandas as pd

from forget.report.page.labels import model_prefixes, run_labels
from report.page.materials import Run, material


def frame(*runs: Run) -> pd.DataFrame:
    return material(runs, (100,), ("mmlu",), flips=0).results


def test_a_single_run_is_called_by_its_method() -> None:
    assert list(run_labels(frame(Run(method="gt-sft"))).values()) == ["gt-sft"]


def test_a_label_says_what_differs_and_nothing_else() -> None:
    runs = [Run(method="spin", seed=seed, dataset=name) for seed in (0, 1) for name in ("a", "b")]
    assert list(run_labels(frame(*runs)).values()) == [
        "spin · a · seed 0", "spin · b · seed 0", "spin · a · seed 1", "spin · b · seed 1",
    ]  # fmt: skip


def test_runs_that_would_have_one_label_keep_their_titles() -> None:
    made = frame(Run(method="spin", seed=0), Run(method="spin", seed=1))
    made["seed"] = 0
    assert all(run == label for run, label in run_labels(made).items())


def test_a_comparison_keeps_its_title() -> None:
    made = frame(Run(method="spin")).assign(variant="", dataset="", study="", run="mine / theirs")
    made["seed"] = pd.array([pd.NA] * len(made), dtype="Int64")
    assert run_labels(made) == {"mine / theirs": "mine / theirs"}


def test_models_of_a_comparison_have_their_own_names() -> None:
    made = frame(Run(method="spin"))
    assert model_prefixes(made) == {}
    both = pd.concat([made, made.assign(checkpoint="other")])
    title = "phase1 / qwen3-1.7b / gsm8k / spin / seed 0"
    assert model_prefixes(both) == {title: ""}
    more = pd.concat([both, frame(Run(method="pi"))])
    assert model_prefixes(more) == {title: "spin · "}
