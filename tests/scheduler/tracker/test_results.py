"""What a tracker says that runs have found so far."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forget.evaluation.record import read_record
from forget.inference.weights import model_digest
from forget.scheduler.tracker.facts import Result
from forget.verdict.findings import collect
from made_study import Study


def result(study: Study, method: str = "gt-sft") -> Result:
    [found] = [x for x in study.look().results if f" / {method} " in x.run]
    return found


def digest(study: Study, step: int, method: str = "gt-sft") -> str:
    return model_digest(study.run(method).folder.checkpoint(step))


def refuse(*_: Any) -> Any:
    raise AssertionError("worked out again")


@pytest.mark.slow
def test_the_numbers_are_those_of_a_report(study: Study) -> None:
    found = result(study)
    record = read_record(study.run("gt-sft").folder.sweep)
    last = collect(record, study.out).checkpoints[-1]
    assert last.average is not None
    assert last.worst is not None
    assert last.task is not None
    assert (found.checkpoint, found.scored, found.benchmarks) == ("step-000200", 10, 10)
    assert not found.partial
    assert (found.average_delta, found.average_stderr) == last.average[:2]
    assert (found.worst, found.worst_delta) == (last.worst.benchmark, last.worst.change.delta)
    assert found.task_accuracy == last.task.score
    assert (found.task_delta, found.task_stderr) == last.task.change[:2]


def test_what_is_not_comparable_has_no_line(study: Study) -> None:
    assert [x.run.split(" / ")[3] for x in study.look().results] == ["gt-sft", "grpo"]
    base = study.planned.runs[0].model.digest()
    study.unscore(base)
    assert study.look().results == ()


@pytest.mark.slow
def test_they_are_worked_out_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    found = study.look().results
    monkeypatch.setattr("forget.scheduler.tracker.results.collect", refuse)
    assert study.look().results == found
    study.unscore(digest(study, 200))
    with pytest.raises(AssertionError, match="worked out again"):
        study.look()


def test_the_last_checkpoint_that_has_all_benchmarks(study: Study) -> None:
    study.unscore(digest(study, 200), "mini_mmlu")
    assert (result(study).checkpoint, result(study).partial) == ("step-000100", False)


def test_else_the_last_that_has_some_and_it_is_said(study: Study) -> None:
    for step in (100, 200):
        study.unscore(digest(study, step), "mini_mmlu", "mini_piqa")
    found = result(study)
    assert (found.checkpoint, found.scored, found.partial) == ("step-000200", 8, True)
    assert found.average_delta is not None
    study.unscore(digest(study, 200), "task")
    assert result(study).task_accuracy is None


def test_the_task_alone(study: Study) -> None:
    benchmarks = [exam.name for exam in study.planned.runs[0].exams[:-1]]
    for step in (100, 200):
        study.unscore(digest(study, step), *benchmarks)
    found = result(study)
    assert (found.scored, found.average_delta, found.worst) == (0, None, "")
    assert found.task_accuracy is not None


def test_a_changed_evaluation_is_said_and_nothing_is_kept_of_it(study: Study) -> None:
    folder = next(study.workspace.evaluations_of(digest(study, 200)).glob("mini_mmlu-*/*"))
    items = folder / "items.parquet"
    content = items.read_bytes()
    items.write_bytes(content[:-1] + b"?")
    found = result(study)
    assert "is damaged or was changed" in found.problem
    assert found.average_delta is None
    items.write_bytes(content)
    assert result(study).problem == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 0, "results": {}}', '{"format": 1, "results": {"a": 1}}']
)
def test_what_was_kept_may_be_anything(study: Study, text: str) -> None:
    found = study.look().results
    kept = study.out / "reports" / "status.json"
    good = kept.read_text()
    kept.write_text(text)
    assert study.look().results == found
    assert json.loads(kept.read_text()) == json.loads(good)


def test_where_nothing_can_be_kept_it_is_shown_all_the_same(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise PermissionError(13, "not here")

    monkeypatch.setattr("forget.scheduler.tracker.results.write_json", full)
    assert len(study.look().results) == 2
    assert not (study.out / "reports").exists()
