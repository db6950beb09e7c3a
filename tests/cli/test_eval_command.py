"""`forget eval` on a tiny model: comparison, parity, noise, shards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.cli import main

BENCHMARKS = "mini_piqa,mini_truthfulqa,mini_mmlu,mini_ifeval"


@pytest.fixture
def checkpoint(lively_model: Path, tmp_path: Path) -> Path:
    """The lively model with its last layer's weights halved."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "trained" / "checkpoint-7"
    shutil.copytree(lively_model, folder)
    weights = load_file(folder / "model.safetensors")
    changed = {n: t / 2 if "layers.1.mlp" in n else t for n, t in weights.items()}
    save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def forget(command: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(command))
    said = capsys.readouterr()
    return end.value.code, said.out, said.err


@pytest.fixture
def command(checkpoint: Path, lively_model: Path, tmp_path: Path) -> list[str]:
    base = ["eval", str(checkpoint.parent), f"--base={lively_model}", f"--out={tmp_path / 'out'}"]
    return [*base, f"--benchmarks={BENCHMARKS}", "--limit=6"]


@pytest.mark.slow
def test_base_and_checkpoint_are_compared(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, _ = forget([*command, "--json"], capsys)
    assert status == 0
    found = json.loads(said)
    [checkpoint] = found["checkpoints"]
    assert checkpoint["step"] == 7
    assert [b["benchmark"] for b in checkpoint["benchmarks"]] == BENCHMARKS.split(",")
    assert any(b["delta"] != 0 for b in checkpoint["benchmarks"])
    assert found["fingerprint"]["engine"].startswith("builtin")
    status, said, _ = forget([*command, "--dry-run", "--json"], capsys)
    assert all(step["done"] for step in json.loads(said)["steps"])


@pytest.mark.slow
def test_parity_with_lm_eval_holds(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, said, _ = forget([*command, "--parity=4", "--json"], capsys)
    assert status == 0
    parity = json.loads(said)["parity"]
    assert [p["items"] for p in parity] == [4, 4, 4, 4]
    assert all(p["disagreements"] == [] for p in parity)
    likelihoods = [p["largest_difference"] for p in parity[:3]]
    assert all(0 < gap < 2e-3 for gap in likelihoods)
    assert parity[3]["largest_difference"] is None


@pytest.mark.slow
def test_parity_that_fails_names_the_items(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is made wrong: one continuation in a batch is a little more likely."""
    from forget.inference import scoring

    right = scoring.score

    def wrong(model: Any, encoded: Any) -> Any:
        first, *others = right(model, encoded)
        return [first._replace(log_p=first.log_p + 0.01), *others]

    monkeypatch.setattr(scoring, "score", wrong)
    status, said, err = forget([*command, "--parity=4"], capsys)
    assert status == 3
    assert "against lm-eval's own model" in said
    assert "log-likelihoods differ by 0.01" in err
    assert "item" in err


@pytest.mark.slow
def test_the_engines_own_noise(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, said, _ = forget([*command, "--repeat", "--json"], capsys)
    assert status == 0
    noise = json.loads(said)["noise"]
    assert [n["benchmark"] for n in noise] == BENCHMARKS.split(",")
    assert all(n["score"] == pytest.approx(n["other_score"], abs=1e-4) for n in noise)


@pytest.mark.slow
def test_two_shards_and_then_the_report(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, whole, _ = forget([*command, "--json"], capsys)
    shutil.rmtree(tmp_path / "out")
    for shard in ("1/2", "2/2"):
        status, said, err = forget([*command, f"--shard={shard}"], capsys)
        assert (status, said) == (0, "")
        assert f"shard {shard} is done" in err
    _, merged, err = forget([*command, "--json"], capsys)
    assert json.loads(merged) == json.loads(whole)
    assert "done in" not in err  # nothing was left to do


@pytest.mark.parametrize("shard", ["3/2", "0/2", "1", "a/b", "1/0"])
def test_a_shard_that_is_none(
    shard: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = forget([*command, f"--shard={shard}"], capsys)
    assert status == 2
    assert "--shard takes K/N" in err
    assert not (tmp_path / "out").exists()


def test_parity_of_no_item(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = forget([*command, "--parity=0"], capsys)
    assert status == 2
    assert "--parity" in err
    assert not (tmp_path / "out").exists()
