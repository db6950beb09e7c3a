"""`forget report --lm-eval`: folders that other tools read, and `forget compare` too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from forget.cli import group
from forget.errors import DataError, ForgetError, OutputError
from forget.evaluation.record import read_record, write_record
from forget.report.exporting import _models, check_export
from forget.store.layout import Workspace
from forget.verdict.records import FoundRecord
from forget_benchmarks import mini

BENCHMARKS = {b.name: b for b in mini.forget_benchmarks()}


def forget(*arguments: Any) -> Result:
    return CliRunner().invoke(group, [*map(str, arguments)])


def done(*arguments: Any) -> Result:
    result = forget(*arguments)
    assert result.exit_code == 0, result.exception
    return result


@pytest.fixture(scope="module")
def evaluated(
    tiny_model: Path, lively_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An output folder with a comparison of two models that are small and not alike."""
    out = tmp_path_factory.mktemp("evaluated")
    options = ("--benchmarks", "mini_piqa,mini_mmlu", "--limit", "12", "--out", out)
    done("eval", lively_model, "--base", tiny_model, "--device", "cpu", *options)
    return out


@pytest.mark.slow
def test_compare_finds_in_them_what_the_report_says(evaluated: Path, tmp_path: Path) -> None:
    said = done("report", "--out", evaluated, "--lm-eval", tmp_path / "results", "--json")
    [checkpoint] = json.loads(said.stdout)["checkpoints"]
    assert "lm-eval: 12 files in" in said.stderr
    base, tuned = sorted((tmp_path / "results").iterdir(), key=lambda f: len(f.name))
    found = json.loads(done("compare", base, tuned, "--json").stdout)
    deltas = {row["benchmark"]: row for row in found["benchmarks"]}
    for row in checkpoint["benchmarks"]:
        same = deltas[row["benchmark"]]
        assert same["delta"] == pytest.approx(row["delta"], abs=1e-12)
        assert (same["items"], same["metric"]) == (row["items"], row["metric"])
        assert same["interval"] == pytest.approx(row["interval"])
        assert same["verdict"] == row["verdict"]
    assert any(row["delta"] for row in checkpoint["benchmarks"])


@pytest.mark.slow
def test_what_is_there_is_left_and_nothing_half_written(evaluated: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    for _ in range(2):
        done("report", "--out", evaluated, "--lm-eval", first)
    folders = sorted(first.iterdir())
    assert len(folders) == 2
    assert all(len(list(folder.glob("results_*.json"))) == 2 for folder in folders)
    [record] = Workspace(evaluated).comparisons()
    items = evaluated / read_record(record).base.evaluations["mini_piqa"] / "items.parquet"
    content = items.read_bytes()
    items.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        error = forget("report", "--out", evaluated, "--lm-eval", tmp_path / "second").exception
    finally:
        items.write_bytes(content)
    assert isinstance(error, DataError)
    assert "damaged" in str(error)
    assert not any((tmp_path / "second").glob("*"))


@pytest.mark.slow
def test_a_file_where_a_folder_of_a_model_goes(evaluated: Path, tmp_path: Path) -> None:
    [record] = Workspace(evaluated).comparisons()
    (tmp_path / read_record(record).base_model).write_text("mine")
    error = forget("report", "--out", evaluated, "--lm-eval", tmp_path).exception
    assert isinstance(error, OutputError)
    assert "which is a file. Move it away" in str(error)
    [left] = tmp_path.iterdir()
    assert left.read_text() == "mine"


def test_names_are_of_one_model_each(tmp_path: Path, bench: Any) -> None:
    """A base that two runs share comes once; another of the same name has one of its own."""
    scores = {"mini_piqa": [1.0, 0.0], "other": [1.0], "task:arithmetic": [1.0]}
    bench.model("base", scores, 0)
    bench.model("step-000002", {**scores, "mini_boolq": None}, 2)
    record = bench.record(["mini_piqa", "other", "mini_boolq"], "task:arithmetic")
    again = attrs.evolve(record, base=attrs.evolve(record.base, digest="another" * 8))
    runs = []
    for seed, one in enumerate((record, record, again)):
        run = tmp_path / f"runs/s/m/d/gt-sft/seed-{seed}"
        run.mkdir(parents=True)
        write_record(run / "sweep.json", one)
        runs.append(FoundRecord(one, run, tmp_path))
    comparison = FoundRecord(record, tmp_path / "reports/comparison-1.json", tmp_path)
    omitted: dict[str, str] = {}
    names = [model.name for model in _models([*runs, comparison], BENCHMARKS, omitted)]
    assert names == [
        "tiny",
        *(f"s/m/d/gt-sft/seed-{seed}/step-000002" for seed in (0, 1)),
        "tiny-anothera",
        "s/m/d/gt-sft/seed-2/step-000002",
        "step-000002",
    ]
    assert omitted == {
        "other": "no plugin that is installed here brings it",
        "task:arithmetic": "it is graded by the dataset's verifier, and no task of lm-eval",
        "step-000002, mini_boolq": "it has not been evaluated yet",
    }


# --- what is refused


@pytest.fixture
def found(bench: Any, tmp_path: Path) -> FoundRecord:
    bench.model("base", {"mini_piqa": [1.0]}, 0)
    bench.model("step-000002", {"mini_piqa": [1.0]}, 2)
    record = bench.record(["mini_piqa"])
    write_record(Workspace(tmp_path).comparison("x"), record)
    return FoundRecord(record, tmp_path, tmp_path)


def test_without_a_benchmark_that_is_installed(found: FoundRecord, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No plugin that is installed here brings mini_piqa"):
        check_export(tmp_path / "results", [found], {})
    assert not (tmp_path / "results").exists()


def test_below_a_file(found: FoundRecord, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--lm-eval"):
        check_export(tmp_path / "file" / "results", [found], BENCHMARKS)


@pytest.mark.usefixtures("found")
def test_documents_that_are_others(tmp_path: Path) -> None:
    error = forget("report", "--out", tmp_path, "--lm-eval", tmp_path / "results").exception
    assert isinstance(error, ForgetError)
    assert not (tmp_path / "results").exists()


def test_a_mirror_is_for_them_alone(tmp_path: Path) -> None:
    said = forget("report", "--out", tmp_path, "--data", tmp_path)
    assert said.exit_code == 2
    assert "name their folder with --lm-eval" in said.stderr
