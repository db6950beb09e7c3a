"""What a tracker says of the training and the evaluation of planned runs."""

from __future__ import annotations

import json
import shutil
from typing import Any

import attrs
import pytest

from forget.inference.weights import model_digest
from forget.scheduler.jobs import JobLine
from forget.store.atomic import write_text
from made_study import Study


def job(unit: str, state: Any = "running", detail: str = "") -> JobLine:
    return JobLine((unit,), state, "job 7", "here", detail)


def test_what_is_done_and_what_is_not_begun(study: Study) -> None:
    tracker = study.look()
    states = {line.method: line.state for line in tracker.training}
    assert states == {
        "GT-SFT": "done", "GRPO": "done", "SELF/SPIN": "not started", "PI": "not started",
    }  # fmt: skip
    done, *_, last = tracker.training
    assert (done.checkpoints, done.expected_checkpoints, done.every) == (2, 2, 100)
    assert (done.step, done.expected_steps, done.examples) == (200, 200, 2000)
    assert (done.study, done.model, done.dataset, done.seed) == ("large", "model", "Arithmetic", 0)
    assert done.path == "runs/large/model/arithmetic/gt-sft/seed-0"
    assert (last.checkpoints, last.expected_checkpoints, last.step) == (0, 4, 0)
    assert last.examples is None


def test_a_training_that_was_interrupted(study: Study) -> None:
    run = study.untrain("gt-sft", keep=1)
    with run.folder.curve.open("a") as file:
        file.write('{"step": 150, "epoch": 0.6}\n{"step": 16')
    line = study.training("gt-sft")
    assert line.state == "stopped"
    assert (line.checkpoints, line.expected_checkpoints) == (1, 2)
    assert (line.step, line.expected_steps) == (100, 200)  # the last line is being written
    assert "the same command continues it" in line.detail
    with run.folder.curve.open("a") as file:
        file.write("0}\n")
    assert study.training("gt-sft").step == 160


def test_data_are_ready(study: Study) -> None:
    run = study.untrain("gt-sft")
    run.folder.curve.unlink()
    line = study.training("gt-sft")
    assert (line.state, line.examples, line.step) == ("data ready", 2000, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "shown", "detail"),
    [
        ("running", "running", ""),
        ("queued", "queued", "no room"),
        ("held", "queued", "no room"),
        ("quarantined", "failed", "no room"),
    ],
)
def test_who_is_at_work_on_a_training(study: Study, state: Any, shown: str, detail: str) -> None:
    study.untrain("gt-sft", keep=1)
    unit = study.unit("gt-sft", "train")
    line = study.training("gt-sft", job(unit, state, "more of a log\nno room\n"))
    assert (line.state, line.detail) == (shown, detail)


def test_data_are_being_prepared(study: Study) -> None:
    line = study.training("pi", job(study.unit("pi", "prepare")))
    assert (line.state, line.detail) == ("running", "prepares data")


@pytest.mark.slow
def test_why_a_training_failed_when_it_was_tried_last(study: Study) -> None:
    run = study.untrain("gt-sft", keep=1)
    records = [{"stage": "train", "status": "failed", "why": "out of memory"}]
    text = "".join(json.dumps(record) + "\n" for record in records)
    run.folder.work_journal.write_text(text)
    line = study.training("gt-sft")
    assert (line.state, line.detail) == ("failed", "out of memory")
    run.folder.work_journal.write_text(text + '{"stage": "train", "status": "interrupted"}\n')
    assert study.training("gt-sft").state == "stopped"
    run.folder.work_journal.write_text('{"stage": "train", "status": "failed"}\n')
    assert str(run.folder.path) in study.training("gt-sft").detail


def test_a_folder_of_another_run_is_not_taken_for_this_one(study: Study) -> None:
    run = study.run("gt-sft")
    text = run.folder.runfile.read_text()
    write_text(run.folder.runfile, text.replace("batch_size = 16", "batch_size = 32", 1))
    line = study.training("gt-sft")
    assert (line.state, line.checkpoints) == ("refused", 0)
    assert "batch_size was 32, now 16" in line.detail
    assert all(" / gt-sft" not in sweep.run for sweep in study.look().sweeps)


@pytest.fixture
def by_epochs(study: Study) -> Study:
    """GT-SFT and GRPO with a checkpoint each, and four passes over the data to do."""
    for method in ("gt-sft", "grpo"):
        run = study.untrain(method, keep=1)
        frozen = run.folder.runfile.read_text()
        frozen = frozen.replace("max_steps = 200\n", "").replace("epochs = 3.0", "epochs = 4.0")
        run.folder.runfile.write_text(frozen)
    return study.with_registry("max_steps = 200", "epochs = 4")


@pytest.mark.slow
def test_how_long_a_training_is_follows_from_its_data(by_epochs: Study) -> None:
    line = by_epochs.training("gt-sft")
    assert (line.expected_steps, line.expected_checkpoints) == (4 * (2000 // 16), 5)
    assert by_epochs.sweep("gt-sft").total == 6


@pytest.mark.slow
def test_of_rounds_it_is_not_known_before(by_epochs: Study) -> None:
    """Of what a model writes not all is learned from."""
    assert by_epochs.training("grpo").expected_steps == 4 * (2000 // 16)
    assert by_epochs.training("spin").expected_steps is None
    assert by_epochs.sweep("spin").total is None


@pytest.mark.slow
def test_an_evaluation_is_counted_by_models(study: Study) -> None:
    line = study.sweep("gt-sft")
    assert (line.done, line.total, line.partly, line.state) == (3, 3, 0, "done")
    assert line.machine.startswith("builtin-cpu-float32")
    digest = model_digest(study.run("gt-sft").folder.checkpoint(200))
    study.unscore(digest, "mini_mmlu", "mini_piqa")
    line = study.sweep("gt-sft")
    assert (line.done, line.total, line.partly, line.state) == (2, 3, 1, "partly done")
    study.unscore(digest)
    assert study.sweep("gt-sft").partly == 0
    assert (study.sweep("pi").done, study.sweep("pi").total) == (1, 5)  # the base is shared


@pytest.mark.slow
def test_checkpoints_to_come_are_counted(study: Study) -> None:
    study.untrain("gt-sft", keep=1)
    line = study.sweep("gt-sft")
    assert (line.done, line.total, line.state) == (2, 3, "partly done")


@pytest.mark.slow
def test_who_is_at_work_on_an_evaluation(study: Study) -> None:
    run = study.run("gt-sft")
    study.unscore(model_digest(run.folder.checkpoint(200)))
    unit = study.unit("gt-sft", "evaluate", "step-000200")
    line = study.sweep("gt-sft", job(unit))
    assert (line.state, line.jobs) == ("running", ("job 7",))
    assert study.sweep("gt-sft", job(unit, "quarantined", "why")).detail == "why"
    # Of checkpoints to come a job knows the names before the tracker does.
    study.untrain("gt-sft", keep=1)
    assert study.sweep("gt-sft", job(unit, "queued")).state == "queued"


def test_a_damaged_evaluation_is_not_done(study: Study) -> None:
    digest = model_digest(study.run("gt-sft").folder.checkpoint(200))
    folder = next(study.workspace.evaluations_of(digest).glob("mini_mmlu-*/*"))
    (folder / "items.parquet").unlink()
    (folder / "items.parquet").write_bytes(b"cut")
    assert study.sweep("gt-sft").done == 2


def test_evaluations_of_another_machine_are_found(study: Study) -> None:
    """As on a login node, which has no GPU."""
    for folder in study.workspace.root.glob("evaluations/*/*/*"):
        folder.rename(folder.with_name("builtin-cuda-bfloat16-0123456789"))
    line = study.sweep("gt-sft")
    assert (line.done, line.machine) == (3, "builtin-cuda-bfloat16")


@pytest.mark.slow
def test_no_weights_are_read_to_know_the_base(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> str:
        raise AssertionError("a file is read through")

    study.look()  # which keeps what it found out by reading items
    for name in ("manifest.file_digest", "manifest._digest_of"):
        monkeypatch.setattr(f"forget.store.{name}", refuse)
    assert study.sweep("gt-sft").done == 3


def test_a_run_that_waits_for_a_plugin(study: Study) -> None:
    entry = '[methods.made-up]\ntitle = "Made up"\nsummary = "x"\ninstall = "pip install made-up"\n'
    with (study.root / "registry.toml").open("a") as file:
        file.write(entry)
    study = study.with_registry('"pi"]', '"made-up"]')
    line = study.training("made-up")
    assert (line.state, line.method, line.seed) == ("pending", "Made up", 0)
    assert "pip install made-up" in line.detail
    [advice] = [a for a in study.look().advice if "waits" in a.why]
    assert (advice.why, advice.command) == (
        "1 run waits for method made-up", "pip install made-up",
    )  # fmt: skip
    assert attrs.asdict(line)["path"] == ""


def test_a_base_that_was_scored_before_any_run_was_begun(study: Study) -> None:
    for method in ("gt-sft", "grpo"):
        shutil.rmtree(study.run(method).folder.path)
    assert study.sweep("pi").done == 1
    shutil.rmtree(study.out / "evaluations")
    assert study.sweep("pi").done == 0


def test_a_run_file_that_cannot_be_read_hides_no_base(study: Study) -> None:
    study.run("gt-sft").folder.runfile.write_text("{[")
    assert study.training("gt-sft").state == "refused"
    assert study.sweep("pi").done == 1


def test_of_several_machines_that_of_the_checkpoints_counts(study: Study) -> None:
    base = study.planned.runs[0].model.digest()
    for folder in study.workspace.root.glob("evaluations/*/*/*"):
        there = folder.with_name("builtin-cuda-bfloat16-0123456789")
        if base.startswith(folder.parents[1].name):
            shutil.copytree(folder, there)
        else:
            folder.rename(there)
    line = study.sweep("gt-sft")
    assert (line.done, line.machine) == (3, "builtin-cuda-bfloat16")
    assert study.sweep("pi").done == 1
