"""Materials made by hand, as the verdict would hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from forget.report.material import Material
from forget.verdict.columns import COLUMNS
from forget.verdict.razor import fit_razor

TITLES = {
    "arc_challenge": "ARC-Challenge",
    "hellaswag": "HellaSwag",
    "mmlu": "MMLU",
    "arc_easy": "ARC-Easy",
    "winogrande": "WinoGrande",
    "piqa": "PIQA",
    "boolq": "BoolQ",
    "openbookqa": "OpenBookQA",
    "truthfulqa_mc2": "TruthfulQA MC2",
    "ifeval": "IFEval",
}
METHODS = ("gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi")


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as the frame of results has them; what they do not say is missing."""
    columns = {
        name: pd.Series([row.get(name) for row in rows], dtype=dtype.replace("str", "object"))
        for name, (dtype, _) in COLUMNS.items()
    }
    return pd.DataFrame(columns)


def rows_of_run(
    rng: np.random.Generator,
    benchmarks: Sequence[str],
    steps: Sequence[int],
    *,
    method: str = "gt-sft",
    dataset: str = "gsm8k",
    model: str = "smollm2-135m",
    study: str = "demo",
    variant: str | None = None,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return the rows of one run, whose deltas grow with the steps."""
    harm = 0.03 * (1 + METHODS.index(method)) / len(METHODS) if method in METHODS else 0.01
    title = f"{study} / {model} / {dataset} / {variant or method} / seed {seed}"
    run = {
        "run": title, "path": f"runs/{title.replace(' / ', '/').replace(' ', '-')}",
        "study": study, "model": model, "dataset": dataset, "method": method,
        "variant": variant or method, "seed": seed,
    }  # fmt: skip
    kinds = dict.fromkeys(benchmarks, "benchmark")
    kinds |= {f"task:{dataset}": "task", "average": "average"}
    lean = {name: rng.normal(1, 0.9) for name in benchmarks}
    rows = []
    for step in steps:
        part = step / steps[-1]
        for exam, kind in kinds.items():
            mean = {"benchmark": -harm * lean.get(exam, 0), "task": 0.3 - 4 * harm}
            stderr = {"benchmark": 0.006, "task": 0.02, "average": 0.003}[kind]
            delta = mean.get(kind, -harm) * part**0.7 + rng.normal(0, stderr / 2)
            rows.append(run | row(exam, kind, delta, stderr, step=step, last=step == steps[-1]))
            rows[-1]["kl_to_base"] = 8 * harm * part + abs(rng.normal(0, 0.004))
    return rows


def row(
    exam: str, kind: str, delta: float, stderr: float, *, step: int | None, last: bool = True
) -> dict[str, Any]:
    """Return one row without what says which run it is of."""
    p = min(1.0, 2 * float(np.exp(-((delta / stderr) ** 2) / 2)))
    low, high = delta - 1.96 * stderr, delta + 1.96 * stderr
    verdict = "inconclusive"
    if p < 0.05:
        verdict = "forgot" if delta < 0 else "improved"
    elif low > -0.01:
        verdict = "kept"
    return {
        "checkpoint": f"step-{step:06d}" if step is not None else "a/folder", "step": step,
        "last": last, "benchmark": exam, "kind": kind,
        "title": f"task ({exam[5:]})" if kind == "task" else TITLES.get(exam, exam),
        "metric": "acc", "chance": 0.25, "items": 1172, "required_items": 1172,
        "base_score": 0.6, "score": 0.6 + delta, "delta": delta, "stderr": stderr,
        "low": low, "high": high, "interval": "Wald", "clusters": None, "lost": 40, "gained": 20,
        "p": p, "test": "McNemar, exact", "p_holm": min(1.0, 3 * p), "margin": 0.01,
        "forgetting": max(-delta, 0.0), "band_low": delta - 2.8 * stderr,
        "band_high": delta + 2.8 * stderr, "verdict": verdict, "reason": "as made",
        "kl_to_base": 0.1,
    }  # fmt: skip


def missing(found: pd.DataFrame, run: str, exam: str, checkpoint: str | None = None) -> None:
    """Have an exam of a run, or of one of its checkpoints, not be evaluated."""
    where = (found["run"] == run) & (found["benchmark"] == exam)
    if checkpoint:
        where &= found["checkpoint"] == checkpoint
    numbers = ["score", "delta", "stderr", "low", "high", "p", "p_holm", "band_low", "band_high"]
    found.loc[where, numbers] = np.nan
    found.loc[where, ["items", "lost", "gained"]] = pd.NA
    found.loc[where, "verdict"] = "missing"


def curves_of(found: pd.DataFrame, points: int = 20) -> pd.DataFrame:
    """Return a training curve for each run."""
    rows = []
    for index, (run, of_run) in enumerate(found.groupby("run", sort=False)):
        last = int(of_run["step"].max())
        for step in np.linspace(last / points, last, points):
            part = step / last
            point = {"run": run, "step": int(step), "epoch": 3 * part, "lr": 1e-5 * (1 - part)}
            point |= {"loss": 0.4 + np.exp(-3 * part) * (1 + 0.1 * index), "tokens": step * 1000}
            point["grad_norm"] = 1 + 0.3 * np.cos(20 * part + index)
            if of_run["method"].iloc[0] == "grpo":
                point["reward"] = 0.5 * part
            rows.append(point)
    return pd.DataFrame(rows)


def flips_of(found: pd.DataFrame) -> pd.DataFrame:
    """Return one lost item, whose prompt is a script."""
    run = found["run"].iloc[0]
    item = {
        "run": run, "checkpoint": found["checkpoint"].iloc[-1], "benchmark": "mmlu",
        "task": "mmlu_anatomy", "doc_id": 3, "direction": "lost",
        "prompt": "<script>alert(1)</script>", "target": "B", "base_response": "B",
        "response": "C", "base_score": 1.0, "score": 0.0, "flips_total": 12,
    }  # fmt: skip
    return pd.DataFrame([item])


def material(found: pd.DataFrame, **others: Any) -> Material:
    """Return a material of a frame, with curves and flips to match."""
    known: dict[str, Any] = {
        "title": "a study",
        "curves": curves_of(found) if len(found) and found["step"].notna().all() else none(),
        "flips": flips_of(found) if len(found) else none(),
        "razor": fit_razor(found),
        "provenance": {},
        "command": "forget report --out runs",
    }
    return Material(results=found, **(known | others))


def none() -> pd.DataFrame:
    """Return an empty frame with the columns of curves."""
    return pd.DataFrame({"run": pd.Series(dtype=str), "step": pd.Series(dtype="Int64")})


def small() -> Material:
    """Return three runs of three checkpoints on three benchmarks; one was not evaluated."""
    rng = np.random.default_rng(1)
    exams = ("arc_challenge", "hellaswag", "mmlu")
    rows = [
        row
        for method in ("gt-sft", "grpo", "pi")
        for row in rows_of_run(rng, exams, (100, 200, 300), method=method)
    ]
    found = frame(rows)
    missing(found, "demo / smollm2-135m / gsm8k / grpo / seed 0", "mmlu")
    found.loc[(found["kind"] == "average") & (found["method"] == "grpo"), "title"] = (
        "average of 2 of 3"
    )
    found.loc[found["benchmark"] == "hellaswag", "items"] = 300
    return material(found)


def large() -> Material:
    """Return 18 runs, six methods on three datasets, of 16 checkpoints on ten benchmarks."""
    rng = np.random.default_rng(2)
    steps = range(50, 801, 50)
    rows = [
        row
        for dataset in ("gsm8k", "math", "triviaqa")
        for method in METHODS
        for row in rows_of_run(rng, tuple(TITLES), steps, method=method, dataset=dataset)
    ]
    return material(frame(rows))


def single() -> Material:
    """Return one run of one checkpoint on ten benchmarks."""
    rng = np.random.default_rng(3)
    return material(frame(rows_of_run(rng, tuple(TITLES), (300,), method="spin")))


def awkward() -> Material:
    """Return long and odd names, two seeds, a swept setting, NaN and infinities."""
    rng = np.random.default_rng(4)
    exams = ("arc_challenge", "a_very_long_name_of_a_benchmark_100%_of_all_&_more", "mmlu")
    odd = {"dataset": "my_data & 50%", "model": "org/Some-Long-Model-Name-70B-Instruct-v0.1"}
    rows = [
        row
        for seed in (0, 1)
        for variant in ("gt-sft-lr-3e-05-lora-rank-64-with-a-long-tail", "grpo_{x}$a$^2")
        for row in rows_of_run(rng, exams, (100, 200), variant=variant, seed=seed, **odd)
    ]
    found = frame(rows)
    first = found["run"].iloc[0]
    here = (found["run"] == first) & (found["benchmark"] == "mmlu")
    found.loc[here, ["low", "high", "band_low", "band_high", "stderr"]] = [
        -np.inf, np.inf, -np.inf, np.inf, np.inf,
    ]  # fmt: skip
    found.loc[here, ["p", "p_holm"]] = np.nan
    return material(found)


def compared() -> Material:
    """Return a comparison of folders, which belongs to no study and knows no steps."""
    run = dict.fromkeys(("study", "model", "dataset", "method", "variant"), "")
    run |= {"run": "models/a against models/b", "path": "reports/a-b.json"}
    deltas = {"arc_challenge": -0.03, "mmlu": 0.001, "average": -0.015}
    rows = [
        {
            **run,
            **row(exam, "average" if exam == "average" else "benchmark", delta, 0.004, step=None),
        }
        for exam, delta in deltas.items()
    ]
    return material(frame([{**found, "seed": None} for found in rows]))
