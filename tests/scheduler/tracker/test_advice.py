"""What a tracker says is to be done next, and how long that takes."""

from __future__ import annotations

import json

import pytest

from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.advice import time_left
from forget.scheduler.tracker.collect import collect
from forget.scheduler.tracker.facts import Advice
from forget.scheduler.tracker.planned import plan_one
from forget.scheduler.tracker.tables import time_in_words
from made_study import Study


@pytest.mark.slow
def test_to_go_on_with_what_was_asked(study: Study) -> None:
    [advice] = study.look().advice
    assert advice.why == "large: 6 of 15 units are left"
    assert advice.command == (
        f"forget run --study large --registry {study.root}/registry.toml --out {study.out}"
    )


@pytest.mark.slow
def test_nothing_where_somebody_is_at_it(study: Study) -> None:
    at_work = JobLine((study.unit("pi", "prepare"),), "running", "process 1", "here")
    assert study.look(at_work).advice == ()


def test_to_look_into_what_was_given_up(study: Study) -> None:
    unit = study.unit("pi", "train")
    given_up = JobLine((unit,), "quarantined", "12", "slurm", "killed")
    commands = [advice.command for advice in study.look(given_up).advice]
    assert commands == [f"forget logs {unit}", f"forget retry {unit}"]


def test_to_see_what_came_of_it_when_all_is_done(study: Study) -> None:
    study = study.with_registry('"gt-sft", "grpo", "spin", "pi"', '"gt-sft", "grpo"')
    tracker = study.look()
    [advice] = tracker.advice
    assert advice == Advice(
        why="all that can be done is done: see what came of it",
        command=f"forget report --out {study.out}",
    )
    assert tracker.left is None


def test_how_long_it_takes(study: Study) -> None:
    left = study.look().left
    assert left is not None
    assert (left.units, left.unknown_units, left.seconds) == (6, 6, 0)
    assert "6 units are left, of unknown length" in time_in_words(left)
    run = study.run("gt-sft")
    record = {
        "stage": "train", "amount": "200 steps of 16, rank 0", "model": "model",
        "dataset": "arithmetic", "method": "gt-sft", "models": 0, "seconds": 90, "status": "done",
    }  # fmt: skip
    run.folder.work_journal.write_text(json.dumps(record) + "\n")
    left = study.look().left
    assert left is not None
    assert (left.unknown_units, left.seconds, left.chain_s) == (5, 90, 90)
    assert time_in_words(left) == (
        "6 units are left: 1 min 30 s by one process after the other, and 5 of unknown length; the "
        "longest chain takes 1 min 30 s."
    )


def test_nothing_is_left_of_nothing() -> None:
    assert time_left([], None) is None  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_request_of_now_shows_what_is_its_own(study: Study) -> None:
    planned = plan_one(study.planned.request, study.session)
    jobs = [
        JobLine((study.unit("pi", "train"),), "queued", "1", "slurm"),
        JobLine((study.unit("pi", "evaluate", "step-000100"),), "queued", "2", "slurm"),
        JobLine(("other/model/arithmetic/pi/seed-0/train",), "queued", "3", "slurm"),
    ]
    tracker = collect(study.workspace, [planned], jobs, everything=False)
    assert [job.job for job in tracker.jobs] == ["1", "2"]
    assert len(tracker.training) == 4
    other = study.workspace.run("other", "model", "arithmetic", "gt-sft", 0)
    study.run("gt-sft").folder.path.parents[3].rename(other.path.parents[3])
    tracker = collect(study.workspace, [planned], jobs, everything=False)
    assert {line.state for line in tracker.training} == {"not started", "queued"}
    assert tracker.data == ()
    assert len(collect(study.workspace, [planned], jobs).training) == 6
