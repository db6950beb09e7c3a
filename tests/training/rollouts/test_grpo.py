"""GRPO on a tiny model: prompts, masks, the curve, what is refused, and exact resume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from forget.errors import DataError, RequestError, SettingsError, WorkError
from forget.inference.chat import render_prompt
from forget.inference.generation import stop_ids_of
from forget.inference.machine import Machine
from forget.method import TrainTask
from forget.testing.workbench import content
from forget.training import read_examples
from forget.training.masking import encode
from forget_methods.grpo import Grpo, GrpoSettings
from forget_methods.grpo.engine import choose_engine, engine_arguments
from forget_methods.grpo.grading import Grader
from forget_methods.grpo.watch import Watch
from tiny_models import make_model
from training.rollouts.conftest import Make
from training.trajectories.conftest import Graded, NoData

GRPO: dict[str, Any] = {
    "batch_size": 8, "num_generations": 4, "reward": "training.rollouts.conftest:by_length",
}  # fmt: skip


def curve(task: TrainTask) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (task.output / "metrics.jsonl").read_text().splitlines()]


class Noted:
    """Progress that remembers its lines."""

    def __init__(self, task: TrainTask) -> None:
        self.lines: list[str] = []
        self.task = task.progress.task

    def note(self, text: str) -> None:
        self.lines.append(text)


def noted(task: TrainTask) -> tuple[TrainTask, list[str]]:
    progress = Noted(task)
    return attrs.evolve(task, progress=progress), progress.lines


# --- exact resume


class Stop(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"lora_rank": 2, "beta": 0.1},
        pytest.param({"beta": 0.1}, marks=pytest.mark.slow),
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"num_iterations": 2, "l2_to_base": 0.5}, marks=pytest.mark.slow),
    ],
    ids=["lora-kl", "kl", "full", "two-passes"],
)
def test_interrupted_anywhere_it_ends_with_the_same_bytes(
    prepared: Make, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """Stopped at a checkpoint, then between two, in the middle of a step."""
    calm = prepared(Grpo(), "calm", log_every=4, **GRPO, **changes)
    Grpo().train(calm)
    shaken = prepared(Grpo(), "shaken", log_every=4, **GRPO, **changes)

    def announce(step: int, folder: Path) -> None:
        if step == 2:
            raise Stop

    with pytest.raises(Stop):
        Grpo().train(attrs.evolve(shaken, announce=announce))
    plain, seen = Grader.rewards, [0]

    def rewards(grader: Grader, **given: Any) -> list[float]:
        seen[0] += 1
        if seen[0] == (2 if "num_iterations" in changes else 4):  # in step 6, or 5
            raise Stop
        return plain(grader, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Grader, "rewards", rewards)
        with pytest.raises(Stop):
            Grpo().train(shaken)
    assert not (shaken.output / "checkpoints" / "step-000006").exists()
    assert (shaken.output / "training-state" / "step-000004").exists()
    Grpo().train(shaken)
    assert content(shaken.output) == content(calm.output)
    assert [point["step"] for point in curve(calm)] == [4, 6]
    steps: list[int] = []
    Grpo().train(attrs.evolve(calm, announce=lambda step, folder: steps.append(step)))
    assert steps == [2, 4, 6]


@pytest.mark.slow
def test_another_seed_draws_others(prepared: Make) -> None:
    tasks = [prepared(Grpo(), f"seed-{n}", **{**GRPO, "max_steps": 1}) for n in (1, 2)]
    for seed, task in enumerate(tasks):
        Grpo().train(attrs.evolve(task, seed=seed))
    assert curve(tasks[0])[0]["entropy"] != curve(tasks[1])[0]["entropy"]


# --- what is trained on


@pytest.fixture(scope="module")
def ending_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, to which every seventh token is an end of turn."""
    folder = make_model(tmp_path_factory.mktemp("ending"))
    file = folder / "generation_config.json"
    generation = json.loads(file.read_text())
    file.write_text(json.dumps({**generation, "eos_token_id": [2, *range(5, 380, 7)]}))
    return folder


@pytest.mark.slow
def test_prompts_and_masks_by_decoding(
    prepared: Make, monkeypatch: pytest.MonkeyPatch, ending_model: Path, tokenizer: Any
) -> None:
    """Prompts are evaluation's, a completion ends where it ends there, the rest is masked."""
    from forget_methods.grpo.trainer import grpo_trainer

    batches: list[dict[str, Any]] = []
    plain = grpo_trainer()._compute_loss

    def remember(trainer: Any, model: Any, inputs: dict[str, Any]) -> Any:
        batches.append(inputs)
        return plain(trainer, model, inputs)

    monkeypatch.setattr(grpo_trainer(), "_compute_loss", remember)
    task = prepared(Grpo(), model=ending_model, **{**GRPO, "max_steps": 3})
    Grpo().train(task)
    questions = read_examples(task.data)
    texts = {render_prompt(tokenizer, q.messages): q for q in questions}
    ends = stop_ids_of(task.model, tokenizer)
    finished = 0
    for batch in batches:
        for row in range(2):
            mask = batch["prompt_mask"][row].bool()
            prompt = batch["prompt_ids"][row][mask].tolist()
            question = texts[tokenizer.decode(prompt)]
            trained = encode(tokenizer, question.messages, "any")
            assert prompt == trained.input_ids[: trained.completion_mask.count(0)]
            used = batch["completion_mask"][row].bool()
            completion = batch["completion_ids"][row][used].tolist()
            assert used.tolist() == sorted(used.tolist(), reverse=True)
            assert not ends & set(completion[:-1])
            if completion[-1] in ends:
                finished += 1
            else:
                assert len(completion) == 12
    assert len(batches) == 3 * 4
    assert 8 < finished < 24
    shares = [point["truncated_share"] for point in curve(task)]
    assert shares[0] * 2 / 3 + shares[1] / 3 == pytest.approx(1 - finished / 24)


@pytest.mark.slow
def test_truncated_completions_can_be_left_out(
    prepared: Make, monkeypatch: pytest.MonkeyPatch, ending_model: Path
) -> None:
    from forget_methods.grpo.trainer import grpo_trainer

    counts: list[tuple[int, int]] = []
    plain = grpo_trainer()._compute_loss

    def remember(trainer: Any, model: Any, inputs: dict[str, Any]) -> Any:
        used = inputs["completion_mask"].sum(1)
        counts.append((int((used == 0).sum()), int((used == 12).sum())))
        return plain(trainer, model, inputs)

    monkeypatch.setattr(grpo_trainer(), "_compute_loss", remember)
    task = prepared(
        Grpo(), model=ending_model, mask_truncated_completions=True, **{**GRPO, "max_steps": 1}
    )
    Grpo().train(task)
    masked = sum(none for none, _ in counts)
    assert masked == round(8 * curve(task)[0]["truncated_share"]) > 0


@pytest.mark.slow
def test_it_learns_what_is_worth_more(prepared: Make) -> None:
    task = prepared(
        Grpo(), batch_size=32, num_generations=8, micro_batch_size=16, max_steps=30, log_every=5,
        checkpoint_every=100, reward="training.rollouts.conftest:capital",
    )  # fmt: skip
    Grpo().train(task)
    rewards = [point["reward"] for point in curve(task)]
    assert rewards[-1] > rewards[0] + 0.1
    assert all(0 <= point["no_signal_share"] <= 1 for point in curve(task))


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss_type", ["dapo", "grpo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"]
)
def test_every_loss_takes_its_steps(prepared: Make, loss_type: str) -> None:
    task = prepared(
        Grpo(), **GRPO, loss_type=loss_type, epsilon_high=5 if loss_type == "cispo" else None,
        num_iterations=2, max_steps=4, log_every=4, beta=0.1,
    )  # fmt: skip
    Grpo().train(task)
    [point] = curve(task)
    assert point["grad_norm"] > 0
    assert point["kl"] > 0


# --- grading


def grader(tokenizer: Any, reward: Any) -> Grader:
    from forget.training import Conversation

    example = Graded().load("train", NoData())[1]
    return Grader(
        Graded(), reward, [Conversation("a", [], "", example=example)], tokenizer=tokenizer,
        ends={tokenizer.eos_token_id}, tell=lambda shares: None,
    )  # fmt: skip


def test_completions_are_graded_as_text(tokenizer: Any) -> None:
    """Right and ended, right and cut, empty, wrong; the end of turn is no part of the text."""
    from forget.training.rollouts.rewards import verified

    end = tokenizer.eos_token_id
    right = tokenizer("1 plus 1 is 2")["input_ids"]
    logged: dict[str, float] = {}
    rewards = grader(tokenizer, verified).rewards(
        completion_ids=[[*right, end], right, [end], [*right, *right[:1], end]],
        question=[0] * 4,
        log_metric=logged.__setitem__,
        trainer_state=SimpleNamespace(global_step=1),
    )
    assert rewards == [1, 0, 0, 0]
    assert (logged["correct_share"], logged["truncated_share"]) == (0.5, 0.25)
    assert logged["no_signal_share"] == 0


def test_identical_completions_teach_nothing(tokenizer: Any) -> None:
    logged: dict[str, float] = {}
    right = [*tokenizer("it is 2")["input_ids"], tokenizer.eos_token_id]
    grader(tokenizer, lambda *_: 1.0).rewards(
        completion_ids=[right] * 4, question=[0] * 4, log_metric=logged.__setitem__
    )
    assert (logged["no_signal_share"], logged["all_right_share"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reward", "message"),
    [("fails", "failed on the question 'train-.*: ZeroDivisionError"), ("no_number", "is nan")],
)
def test_a_reward_that_fails_stops_the_training(prepared: Make, reward: str, message: str) -> None:
    task = prepared(Grpo(), **{**GRPO, "reward": f"training.rollouts.conftest:{reward}"})
    with pytest.raises(WorkError, match=message):
        Grpo().train(task)
    assert not list(task.output.glob("checkpoints/step-*"))


# --- what is said


def watched(*batches: Mapping[str, float], window: int = 2) -> list[str]:
    notes: list[str] = []
    watch = Watch(notes.append, window, 96)
    assert watch.detail == ""
    still = {
        "correct_share": 0, "truncated_share": 0, "no_signal_share": 0, "all_right_share": 0,
        "all_wrong_share": 0,
    }  # fmt: skip
    for batch in batches:
        watch.add({**still, **batch})
        assert watch.detail == "0 % correct"
    return notes


def test_many_truncated_completions_are_told_once() -> None:
    cut = {"truncated_share": 0.9}
    assert watched(cut, {"truncated_share": 0.1}) == []  # 50 % on average: not more than half
    assert watched(cut) == []
    [note] = watched(cut, {"truncated_share": 0.4}, cut, cut)
    assert note.startswith("65 % of the completions of the last 2 batches were cut at max_com")
    assert "=96" in note
    assert watched(cut, window=1)[0].startswith("90 % of the completions of the last batch were")


@pytest.mark.parametrize(
    ("kind", "advice"), [("all_right_share", "stop here"), ("all_wrong_share", "too hard for it")]
)
def test_saturation_is_told_with_its_kind(kind: str, advice: str) -> None:
    almost = {"no_signal_share": 0.88, kind: 0.88}
    assert watched(almost, almost) == []
    full = {"no_signal_share": 1.0, kind: 0.95}
    [note] = watched(full, almost, full, full)
    assert note.startswith("94 % of the groups of the last 2 batches taught nothing")
    word = "right" if "right" in kind else "wrong"
    assert f"92 % all {'completions ' if word == 'right' else ''}were {word}" in note
    assert advice in note


@pytest.mark.slow
def test_what_is_said_of_a_training(prepared: Make) -> None:
    """Both, once 32 groups were seen: twelve in each step."""
    task, notes = noted(
        prepared(Grpo(), batch_size=48, num_generations=4, log_every=1, max_steps=3)
    )
    Grpo().train(task)
    assert len(notes) == 2
    assert notes[0].startswith("9") or notes[0].startswith("100 %")
    assert "of the last 3 batches were cut at max_completion_length=12" in notes[0]
    assert notes[1].startswith("100 % of the groups of the last 3 batches taught nothing")
    assert "in 100 % all were wrong" in notes[1]


# --- refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"batch_size": 10},
            "batch_size=10 is not a multiple of num_generations=4.* batch_size=12",
        ),
        ({"num_iterations": 3}, "checkpoint_every=200 is not a multiple of num_iterations=3"),
        ({"loss_type": "cispo"}, "epsilon_high=None.* Set epsilon_high=5"),
        ({"loss_type": "cispo", "epsilon_high": 0.2}, "epsilon_high=0.2, and below 1"),
        ({"lora_dropout": 0.1, "lora_rank": 2}, "lora_dropout=0.1 would make"),
        ({"l2_to_base": 1.0, "lora_rank": 2}, "l2_to_base=1.0"),
    ],
)
def test_settings_that_contradict_each_other(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        GrpoSettings(**changes)


def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    prepared: Make, tmp_path: Path
) -> None:
    def refused(error: type[Exception], message: str, **changes: Any) -> None:
        with pytest.raises(error, match=message):
            prepared(Grpo(), **{**GRPO, **changes})
        assert not (tmp_path / "run").exists()

    nothing = Graded(unanswered=range(12))
    refused(DataError, "No question of the dataset 'graded' has a gold", dataset=nothing)
    refused(SettingsError, "do not fit the model's context window", max_completion_length=500)
    refused(DataError, "longer than max_prompt_length=3", max_prompt_length=3)
    refused(SettingsError, "names no reward", reward="nowhere:f")


def test_without_prepared_data(prepared: Make, tmp_path: Path) -> None:
    task = prepared(Grpo(), **GRPO)
    with pytest.raises(DataError, match="no complete training data"):
        Grpo().train(attrs.evolve(task, data=tmp_path / "nothing"))


# --- engines


def settings_on(
    monkeypatch: pytest.MonkeyPatch, device: str, vllm: bool, **changes: Any
) -> GrpoSettings:
    machine = Machine(device=device, device_name="", dtype="float32")
    monkeypatch.setattr("forget_methods.grpo.engine.resolve_machine", lambda *_: machine)
    found = object() if vllm else None
    monkeypatch.setattr("forget_methods.grpo.engine.find_spec", lambda _: found)
    monkeypatch.setattr("forget.inference.vllm_process.find_spec", lambda _: found)
    return GrpoSettings(**changes)


@pytest.mark.parametrize(
    ("device", "vllm", "engine"),
    [
        ("cuda", True, "vllm_colocate"), ("cuda", False, "transformers"),
        ("cpu", True, "transformers"), ("mps", True, "transformers"),
    ],
)  # fmt: skip
def test_the_engine_if_nobody_chooses(
    monkeypatch: pytest.MonkeyPatch, device: str, vllm: bool, engine: str
) -> None:
    assert choose_engine(settings_on(monkeypatch, device, vllm)) == engine


@pytest.mark.parametrize("engine", ["vllm_colocate", "vllm_server"])
def test_vllm_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    with pytest.raises(RequestError, match=rf"rollout_engine={engine} needs vLLM, .*pip install"):
        choose_engine(settings_on(monkeypatch, "cuda", False, rollout_engine=engine))
    with pytest.raises(RequestError, match=rf"rollout_engine={engine} needs an NVIDIA GPU"):
        choose_engine(settings_on(monkeypatch, "cpu", True, rollout_engine=engine))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "somewhere"])
def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    settings = settings_on(
        monkeypatch, "cuda", True, rollout_engine="vllm_server", vllm_server_url=url
    )
    with pytest.raises(RequestError, match=f"no vLLM server answers at vllm_server_url={url}"):
        choose_engine(settings)


@pytest.mark.slow
def test_what_trl_is_told_of_vllm() -> None:
    """Its names are the pinned TRL's; the tokens that end an answer are evaluation's."""
    from trl import GRPOConfig

    names = set(GRPOConfig.__dataclass_fields__)
    settings = GrpoSettings(loss_type="vespo", vllm_server_url="http://gpu:1")
    for engine, mode in (("vllm_colocate", "colocate"), ("vllm_server", "server")):
        told = engine_arguments(engine, settings, 1536, {7, 2})
        assert told.keys() <= names
        assert (told["vllm_mode"], told["vllm_max_model_length"]) == (mode, 1536)
        assert told["generation_kwargs"] == {"stop_token_ids": [2, 7]}
        assert told["vllm_importance_sampling_mode"] == "token_truncate"
    assert engine_arguments("transformers", settings, 1536, {2}) == {}
