"""A study taken apart into units: which there are, what they wait for, what is done of them."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import attrs
import pytest
from rich.console import Console

from forget.plan import Plan, Run, RunRequest, plan
from forget.scheduler.costs import Costs
from forget.scheduler.matrix import render_units, units_as_plain
from forget.scheduler.units import Looked, Unit, units_of
from forget.session import Session, open_session
from forget.store.manifest import seal
from forget_datasets.arithmetic import Arithmetic
from tiny_models import make_hollow_model

REGISTRY = """
[studies.small]
summary = "for tests"
models = ["FOLDER"]
datasets = ["arithmetic"]
methods = ["gt-sft", "spin", "made-up"]
seeds = [0, 1]
benchmarks = ["mini_piqa", "mini_mmlu"]
limit = 2
settings = { max_steps = 5, checkpoint_every = 2 }

[methods.made-up]
title = "Made up"
summary = "not installed"
install = "pip install made-up"
"""

RUN = "small/model/arithmetic/gt-sft/seed-0"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    model = make_hollow_model(tmp_path / "model")
    registry = tmp_path / "registry.toml"
    registry.write_text(REGISTRY.replace("FOLDER", str(model)))
    return open_session(out=tmp_path / "out", registries=[registry])


@pytest.fixture
def planned(session: Session) -> Plan:
    return plan(RunRequest(study="small"), session)


def by_name(units: list[Unit]) -> dict[str, Unit]:
    return {unit.name: unit for unit in units}


def test_before_anything_is_done(planned: Plan, session: Session, tmp_path: Path) -> None:
    units = by_name(units_of(planned.runs, session))
    assert len(units) == 1 + 4 * 3
    base = units["small/model/arithmetic/base"]
    assert (base.state, base.needs, base.model) == ("ready", (), "base")
    assert units[f"{RUN}/prepare"].state == "ready"
    train, evaluate = units[f"{RUN}/train"], units[f"{RUN}/evaluate"]
    assert (train.state, train.needs) == ("waiting", (f"{RUN}/prepare",))
    assert (evaluate.state, evaluate.needs) == ("waiting", (f"{RUN}/train",))
    assert (evaluate.model, evaluate.expected) == ("", 3)  # after steps 2, 4 and 5
    assert list((tmp_path / "out").rglob("*")) == []


def test_each_unit_comes_after_those_that_it_needs(planned: Plan, session: Session) -> None:
    seen: set[str] = set()
    for unit in units_of(planned.runs, session):
        assert seen.issuperset(unit.needs)
        assert unit.name not in seen
        seen.add(unit.name)


def test_a_base_is_scored_for_one_dataset_after_the_other(session: Session) -> None:
    """Their benchmarks are the same, and two processes would both score them."""

    class Sums(Arithmetic):
        name = "sums"

    here = plan(RunRequest(study="small", method="gt-sft"), session).runs
    there = [
        attrs.evolve(
            run,
            dataset=attrs.evolve(run.dataset, record=Sums()),
            folder=session.workspace.run("small", "model", "sums", "gt-sft", run.seed),
        )
        for run in here
    ]
    units = units_of([*here, *there], session)
    bases = [unit for unit in units if unit.model == "base"]
    assert [(unit.name, unit.after) for unit in bases] == [
        ("small/model/arithmetic/base", ()),
        ("small/model/sums/base", ("small/model/arithmetic/base",)),
    ]
    assert [unit.state for unit in bases] == ["ready", "waiting"]


def test_as_a_table_and_as_json(planned: Plan, session: Session) -> None:
    units = units_of(planned.runs, session)
    console = Console(file=StringIO(), width=100)
    console.print(render_units(units, planned.pending, Costs({}), 1))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "0 of 3" in text
    assert "made-up" in text
    assert "waits for method made-up" in text
    plain: Any = json.loads(json.dumps(units_as_plain(units, planned.pending, Costs({}), 1)))
    assert len(plain["runs"]) == 4
    assert len(plain["pending"]) == 2
    assert {unit["state"] for unit in plain["units"]} == {"ready", "waiting"}


def test_evaluations_can_be_looked_for_elsewhere(planned: Plan, session: Session) -> None:
    asked = []

    def look(run: Run) -> Looked:
        asked.append(run.title)
        return Looked(session.sweep(run.exams), None)

    units = by_name(units_of(planned.runs, session, look))
    assert len(asked) == 1
    assert units["small/model/arithmetic/base"].state == "ready"


def test_how_many_steps_a_training_takes(planned: Plan, session: Session) -> None:
    def train(**settings: Any) -> Unit:
        changed = attrs.evolve(run, settings=attrs.evolve(run.settings, **settings))
        units = by_name(units_of([changed], session))
        return units[f"{RUN}/train"]

    run = planned.runs[0]
    assert train().steps == 5
    assert train(max_steps=None, epochs=2).steps is None  # of the dataset's examples, at most
    run.folder.data.mkdir(parents=True)
    seal(run.folder.data, "data", {"rows": 100})
    assert train(max_steps=None, epochs=2).steps == 2 * (100 // 16)
    assert train(max_steps=None, epochs=0).steps is None
