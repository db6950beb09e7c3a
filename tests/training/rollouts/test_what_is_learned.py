"""What rounds of PI and SPIN teach: tokens and weights by decoding, losses by enumeration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from forget.completion import Completion
from forget.dataset import Verdict
from forget.method import TrainTask
from forget.training import read_examples
from forget.training.rollouts.improvement import filtered, tilted
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.rounds import Lesson, Round
from forget.training.supervised import Row, fit_rows
from forget_methods.pi import Pi
from forget_methods.pi.lesson import improve
from forget_methods.spin import Spin
from forget_methods.spin.lesson import play
from training.conftest import assert_gradients, base_of, one_step, token_log_probs
from training.rollouts.conftest import Make
from training.test_supervised import curve

PROMPT = (
    "<|im_start|>system\nAdd.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
)

WRITTEN = [(" 6 ", True, 1.0), ("It is 6\n", False, 0.0), ("six", True, 0.5), ("", True, 0.25)]
"""Of each question the same: text, whether the model ended it, and its reward."""


def round_of(task: TrainTask, questions: int = 2) -> Round:
    """A round in which the model wrote the same for every question."""
    rollouts = [
        [
            Rollout(
                question,
                sample,
                Completion(text=text, finished=finished, tokens=len(text)),
                Verdict(correct=reward > 0.9, extracted=None, reason="", truncated=not finished),
                reward,
            )
            for sample, (text, finished, reward) in enumerate(WRITTEN)
        ]
        for question in read_examples(task.data)[:questions]
    ]
    return Round(task=task, index=0, start=None, rollouts=rollouts)


def taught(monkeypatch: pytest.MonkeyPatch, lesson: Lesson, trainer: str) -> Sequence[Any]:
    """Return the examples that a lesson hands to its trainer."""
    handed: list[Any] = []
    monkeypatch.setattr(trainer, lambda phase, examples, *rest: handed.extend(examples))
    phase: Any = None
    lesson.fit(phase, 0, lambda steps: None)
    assert len(handed) == lesson.rows
    return handed


def test_rows_of_pi_are_what_was_written_to_the_letter(
    prepared: Make, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = prepared(Pi(), keep_truncated=True, beta=0.5)
    current = round_of(task)
    rows = taught(monkeypatch, improve(current), "forget.training.rollouts.distil.fit_rows")
    weights = tilted([reward for _, _, reward in WRITTEN], 0.5)
    expected = [
        (PROMPT.format(group[0].question.example.question), text + "<|im_end|>" * finished, weight)
        for group in current.rollouts
        if group[0].question.example is not None
        for (text, finished, _), weight in zip(WRITTEN, weights, strict=True)
    ]
    assert [(*halves(tokenizer, row), row.weight) for row in rows] == expected


def test_pairs_of_spin_are_the_solution_and_what_was_written(
    prepared: Make, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = round_of(prepared(Spin()))
    pairs = taught(monkeypatch, play(current), "forget_methods.spin.lesson.fit_pairs")
    found = [tuple(tokenizer.decode(list(part)) for part in pair) for pair in pairs]
    assert found == [
        (
            PROMPT.format(group[0].question.example.question),
            f"{group[0].question.completion}<|im_end|>",
            text + "<|im_end|>" * finished,
        )
        for group in current.rollouts
        if group[0].question.example is not None
        for text, finished, _ in WRITTEN
    ]


def halves(tokenizer: Any, row: Row) -> tuple[str, str]:
    """Decode what of a row is outside the loss, and what is in it."""
    pairs = list(zip(row.input_ids, row.labels, strict=True))
    assert all(label in (token, -100) for token, label in pairs)
    outside = tokenizer.decode([token for token, label in pairs if label == -100])
    return outside, tokenizer.decode([label for _, label in pairs if label != -100])


# --- the loss of PI


@pytest.fixture
def enumerated(train_task: Callable[..., TrainTask]) -> Callable[..., Any]:
    """Every answer of one token to a prompt: the policy as a whole, no draw from it."""

    def make(weigh: Callable[[Any], list[float]], output: str = "run") -> TrainTask:
        task = train_task(
            output, batch_size=400, micro_batch_size=200, max_steps=1, log_every=1,
            max_grad_norm=0.0, warmup=0.0,
        )  # fmt: skip
        weights = weigh(policy(base_of(task)).detach())
        rows = [
            Row([*ASKED, token], [*[-100] * len(ASKED), token], weight)
            for token, weight in enumerate(weights)
        ]
        assert sum(weights) == pytest.approx(1, abs=1e-5)
        phase = one_step(task, len(rows))
        fit_rows(phase, rows, 0, lambda steps: None, "sequences")
        return task

    return make


ASKED = [1, 40, 41, 2, 1, 42]


def policy(model: Any) -> Any:
    """Return log pi(y|x) of every token, [V]."""
    import torch

    return model(torch.tensor([ASKED])).logits[0, -1].float().log_softmax(-1)


def rewards(count: int) -> Any:
    import torch

    return torch.rand(count, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.slow
def test_for_infinite_beta_the_expected_gradient_is_zero(
    enumerated: Callable[..., Any], gradients: dict[str, Any]
) -> None:
    """K draws with weights 1/K are expected to weigh y by pi(y): sum_y pi grad log pi = grad 1.

    The loss itself is the policy's entropy, and a gradient of another weighting is far larger.
    """
    task = enumerated(lambda log_pi_V: log_pi_V.exp().tolist())
    log_pi_V = policy(base_of(task)).detach()
    assert curve(task)[0]["loss"] == pytest.approx(-(log_pi_V.exp() * log_pi_V).sum().item())
    expected = dict(gradients)
    first = [1.0, *[0.0] * (len(log_pi_V) - 1)]
    enumerated(lambda _: first, "other")
    scale = max(gradient.abs().max().item() for gradient in gradients.values())
    for gradient in expected.values():
        assert gradient.abs().max().item() < 1e-5 * scale


@pytest.mark.slow
def test_to_first_order_in_one_over_beta_the_gradient_is_the_policy_gradient(
    enumerated: Callable[..., Any], gradients: dict[str, Any]
) -> None:
    """-beta grad L -> Cov_pi(r, grad log pi), the gradient of E_pi[r].

    The operator is given r + beta log pi, which makes its weights pi exp(r / beta) / Z: those of
    all answers and not of a sample. What is left is of the order 1 / beta.
    """
    beta = 1000.0
    task = enumerated(
        lambda log_pi_V: tilted((rewards(len(log_pi_V)) + beta * log_pi_V).tolist(), beta)
    )
    model = base_of(task)
    log_pi_V = policy(model)
    (-(log_pi_V.exp() * rewards(len(log_pi_V))).sum() / beta).backward()
    expected = {name: p.grad for name, p in model.named_parameters()}
    scale = max(gradient.abs().max().item() for gradient in expected.values())
    for name, gradient in expected.items():
        difference = (gradients[name] - gradient).abs().max().item()
        assert difference < 0.02 * scale, name


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"operator": "filter"}, {"beta": 0.0}, {"beta": 1e-3}])
def test_for_beta_zero_the_loss_is_that_of_rejection_sampling(
    prepared: Make, gradients: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Mean over questions of the mean of -log p(y|x) over the right completions.

    (Yuan et al. 2023, arXiv:2308.01825: fine-tuning on the correct samples.)
    """
    task = prepared(
        Pi(), rounds=1, max_steps=1, log_every=1, batch_size=2, max_grad_norm=0.0,
        normalizer="sequences", **settings,
    )  # fmt: skip
    lesson = improve(round_of(task))
    assert lesson.rows == 2  # one of the four completions of each question is right
    lesson.fit(one_step(task, 2), 0, lambda steps: None)
    model = base_of(task)
    loss = -sum(token_log_probs(model, row).sum() for row in right_rows(task)) / 2
    loss.backward()
    assert curve(task)[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert_gradients(gradients, model)


def right_rows(task: TrainTask) -> list[Row]:
    """The right completion of each question as token ids, made without the lesson."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(task.model)
    rows = []
    for question in read_examples(task.data)[:2]:
        assert question.example is not None
        prompt = tokenizer(PROMPT.format(question.example.question))["input_ids"]
        answer = tokenizer(f"{WRITTEN[0][0]}<|im_end|>")["input_ids"]
        rows.append(Row([*prompt, *answer], [*[-100] * len(prompt), *answer]))
    return rows


def test_weights_of_the_limit_are_the_filters() -> None:
    given = [reward for _, _, reward in WRITTEN]
    assert partial(tilted, beta=0)(given) == filtered(given) == [1, 0, 0, 0]
    assert partial(tilted, beta=math.inf)(given) == [0.25] * 4
