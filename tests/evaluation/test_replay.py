"""Answers that are there, as results of lm-eval: its own, key by key."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import attrs
import pytest

from foreign_results import lm_eval_by_hand
from forget.errors import DataError, StorageError
from forget.evaluation.exam import BenchmarkExam
from forget.evaluation.items import read_items
from forget.evaluation.replay import Answered, Replayed, replay, write_results
from forget.evaluation.stock import StockEngine
from forget.evaluation.sweep import Sweep
from forget.inference.machine import resolve_machine
from forget.inference.weights import model_digest
from forget.mirror import Mirror
from forget.progress import Silent
from forget.store.layout import Workspace
from forget_benchmarks import core10, mini

BENCHMARKS = {b.name: b for b in (*mini.forget_benchmarks(), *core10.forget_benchmarks())}
NOWHERE = Mirror(root=None)
TASKS = ["mini_piqa", "mini_truthfulqa", "mini_mmlu", "mini_ifeval"]
PER_TASK = 3

NOT_KNOWN = {
    "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token", "eot_token_id",
    "max_length",
}  # fmt: skip
"""Keys of a results file that tell of a tokenizer, which answers do not."""
NOT_KNOWN_OF_THE_MODEL = {"model_num_parameters", "model_revision", "model_sha"}
OTHERWISE = {
    "config", "git_hash", "date", "pretty_env_info", "upper_git_hash", "model_name",
    "model_name_sanitized", "total_evaluation_time_seconds",
}  # fmt: skip
"""Keys whose values are of the machine and the moment."""

MODEL = Replayed(
    name="mine/tuned",
    fingerprint={
        "engine": "stock", "device": "cpu", "device_name": "", "dtype": "float32",
        "attention": "sdpa", "batch_size": "16", "lm-eval": "0.4.13", "torch": "2.13.0",
        "transformers": "5.17.0",
    },
    seconds=12.5,
    finished=1700000000.0,
    limit=PER_TASK,
)  # fmt: skip


def answered(model: Path, root: Path, mirror: Mirror = NOWHERE, **limits: int) -> list[Answered]:
    """Evaluate a model by lm-eval's own, which writes the same answers to the last digit."""
    exams = [BenchmarkExam(BENCHMARKS[name], mirror, limit) for name, limit in limits.items()]
    sweep = Sweep(Workspace(root), StockEngine(resolve_machine("cpu", "float32")), exams)
    found = sweep.run(model, model_digest(model), "m", Silent())
    return [
        Answered(benchmark=BENCHMARKS[one.exam], items=read_items(one.items_file), score=one.score)
        for one in found
    ]


@pytest.fixture(scope="module")
def ours(lively_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Answered]:
    limits = {name: PER_TASK * len(BENCHMARKS[name].tasks) for name in TASKS}
    return answered(lively_model, tmp_path_factory.mktemp("ours"), **limits)


def files_of(folder: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return the results of a folder, and the samples of each task."""
    [results] = folder.glob("results_*.json")
    date = results.stem.removeprefix("results_")
    samples = {
        path.name.removeprefix("samples_").removesuffix(f"_{date}.jsonl"): [
            json.loads(line) for line in path.read_text().splitlines()
        ]
        for path in folder.glob("samples_*.jsonl")
    }
    return json.loads(results.read_text()), samples


@pytest.mark.slow
def test_they_are_lm_evals_own_key_by_key(
    ours: list[Answered], lively_model: Path, tmp_path: Path
) -> None:
    theirs = lm_eval_by_hand(
        lively_model, tmp_path / "theirs", TASKS, limit=PER_TASK, bootstrap_iters=100000
    )
    files = write_results(tmp_path / "ours", replay(ours, NOWHERE), MODEL)
    assert files[-1].parent.name == "mine__tuned"
    (results, samples), (stock, stock_samples) = (files_of(f) for f in (files[-1].parent, theirs))
    assert stock.keys() - results.keys() == NOT_KNOWN
    assert results.keys() <= stock.keys()
    assert stock["versions"].pop("mini_mmlu") == "1.0"  # the group's own, which is in no task
    assert results["versions"].pop("mini_mmlu") == "N/A"
    same = results.keys() - OTHERWISE
    assert differences({k: results[k] for k in same}, {k: stock[k] for k in same}) == []
    assert stock["config"].keys() - results["config"].keys() == NOT_KNOWN_OF_THE_MODEL
    assert differences(samples, stock_samples) == []
    assert float(results["total_evaluation_time_seconds"]) == pytest.approx(12.5, abs=5)
    assert results["config"]["model_args"]["pretrained"] == "mine/tuned"


@pytest.mark.slow
def test_lm_evals_own_tools_read_them(ours: list[Answered], tmp_path: Path) -> None:
    from lm_eval.utils import (
        get_file_task_name,
        get_latest_filename,
        get_results_filenames,
        get_sample_results_filenames,
        make_table,
    )

    files = write_results(tmp_path, replay(ours, NOWHERE), MODEL)
    names = [str(path) for path in files]
    [results] = get_results_filenames(names)
    assert get_latest_filename([results]) == str(files[-1])
    found = {get_file_task_name(Path(n).name) for n in get_sample_results_filenames(names)}
    assert found == {file.name for one in ours for file in one.benchmark.tasks}
    plain = json.loads(Path(results).read_text())
    table = make_table(plain)
    assert all(plain["results"][name]["alias"] in table for name in found)
    assert "mini_mmlu" in make_table(plain, "groups")


@pytest.mark.slow
def test_documents_of_a_mirror(data_root: Path, lively_model: Path, tmp_path: Path) -> None:
    """The configuration is the published one, not that of this machine's files."""
    mirror = Mirror(root=data_root)
    own = answered(lively_model, tmp_path / "ours", mirror, piqa=4, truthfulqa_mc2=3)
    results = replay(own, mirror)
    config = results["configs"]["piqa"]
    assert config["dataset_path"] == "baber/piqa"
    assert "custom_dataset" not in config
    assert (config["training_split"], config["validation_split"]) == ("train", "validation")
    assert [sample["doc_id"] for sample in results["samples"]["piqa"]] == [0, 1, 2, 3]
    score = results["results"]["piqa"]["acc_norm,none"]
    assert score == pytest.approx(own[0].score)


def differences(mine: Any, other: Any, where: str = "") -> list[str]:
    """Name the places at which two plain values differ by more than rounding.

    What is in a batch with what decides on last digits. Where a task's file lies is of one machine.
    """
    if where.endswith(".metadata.config_source"):
        return []
    if isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        mine, other = dict(enumerate(mine)), dict(enumerate(other))
    if isinstance(mine, dict) and isinstance(other, dict):
        return [
            found
            for key in sorted(mine.keys() | other.keys())
            for found in differences(mine.get(key), other.get(key), f"{where}.{key}")
        ]
    same = mine == other or (is_number(mine) and pytest.approx(float(mine)) == float(other))
    return [] if same else [f"{where}: {mine!r:.200} is not {other!r:.200}"]


def is_number(value: Any) -> bool:
    """Say whether it is a number, or one as text: so samples have log-likelihoods."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def change(own: Answered, **changes: Any) -> Answered:
    return attrs.evolve(own, items=[attrs.evolve(own.items[0], **changes), *own.items[1:]])


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"doc_hash": "other"}, {"doc_id": 10**6}])
def test_other_documents_are_refused(ours: list[Answered], changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="is not the one that was asked"):
        replay([change(ours[0], **changes)], NOWHERE)


@pytest.mark.slow
def test_other_marks_are_refused(ours: list[Answered]) -> None:
    with pytest.raises(DataError, match="its version is another"):
        replay([attrs.evolve(ours[0], score=0.123)], NOWHERE)


@pytest.mark.slow
def test_what_lm_eval_could_not_write_is_an_error(ours: list[Answered], tmp_path: Path) -> None:
    (tmp_path / "mine__tuned").touch()
    with pytest.raises(StorageError, match="lm-eval could not write"):
        write_results(tmp_path, replay(ours[:1], NOWHERE), MODEL)


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 2000])
def test_what_lm_eval_could_write_in_part_is_an_error(
    ours: list[Answered], tmp_path: Path, most: int
) -> None:
    """A file is there, and its end is not."""
    results = replay(ours[:1], NOWHERE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        with pytest.raises(StorageError, match="lm-eval could not write"):
            write_results(tmp_path, results, MODEL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert any((tmp_path / "mine__tuned").iterdir())
