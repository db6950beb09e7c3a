"""The ten benchmarks of the study: lm-eval's own tasks, 0-shot, with lm-eval's own metrics."""

from __future__ import annotations

from collections.abc import Iterator

from forget.benchmark import Benchmark, TaskFile
from forget.hooks import hookimpl
from forget_benchmarks.core10.mmlu import MMLU


def _single(task: str, path: str, split: str, mirror: str) -> tuple[TaskFile, ...]:
    """Describe a benchmark of one task whose documents are one file of the mirror."""
    return (TaskFile(name=task, path=path, mirror={split: f"{mirror}/{split}.parquet"}),)


@hookimpl
def forget_benchmarks() -> Iterator[Benchmark]:
    """Yield the suite `core10`, in the order of the study's table."""
    yield Benchmark(
        name="arc_challenge",
        title="ARC-Challenge",
        summary="School science questions that retrieval does not answer",
        tasks=_single("arc_challenge", "arc/arc_challenge.yaml", "test", "arc_challenge"),
        metric="acc_norm",
        chance=0.25,
        items=1172,
    )
    yield Benchmark(
        name="arc_easy",
        title="ARC-Easy",
        summary="School science questions",
        tasks=_single("arc_easy", "arc/arc_easy.yaml", "test", "arc_easy"),
        metric="acc_norm",
        chance=0.25,
        items=2376,
    )
    yield Benchmark(
        name="hellaswag",
        title="HellaSwag",
        summary="Which ending continues an everyday scene",
        tasks=_single("hellaswag", "hellaswag/hellaswag.yaml", "validation", "hellaswag"),
        metric="acc_norm",
        chance=0.25,
        items=10042,
        cluster="source_id",  # one video or article gives up to ten items, with texts that overlap
    )
    yield Benchmark(
        name="winogrande",
        title="WinoGrande",
        summary="Whom a pronoun means",
        tasks=_single("winogrande", "winogrande/default.yaml", "validation", "winogrande"),
        metric="acc",
        chance=0.5,
        items=1267,
    )
    yield Benchmark(
        name="piqa",
        title="PIQA",
        summary="How to reach an everyday physical goal",
        tasks=_single("piqa", "piqa/piqa.yaml", "validation", "piqa"),
        metric="acc_norm",
        chance=0.5,
        items=1838,
    )
    yield Benchmark(
        name="boolq",
        title="BoolQ",
        summary="Yes or no, from a passage",
        tasks=_single("boolq", "super_glue/boolq/default.yaml", "validation", "boolq"),
        metric="acc",
        chance=0.5,
        items=3270,
        cluster="passage",
    )
    yield Benchmark(
        name="openbookqa",
        title="OpenBookQA",
        summary="Elementary science facts applied",
        tasks=_single("openbookqa", "openbookqa/openbookqa.yaml", "test", "openbookqa"),
        metric="acc_norm",
        chance=0.25,
        items=500,
    )
    yield Benchmark(
        name="truthfulqa_mc2",
        title="TruthfulQA MC2",
        summary="Probability given to true answers where misconceptions tempt",
        tasks=_single(
            "truthfulqa_mc2", "truthfulqa/truthfulqa_mc2.yaml", "validation", "truthfulqa_mc"
        ),
        metric="acc",
        # The share of true ones among a question's answers, averaged over the questions.
        chance=0.4484,
        items=817,
    )
    yield MMLU
    yield Benchmark(
        name="ifeval",
        title="IFEval",
        summary="Instructions whose following a program can check",
        tasks=_single("ifeval", "ifeval/ifeval.yaml", "train", "ifeval"),
        metric="prompt_level_strict_acc",
        chance=0.0,
        items=541,
        kind="generation",
        nltk=("tokenizers/punkt_tab",),
    )
