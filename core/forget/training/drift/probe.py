"""What the distance from a base is measured on: prompts, its completions, its last states.

    <run>/drift/probe.json         token ids of prompts and completions
    <run>/drift/base.safetensors   the base's state at every drawn token, or log-probabilities

Made once, before the training, and sealed. The states are the smaller by far: a thousand positions
of a model with 1,024 numbers a state are 2 MB in bfloat16, their log-probabilities over 150,000
tokens 600 MB. They serve only if logits can be made of them as the model makes its own, which is
tried; else the log-probabilities are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.inference.chat import render_prompt
from forget.inference.loading import load_tokenizer
from forget.inference.tensors import TensorReader, open_tensors
from forget.inference.tokens import context_window
from forget.method import TrainTask
from forget.store.layout import RunFolder
from forget.store.manifest import read_manifest, verify
from forget.training.drift.readout import Asked
from forget.training.examples import DATA_FILE, read_examples

__all__ = [
    "BASE_FILE",
    "KIND",
    "LENGTH",
    "PROBE_FILE",
    "HeadNames",
    "Probe",
    "Prompt",
    "choose_prompts",
    "obtain_probe",
]

KIND = "drift"
PROBE_FILE, BASE_FILE = "probe.json", "base.safetensors"
LENGTH = 64
"""Longest completion [tokens], its ending token included."""


class HeadNames(NamedTuple):
    """What the output matrix is called in the base's files, and its bias: empty if it has none."""

    weight: str
    bias: str


@attrs.frozen(kw_only=True)
class Probe:
    """What a run's distance from its base is measured on.

    Attributes:
        folder: Where it is.
        asked: Prompts and the base's completions.
        head: Names of the base's output matrix; None where log-probabilities are kept.
    """

    folder: Path
    asked: Sequence[Asked]
    head: HeadNames | None

    def kept(self) -> AbstractContextManager[TensorReader]:
        """Open what is kept of the base: ``states``, [T, D], or ``log_probs``, [T, V]."""
        return open_tensors(self.folder)


class Prompt(NamedTuple):
    """A prompt as the model reads it."""

    text: str
    ids: list[int]


def obtain_probe(task: TrainTask, training: str) -> Probe | None:
    """Return what a training is measured on; make it if it is not there, or damaged.

    Args:
        task: The task handed to `Method.train`.
        training: Name of the training, see `plan.training_digest`.

    Returns:
        None if the settings ask for none, or there is no prompt that it could be measured on, of
        which a note tells.

    Raises:
        ModelError: The base model cannot be loaded.
        StorageError: The disk is full.
    """
    from forget.training.drift.making import make_probe

    count: int = task.settings.drift_prompts
    if not count:
        return None
    folder = RunFolder(task.output).drift
    identity = {"training": training, "wanted": count, "length": LENGTH}
    manifest = verify(folder)
    same = manifest is not None and identity.items() <= manifest.details.items()
    if same and manifest is not None and manifest.kind == KIND:
        return _read(folder, manifest.details["head"])
    tokenizer = load_tokenizer(task.model)
    prompts = choose_prompts(task, tokenizer, count)
    if not prompts:
        task.progress.note(
            "the distance from the base is not measured: the data have no prompt that leaves "
            f"{LENGTH} tokens of the model's context window free"
        )
        return None
    with task.progress.task("the base writes what to measure on", None):
        head = make_probe(task, tokenizer, prompts, identity)
    return _read(folder, head)


def choose_prompts(task: TrainTask, tokenizer: Any, count: int) -> list[Prompt]:
    """Draw prompts of a run's data, each once.

    A question's place is decided by its own id, so that methods whose data are about much the same
    questions are measured on much the same.

    Args:
        task: Data, model and seed.
        tokenizer: The model's tokenizer.
        count: How many, at most.
    """
    manifest = read_manifest(task.data)
    if manifest is None or DATA_FILE not in manifest.files:
        return []  # a method with data of another form
    room = context_window(task.model, tokenizer) - LENGTH
    examples = sorted(read_examples(task.data), key=lambda e: _place(task.seed, e.question))
    chosen: dict[str, Prompt] = {}
    for example in examples:
        text = render_prompt(tokenizer, example.messages)
        if text not in chosen:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if 0 < len(ids) <= room:
                chosen[text] = Prompt(text, ids)
        if len(chosen) == count:
            break
    return list(chosen.values())


def _place(seed: int, question: str) -> str:
    return hashlib.sha256(f"{seed}/{question}".encode()).hexdigest()


def _read(folder: Path, head: Sequence[str] | None) -> Probe:
    plain = json.loads((folder / PROBE_FILE).read_text(encoding="utf-8"))
    asked = [Asked(**item) for item in plain]
    return Probe(folder=folder, asked=asked, head=HeadNames(*head) if head else None)
