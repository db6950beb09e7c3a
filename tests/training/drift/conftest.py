"""Probes of tiny models, and the same divergences by full softmaxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forget.method import TrainTask
from forget.training.drift.probe import Probe, obtain_probe
from forget.training.drift.readout import Asked
from forget.training.student import load_student

__all__ = ["Make", "by_full_softmaxes", "disturbed", "loaded", "probed"]

Make = Callable[..., TrainTask]


def probed(task: TrainTask) -> Probe:
    probe = obtain_probe(task, "training")
    assert probe is not None
    return probe


def loaded(task: TrainTask) -> Any:
    return load_student(task.model, task.settings, task.seed, None).eval()


def disturbed(model: Any, size: float = 0.02) -> Any:
    """Add noise to every trainable weight."""
    import torch

    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=random)
                parameter.add_((size * noise).to(parameter.dtype))
    return model


def by_full_softmaxes(base: Any, model: Any, item: Asked) -> tuple[float, float]:
    """Return both divergences of a completion, from the models' own logits in float64."""
    import torch

    ids = [*item.prompt, *item.completion]
    with torch.no_grad():
        p_TV, q_TV = (
            m(torch.tensor([ids])).logits[0, len(item.prompt) - 1 :].double().log_softmax(-1)
            for m in (base, model)
        )
    drawn = slice(None, len(item.completion) + item.finished)
    p_TV, q_TV = p_TV[drawn], q_TV[drawn]
    forward = (p_TV.exp() * (p_TV - q_TV)).sum().item()
    return forward, (q_TV.exp() * (q_TV - p_TV)).sum().item()
