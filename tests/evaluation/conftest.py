"""lm-eval run by hand beside the project's own way to the same scores, on the same items."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.evaluation.exam import BenchmarkExam, Exam, TaskExam
from forget.evaluation.items import Item, read_items
from forget.evaluation.stock import StockEngine
from forget.evaluation.sweep import Evaluation, Sweep
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Engine, Generate, Request
from forget.inference.machine import Machine
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.layout import Workspace
from forget_benchmarks import core10, mini
from forget_datasets.arithmetic import Arithmetic
from lm_eval_tasks import SUBJECTS, write_tasks

MACHINE = Machine(device="cpu", device_name="", dtype="float32")
BATCH_SIZE = 16
NEW_TOKENS = 12
"""Longest text of a generation benchmark here; IFEval's own limit takes minutes."""


@attrs.define
class Shortened(BenchmarkExam):
    """The benchmark itself, except that texts may be `NEW_TOKENS` long at most."""

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        return [
            attrs.evolve(request, options={**request.options, "max_gen_toks": NEW_TOKENS})
            if isinstance(request, Generate)
            else request
            for request in BenchmarkExam.requests(self, tokenizer_folder)
        ]


@attrs.frozen
class Measured:
    """The same benchmarks scored by lm-eval and by both engines.

    Attributes:
        counts: Benchmark to task to number of items.
        stock: What ``lm_eval.simple_evaluate`` returned.
        evaluations: Benchmark to what the project's sweeps found, one by each engine.
    """

    counts: Mapping[str, Mapping[str, int]]
    stock: Mapping[str, Any]
    evaluations: Mapping[str, Sequence[Evaluation]]

    def check(self, name: str) -> list[Item]:
        """Compare one benchmark item by item, then its score; return the project's items."""
        assert len(self.evaluations[name]) == 2
        return [self._check(name, ours) for ours in self.evaluations[name]][-1]

    def _check(self, name: str, ours: Evaluation) -> list[Item]:
        items = read_items(ours.items_file)
        pairs = [
            (task, sample)
            for task in self.counts[name]
            for sample in sorted(self.stock["samples"][task], key=lambda sample: sample["doc_id"])
        ]
        assert [(i.task, i.doc_id) for i in items] == [(task, s["doc_id"]) for task, s in pairs]
        for item, (_, sample) in zip(items, pairs, strict=True):
            _same(item, sample, ours.metric)
        total = self.stock["results"][name]
        assert total["sample_len"] == ours.items == len(items)
        assert ours.score == pytest.approx(total[f"{ours.metric},none"], rel=1e-4)
        return items


def _same(item: Item, sample: Mapping[str, Any], metric: str) -> None:
    assert item.prompt == sample["arguments"][0][0]
    assert item.target == str(sample["target"])
    assert len(item.response) == len(sample["filtered_resps"])
    for ours, theirs in zip(item.response, sample["filtered_resps"], strict=True):
        if isinstance(theirs, str):
            assert ours == theirs
        else:  # the log-likelihoods of batches of another shape differ by rounding
            assert ours == [pytest.approx(theirs[0], rel=1e-5, abs=1e-3), theirs[1]]
    # IFEval also has metrics of each instruction, lists, which lm-eval averages over instructions.
    theirs = {n: float(sample[n]) for n in sample["metrics"] if not isinstance(sample[n], list)}
    assert item.metrics == pytest.approx(theirs, rel=1e-4)
    assert item.score == item.metrics[metric]


@pytest.fixture(scope="session")
def wide_model(lively_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lively model with a context window for the longest prompts (its positions are rotary)."""
    folder = tmp_path_factory.mktemp("wide") / "model"
    shutil.copytree(lively_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["max_position_embeddings"] = 4096
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def make_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Path]]:
    """Copy a model some times; each copy's weights are a step further from the model's."""

    def make(base: Path, count: int) -> list[Path]:
        import torch
        from safetensors.torch import load_file, save_file

        place = tmp_path_factory.mktemp("family")
        weights = load_file(base / "model.safetensors")
        generator = torch.Generator().manual_seed(0)
        folders = [place / f"checkpoint-{step}" for step in range(1, count + 1)]
        for folder in folders:
            shutil.copytree(base, folder)
            for tensor in weights.values():
                tensor.add_(
                    torch.randn(tensor.shape, generator=generator), alpha=0.1 * tensor.std()
                )
            save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folders

    return make


@pytest.fixture(scope="session")
def benchmarks() -> dict[str, Benchmark]:
    """The benchmarks of core10 and mini by name; MMLU with three of its subjects."""
    found = {b.name: b for b in (*core10.forget_benchmarks(), *mini.forget_benchmarks())}
    wanted = {f"mmlu_{subject}" for subject in SUBJECTS}
    mmlu = found["mmlu"]
    few = tuple(task for task in mmlu.tasks if task.name in wanted)
    return found | {"mmlu": attrs.evolve(mmlu, tasks=few)}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out")


@pytest.fixture
def real_exams(benchmarks: dict[str, Benchmark]) -> list[Exam]:
    """All kinds of request: log-likelihoods, lm-eval's texts, and completions of a task."""
    dataset = Arithmetic()
    dataset.max_new_tokens = 6
    return [
        BenchmarkExam(benchmarks["mini_hellaswag"], Mirror(), 6),
        BenchmarkExam(benchmarks["mini_ifeval"], Mirror(), 6),
        TaskExam(dataset, Mirror(), 6),
    ]


@pytest.fixture
def make_benchmark(tmp_path: Path) -> Callable[..., tuple[Benchmark, Mirror]]:
    """Write lm-eval tasks of some sizes and a mirror with their documents; choice 0 is right.

    Further keywords are keys of the task files.
    """

    def make(sizes: Mapping[str, int], **changes: Any) -> tuple[Benchmark, Mirror]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = tmp_path / "data"
        for name, size in sizes.items():
            task = {
                "task": name,
                "dataset_path": f"somebody/{name}",
                "test_split": "test",
                "output_type": "multiple_choice",
                "doc_to_text": "{{question}}",
                "doc_to_choice": ["yes", "no"],
                "doc_to_target": "answer",
                "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
                **changes,
            }
            (tmp_path / f"{name}.yaml").write_text(json.dumps(task))  # JSON is YAML
            (data / name).mkdir(parents=True)
            questions = [f"Is {number} in {name}?" for number in range(size)]
            rows = pa.table({"question": questions, "answer": [0] * size})
            pq.write_table(rows, data / name / "test.parquet")
        tasks = tuple(
            TaskFile(
                name=name, path=tmp_path / f"{name}.yaml", mirror={"test": f"{name}/test.parquet"}
            )
            for name in sizes
        )
        benchmark = Benchmark(
            name="made", title="M", summary="s", tasks=tasks, metric="acc", chance=0.5, items=9
        )
        return benchmark, Mirror(root=data)

    return make


@pytest.fixture(scope="session")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Mapping[str, Any]]:
    """Run ``lm_eval.simple_evaluate`` as its documentation says, without any of the project."""

    def run(
        model: Path, counts: Mapping[str, Mapping[str, int]], data: Path | None
    ) -> Mapping[str, Any]:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager

        folder = tmp_path_factory.mktemp("tasks")
        if data is not None:
            write_tasks(folder, data)
        include = [str(folder), str(Path(mini.__file__).parent)]
        with pytest.MonkeyPatch.context() as patch:
            if data is not None:
                patch.setenv("NLTK_DATA", str(data / "nltk_data"))
            found: Mapping[str, Any] = simple_evaluate(
                model="hf",
                model_args={"pretrained": str(model), "dtype": "float32"},
                tasks=list(counts),
                num_fewshot=0,
                batch_size=BATCH_SIZE,
                device="cpu",
                samples={
                    task: list(range(count))
                    for tasks in counts.values()
                    for task, count in tasks.items()
                },
                log_samples=True,
                bootstrap_iters=0,
                gen_kwargs={"max_gen_toks": NEW_TOKENS},
                task_manager=TaskManager(include_path=include, include_defaults=False),
            )
        return found

    return run


@pytest.fixture(scope="session")
def measure(
    by_hand: Callable[..., Mapping[str, Any]],
    benchmarks: Mapping[str, Benchmark],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Measured]:
    """Score benchmarks on a model by the project, and by lm-eval run by hand."""

    def run(model: Path, counts: Mapping[str, Mapping[str, int]], data: Path | None) -> Measured:
        exams = [
            Shortened(benchmarks[name], Mirror(root=data), sum(tasks.values()))
            for name, tasks in counts.items()
        ]
        workspace = Workspace(tmp_path_factory.mktemp("out"))
        engines: list[Engine] = [StockEngine(MACHINE, BATCH_SIZE), BuiltinEngine(MACHINE)]
        found = [
            Sweep(workspace, engine, exams).run(model, "0" * 64, "base", Silent())
            for engine in engines
        ]
        ours = {evaluations[0].exam: evaluations for evaluations in zip(*found, strict=True)}
        return Measured(counts, by_hand(model, counts, data), ours)

    return run
