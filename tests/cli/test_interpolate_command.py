"""`forget interpolate`, and `forget eval` of what it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.test_eval_command import checkpoint, forget

__all__ = ["checkpoint"]


def test_models_are_made_once_and_named(
    lively_model: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "wise"
    command = ["interpolate", str(checkpoint), f"--base={lively_model}", f"--out={out}"]
    status, said, err = forget([*command, "--alpha=0.25,0.5"], capsys)
    assert status == 0
    folders = [out / f"checkpoint-7-wise-{share}" for share in ("0.25", "0.50")]
    assert said.split() == [str(folder) for folder in folders]
    assert "interpolating weights" in err
    status, said, err = forget([*command, "--alpha=0.25,0.5,1", "--json"], capsys)
    assert [model["alpha"] for model in json.loads(said)["models"]] == [0.25, 0.5, 1.0]
    status, said, err = forget([*command, "--alpha=0.5"], capsys)
    assert (status, "interpolating" in err) == (0, False)


@pytest.mark.parametrize("alpha", ["1.5", "-0.1", "half", "0.5,0.50", "", "nan"])
def test_shares_that_are_none(
    alpha: str,
    lively_model: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "wise"
    command = ["interpolate", str(checkpoint), f"--base={lively_model}", f"--out={out}"]
    status, said, err = forget([*command, f"--alpha={alpha}"], capsys)
    assert (status, said) == (2, "")
    assert "--alpha 0.25,0.5,0.75" in err
    assert not out.exists()


@pytest.mark.slow
def test_an_interpolation_is_evaluated_like_any_checkpoint(
    lively_model: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the share 0 it is the base, and nothing is forgotten; with 1 it is the checkpoint."""
    base, out = f"--base={lively_model}", tmp_path / "wise"
    forget(["interpolate", str(checkpoint), base, "--alpha=0,0.5,1", f"--out={out}"], capsys)
    models = [str(path) for path in sorted(out.iterdir())]
    command = ["eval", *models, str(checkpoint), base, f"--out={tmp_path / 'out'}"]
    status, said, _ = forget(
        [*command, "--benchmarks=mini_piqa,mini_mmlu", "--limit=6", "--json"], capsys
    )
    assert status == 0
    zero, _, one, itself = json.loads(said)["checkpoints"]
    assert all(b["delta"] == 0 for b in zero["benchmarks"])
    assert one["benchmarks"] == itself["benchmarks"]
