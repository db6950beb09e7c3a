"""Makes what the distance from a base is measured on, with the base in memory for a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from forget.completion import Sampling
from forget.inference.generation import stop_ids, write_tokens
from forget.inference.loading import Loaded
from forget.inference.machine import resolve_machine
from forget.inference.sampling import Draw
from forget.inference.tensors import TensorReader, open_tensors
from forget.method import TrainTask
from forget.store.atomic import staged_folder, write_json
from forget.store.layout import RunFolder
from forget.store.manifest import seal
from forget.training.checkpoints import full_disk_as_oserror
from forget.training.drift.guard import undisturbed
from forget.training.drift.probe import BASE_FILE, KIND, LENGTH, PROBE_FILE, HeadNames, Prompt
from forget.training.drift.readout import (
    Asked,
    FileHead,
    block_logits,
    blocks,
    last_states,
    own_logits,
)
from forget.training.student import load_student

if TYPE_CHECKING:
    import torch

__all__ = ["make_probe"]

_TOGETHER = 16
"""Completions that the base writes in one batch."""

_TRIED = 2
"""Completions, the shortest, on which the model's own logits are compared: all are made alike."""

_FLOAT32_PRODUCT = 1e-5
"""Greatest relative rounding of a sum of some thousand products in float32, by experience."""


def make_probe(
    task: TrainTask, tokenizer: Any, prompts: Sequence[Prompt], identity: Mapping[str, Any]
) -> HeadNames | None:
    """Write the folder; the base is in memory meanwhile, and gone afterwards.

    Args:
        task: The task handed to `Method.train`.
        tokenizer: The model's tokenizer.
        prompts: What the base completes.
        identity: What tells the folder from another training's.

    Returns:
        Names of the base's output matrix, if its states are kept.

    Raises:
        ModelError: The base model cannot be loaded.
        StorageError: The disk is full.
    """
    import torch
    from safetensors.torch import save_file

    settings = attrs.evolve(task.settings, lora_rank=0)
    device = resolve_machine("auto", settings.dtype).device
    with undisturbed(), torch.no_grad():
        base = load_student(task.model, settings, task.seed, None).to(device).eval()
        asked = [
            item
            for start in range(0, len(prompts), _TOGETHER)
            for item in _ask(base, tokenizer, prompts[start : start + _TOGETHER], task.seed)
        ]
        asked.sort(key=lambda item: len(item.read))
        with open_tensors(task.model) as files:
            head = _head_names(base, files)
            if head is not None and not _faithful(base, asked[:_TRIED], files, head):
                head = None
        kept = {"states": last_states(base, asked)} if head else _log_probs(base, asked)
        folder = RunFolder(task.output).drift
        with staged_folder(folder) as staging, full_disk_as_oserror():
            write_json(staging / PROBE_FILE, [item._asdict() for item in asked])
            save_file({name: t.cpu().contiguous() for name, t in kept.items()}, staging / BASE_FILE)
            seal(staging, KIND, {**identity, "head": head, "prompts": len(asked)})
    return head


def _ask(base: Any, tokenizer: Any, prompts: Sequence[Prompt], seed: int) -> Iterator[Asked]:
    """Have the base complete prompts, drawing from its whole distribution: temperature 1."""
    sampling = Sampling(max_new_tokens=LENGTH, temperature=1.0, seed=seed)
    loaded = Loaded(base, tokenizer)
    draws = [Draw(sampling, prompt.text) for prompt in prompts]
    written = write_tokens(loaded, [prompt.ids for prompt in prompts], draws)
    ends = stop_ids(loaded)
    for prompt, tokens in zip(prompts, written, strict=True):
        end = next((place for place, token in enumerate(tokens) if token in ends), None)
        yield Asked(prompt.ids, tokens[:end], end is not None)


def _head_names(base: Any, files: TensorReader) -> HeadNames | None:
    """Return the names of the output matrix in the base's files, be it that of the embeddings."""
    layer = base.get_output_embeddings()
    if layer is None or getattr(layer, "weight", None) is None:
        return None
    known = set(files.names)
    names: dict[int, str] = {}
    for name, parameter in base.named_parameters(remove_duplicate=False):
        if name in known and files.shape(name) == list(parameter.shape):
            names.setdefault(id(parameter), name)
    bias = getattr(layer, "bias", None)
    weight = names.get(id(layer.weight))
    if weight is None or (bias is not None and id(bias) not in names):
        return None
    return HeadNames(weight, "" if bias is None else names[id(bias)])


def _faithful(base: Any, asked: Sequence[Asked], files: TensorReader, head: HeadNames) -> bool:
    """Say whether logits made of states and the file are those of the model itself, but rounding.

    A model may do to them what is not known here. The root of the mean square tells a factor of
    all logits, the largest difference a single one that is masked.
    """
    import torch

    config = base.config.get_text_config()
    its = FileHead(files, *head, like=base)
    vocabulary = files.shape(head.weight)[0]
    allowed = max(torch.finfo(base.dtype).eps, _FLOAT32_PRODUCT)
    for item in asked:
        states_TD = last_states(base, [item])
        own_TV = own_logits(base, item)
        made_TV = torch.cat(
            [
                block_logits(states_TD, its, *block, config)
                for block in blocks(vocabulary, len(states_TD))
            ],
            dim=-1,
        )
        if own_TV.shape != made_TV.shape:
            return False
        off_TV = (own_TV - made_TV).abs()
        scale = own_TV.square().mean().sqrt()
        mean_off, most_off = off_TV.square().mean().sqrt(), off_TV.max()
        # "not within" instead of "beyond", so that NaN is refused.
        if not (mean_off <= allowed * scale and most_off <= 4 * allowed * own_TV.abs().max()):
            return False
    return True


def _log_probs(base: Any, asked: Sequence[Asked]) -> dict[str, torch.Tensor]:
    """Return the base's log-probabilities of every drawn token, fp32 [T, V], by their name."""
    import torch

    rows = [own_logits(base, item).log_softmax(-1).cpu() for item in asked]
    return {"log_probs": torch.cat(rows)}
