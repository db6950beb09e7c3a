from __future__ import annotations

import json
from pathlib import Path

import pytest

from foreign_results import DATE, make_results, make_sample
from forget.errors import DataError
from forget.verdict.foreign.files import find_tasks, is_foreign, read_samples

EARLIER = "2026-11-27T10-00-00.000000"


def test_a_folder_above_that_of_the_model(tmp_path: Path) -> None:
    file = make_results(tmp_path / "some__model", {"t": {"acc": [1, 0]}})
    assert is_foreign(tmp_path)
    [found] = find_tasks(tmp_path).values()
    assert found.task == "t"
    assert found.source == file
    assert found.samples == tmp_path / "some__model" / f"samples_t_{DATE}.jsonl"
    assert len(read_samples(found.samples)) == 2


def test_the_newest_evaluation_of_each_task(tmp_path: Path) -> None:
    make_results(tmp_path, {"old": {"acc": [1]}, "both": {"acc": [1]}}, date=EARLIER)
    make_results(tmp_path, {"both": {"acc": [0]}, "new": {"acc": [1]}})
    found = find_tasks(tmp_path)
    dates = {task: EARLIER in str(files.samples) for task, files in found.items()}
    assert dates == {"old": True, "both": False, "new": False}
    assert found["both"].results["results"]["both"]["acc,none"] == 0


def test_the_newest_without_samples_is_not_replaced_by_an_older_one(tmp_path: Path) -> None:
    make_results(tmp_path, {"t": {"acc": [1]}}, date=EARLIER)
    make_results(tmp_path, {"t": {"acc": [1]}})
    (tmp_path / f"samples_t_{DATE}.jsonl").unlink()
    assert find_tasks(tmp_path)["t"].samples is None


def test_files_are_taken_as_they_are(tmp_path: Path) -> None:
    older = make_results(tmp_path, {"a": {"acc": [1]}, "b": {"acc": [1]}}, date=EARLIER)
    make_results(tmp_path, {"a": {"acc": [1]}})
    assert {files.source for files in find_tasks(older).values()} == {older}
    assert list(find_tasks(tmp_path / f"samples_b_{EARLIER}.jsonl")) == ["b"]
    named = tmp_path / f"mine_{DATE}.json"  # lm_eval --output_path mine.json
    (tmp_path / f"results_{DATE}.json").rename(named)
    assert find_tasks(tmp_path)["a"].source == named


def test_a_file_of_samples_without_results(tmp_path: Path) -> None:
    make_results(tmp_path, {"a": {"acc": [1]}}).unlink()
    with pytest.raises(DataError, match=r"cannot be read alone: .* not beside it"):
        find_tasks(tmp_path / f"samples_a_{DATE}.jsonl")
    assert is_foreign(tmp_path)
    with pytest.raises(DataError, match=r"has samples of lm-eval's, but no results_\*.json"):
        find_tasks(tmp_path)


def test_results_of_several_models(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_results(tmp_path / name, {"t": {"acc": [1]}})
    with pytest.raises(DataError, match=r"of several models. Name one of: .*/one, .*/two"):
        find_tasks(tmp_path)


def test_the_layout_before_0_4_3(tmp_path: Path) -> None:
    """One results.json, and a JSON list of samples for each task, named after the arguments."""
    tasks = ("arc", "hard_arc")
    results = {
        "results": {task: {"acc,none": 1.0} for task in tasks},
        "configs": {task: {"task": task} for task in tasks},
    }
    (tmp_path / "results.json").write_text(json.dumps(results))
    for task in tasks:
        rows = json.dumps([make_sample(task, 0, {"acc": 1.0})], indent=2)
        (tmp_path / f"pretrained=some__model_{task}.jsonl").write_text(rows)
    found = find_tasks(tmp_path)
    assert {task: read_samples(files.samples)[0]["doc"] for task, files in found.items()} == {  # type: ignore[arg-type]
        task: {"question": f"Is 0 in {task}?", "answer": 0} for task in tasks
    }


def test_lm_eval_0_3_is_refused_with_the_reason(tmp_path: Path) -> None:
    old = tmp_path / "arc_easy_write_out_info.json"
    old.write_text("[]")
    assert is_foreign(tmp_path)
    with pytest.raises(DataError, match=r"before 0\.4 \(write_out_info\.json\).*--log_samples"):
        find_tasks(tmp_path)
    file = tmp_path / "out.json"
    file.write_text(json.dumps({"results": {}, "versions": {}, "config": {}}))
    with pytest.raises(DataError, match=r"before 0\.4, whose files do not say"):
        find_tasks(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON .* cut or edited"),
        ("[]", "no key 'results'"),
        ('{"a": 1}', "no key 'results'"),
    ],
)
def test_a_results_file_that_is_none(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / f"results_{DATE}.json"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        find_tasks(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"doc_id": 0}\n{"doc_', "line 2 of .* is not JSON"),
        (b"", "holds no samples"),
        (b"[1]", "holds no samples"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_samples_that_are_none(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_samples(file)


def test_other_ends_of_lines_in_texts(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    rows = [{"text": "one\u2028two\x85"}, {"text": "three\r"}]
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    assert read_samples(file) == rows


def test_what_is_not_lm_evals(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not is_foreign(tmp_path)
    assert not is_foreign(tmp_path / "missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [("results", []), ("configs", {"t": None}), ("n-shot", 3), ("higher_is_better", {"t": "yes"})],
)
def test_a_results_file_whose_tables_are_none(tmp_path: Path, name: str, value: object) -> None:
    file = make_results(tmp_path, {"t": {"acc": [1, 0]}})
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    with pytest.raises(DataError, match=rf"\.json is damaged: its '{name}' is no table"):
        find_tasks(tmp_path)
