"""A training is done when all that its record tells of is there, and as it was then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.inference.weights import model_digest
from forget.scheduler.units import Found, trained
from forget.store.layout import RunFolder
from forget.store.manifest import MANIFEST, seal

Damage = Callable[[RunFolder], Any]


def fake_checkpoint(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(folder.name.encode())
    seal(folder, "checkpoint", {})


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A run of two checkpoints, recorded."""
    folder = RunFolder(tmp_path / "run")
    lines = []
    for step in (10, 20):
        checkpoint = folder.checkpoint(step)
        fake_checkpoint(checkpoint)
        line = ModelLine(
            name=checkpoint.name, step=step, digest=model_digest(checkpoint), evaluations={}
        )
        lines.append(line)
    record = SweepRecord(
        title="t", base_model="m", benchmarks=(), task=None, base=lines[0],
        checkpoints=tuple(lines), fingerprint={},
    )  # fmt: skip
    write_record(folder.sweep, record)
    return SimpleNamespace(folder=folder, settings=SimpleNamespace(wise_ft=()))


def test_as_it_was_recorded(run: Any) -> None:
    assert trained(run) == Found("done", "step 20")


def unseal(folder: RunFolder) -> None:
    """As the message about a folder that was changed advises: it is used as it is."""
    (folder.checkpoint(10) / MANIFEST).unlink()


def test_a_checkpoint_without_a_manifest_is_used_as_it_is(run: Any) -> None:
    unseal(run.folder)
    assert trained(run).state == "done"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder.checkpoint(20)),
        lambda folder: (folder.checkpoint(10) / "model.safetensors").write_bytes(b"cut"),
        lambda folder: fake_checkpoint(folder.checkpoint(30)),
        lambda folder: folder.sweep.unlink(),
        lambda folder: folder.sweep.write_text("{"),
    ],
    ids=["deleted", "cut", "another", "unrecorded", "damaged-record"],
)
def test_something_is_not_as_it_was(run: Any, damage: Damage) -> None:
    damage(run.folder)
    assert trained(run).state == "begun"


def test_models_to_be_made_of_the_last_checkpoint(run: Any) -> None:
    run.settings.wise_ft = (0.5,)
    assert trained(run).state == "begun"


def test_nothing_is_there(run: Any) -> None:
    shutil.rmtree(run.folder.path)
    assert trained(run) == Found("ready")
