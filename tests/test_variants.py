"""`--sweep`: which runs are meant, where they are, what is refused, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.errors import RequestError, SettingsError
from forget.plan import Run, RunRequest, plan
from forget.session import open_session
from forget.variants import parse_sweeps, variant_label, variants
from test_run import arguments, forget

Make = Callable[..., list[Run]]


@pytest.fixture
def planned(tiny_model: Path, tmp_path: Path) -> Make:
    session = open_session(out=tmp_path)

    def make(*sweeps: str, **changes: Any) -> list[Run]:
        request = {
            "method": "gt-sft",
            "model": str(tiny_model),
            "benchmarks": ("mini_piqa",),
            "limit": 2,
            "sweep": parse_sweeps(sweeps),
            **changes,
        }
        return plan(RunRequest(**request), session).runs

    return make


def test_a_run_for_each_value_in_a_folder_of_its_own(planned: Make) -> None:
    [plain] = planned()
    runs = planned("lr=1e-5,0.00003,1e-4")
    names = ["gt-sft-lr-1e-05", "gt-sft-lr-3e-05", "gt-sft-lr-0.0001"]
    assert [run.folder.path.parent.name for run in runs] == names
    assert [run.settings.lr for run in runs] == [1e-5, 3e-5, 1e-4]
    assert [run.swept for run in runs] == [{"lr": 1e-5}, {"lr": 3e-5}, {"lr": 1e-4}]
    for run in runs:
        frozen = run.frozen()
        assert frozen["method_settings"].pop("lr") == run.settings.lr
        wanted = plain.frozen()
        del wanted["method_settings"]["lr"]
        assert frozen == wanted
    assert runs[1].title == plain.title.replace("gt-sft", "gt-sft lr-3e-05")
    assert runs[1].cell == plain.title


def test_several_sweeps_are_a_product_for_every_seed_of_a_study(planned: Make) -> None:
    runs = planned("lora-rank=0,8", "lr=1e-5,1e-4")
    assert [run.folder.path.parent.name for run in runs] == [
        "gt-sft-lora-rank-0-lr-1e-05",
        "gt-sft-lora-rank-0-lr-0.0001",
        "gt-sft-lora-rank-8-lr-1e-05",
        "gt-sft-lora-rank-8-lr-0.0001",
    ]
    assert len({run.folder.path for run in runs}) == 4


def test_values_of_other_types_have_names() -> None:
    values = {"gradient_checkpointing": True, "wise_ft": (0.25, 0.5), "lr_schedule": "linear"}
    assert (
        variant_label(values) == "gradient-checkpointing-true-wise-ft-0.25+0.5-lr-schedule-linear"
    )
    assert variant_label({"stm_perplexity": None}) == "stm-perplexity-none"
    assert variant_label({}) == ""
    assert list(variants({}, {"lr": "1"})) == [{}]


@pytest.mark.parametrize(
    ("sweeps", "changes", "said"),
    [
        (["lrr=1,2"], {}, "no setting 'lrr' of method gt-sft. Did you mean lr"),
        (["lr=1e-5,fast"], {}, "'lr' of method gt-sft must be number, but is 'fast'"),
        (["lora_rank=-1,8"], {}, "must be at least 0, but is -1"),
        (["lr=1e-5,0.00001"], {}, "--sweep lr=1e-5,0.00001 has a value twice"),
        (["lr=1,2"], {"overrides": {"lr": "3"}}, "lr has the value 3 and values by --sweep"),
        (["lr=1", "lr=2,3"], {}, "--sweep lr=1,2,3"),
        (["lr"], {}, "takes NAME=VALUE,VALUE"),
        (["lr="], {}, "takes NAME=VALUE,VALUE"),
        (["=1,2"], {}, "takes NAME=VALUE,VALUE"),
        (["l2_to_base=0,0.1"], {"overrides": {"lora_rank": "8"}}, "l2_to_base=0.1 pulls"),
        (["wise_ft=0.5,1.5"], {}, "must be between 0 and 1, but is 1.5"),
    ],
)
def test_refusals(
    planned: Make, tmp_path: Path, sweeps: Sequence[str], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        planned(*sweeps, **changes)
    assert said in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_teachers_setting_of_a_method_without_one(planned: Make) -> None:
    with pytest.raises(RequestError, match="has no teacher"):
        planned("teacher.temperature=0.5,1")


@pytest.mark.slow
def test_a_sweep_ends_in_one_table(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the learning rate 0 nothing is forgotten; what is between the two is in the table."""
    command = arguments(tiny_model, tmp_path / "out", max_steps=2, wise_ft="0.5")
    command = [item for item in command if not item.startswith("--set=lr=")]
    command.append("--sweep=lr=0,0.05")
    status, said, _ = forget([*command, "--dry-run", "--json"], capsys)
    assert status == 0
    assert [Path(run["folder"]).parent.name for run in json.loads(said)["runs"]] == [
        "gt-sft-lr-0",
        "gt-sft-lr-0.05",
    ]
    assert not (tmp_path / "out").exists()
    status, said, _ = forget([*command, "--json"], capsys)
    assert status == 0
    found = json.loads(said)
    lines = found["comparison"]
    assert [(line["values"]["lr"], line["checkpoint"]) for line in lines] == [
        (lr, name) for lr in (0.0, 0.05) for name in ("step-000002", "step-000002 wise 0.50")
    ]
    assert all(line["average_delta"] == line["task_delta"] == 0 for line in lines[:2])
    whole = [run["checkpoints"][-2]["average"]["delta"] for run in found["runs"]]
    assert [line["average_delta"] for line in lines[::2]] == whole
    status, said, _ = forget(command, capsys)
    assert status == 0
    table = said[said.index("last checkpoint") :]
    assert table.count("step-000002") == 4
    assert "0.05" in table
