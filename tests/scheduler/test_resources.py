"""What a unit needs: memory by the size of its model, GPUs, and what was measured before that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.cli import main
from forget.inference.models import ModelReference
from forget.plan import Run, RunRequest, plan
from forget.scheduler.costs import Costs, like
from forget.scheduler.resources import Resources, resources_of
from forget.scheduler.units import Stage, Unit
from forget.session import Session, open_session
from tiny_models import make_hollow_model

STUDENT, TEACHER = 1.72e9, 32.8e9


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_session(out=tmp_path / "out")


def unit(session: Session, stage: Stage, method: str = "gt-sft", **settings: Any) -> Unit:
    """A unit of a study whose models are not on this machine."""
    teachers = {"sf-sft": "qwen3-32b", "cf-sft": "llama-3.1-70b"}
    request = RunRequest(
        method=method, model="qwen3-1.7b", teacher=teachers.get(method), overrides=settings
    )
    [run] = plan(request, session).runs
    return Unit(name=stage, stage=stage, run=run, state="ready", expected=1)


def changed(of: Unit, **changes: Any) -> Unit:
    run: Run = attrs.evolve(of.run, **changes)
    return attrs.evolve(of, run=run)


def need(of: Unit, on_gpu: bool) -> tuple[float | None, int]:
    found = resources_of(of, Costs({}), on_gpu=on_gpu)
    return found.memory_gb, found.gpus


@pytest.mark.parametrize(
    ("settings", "cpu", "gpu"),
    [
        # Weights, gradients and two moments in fp32: 16 bytes a parameter.
        ({}, 3 + 16 * STUDENT / 1e9, 3 + 4 * STUDENT / 1e9),
        ({"dtype": "bfloat16"}, 3 + 8 * STUDENT / 1e9, 3 + 2 * STUDENT / 1e9),
        ({"lora_rank": 8}, 3 + 4 * STUDENT / 1e9, 3 + 4 * STUDENT / 1e9),
        ({"l2_to_base": 0.1}, 3 + 20 * STUDENT / 1e9, 3 + 8 * STUDENT / 1e9),
    ],
    ids=["fp32", "bf16", "lora", "l2"],
)
def test_a_training(session: Session, settings: dict[str, Any], cpu: float, gpu: float) -> None:
    train = unit(session, "train", **settings)
    assert need(train, False) == (pytest.approx(cpu), 0)
    assert need(train, True) == (pytest.approx(gpu), 1)


def test_several_processes_have_a_gpu_and_a_copy_each(session: Session) -> None:
    train = unit(session, "train", num_processes=2)
    assert need(train, True) == (pytest.approx(2 * (3 + 4 * STUDENT / 1e9)), 2)
    assert need(train, False)[1] == 2


def test_an_evaluation(session: Session) -> None:
    evaluate = unit(session, "evaluate")
    assert need(evaluate, False) == (pytest.approx(2 + 4 * STUDENT / 1e9), 0)
    assert need(evaluate, True) == (pytest.approx(2 + 2 * STUDENT / 1e9), 1)


def test_data(session: Session) -> None:
    assert need(unit(session, "prepare"), True) == (2.0, 0)


@pytest.mark.parametrize(("method", "gpus"), [("sf-sft", 2), ("cf-sft", 4)])
def test_a_teacher_of_several_gpus(session: Session, method: str, gpus: int) -> None:
    """It needs them wherever it runs; each of its processes reads a part."""
    for on_gpu in (True, False):
        assert need(unit(session, "generate", method), on_gpu) == (2.0 * (1 + gpus), gpus)


def test_a_teacher_in_one_process(session: Session) -> None:
    asked = unit(session, "generate", "sf-sft")
    assert asked.run.teacher is not None
    alone = attrs.evolve(asked.run.teacher, settings=None)
    assert need(changed(asked, teacher=alone), True) == (2 + 2 * TEACHER / 1e9, 1)
    assert need(changed(asked, teacher=alone), False) == (2 + 4 * TEACHER / 1e9, 0)
    server = attrs.evolve(asked.run.teacher, model=None)
    assert need(changed(asked, teacher=server), True) == (2.0, 0)


def test_a_model_that_nobody_knows(session: Session) -> None:
    unknown = ModelReference(name="a/b", family="unknown", folder=None)
    for stage in ("train", "evaluate"):
        found = resources_of(changed(unit(session, stage), model=unknown), Costs({}), on_gpu=False)
        assert found == Resources(None, 0, None, ())


def test_the_files_say_how_large_a_model_is(tmp_path: Path, tiny_model: Path) -> None:
    hollow = make_hollow_model(tmp_path / "model")
    assert ModelReference(name="m", family="", folder=hollow).parameters() == 1
    from transformers import AutoModelForCausalLM

    counted = ModelReference(name="m", family="", folder=tiny_model).parameters()
    assert counted == AutoModelForCausalLM.from_pretrained(tiny_model).num_parameters()


def test_what_was_measured_comes_first(session: Session) -> None:
    train = unit(session, "train")
    key = ("train", like(train.run, "train")["amount"], "qwen3-1.7b")
    found = resources_of(train, Costs({key: 60.0}, {key: 11.5}), on_gpu=True)
    assert found == Resources(11.5, 1, 60.0, ())


def test_a_cluster_of_the_registry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forget.toml").write_text(
        "[clusters.ours]\nsummary = 'x'\nscheduler = 'slurm'\ngpus_per_job = 1\n"
        "[[clusters.ours.hints]]\nstage = 'evaluate'\nminutes = 2\n".replace("\\\n", "\n")
    )
    command = ["plan", "--method=gt-sft", "--model=qwen3-1.7b", "--benchmarks=mini_piqa"]
    with pytest.raises(SystemExit) as end:
        main([*command, "--cluster=ours", "--json"])
    assert end.value.code == 0
    plain = json.loads(capsys.readouterr().out)
    found = {unit["stage"]: unit for unit in plain["units"]}
    assert found["evaluate"]["seconds"] == found["evaluate"]["expected"] * 120
    assert found["evaluate"]["estimated"] == ["memory_gb", "seconds"]
    assert [found[stage]["gpus"] for stage in ("prepare", "train", "evaluate")] == [0, 1, 1]
    assert plain["left"]["hinted_units"] == 2
    with pytest.raises(SystemExit):
        main([*command, "--cluster=ours"])
    shown = capsys.readouterr().out
    assert "~6 min 0 s" in shown
    assert "~: estimated, not measured" in shown
    with pytest.raises(SystemExit) as end:
        main([*command, "--cluster=theirs"])
    assert end.value.code == 2
    assert "no cluster named 'theirs'" in capsys.readouterr().err
