"""SPIN and PI on a tiny model: rounds, records, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Completion
from forget.dataset import Example, Verdict
from forget.errors import DataError, SettingsError, WorkError
from forget.method import Method
from forget.store.manifest import read_manifest
from forget.testing.workbench import content
from forget.training.rollouts.rewards import find_reward, verified
from forget_methods.pi import Pi
from forget_methods.spin import Spin
from training.rollouts.conftest import Make
from training.trajectories.conftest import Graded

REWARD = "training.rollouts.conftest:by_length"
PI: dict[str, Any] = {
    "reward": REWARD, "num_generations": 4, "questions_per_round": 5, "keep_truncated": True,
}  # fmt: skip
SPIN: dict[str, Any] = {"batch_size": 4}
TOLD: dict[str, Any] = {"demonstration": "{question} It is {solution}"}
METHODS: dict[str, tuple[Method, dict[str, Any]]] = {
    "spin": (Spin(), SPIN),
    "spin-sdft": (Spin(), {**SPIN, **TOLD, "variant": "sdft", "teacher_rate": 0.2}),
    "pi": (Pi(), PI),
    "pi-reverse": (Pi(), {**PI, "divergence": "reverse"}),
    "pi-privileged": (Pi(), {**PI, **TOLD, "operator": "privileged"}),
}
VARIANTS = {name: METHODS[name] for name in METHODS if name not in ("spin", "pi")}
"""What the conformance of methods does not train."""


def curve(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "changes"), VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("lora", [0, 2])
def test_stopped_after_every_checkpoint_it_ends_with_the_same_bytes(
    prepared: Make, method: Method, changes: dict[str, Any], lora: int
) -> None:
    class Stop(Exception):
        pass

    changes = {**changes, "drift_prompts": 2}
    calm = prepared(method, "calm", lora_rank=lora, **changes)
    method.train(calm)
    shaken = prepared(method, "shaken", lora_rank=lora, **changes)
    for stop in (2, 3, 4):

        def announce(step: int, folder: Path, stop: int = stop) -> None:
            if step == stop:
                raise Stop

        with pytest.raises(Stop):
            method.train(attrs.evolve(shaken, announce=announce))
    method.train(shaken)
    assert content(shaken.output) == content(calm.output)
    drift = [json.loads(line) for line in (calm.output / "drift.jsonl").read_text().splitlines()]
    assert [(line["step"], line["round"]) for line in drift] == [(2, 0), (3, 0), (4, 1), (6, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes"), [METHODS["spin"], METHODS["pi"]], ids=["spin", "pi"]
)
def test_the_curve_goes_through_all_rounds(
    prepared: Make, method: Method, changes: dict[str, Any]
) -> None:
    """Each ends with a point and a checkpoint; steps and tokens are counted through."""
    task = prepared(method, **changes)
    steps: list[int] = []
    method.train(attrs.evolve(task, announce=lambda step, folder: steps.append(step)))
    points = curve(task.output)
    assert [(p["step"], p["round"]) for p in points] == [(2, 0), (3, 0), (4, 1), (6, 1)]
    assert steps == [2, 3, 4, 6]
    tokens = [point["tokens"] for point in points]
    assert tokens == sorted(tokens)


@pytest.mark.slow
def test_spin_starts_each_iteration_at_log_2(prepared: Make) -> None:
    """At the reference both log-ratios are 0: the loss is -log sigmoid(0)."""
    task = prepared(Spin(), log_every=1, checkpoint_every=100, lr=1e-3, warmup=0.4)
    Spin().train(task)
    points = curve(task.output)
    firsts = [next(p for p in points if p["round"] == k) for k in (0, 1)]
    assert [p["loss"] for p in firsts] == pytest.approx([0.6931471805599453] * 2, abs=2e-6)
    assert points[2]["loss"] < 0.6931
    record = json.loads((task.output / "rounds" / "round-1.json").read_text())
    assert record["first"] == 3
    found = record["found"]
    assert found["earlier_pairs"] == 12 - found["left_out"].get("identical", 0)
    assert found["pairs"] <= 12


@pytest.mark.slow
def test_pi_learns_what_is_worth_more(prepared: Make) -> None:
    """The share of completions with the reward rises from round to round."""
    task = prepared(
        Pi(), reward=REWARD, num_generations=16, keep_truncated=True, max_steps=24, batch_size=16,
        operator="filter", log_every=8, checkpoint_every=100,
    )  # fmt: skip
    Pi().train(task)
    records = [json.loads((task.output / "rounds" / f"round-{k}.json").read_text()) for k in (0, 1)]
    rewards = [record["found"]["mean_reward"] for record in records]
    assert rewards[1] > rewards[0] + 0.05
    manifest = read_manifest(task.output / "checkpoints" / "step-000024")
    assert manifest is not None
    assert manifest.details["round"] == 1


@pytest.mark.slow
def test_what_is_written_is_not_written_again(prepared: Make) -> None:
    task = prepared(Pi(), **PI)
    Pi().train(task)
    stores = {path: path.read_bytes() for path in task.output.glob("rollouts/*/*/*.jsonl")}
    assert len(stores) == 2
    for folder in ("checkpoints", "training-state", "rounds"):
        if (task.output / folder).exists():
            (task.output / folder).rename(task.output / f"{folder}-before")
    Pi().train(task)
    assert {p: p.read_bytes() for p in task.output.glob("rollouts/*/*/*.jsonl")} == stores


@pytest.mark.parametrize("method", [Pi(), Spin()], ids=["pi", "spin"])
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"max_prompt_length": 600}, SettingsError, "do not fit the model's context window of 512"),
        ({"max_prompt_length": 3}, DataError, "longer than max_prompt_length=3 tokens. Raise it"),
        ({"max_steps": 1}, SettingsError, "max_steps=1 are fewer than rounds=2"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    prepared: Make, tmp_path: Path, method: Method, changes: dict[str, Any],
    error: type[Exception], message: str,
) -> None:  # fmt: skip
    with pytest.raises(error) as failure:
        prepared(method, **changes)
    assert message in str(failure.value)
    assert not (tmp_path / "run").exists()


def test_a_dataset_without_answers_is_refused_where_answers_are_needed(prepared: Make) -> None:
    nothing = Graded(unanswered=range(12))
    with pytest.raises(DataError, match="No question of the dataset 'graded' has a gold answer"):
        prepared(Pi(), dataset=nothing)
    assert prepared(Spin(), "spin", dataset=nothing).data.exists()


def test_nothing_right_is_nothing_to_learn_from(prepared: Make) -> None:
    task = prepared(Pi(), **{**PI, "reward": "verifier"})
    with pytest.raises(WorkError, match=r"Nothing of what .* round 1 .*: all wrong \(5\)"):
        Pi().train(task)
    assert list(task.output.glob("rollouts/*/*/completions.jsonl"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("training.rollouts.conftest:fails", "failed on the question 'train-0': ZeroDivisionError"),
        ("training.rollouts.conftest:no_number", "'train-0' is nan, which is no finite number"),
    ],
)
def test_a_reward_that_fails(name: str, message: str) -> None:
    reward = find_reward(name)
    example = Example(id="train-0", question="", solution="", answer="1")
    with pytest.raises(WorkError, match=message):
        reward(example, Completion(text="", finished=True, tokens=1), _verdict(True))


@pytest.mark.parametrize("name", ["verify", "nowhere:f", "math:nothing", "math:pi", ":x"])
def test_a_reward_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError, match="names no reward"):
        find_reward(name)


def test_the_verifiers_reward() -> None:
    assert find_reward("verifier") is verified
    example = Example(id="a", question="", solution="", answer="1")
    whole, cut = (Completion(text="1", finished=f, tokens=1) for f in (True, False))
    assert verified(example, whole, _verdict(True)) == 1
    assert verified(example, whole, _verdict(False)) == 0
    assert verified(example, cut, _verdict(True)) == 0


def _verdict(correct: bool) -> Verdict:
    return Verdict(correct=correct, extracted=None, reason="", truncated=False)
