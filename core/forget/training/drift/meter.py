"""Measures a model in training against its base, and leaves no trace in the training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.inference.tensors import open_tensors
from forget.store import journal
from forget.training.drift.divergence import TokenKl, per_sequence, per_token
from forget.training.drift.guard import undisturbed
from forget.training.drift.probe import Probe
from forget.training.drift.readout import (
    FileHead,
    ModelHead,
    block_logits,
    blocks,
    last_states,
    own_logits,
)
from forget.training.drift.weights import Change, compare, without_adapters

__all__ = ["CompletionKl", "Meter", "completion_kl", "told"]


class CompletionKl(NamedTuple):
    """The divergences of each completion, summed over its positions [nats].

    Attributes:
        forward: KL(base || model).
        reverse: KL(model || base) after the same tokens, which the base wrote.
    """

    forward: list[float]
    reverse: list[float]


@attrs.frozen(kw_only=True)
class Meter:
    """What measures one phase of a training.

    Attributes:
        model: The model in training; a LoRA model is measured with its adapters.
        probe: What it is measured on.
        base: Folder of the base model.
        file: The journal of the run.
        labels: What every line tells besides.
    """

    model: Any
    probe: Probe
    base: Path
    file: Path
    labels: Mapping[str, Any] = attrs.field(factory=dict)

    def measure(self, step: int) -> dict[str, Any]:
        """Measure the model as it is after a step of the run, and write a line of the journal.

        Returns:
            ``kl_to_base``: KL(base || model), mean over all positions of the base's completions
            [nats per token], and ``sequence_kl_to_base``, summed over a completion and averaged
            over completions [nats], which estimates the KL of whole completions as far as they go;
            ``reverse_kl_to_base``: KL(model || base), mean over the same positions. Each with a
            ``_stderr`` over prompts. ``unchanged_weights`` and ``relative_change``: see
            `weights.Change`; None where the base's files name their tensors otherwise than the
            model does. ``prompts`` and ``tokens``: how many were measured.
        """
        import torch

        with undisturbed(self.model), torch.no_grad():
            kl = completion_kl(self.model, self.probe, self.base)
            with open_tensors(self.base) as files:
                change = compare(self.model, files)
        found = told(kl, [item.positions for item in self.probe.asked], change)
        journal.append(self.file, [{"step": step, **self.labels, **found}])
        return found


def completion_kl(model: Any, probe: Probe, base: Path) -> CompletionKl:
    """Compare a model with its base on all completions.

    Args:
        model: The model, in evaluation mode.
        probe: The completions, and what is kept of the base.
        base: Folder of the base model.
    """
    if probe.head is None:
        forward_T, reverse_T = _by_log_probs(model, probe)
    else:
        forward_T, reverse_T = _by_states(model, probe, base)
    lengths = [item.positions for item in probe.asked]
    return CompletionKl(*([part.sum().item() for part in kl_T.clamp(min=0).split(lengths)]
                          for kl_T in (forward_T, reverse_T)))  # fmt: skip


def _by_states(model: Any, probe: Probe, base: Path) -> tuple[Any, Any]:
    """Make both models' logits block by block of the vocabulary."""
    assert probe.head is not None
    bare = without_adapters(model)
    config = bare.config.get_text_config()
    states_TD = last_states(model, probe.asked)
    kl = TokenKl()
    with probe.kept() as kept, open_tensors(base) as files:
        base_TD = kept.read("states").to(states_TD.device)
        own, its = ModelHead(model), FileHead(files, *probe.head, like=bare)
        vocabulary = files.shape(probe.head.weight)[0]
        for block in blocks(vocabulary, len(states_TD)):
            kl.add(
                block_logits(base_TD, its, *block, config),
                block_logits(states_TD, own, *block, config),
            )
    return kl.forward().cpu(), kl.reverse().cpu()


def _by_log_probs(model: Any, probe: Probe) -> tuple[Any, Any]:
    """Take the model's own logits, and what was kept of the base's, completion by completion."""
    import torch

    forward, reverse, first = [], [], 0
    with probe.kept() as kept:
        for item in probe.asked:
            logits_TV = own_logits(model, item)
            base_TV = kept.rows("log_probs", first, first + item.positions)
            first += item.positions
            kl = TokenKl()
            kl.add(base_TV.to(logits_TV.device), logits_TV.log_softmax(-1))
            forward.append(kl.forward().cpu())
            reverse.append(kl.reverse().cpu())
    return torch.cat(forward), torch.cat(reverse)


def told(kl: CompletionKl, tokens: Sequence[int], change: Change | None) -> dict[str, Any]:
    """Name what was found, see `Meter.measure`; what is infinite is not a number in JSON.

    Args:
        kl: The divergences of each completion.
        tokens: The number of its positions.
        change: What became of the weights.
    """
    estimates = {
        "kl_to_base": per_token(kl.forward, tokens),
        "sequence_kl_to_base": per_sequence(kl.forward),
        "reverse_kl_to_base": per_token(kl.reverse, tokens),
    }
    found: dict[str, Any] = {"prompts": len(tokens), "tokens": sum(tokens)}
    for name, (mean, stderr) in estimates.items():
        found[name] = mean if math.isfinite(mean) else None
        found[f"{name}_stderr"] = stderr if stderr is not None and math.isfinite(stderr) else None
    found["unchanged_weights"] = None if change is None else change.unchanged
    found["relative_change"] = None if change is None else change.relative
    return found
