"""Materials of reports, made by hand: a small one with all that can be odd, and a large one."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import pandas as pd

from forget.report.material import Material
from forget.verdict.razor import fit_razor

BENCHMARKS = {
    "arc_challenge": ("ARC-Challenge", 1172), "arc_easy": ("ARC-Easy", 2376),
    "hellaswag": ("HellaSwag", 10042), "winogrande": ("WinoGrande", 1267),
    "piqa": ("PIQA", 1838), "boolq": ("BoolQ", 3270), "openbookqa": ("OpenBookQA", 500),
    "truthfulqa_mc2": ("TruthfulQA (MC2)", 817), "mmlu": ("MMLU", 14042), "ifeval": ("IFEval", 541),
}  # fmt: skip
HOSTILE = (
    "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 1'> \U0001f600"
)
FLIPS = (
    "run", "checkpoint", "benchmark", "task", "doc_id", "direction", "prompt", "target",
    "base_response", "response", "base_score", "score", "flips_total",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Run:
    """One run of a made study; `pace` says how fast it forgets."""

    method: str
    dataset: str = "gsm8k"
    model: str = "qwen3-1.7b"
    seed: int = 0
    pace: float = 0.0
    gain: float = 0.1

    @property
    def title(self) -> str:
        return f"phase1 / {self.model} / {self.dataset} / {self.method} / seed {self.seed}"


def row(run: Run, step: int, last: int, exam: str, rng: random.Random) -> dict[str, Any]:
    """Make a row of the frame whose numbers fit together roughly."""
    kind = "task" if exam.startswith("task:") else "average" if exam == "average" else "benchmark"
    title, items = BENCHMARKS.get(exam, (exam.removeprefix("task:"), 1319))
    share = step / last
    change = run.gain if kind == "task" else -run.pace * rng.uniform(0.4, 1.6)
    error = 0.003 if kind == "average" else math.sqrt(0.08 / items)
    delta = share * change + rng.gauss(0, 0.7 * error)
    z = delta / error
    p = math.erfc(abs(z) / math.sqrt(2))
    holm = min(1.0, 10 * p)
    low, high = delta - 1.96 * error, delta + 1.96 * error
    verdict = (
        ("forgot" if delta < 0 else "improved") if holm < 0.05
        else "kept" if low > -0.01 and high < 0.01
        else "inconclusive"
    )  # fmt: skip
    base = 0.55 if kind != "task" else 0.3
    return {
        "run": run.title, "path": f"runs/{run.title}", "study": "phase1", "model": run.model,
        "dataset": run.dataset, "method": run.method, "variant": run.method, "seed": run.seed,
        "checkpoint": f"step-{step:06d}", "step": step, "last": step == last, "benchmark": exam,
        "title": title, "kind": kind, "metric": "acc", "chance": 0.25,
        "items": None if kind == "average" else items,
        "required_items": None if kind == "average" else items,
        "base_score": base, "score": base + delta, "delta": delta, "stderr": error,
        "low": low, "high": high, "interval": "Wald", "clusters": 57 if exam == "mmlu" else None,
        "boot_low": low, "boot_high": high,
        "lost": None if kind == "average" else round(items * (0.04 - min(delta, 0.03))),
        "gained": None if kind == "average" else round(items * 0.04),
        "p": p, "test": "McNemar, exact", "p_mid": p, "p_holm": holm, "p_bh": holm,
        "p_equivalent": 0.2, "margin": 0.01, "detectable": 2.8 * error,
        "detectable_holm": 3.6 * error, "forgetting": -delta, "backward_transfer": 0.01,
        "band_low": delta - 2.7 * error, "band_high": delta + 2.7 * error,
        "worst_low": delta - 2.8 * error, "worst_high": delta + 2.8 * error, "p_max": holm,
        "verdict": verdict, "reason": f"McNemar's p is {holm:.2g} after Holm's correction.",
        "truncation_rate": 0.02 if kind == "task" else None, "base_truncation_rate": 0.01,
        "calibration_error": 0.05, "base_calibration_error": 0.04, "response_tokens": 120.5,
        "base_response_tokens": 131.0, "distinct_2": 0.6, "base_distinct_2": 0.7,
        "kl_to_base": share * run.pace * 20 + 0.02, "kl_to_base_stderr": 0.01,
        "reverse_kl_to_base": 0.03, "unchanged_weights": 0.6, "relative_change": 1e-3,
    }  # fmt: skip


def missing(line: dict[str, Any]) -> dict[str, Any]:
    """Make of a row what it is where the exam was not evaluated."""
    kept = (
        "run", "path", "study", "model", "dataset", "method", "variant", "seed", "checkpoint",
        "step", "last", "benchmark", "title", "kind", "metric", "chance", "required_items",
        "margin",
    )  # fmt: skip
    gone = {name: None for name in line if name not in kept}
    said = {"verdict": "missing", "reason": "It is not evaluated yet."}
    return {name: line[name] for name in kept} | gone | said


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a frame with the types that results have."""
    made = pd.DataFrame(rows)
    whole = ("seed", "step", "items", "required_items", "clusters", "lost", "gained")
    return made.astype(dict.fromkeys(whole, "Int64"))


def curve(run: Run, last: int, every: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Make a training curve; only GRPO has a reward."""
    for step in range(every, last + 1, every):
        yield {
            "run": run.title, "step": step, "lr": 1e-5 * (1 - step / last),
            "loss": 0.4 + math.exp(-3 * step / last) + rng.gauss(0, 0.03),
            "reward": step / last if run.method == "grpo" else None,
        }  # fmt: skip


def flip(run: Run, checkpoint: str, exam: str, index: int, **texts: str) -> dict[str, Any]:
    """Make an item that changed."""
    direction = "lost" if index % 3 else "gained"
    said = {
        "prompt": f"Question {index} of {exam}: what is 17 + {index}?\nAnswer:",
        "target": str(17 + index),
        "base_response": f"17 + {index} = {17 + index}.",
        "response": f"It is {18 + index}, I believe, after {run.method}.",
    }
    return {
        "run": run.title, "checkpoint": checkpoint, "benchmark": exam, "task": exam,
        "doc_id": index, "direction": direction, **said, **texts,
        "base_score": float(direction == "lost"), "score": float(direction == "gained"),
        "flips_total": 120,
    }  # fmt: skip


def material(
    runs: Sequence[Run], steps: Sequence[int], exams: Sequence[str], flips: int
) -> Material:
    """Make what a report of whole runs shows."""
    rng = random.Random(0)
    last = steps[-1]
    rows = [
        row(run, step, last, exam, rng)
        for run in runs
        for step in steps
        for exam in (*exams, "average", f"task:{run.dataset}")
    ]
    items = [
        flip(run, f"step-{last:06d}", exam, index)
        for run in runs for exam in exams for index in range(flips)
    ]  # fmt: skip
    logged = [point for run in runs for point in curve(run, last, max(1, last // 150), rng)]
    settings = {run.title: provenance(run) for run in runs}
    results = frame(rows)
    return Material(
        title="phase1", results=results, curves=pd.DataFrame(logged),
        flips=pd.DataFrame(items, columns=list(FLIPS)), razor=fit_razor(results),
        provenance=settings,
        command="forget report --html report.html",
    )  # fmt: skip


def provenance(run: Run) -> dict[str, Any]:
    """Make what `run.toml` says."""
    return {
        "settings": {"method": run.method, "seed": run.seed, "method_settings": {"lr": 1e-5}},
        "provenance": {"versions": {"torch": "2.13.0"}, "hardware": {"device": "cpu"}},
    }


def small() -> Material:
    """Three runs, three checkpoints, three benchmarks; some missing, some partial, some hostile."""
    runs = [
        Run(method="gt-sft", pace=0.03, gain=0.25),
        Run(method="grpo", pace=0.001, gain=0.12),
        Run(method="spin", pace=0.0, gain=0.0, dataset="triviaqa"),
    ]
    whole = material(runs, (100, 200, 300), ("arc_easy", "boolq", "mmlu"), flips=6)
    rows = whole.results.to_dict("records")
    for index, line in enumerate(rows):
        of_spin = line["method"] == "spin" and line["step"] == 300
        if of_spin and line["benchmark"] in ("boolq", "average"):
            rows[index] = missing(line)
        if line["method"] == "grpo" and line["benchmark"] == "arc_easy":
            rows[index] |= {"items": 300, "stderr": None, "worst_low": None, "worst_high": None}
    texts = dict.fromkeys(("prompt", "target", "base_response", "response"), HOSTILE)
    items = [flip(runs[0], "step-000300", "mmlu", 999, **texts), *whole.flips.to_dict("records")]
    return attrs.evolve(
        whole, title="phase1 & <b>more</b>", results=frame(rows),
        flips=pd.DataFrame(items, columns=list(FLIPS)),
    )  # fmt: skip


def nothing() -> Material:
    """A report of runs without a checkpoint."""
    made = small()
    return attrs.evolve(
        made, results=made.results[:0], curves=pd.DataFrame(columns=["run", "step"]),
        flips=made.flips[:0], razor=None, provenance={},
    )  # fmt: skip


def comparison() -> Material:
    """Two models beside a base, of which nothing is known but their answers."""
    made = small()
    rows = made.results[made.results["last"] & (made.results["method"] != "spin")]
    rows = rows.assign(
        run="release / candidates", study="", dataset="", method="", variant="",
        checkpoint=rows["method"] + "-model", kl_to_base=None,
    )  # fmt: skip
    rows = rows.assign(**dict.fromkeys(("seed", "step"), pd.array([pd.NA] * len(rows), "Int64")))
    rows = rows[rows["kind"] != "task"]
    return attrs.evolve(nothing(), title="release / candidates", results=rows)


def unsure() -> Material:
    """One run, one checkpoint, of which no interval and no p-value is known."""
    made = material([Run(method="pi")], (100,), ("mmlu",), flips=0)
    numbers = made.results.select_dtypes("float").columns.drop(["delta", "score", "base_score"])
    rows = made.results.assign(**dict.fromkeys(numbers, math.nan), verdict="inconclusive")
    return attrs.evolve(made, results=rows, razor=None, curves=made.curves[:1])


def unevaluated() -> Material:
    """One run of which nothing is evaluated yet."""
    made = material([Run(method="pi")], (100, 200), ("mmlu", "boolq"), flips=0)
    rows = [missing(line) for line in made.results.to_dict("records")]
    return attrs.evolve(made, results=frame(rows).convert_dtypes(), razor=None)


def large() -> Material:
    """A whole study: 18 runs, 16 checkpoints, ten benchmarks, and more items than a page holds."""
    paces = (0.022, 0.012, 0.03, 0.003, 0.006, 0.0)
    methods = dict(zip(("gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi"), paces, strict=True))
    runs = [
        Run(method=name, dataset=dataset, pace=pace, gain=0.02 + 3 * pace)
        for dataset in ("gsm8k", "math", "triviaqa")
        for name, pace in methods.items()
    ]
    return material(runs, range(100, 1601, 100), tuple(BENCHMARKS), flips=60)
