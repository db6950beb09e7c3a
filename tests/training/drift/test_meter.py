"""Divergences of tiny models against full softmaxes, families included, and what is left behind."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import attrs
import numpy
import pytest
import torch

from forget.store.manifest import read_manifest
from forget.testing.workbench import content
from forget.training import train_supervised
from forget.training.drift.guard import undisturbed
from forget.training.drift.meter import Meter, completion_kl
from forget.training.drift.readout import _batches
from inference.families import make_family
from training.drift.conftest import Make, by_full_softmaxes, disturbed, loaded, probed

HEADS: dict[str, dict[str, Any]] = {
    "llama": {"tie_word_embeddings": False},
    "gemma2": {"final_logit_softcapping": 2.0},
    "cohere": {},
    "granite": {},
    "phi": {},  # its output matrix has a bias
    "gpt2": {},
}


def meter(task: Any, model: Any) -> Meter:
    file = task.output / "drift.jsonl"
    return Meter(model=model, probe=probed(task), base=task.model, file=file)


def of_family(make: Make, tmp_path: Path, family: str) -> Any:
    folder = make_family(family, tmp_path / family, **HEADS[family])
    return attrs.evolve(make(drift_prompts=3), model=folder)


@pytest.mark.slow
@pytest.mark.parametrize("family", HEADS)
def test_every_family_against_full_softmaxes(train_task: Make, tmp_path: Path, family: str) -> None:
    """States and a file's matrix give what two models side by side do, but for rounding."""
    task = of_family(train_task, tmp_path, family)
    probe = probed(task)
    assert probe.head is not None
    base, model = loaded(task), disturbed(loaded(task))
    with torch.no_grad():
        assert completion_kl(base, probe, task.model) == ([0.0] * 3, [0.0] * 3)
        found = completion_kl(model, probe, task.model)
    expected = [by_full_softmaxes(base, model, item) for item in probe.asked]
    assert list(zip(*found, strict=True)) == [pytest.approx(pair, rel=1e-4) for pair in expected]
    assert all(kl > 1e-3 for pair in expected for kl in pair)


@pytest.mark.slow
def test_completions_are_divided_among_batches(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read alone or together, with padding: the same divergences, rounding of float32 apart."""
    task = train_task(drift_prompts=20)
    probe, model = probed(task), disturbed(loaded(task))
    lengths = [len(item.read) for item in probe.asked]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]
    with torch.no_grad():
        together = completion_kl(model, probe, task.model)
        monkeypatch.setattr("forget.training.drift.readout._BATCH_TOKENS", 2 * lengths[0])
        apart = completion_kl(model, probe, task.model)
    assert apart.forward == pytest.approx(together.forward, rel=1e-4)


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [([1], [1]), ([2000, 2048], [2]), ([2000, 2049], [1, 1]), ([9000, 9000], [1, 1]),
     ([10] * 409 + [11], [409, 1]), ([4000, 96], [1, 1])],
)  # fmt: skip
def test_batches_hold_4096_tokens_with_padding(lengths: list[int], batches: list[int]) -> None:
    found = list(_batches(lengths))
    assert [len(lengths[batch]) for batch in found] == batches
    assert [n for batch in found for n in lengths[batch]] == lengths


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gemma2", "cohere"])
def test_logits_that_cannot_be_made_again_are_kept(
    train_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """A family whose cap or factor nobody knew of: the model's own log-probabilities serve."""
    monkeypatch.setattr("forget.training.drift.readout.adjusted", lambda logits, config: logits)
    task = of_family(train_task, tmp_path, family)
    probe = probed(task)
    assert probe.head is None
    base, model = loaded(task), disturbed(loaded(task))
    with torch.no_grad():
        # The file holds log-probabilities in float32, and so are the model's rounded.
        assert completion_kl(base, probe, task.model) == ([0.0] * 3, [0.0] * 3)
        found = completion_kl(model, probe, task.model)
    expected = [by_full_softmaxes(base, model, item) for item in probe.asked]
    assert list(zip(*found, strict=True)) == [pytest.approx(pair, rel=1e-4) for pair in expected]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("odd", ["a factor of 1.02", "one masked token", "no number"])
def test_a_small_deviation_of_the_models_own_logits_is_noticed(
    train_task: Make, monkeypatch: pytest.MonkeyPatch, dtype: str, odd: str
) -> None:
    from forget.training.drift import making, readout

    def own(model: Any, item: Any) -> Any:
        logits_TV = readout.own_logits(model, item)
        if odd == "a factor of 1.02":
            return logits_TV * 1.02
        logits_TV[-1, 7] = -1e9 if odd == "one masked token" else float("nan")
        return logits_TV

    task = train_task(drift_prompts=3, dtype=dtype)
    assert probed(task).head is not None
    task = attrs.evolve(task, output=task.output / "odd")
    monkeypatch.setattr(making, "own_logits", own)
    assert probed(task).head is None


@pytest.mark.slow
def test_a_real_model_in_bfloat16(train_task: Make, smollm2: Path) -> None:
    """Its logits are made again within rounding, and the base is at no distance."""
    task = attrs.evolve(train_task(drift_prompts=2, dtype="bfloat16"), model=smollm2)
    measuring = meter(task, loaded(task))
    assert measuring.probe.head is not None
    found = measuring.measure(0)
    assert (found["kl_to_base"], found["reverse_kl_to_base"]) == (0.0, 0.0)
    assert (found["unchanged_weights"], found["relative_change"]) == (1.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_base_itself_is_at_no_distance(train_task: Make, lora_rank: int, dtype: str) -> None:
    """To the last bit, in bfloat16 too: the same states, times the same matrix."""
    task = train_task(drift_prompts=4, dtype=dtype, lora_rank=lora_rank)
    found = meter(task, loaded(task)).measure(0)
    names = ("kl_to_base", "sequence_kl_to_base", "reverse_kl_to_base", "relative_change")
    assert {found[name] for name in names} == {0.0}
    assert (found["unchanged_weights"], found["prompts"]) == (1.0, 4)


@pytest.mark.slow
def test_a_lora_model_and_the_same_weights_merged(train_task: Make) -> None:
    lora = train_task(drift_prompts=4, lora_rank=2)
    student = disturbed(loaded(lora), 0.2)
    by_adapter = meter(lora, student).measure(1)
    merged = meter(lora, student.merge_and_unload()).measure(1)
    # (W0 + BA) x and W0 x + B A x round differently in float32
    assert by_adapter == pytest.approx(merged, rel=1e-3)
    assert by_adapter["kl_to_base"] > 1e-5
    assert by_adapter["unchanged_weights"] == merged["unchanged_weights"]


@pytest.mark.slow
def test_what_is_told(train_task: Make) -> None:
    """Means over tokens and over completions, of divergences made by full softmaxes."""
    task = train_task(drift_prompts=4)
    base, model = loaded(task), disturbed(loaded(task))
    measuring = meter(task, model)
    found = attrs.evolve(measuring, labels={"round": 1}).measure(12)
    [line] = (task.output / "drift.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 12, "round": 1, **found}
    asked = measuring.probe.asked
    pairs = [by_full_softmaxes(base, model, item) for item in asked]
    tokens = sum(item.positions for item in asked)
    assert found["tokens"] == tokens
    forward, reverse = (sum(values) for values in zip(*pairs, strict=True))
    assert found["kl_to_base"] == pytest.approx(forward / tokens, rel=1e-4)
    assert found["sequence_kl_to_base"] == pytest.approx(forward / 4, rel=1e-4)
    assert found["reverse_kl_to_base"] == pytest.approx(reverse / tokens, rel=1e-4)
    assert all(found[f"{name}kl_to_base_stderr"] > 0 for name in ("", "sequence_", "reverse_"))


def test_an_infinite_divergence_is_no_number_in_json(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = train_task(drift_prompts=2)
    infinite = ([float("inf"), 1.0], [1.0, 1.0])
    measuring = meter(task, loaded(task))
    monkeypatch.setattr("forget.training.drift.meter.completion_kl", lambda *_: _kl(*infinite))
    found = measuring.measure(1)
    assert (found["kl_to_base"], found["kl_to_base_stderr"]) == (None, None)
    assert found["reverse_kl_to_base"] is not None
    assert json.dumps(found, allow_nan=False)


def _kl(forward: list[float], reverse: list[float]) -> Any:
    from forget.training.drift.meter import CompletionKl

    return CompletionKl(forward, reverse)


def test_files_with_other_names_leave_the_weights_out(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = train_task(drift_prompts=2)
    measuring = meter(task, loaded(task))
    monkeypatch.setattr("forget.training.drift.meter.compare", lambda *_: None)
    found = measuring.measure(1)
    assert (found["unchanged_weights"], found["relative_change"]) == (None, None)
    assert found["kl_to_base"] == 0.0


def test_random_numbers_and_modes_are_put_back(tiny_model: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(2, 2))
    model[1].eval()

    def draw() -> tuple[float, float, float]:
        return random.random(), float(numpy.random.rand()), torch.rand(1).item()

    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    expected = draw()
    random.setstate(states[0]), numpy.random.set_state(states[1]), torch.set_rng_state(states[2])
    with undisturbed(model):
        assert not model.training
        assert not model[0].training
        draw()
    assert draw() == expected
    assert (model.training, model[0].training, model[1].training) == (True, True, False)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"lora_rank": 2, "lora_dropout": 0.2}])
def test_measuring_changes_nothing_of_what_is_trained(
    train_task: Make, changes: dict[str, Any]
) -> None:
    measured = train_task("measured", drift_prompts=3, max_steps=4, **changes)
    plain = train_task("plain", drift_prompts=0, max_steps=4, **changes)
    train_supervised(measured)
    train_supervised(plain)
    kept, expected = content(measured.output), content(plain.output)
    extra = {name for name in kept if name.startswith("drift")}
    assert kept.keys() - extra == expected.keys()
    assert all(kept[name] == expected[name] for name in expected if "manifest" not in name)


@pytest.mark.slow
def test_each_checkpoint_tells_its_line(train_task: Make) -> None:
    task = train_task(drift_prompts=3, max_steps=4, checkpoint_every=2)
    train_supervised(task)
    lines = [json.loads(line) for line in (task.output / "drift.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4]
    for line in lines:
        manifest = read_manifest(task.output / "checkpoints" / f"step-{line['step']:06d}")
        assert manifest is not None
        assert {"step": line["step"], **manifest.details["drift"]} == line
    assert lines[1]["kl_to_base"] > lines[0]["kl_to_base"] > 0


@pytest.mark.slow
def test_asked_for_none_it_leaves_nothing(train_task: Make) -> None:
    task = train_task(drift_prompts=0, max_steps=2)
    train_supervised(task)
    assert sorted(path.name for path in task.output.iterdir()) == ["checkpoints", "metrics.jsonl"]
    manifest = read_manifest(task.output / "checkpoints" / "step-000002")
    assert manifest is not None
    assert "drift" not in manifest.details
