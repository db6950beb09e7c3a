from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from forget.errors import DataError
from forget.evaluation.taskfiles import task_definition, task_folder, task_sources


def test_the_task_folder_is_found_without_lm_eval() -> None:
    code = (
        "import sys, forget.evaluation.taskfiles as t\n"
        "print(t.task_folder() / 'piqa' / 'piqa.yaml')\n"
        "assert 'lm_eval' not in sys.modules"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert Path(said.stdout.strip()).is_file()


@pytest.mark.parametrize("name", ["core10", "mini"])
def test_task_files_and_splits_are_there(name: str, data_root: Path) -> None:
    """Every benchmark that ships can be bound: its task files and data exist."""
    import forget_benchmarks.core10
    import forget_benchmarks.mini

    plugin = getattr(forget_benchmarks, name)
    for benchmark in plugin.forget_benchmarks():
        for task in benchmark.tasks:
            assert (task_folder() / task.path).is_file(), task
            for file in task.mirror.values():
                assert (data_root / file).is_file(), task


def test_a_task_file_is_read_as_lm_eval_reads_it() -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    from forget_benchmarks.core10 import forget_benchmarks

    for benchmark in forget_benchmarks():
        for file in benchmark.tasks[:3]:
            theirs = load_yaml(task_folder() / file.path, resolve_func=False)
            ours = task_definition(file.path)
            assert ours.hub == theirs["dataset_path"]
            assert ours.config == theirs.get("dataset_name")
            assert ours.scored == (theirs.get("test_split") or theirs["validation_split"])
            assert ours.scored in file.mirror


def test_what_is_no_task_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no task file"):
        task_definition(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(DataError, match="is no task of lm-eval"):
        task_definition(tmp_path / "list.yaml")
    (tmp_path / "made.yaml").write_text(
        "dataset_path: a/b\ndataset_kwargs: {revision: abc}\nvalidation_split: dev\n"
    )
    assert task_definition(tmp_path / "made.yaml") == ("a/b", None, "abc", "dev")


def test_data_beside_the_code_of_a_task_count(tmp_path: Path) -> None:
    """Whoever changes a question has other items, and old answers are not used for them."""
    task, code, data, notes = (
        tmp_path / name for name in ("made.yaml", "items.py", "items.jsonl", "notes.md")
    )
    task.write_text("custom_dataset: !function items.dataset\n")
    for path in (code, data, notes):
        path.write_text("{")
    assert set(task_sources(task)) == {task, code, data}
    task.write_text("dataset_path: a/b\n")
    assert task_sources(task) == [task]
