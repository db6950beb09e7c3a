"""Runs that are on disk and that nobody asked for, as far as anybody remembers."""

from __future__ import annotations

import shutil

import pytest

from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.collect import collect
from forget.scheduler.tracker.facts import Tracker
from made_study import Study


@pytest.fixture
def forgotten(study: Study) -> Study:
    shutil.rmtree(study.workspace.requests)
    return study


def look(study: Study, *jobs: JobLine) -> Tracker:
    return collect(study.workspace, [], jobs)


def test_what_their_own_files_say(study: Study) -> None:
    asked = study.look()
    shutil.rmtree(study.workspace.requests)
    tracker = look(study)
    lines = {line.run: line for line in tracker.training}
    assert list(lines) == [
        "large / model / arithmetic / grpo / seed 0",
        "large / model / arithmetic / gt-sft / seed 0",
    ]
    line = lines["large / model / arithmetic / gt-sft / seed 0"]
    assert (line.state, line.step, line.checkpoints, line.every) == ("done", 200, 2, 100)
    assert (line.method, line.dataset, line.examples) == ("gt-sft", "arithmetic", 2000)
    assert {s.run: (s.done, s.total, s.state) for s in tracker.sweeps} == dict.fromkeys(
        lines, (3, 3, "done")
    )
    assert {r.run: r for r in tracker.results} == {r.run: r for r in asked.results}
    assert [model.name for model in tracker.measured.models] == ["model"]
    assert len(tracker.measured.benchmarks) == 10
    assert (tracker.left, tracker.advice) == (None, ())


def test_how_far_they_are(forgotten: Study) -> None:
    folder = forgotten.workspace.run("large", "model", "arithmetic", "gt-sft", 0)
    folder.sweep.unlink()
    [grpo, gt_sft] = look(forgotten).training
    assert (grpo.state, gt_sft.state) == ("done", "stopped")
    assert (gt_sft.step, gt_sft.expected_steps) == (200, 200)
    unit = "large/model/arithmetic/gt-sft/seed-0/train"
    at_work = JobLine((unit,), "running", "process 1", "here")
    assert look(forgotten, at_work).training[1].state == "running"
    shutil.rmtree(folder.checkpoints)
    folder.curve.unlink()
    assert look(forgotten).training[1].state == "data ready"
    shutil.rmtree(folder.data)
    assert look(forgotten).training[1].state == "not started"


def test_what_is_left_of_their_evaluation(forgotten: Study) -> None:
    folders = sorted(forgotten.workspace.root.glob("evaluations/*/mini_mmlu-*"))
    for folder in folders:
        shutil.rmtree(folder)
    [line, _] = look(forgotten).sweeps
    assert (line.done, line.partly, line.state) == (0, 3, "partly done")
    unit = "large/model/arithmetic/grpo/seed-0/evaluate/step-000100"
    at_work = JobLine((unit,), "running", "process 1", "here")
    [line, _] = look(forgotten, at_work).sweeps
    assert (line.state, line.jobs) == ("running", ("process 1",))


@pytest.mark.parametrize("file", ["run.toml", "sweep.json"])
def test_one_that_cannot_be_read_does_not_hide_the_others(forgotten: Study, file: str) -> None:
    folder = forgotten.workspace.run("large", "model", "arithmetic", "gt-sft", 0)
    (folder.path / file).write_text("{[")
    tracker = look(forgotten)
    assert [line.method for line in tracker.training] == ["grpo"]
    [warning] = tracker.warnings
    assert str(folder.path / file) in warning
