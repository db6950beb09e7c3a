"""A unit's command line means the unit's run, whatever the run was asked for with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from forget.cli.options import request_from, session_from
from forget.cli.run_command import command as run
from forget.cli.work_command import command
from forget.plan import RunRequest, plan
from forget.scheduler.commands import command_of, report_command, run_command
from forget.scheduler.units import units_of
from forget.session import EngineOptions, Session, open_session
from tiny_models import make_hollow_model

REGISTRY = """
[studies.small]
summary = "for tests"
extends = "demo"
seeds = [3, 4]
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "our registry.toml").write_text(REGISTRY)
    return open_session(
        out=tmp_path / "out put; rm -rf x",
        registries=[tmp_path / "our registry.toml"],
        options=EngineOptions(engine="stock", device="cpu", batch_size=3),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    [
        {"method": "gt-sft"},
        {"method": "gt-sft", "seed": 4, "limit": 3, "benchmarks": ("mini_piqa", "mini_mmlu")},
        {"method": "gt-sft", "overrides": {"max_steps": 3, "lr": "1e-3", "wise_ft": "0.25,0.5"}},
        {"method": "sf-sft", "teacher": "self", "overrides": {"teacher.batch_size": "3"}},
        {"method": "gt-sft", "sweep": {"lr": ["1e-5", "0.0001"], "lora_rank": ["0", "4"]}},
        {"method": "gt-sft", "sweep": {"wise_ft": ["0.25", "1"]}},
    ],
    ids=["study", "few", "set", "teacher", "sweep", "list"],
)
def test_a_command_means_its_run(session: Session, tmp_path: Path, asked: dict[str, Any]) -> None:
    model = make_hollow_model(tmp_path / "a model")
    request = RunRequest(study="small", model=str(model), **asked)
    planned = plan(request, session)
    for unit in units_of(planned.runs, session):
        models = (unit.model,) if unit.model else ()
        program, *words = command_of(unit, models, request, session)
        assert program == "work"
        parsed = command.make_context("work", words).params
        assert parsed.pop("stage") == ("prepare" if unit.stage == "generate" else unit.stage)
        assert parsed.pop("models") == models
        again, rest = request_from(**parsed)
        there = session_from(**rest)
        assert there.options == session.options
        assert there.workspace == session.workspace
        [run] = plan(again, there).runs
        assert run.frozen() == unit.run.frozen()
        assert run.folder == unit.run.folder
        assert run.settings == unit.run.settings
        assert [e.key() for e in run.exams] == [e.key() for e in unit.run.exams]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"method": "gt-sft", "seed": 4, "limit": 3, "benchmarks": ("mini_piqa", "mini_mmlu")},
        {"method": "sf-sft", "teacher": "self", "overrides": {"teacher.batch_size": "3"}},
        {"method": "gt-sft", "sweep": {"lr": ("1e-5", "0.0001"), "lora_rank": ("0", "4")}},
    ],
    ids=["study", "few", "teacher", "sweep"],
)
def test_a_command_asks_for_the_same_again(session: Session, asked: dict[str, Any]) -> None:
    request = RunRequest(study="small", **asked)
    program, word, *words = shlex.split(run_command(request, session))
    assert (program, word) == ("forget", "run")
    parsed = run.make_context("run", words).params
    assert [parsed.pop(name) for name in ("executor", "slots", "cluster")] == [None] * 3
    assert not parsed.pop("dry_run")
    assert not parsed.pop("as_json")
    again, rest = request_from(**parsed)
    assert again == request
    there = session_from(**rest)
    assert (there.options, there.workspace) == (session.options, session.workspace)


def test_on_a_cluster_and_where_it_need_not_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(out=tmp_path)
    request = RunRequest(study="demo", method="gt-sft")
    monkeypatch.chdir(tmp_path)
    assert run_command(request, session, "ours") == (
        "forget run --study demo --method gt-sft --on slurm --cluster ours"
    )
    assert report_command(session) == "forget report"
    monkeypatch.chdir("/")
    assert report_command(session) == f"forget report --out {tmp_path}"
