"""GRPO's advantages, loss and gradient against what is worked out by hand."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from forget.inference.chat import render_prompt
from forget.method import TrainTask
from forget.training import read_examples
from forget_methods.grpo import Grpo
from forget_methods.grpo.grading import Grader, Grades, shares
from training.rollouts.conftest import Make
from training.test_supervised import weights

SMALL: dict[str, Any] = {
    "batch_size": 8, "micro_batch_size": 2, "num_generations": 4, "max_steps": 2, "log_every": 1,
    "checkpoint_every": 2, "warmup": 0.0, "lr_schedule": "linear", "max_grad_norm": 0.5,
    "reward": "training.rollouts.conftest:by_length",
}  # fmt: skip


class Drawn:
    """What was drawn in one step: question, tokens and reward of each completion."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[list[tuple[int, list[int], float]]] = []
        plain = Grader.rewards

        def rewards(grader: Grader, **given: Any) -> list[float]:
            worth = plain(grader, **given)
            step = zip(given["question"], given["completion_ids"], worth, strict=True)
            self.steps.append(list(step))
            return worth

        monkeypatch.setattr(Grader, "rewards", rewards)


def curve(task: TrainTask) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (task.output / "metrics.jsonl").read_text().splitlines()]


def log_probs(model: Any, prompt: list[int], completion: list[int], temperature: float) -> Any:
    """Return log p of each completion token, of one sequence, without padding."""
    import torch

    logits_TV = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
    return (
        (logits_TV / temperature).log_softmax(-1).gather(1, torch.tensor(completion)[:, None])[:, 0]
    )


def advantages(rewards: list[float], scale: str) -> list[float]:
    """(r - mean of the group) / (standard deviation + 1e-4), the sample's."""
    groups = [rewards[start : start + 4] for start in range(0, len(rewards), 4)]
    found = []
    for group in groups:
        spread = {
            "group": statistics.stdev(group) + 1e-4,
            "batch": statistics.stdev(rewards) + 1e-4,
            "none": 1.0,
        }[scale]
        found += [(reward - statistics.mean(group)) / spread for reward in group]
    return found


def small_trainer(model_folder: Path, output: Path, bf16: bool = False) -> tuple[Any, Any]:
    """Return a model and its trainer, whose loss can be asked for without training."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig

    from forget_methods.grpo.trainer import make_trainer

    model: Any = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    trainer = make_trainer(
        model,
        AutoTokenizer.from_pretrained(model_folder),
        base=model_folder,
        rewards=lambda **_: [],
        arguments=GRPOConfig(
            output_dir=str(output), loss_type="dr_grpo", max_completion_length=1, use_cpu=True,
            per_device_train_batch_size=4, num_generations=4, bf16=bf16, report_to="none",
            gradient_checkpointing=False,
        ),
        prompts=Dataset.from_list([{"prompt": "a", "question": 0}] * 4),
    )  # fmt: skip
    trainer.current_gradient_accumulation_steps = 1
    return model, trainer


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss_type", "scale", "beta", "temperature"),
    [
        ("dapo", "group", 0.0, 1.0),
        ("dapo", "batch", 0.4, 0.7),
        pytest.param("grpo", "group", 0.4, 1.0, marks=pytest.mark.slow),
        pytest.param("dr_grpo", "none", 0.0, 1.0, marks=pytest.mark.slow),
    ],
)
def test_loss_and_update_are_those_of_the_closed_form(
    prepared: Make, monkeypatch: pytest.MonkeyPatch, tokenizer: Any, lively_model: Path,
    loss_type: str, scale: str, beta: float, temperature: float,
) -> None:  # fmt: skip
    """Two AdamW steps by hand, with the ratio, the clip that it never reaches, and the KL term."""
    import torch
    from transformers import AutoModelForCausalLM

    drawn = Drawn(monkeypatch)
    task = prepared(
        Grpo(), loss_type=loss_type, scale_rewards=scale, beta=beta, temperature=temperature,
        model=lively_model, **{**SMALL, "micro_batch_size": 8 if beta else 2},
    )  # fmt: skip
    Grpo().train(task)
    questions = read_examples(task.data)
    base = AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32)
    model = AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
        ],
        lr=1e-2,
    )
    for step, (point, completions) in enumerate(zip(curve(task), drawn.steps, strict=True)):
        rewards = [reward for _, _, reward in completions]
        assert point["reward"] == pytest.approx(statistics.mean(rewards))
        assert len(set(rewards)) > 1  # else there is nothing to be seen
        losses, kls = [], []
        for (place, ids, _), advantage in zip(completions, advantages(rewards, scale), strict=True):
            text = render_prompt(tokenizer, questions[place].messages)
            prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
            logp = log_probs(model, prompt, list(ids), temperature)
            with torch.no_grad():
                reference = log_probs(base, prompt, list(ids), temperature)
            ratio = (logp - logp.detach()).exp()
            assert ((ratio > 0.8) & (ratio < 1.2)).all()
            kl = ((reference - logp).exp() - (reference - logp) - 1) * ratio
            losses.append(-ratio * advantage + beta * kl)
            kls.append(kl.detach())
        tokens = sum(len(loss) for loss in losses)
        loss = {
            "dapo": sum(loss.sum() for loss in losses) / tokens,
            "grpo": sum(loss.mean() for loss in losses) / len(losses),
            "dr_grpo": sum(loss.sum() for loss in losses) / (len(losses) * 12),
        }[loss_type]
        assert point["loss"] == pytest.approx(loss.item(), rel=1e-4, abs=1e-6)
        assert point["mean_tokens"] == pytest.approx(tokens / 8)
        if beta:
            # The curve's is a mean over forward passes, of which there is one.
            assert point["kl"] == pytest.approx(torch.cat(kls).mean().item(), rel=1e-3, abs=1e-7)
            assert step == 0 or point["kl"] > 1e-5
        else:
            assert "kl" not in point
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        assert point["grad_norm"] == pytest.approx(norm.item(), rel=1e-3)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / 2)
        optimizer.step()
    trained = weights(task.output / "checkpoints" / "step-000002")
    for name, value in trained.items():
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_equal_rewards_move_nothing(prepared: Make) -> None:
    """Every advantage is 0, and so are the gradient and, without weight decay, the step."""
    task = prepared(
        Grpo(), **{**SMALL, "reward": "verifier", "weight_decay": 0.0, "lr": 1.0, "max_steps": 1}
    )
    Grpo().train(task)
    [point] = curve(task)
    assert (point["reward"], point["no_signal_share"], point["all_wrong_share"]) == (0, 1, 1)
    assert (point["loss"], point["grad_norm"]) == (0, 0)
    before, after = weights(task.model), weights(task.output / "checkpoints" / "step-000001")
    assert all((before[name] == after[name]).all() for name in before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("advantages", "bf16"),
    [([0.0, 1.5, 0.0, -0.5], False), ([0.0, 1.5, 0.0, -0.5], True), ([0.0] * 4, False)],
)
def test_completions_without_advantage_take_no_backward_pass(
    tiny_model: Path, tmp_path: Path, advantages: list[float], bf16: bool
) -> None:
    """Loss, gradient and entropy are those of TRL's own trainer; fewer rows have a gradient."""
    import torch

    from forget_methods.grpo.trainer import Silence

    model, trainer = small_trainer(tiny_model, tmp_path, bf16=bf16)
    torch.manual_seed(0)
    inputs = {
        "prompt_ids": torch.randint(3, 60, (4, 5)),
        "prompt_mask": torch.tensor([[0] * 2 + [1] * 3, [1] * 5, [1] * 5, [0] + [1] * 4]),
        "completion_ids": torch.randint(3, 60, (4, 6)),
        "completion_mask": torch.tensor([[1] * 6, [1] * 3 + [0] * 3, [1] * 6, [1] * 4 + [0] * 2]),
        "advantages": torch.tensor(advantages),
        "num_items_in_batch": torch.tensor(19),
    }
    rows: list[tuple[int, bool]] = []
    model.register_forward_pre_hook(
        lambda _, __, given: rows.append((len(given["input_ids"]), torch.is_grad_enabled())),
        with_kwargs=True,
    )
    model.train()
    found = []
    for compute_loss in (super(Silence, trainer)._compute_loss, trainer._compute_loss):
        model.zero_grad()
        loss = compute_loss(model, inputs)
        loss.backward()
        gradient = {name: p.grad.clone() for name, p in model.named_parameters()}
        found.append((loss.detach(), gradient, torch.tensor(trainer._metrics["train"]["entropy"])))
        trainer._metrics["train"].clear()
    torch.testing.assert_close(
        found[0], found[1], rtol=1e-2 if bf16 else 1e-4, atol=1e-4 if bf16 else 1e-7
    )
    learning = max(1, sum(advantage != 0 for advantage in advantages))
    assert rows == [(4, True), (4 - learning, False), (learning, True)]
    assert any(g.abs().max() > 1e-3 for g in found[0][1].values()) == any(advantages)


def test_over_all_completions_it_is_the_gradient_of_the_expected_reward(
    tiny_model: Path, tmp_path: Path
) -> None:
    """One token, all of the vocabulary: sum_v p(v) (r(v) - E r) grad log p(v) = grad E r."""
    import torch
    from transformers import AutoTokenizer

    model, trainer = small_trainer(tiny_model, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    size = model.config.vocab_size
    prompt = torch.tensor([tokenizer("What is 1 + 2?")["input_ids"]])
    worth_V = torch.linspace(-1, 1, size) ** 3

    def expected() -> Any:
        return (model(prompt).logits[0, -1].softmax(-1) * worth_V).sum()

    with torch.no_grad():
        p_V = model(prompt).logits[0, -1].softmax(-1)
        advantages_V = size * p_V * (worth_V - expected())
    inputs = {
        "prompt_ids": prompt.expand(size, -1),
        "prompt_mask": torch.ones(size, prompt.shape[1], dtype=torch.long),
        "completion_ids": torch.arange(size)[:, None],
        "completion_mask": torch.ones(size, 1, dtype=torch.long),
        "advantages": advantages_V,
        "num_items_in_batch": torch.tensor(size),
    }
    model.train()
    trainer.compute_loss(model, inputs).backward()
    found = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    expected().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(found[name], -parameter.grad, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.slow
def test_micro_batches_change_nothing(prepared: Make) -> None:
    import torch

    ends = []
    for size in (2, 8):
        task = prepared(Grpo(), f"by-{size}", **{**SMALL, "micro_batch_size": size})
        Grpo().train(task)
        ends.append(weights(task.output / "checkpoints" / "step-000002"))
    for name, value in ends[0].items():  # sums in another order
        torch.testing.assert_close(value, ends[1][name], rtol=1e-3, atol=1e-4)


def test_shares_of_a_batch() -> None:
    right, wrong = Grades(1.0, True, True), Grades(0.0, False, True)
    cut = Grades(0.0, True, False)  # it said the answer, and was cut
    assert shares([[right, right], [wrong, wrong], [right, wrong], [wrong, cut]]) == {
        "correct_share": 4 / 8,
        "truncated_share": 1 / 8,
        "no_signal_share": 3 / 4,
        "all_right_share": 1 / 4,
        "all_wrong_share": 1 / 4,
    }
