"""The privileged loop: its batches by decoding, its loss and gradients by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from forget.training.divergences import Divergence
from forget.training.phase import IGNORED
from forget.training.privileged import (
    Informed,
    InformedCollator,
    MovingAverage,
    PrivilegedLoss,
    PrivilegedObjective,
)

EPSILON = 0.2


def items() -> list[Informed]:
    return [
        Informed([5, 6], [7, 5, 6, 8], [9, 10, 11], 0.5, [-2.0, -3.0, -6.0]),
        Informed([12, 13, 14], [7, 15], [16], -0.5, [-6.0]),
    ]


def batch(some: Sequence[Informed], scale: float = 0.25) -> dict[str, Any]:
    examples = [{**item._asdict(), "scale": scale} for item in some]
    return InformedCollator(pad=0)(examples)


@pytest.fixture
def model(tiny_model: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float64)


class Learner(PrivilegedLoss):
    """The mixin without a trainer."""

    accelerator = SimpleNamespace(num_processes=1)

    def add_callback(self, callback: Any) -> None:
        self.callback = callback


def learner(model: Any, **changes: Any) -> Learner:
    values: dict[str, Any] = {"rewarded": True, "beta": 0.7, "divergence": "forward", **changes}
    found = Learner()
    found.learn(PrivilegedObjective(epsilon=EPSILON, **values), model)
    return found


def test_batches_say_who_reads_what() -> None:
    found = batch(items())
    for name in ("prompt", "informed"):
        for row, item in enumerate(items()):
            used = found[f"{name}_ids"][row][found[f"{name}_mask"][row].bool()].tolist()
            assert used == [*getattr(item, name), *item.completion]
    width = found["labels"].shape[1]
    assert found["labels"].tolist() == [[9, 10, 11], [16, IGNORED, IGNORED]]
    for name in ("prompt_ids", "informed_ids"):  # the completion stands in the same columns
        assert found[name][:, -width:].tolist() == [[9, 10, 11], [16, 0, 0]]


def by_hand(model: Any, some: Sequence[Informed], **settings: Any) -> Any:
    """The definition, completion by completion and token by token, without padding."""
    share, beta, rewarded = settings["teacher_share"], settings["beta"], settings["rewarded"]

    def distributions(prompt: Sequence[int], completion: Sequence[int]) -> Iterator[Any]:
        ids = torch.tensor([[*prompt, *completion]])
        logits = model(ids).logits[0].log_softmax(-1)
        return iter(logits[len(prompt) - 1 : -1])

    def gain(log_prob: Any, item: Informed, place: int) -> Any:
        ratio = (log_prob - item.written[place]).exp()
        clipped = ratio.clamp(1 - EPSILON, 1 + EPSILON)
        return torch.minimum(ratio * item.advantage, clipped * item.advantage)

    total = torch.zeros(())
    for item in some:
        student = distributions(item.prompt, item.completion)
        teacher = distributions(item.informed, item.completion)
        for place, (p, q) in enumerate(zip(student, teacher, strict=True)):
            token = item.completion[place]
            of_teacher = beta * (q.exp() * (q - p.detach())).sum()
            of_student = beta * (q.detach().exp() * (q.detach() - p)).sum()
            if rewarded:
                of_teacher = of_teacher - gain(q[token], item, place)
                of_student = of_student - gain(p[token], item, place)
            total = total + share * of_teacher + (1 - share) * of_student
    return total


def gradient(model: Any, loss: Any) -> Any:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).clone()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("rewarded", "beta"), [(True, 0.0), (True, 0.7), (False, 1.0)])
def test_loss_and_gradient_are_those_of_the_definition(
    model: Any, share: float, rewarded: bool, beta: float
) -> None:
    """Left padding shifts nothing; the tolerance is float32's, in which softmax is taken."""
    settings = {"teacher_share": share, "rewarded": rewarded, "beta": beta}
    loss = learner(model, **settings).compute_loss(model, batch(items(), scale=0.25))
    found = gradient(model, loss)
    expected_loss = by_hand(model, items(), **settings) * 0.25
    expected = gradient(model, expected_loss)
    assert loss.item() == pytest.approx(expected_loss.item(), rel=1e-5)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=2e-6 * expected.abs().max().item())


def test_where_the_informed_policy_wrote_its_gradient_is_the_policy_gradient(model: Any) -> None:
    """a = 1, beta = 0, nothing has moved: -A grad log pi_T, as of J_T."""
    some = items()
    ids = [torch.tensor([[*item.informed, *item.completion]]) for item in some]

    def log_probs(row: int) -> Any:
        item, start = some[row], len(some[row].informed)
        logits = model(ids[row]).logits[0, start - 1 : -1].log_softmax(-1)
        return logits[range(len(item.completion)), item.completion]

    written = [log_probs(row).tolist() for row in range(len(some))]
    some = [item._replace(written=tokens) for item, tokens in zip(some, written, strict=True)]
    loss = learner(model, beta=0.0, teacher_share=1.0).compute_loss(model, batch(some, 1.0))
    found = gradient(model, loss)
    wanted = -sum(item.advantage * log_probs(row).sum() for row, item in enumerate(some))
    expected = gradient(model, wanted)
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("divergence", ["forward", "reverse", "jsd"])
def test_who_is_told_nothing_more_learns_nothing(model: Any, divergence: Divergence) -> None:
    same = [item._replace(informed=item.prompt) for item in items()]
    found = learner(model, rewarded=False, beta=1.0, divergence=divergence)
    loss = found.compute_loss(model, batch(same, 1.0))
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert gradient(model, loss).abs().max().item() < 1e-6
    assert found._metrics["train"]["divergence"] == [pytest.approx(0.0, abs=1e-6)]


def test_the_moving_average(model: Any, tmp_path: Path) -> None:
    first = {name: p.detach().clone() for name, p in model.named_parameters()}
    teacher = MovingAverage(model, rate=0.25)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    teacher.follow()
    with teacher.in_place():
        for name, parameter in model.named_parameters():
            assert torch.allclose(parameter, first[name] + 0.25, atol=1e-6)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, first[name] + 1.0)
    teacher.save(tmp_path)
    other = MovingAverage(model, rate=0.25)
    other.load(tmp_path)
    name = next(iter(first))
    with teacher.in_place():
        expected = dict(model.named_parameters())[name].detach().clone()
    with other.in_place():
        assert torch.equal(dict(model.named_parameters())[name], expected)


def test_a_teacher_that_is_the_student_keeps_no_copy(model: Any, tmp_path: Path) -> None:
    teacher = MovingAverage(model, rate=1.0)
    teacher.follow()
    teacher.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_teacher_apart_cannot_learn() -> None:
    with pytest.raises(ValueError, match="is the student itself"):
        PrivilegedObjective(
            rewarded=True, beta=1.0, divergence="forward", teacher_share=0.5, teacher_rate=0.1
        )
