"""`forget compare` as it is called."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foreign_results import lm_eval_by_hand, make_results
from forget.cli import main
from made_study import Study

Compare = Callable[..., tuple[Any, str, str]]


@pytest.fixture
def compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Call the command; returns status, output and errors."""

    def call(*arguments: object) -> tuple[Any, str, str]:
        words = ["compare", *map(str, arguments), f"--out={tmp_path / 'out'}", "--device=cpu"]
        with pytest.raises(SystemExit) as end:
            main(words)
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return call


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Results of two models: of `a` the second has lost 10 of 100, of `b` nothing."""
    first, second = tmp_path / "first", tmp_path / "second"
    make_results(first, {"a": {"acc": [1.0] * 100}, "b": {"acc": [1.0, 0.0] * 50}})
    lost = {"acc": [0.0] * 10 + [1.0] * 90}
    make_results(second, {"a": lost, "b": {"acc": [1.0, 0.0] * 50}}, model_name="other")
    return first, second


def test_two_folders_of_lm_eval(
    folders: tuple[Path, Path], compare: Compare, tmp_path: Path
) -> None:
    status, said, _ = compare(*folders)
    assert status == 0
    [line] = [line for line in said.splitlines() if "│ a " in line]
    cells = [cell.strip() for cell in line.strip("│ ").split("│")]
    judged = ["-10.0", "[-15.9, -3.7]", "0.0039", "forgot"]
    assert cells == ["a", "acc", "100.0", "90.0", *judged, "100"]
    assert "a changed by -10.0 points, more than the 1.0 that are accepted" in said
    assert not (tmp_path / "out").exists()


def test_the_document(folders: tuple[Path, Path], compare: Compare) -> None:
    status, said, _ = compare(*folders, "--json", "--benchmarks=a")
    assert status == 0
    found = json.loads(said)
    assert found["other"] == {"name": str(folders[1]), "model": "other"}
    [one] = found["benchmarks"]
    assert (one["delta"], one["lost"], one["gained"]) == (pytest.approx(-0.1), 10, 0)
    assert found["not_compared"] == []


@pytest.mark.slow
def test_the_gate(folders: tuple[Path, Path], compare: Compare) -> None:
    first, second = folders
    status, said, err = compare(first, second, "--fail")
    assert status == 3
    assert "more than the 1.0 that are accepted" not in said  # said once, as the reason
    assert f"{second} may not replace {first}: a changed by -10.0 points" in " ".join(err.split())
    status, said, err = compare(first, second, "--fail", "--json")
    assert status == 3
    assert len(json.loads(said)["failures"]) == 2
    assert compare(first, second, "--fail", "--max-drop=0.2")[0] == 0
    assert compare(second, first, "--fail")[0] == 0
    assert compare(first, first, "--fail")[0] == 0
    assert compare(first, first, "--fail", "--strict")[0] == 3
    assert compare(first, first, "--fail", "--strict", "--max-drop=0.1")[0] == 0


def test_unlike_settings(folders: tuple[Path, Path], compare: Compare, tmp_path: Path) -> None:
    third = tmp_path / "third"
    make_results(third, {"a": {"acc": [1.0] * 100}}, config={"model_dtype": "torch.bfloat16"})
    status, _, err = compare(folders[0], third)
    assert status == 2
    assert "dtype is 'float32'" in err
    status, said, _ = compare(folders[0], third, "--despite=dtype")
    assert status == 0
    assert "compared in spite of unlike dtype: float32 in" in " ".join(said.split())
    plain = json.loads(compare(folders[0], third, "--despite=dtype", "--json")[1])
    assert plain["despite"] == [{"setting": "dtype", "base": "float32", "other": "bfloat16"}]


def test_what_is_asked_in_vain(folders: tuple[Path, Path], compare: Compare) -> None:
    status, _, err = compare(*folders, "--limit=5")
    assert status == 2
    assert "--limit is for models that are evaluated" in err
    status, _, err = compare(*folders, "--benchmarks=c")
    assert (status, "has no answers to c: it has a, b" in err) == (2, True)
    assert compare(*folders, "--max-drop=1")[0] == 2


@pytest.mark.slow
def test_checkpoints_of_a_run(study: Study, compare: Compare) -> None:
    run = study.run("gt-sft").folder.path
    status, said, _ = compare(f"{run}:base", run, "--json")
    assert status == 0
    found = json.loads(said)
    assert len(found["benchmarks"]) == 10
    assert found["task_accuracy"]["task"] == "arithmetic"
    assert found["task_accuracy"]["truncation_rate"] == 0.0
    assert found["despite"] == found["unchecked"] == found["not_compared"] == []
    assert "task accuracy (arithmetic" in compare(f"{run}:base", run)[1]


# --- models


def test_different_items_are_refused_before_a_model_is_evaluated(
    tiny_model: Path, compare: Compare, tmp_path: Path
) -> None:
    make_results(tmp_path / "results", {"mini_piqa": {"acc_norm": [1.0]}})
    despite = ("--despite=engine", "--despite=transformers", "--despite=torch")
    status, _, err = compare(tmp_path / "results", tiny_model, "--limit=4", *despite)
    assert status == 2
    assert "were asked different items of mini_piqa (1 and 4)" in err
    assert not (tmp_path / "out" / "evaluations").exists()


COUNTS = {
    "mini_piqa": 8,
    "mini_truthfulqa": 8,
    "mini_ifeval": 8,
    **{f"mini_mmlu_{subject}": 2 for subject in ("biology", "geography", "history", "vocabulary")},
}


@pytest.mark.slow
def test_the_same_weights_by_lm_eval_and_by_us(
    lively_model: Path, compare: Compare, tmp_path: Path
) -> None:
    tasks = ["mini_mmlu", "mini_piqa", "mini_truthfulqa", "mini_ifeval"]
    samples = {task: list(range(count)) for task, count in COUNTS.items()}
    folder = lm_eval_by_hand(lively_model, tmp_path / "lm-eval", tasks, samples=samples)
    for engine in (["--engine=stock"], ["--despite=engine"]):
        status, said, err = compare(folder, lively_model, "--limit=8", "--json", *engine)
        assert status == 0, err
        found = json.loads(said)
        assert [one["benchmark"] for one in found["benchmarks"]] == sorted(tasks)
        for one in found["benchmarks"]:
            assert one["items"] == 8
            assert one["lost"] in (0, None)  # TruthfulQA's scores are not counted
            assert one["gained"] in (0, None)
            assert one["delta"] == pytest.approx(0, abs=1e-5)
        assert 0 < found["benchmarks"][3]["score"] < 1
    status, _, err = compare(folder, lively_model, "--limit=8")
    assert status == 2
    assert "engine is 'hf' in" in err


@pytest.mark.slow
def test_two_models(lively_model: Path, compare: Compare, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    changed = tmp_path / "changed"
    shutil.copytree(lively_model, changed)
    weights = load_file(changed / "model.safetensors")
    halved = {n: t / 2 if "layers.1.mlp" in n else t for n, t in weights.items()}
    save_file(halved, changed / "model.safetensors", metadata={"format": "pt"})
    arguments = (lively_model, changed, "--benchmarks=mini_piqa,mini_truthfulqa", "--limit=20")
    status, said, err = compare(*arguments, "--json")
    assert status == 0
    assert any(one["delta"] != 0 for one in json.loads(said)["benchmarks"])
    assert "mini_piqa: done in" in err
    again = compare(*arguments, "--json")
    assert again[:2] == (status, said)


@pytest.mark.slow
def test_published_benchmarks_by_lm_eval_and_by_us(
    lively_model: Path,
    data_root: Path,
    compare: Compare,
    tmp_path: Path,
) -> None:
    """Documents of another reader have the same digests."""
    from lm_eval_tasks import write_tasks

    tasks = tmp_path / "tasks"
    tasks.mkdir()
    write_tasks(tasks, data_root)
    names = ["arc_easy", "hellaswag", "openbookqa", "truthfulqa_mc2", "winogrande"]
    out = tmp_path / "lm-eval"
    folder = lm_eval_by_hand(lively_model, out, names, include=[tasks], limit=3)
    data = f"--data={data_root}"
    status, said, err = compare(folder, lively_model, "--limit=3", "--json", "--engine=stock", data)
    assert status == 0, err
    found = json.loads(said)["benchmarks"]
    assert [one["benchmark"] for one in found] == names
    assert all(one["delta"] == pytest.approx(0, abs=1e-5) for one in found)
