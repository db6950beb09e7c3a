from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forget.store.layout import RunFolder, Workspace, checkpoint_name, checkpoint_step, slug


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("gt-sft", "gt-sft"),
        ("Qwen/Qwen3-4B", "Qwen--Qwen3-4B"),
        ("llama-3.1-70b", "llama-3.1-70b"),
        ("my model: ü", "my-model---"),
        ("../../etc", "--..--etc"),
        ("..", "_"),
        (".hidden", "hidden"),
        ("", "_"),
    ],
)
def test_slugs(name: str, folder: str) -> None:
    assert slug(name) == folder


@given(st.text(max_size=30))
def test_a_slug_is_always_one_plain_folder_name(name: str) -> None:
    folder = slug(name)
    assert folder == Path(folder).name
    assert not folder.startswith(".")
    assert folder.isascii()
    assert slug(folder) == folder


@pytest.mark.parametrize(
    ("step", "name"), [(0, "step-000000"), (100, "step-000100"), (1234567, "step-1234567")]
)
def test_checkpoint_names(step: int, name: str) -> None:
    assert checkpoint_name(step) == name
    assert checkpoint_step(name) == step


@pytest.mark.parametrize("name", ["step-100", "step-", "checkpoint-100", "step-000100.partial", ""])
def test_what_is_no_checkpoint(name: str) -> None:
    assert checkpoint_step(name) is None


def test_a_runs_place_is_the_documented_one(tmp_path: Path) -> None:
    run = Workspace(tmp_path).run("phase1", "Qwen/Qwen3-1.7B", "gsm8k", "gt-sft", 3)
    assert run.path == tmp_path / "runs/phase1/Qwen--Qwen3-1.7B/gsm8k/gt-sft/seed-3"
    assert run.runfile == run.path / "run.toml"
    assert run.data == run.path / "data"
    assert run.checkpoint(100) == run.path / "checkpoints/step-000100"
    assert run.sweep == run.path / "sweep.json"
    assert run.log == run.path / "run.log"


def test_the_steps_of_a_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.steps() == []
    for name in ("step-000200", "step-000100", "step-1000000", "other", ".step-000300.partial-1"):
        (run.checkpoints / name).mkdir(parents=True)
    assert run.steps() == [100, 200, 1000000]


def test_runs_are_the_folders_with_a_run_file(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.runs() == []
    made = [workspace.run("s", "m", "d", method, seed) for method in "ba" for seed in (1, 0)]
    for run in made:
        run.path.mkdir(parents=True)
        run.runfile.touch()
    workspace.run("s", "m", "d", "unstarted", 0).path.mkdir(parents=True)
    assert [run.path.parts[-2:] for run in workspace.runs()] == [
        ("a", "seed-0"),
        ("a", "seed-1"),
        ("b", "seed-0"),
        ("b", "seed-1"),
    ]


def test_an_evaluations_place_does_not_know_its_run(tmp_path: Path) -> None:
    found = Workspace(tmp_path).evaluation("0123456789abcdef" * 4, "mmlu-1234", "stock-cpu")
    assert found == tmp_path / "evaluations/0123456789abcdef/mmlu-1234/stock-cpu"


def test_comparisons_are_listed_oldest_first(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.comparisons() == []
    for age, identity in enumerate(("zz", "aa", "mm")):
        path = workspace.comparison(identity)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        os.utime(path, (1000 - age, 1000 - age))
    (tmp_path / "reports" / "eval.log").touch()
    found = [path.name for path in workspace.comparisons()]
    assert found == ["comparison-mm.json", "comparison-aa.json", "comparison-zz.json"]
