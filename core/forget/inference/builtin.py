"""The built-in engine: shared prefixes are computed once, texts are written in batches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.errors import ModelError, UnsupportedModelError, WorkError
from forget.inference.attention import NAME
from forget.inference.batching import batch_prompts, batch_sequences
from forget.inference.engine import Batch, Complete, Generate, Request, Score, Work
from forget.inference.forest import count_nodes
from forget.inference.loading import Loaded, load_tokenizer
from forget.inference.machine import Machine, package_version
from forget.inference.memory import free_bytes, key_bytes, node_bytes, split_to_fit
from forget.inference.scoring import LOGITS_BYTES
from forget.inference.swapping import Swapper
from forget.inference.tokens import EncodedScore, context_window, encode_scores
from forget.inference.writing import Prompt, as_answer, as_writing, encode_writing

__all__ = ["BuiltinEngine"]

REVISION = "2"
"""Raised when a change of the engine may move scores by more than rounding."""

_NODES = {"cpu": 2048, "cuda": 32768, "mps": 4096}
"""Distinct prefixes of a batch: enough to keep the multiplier busy, and what a kill may cost."""

_WRITTEN = {"cpu": 12_288, "cuda": 262_144, "mps": 12_288}
"""Tokens whose keys are kept at once while texts are written together, prompts included."""

_USABLE = 0.8
"""Share of the free memory that a batch may be expected to take."""


class BuiltinEngine:
    """Scores and writes with models that transformers loads.

    Args:
        machine: Device and number format.
        nodes: Distinct prefixes of a batch; by the device if None.
        written: Tokens whose keys are kept at once; by the device if None.
    """

    name = "builtin"

    def __init__(
        self, machine: Machine, nodes: int | None = None, written: int | None = None
    ) -> None:
        self.machine = machine
        self.nodes = nodes or _NODES[machine.device]
        self.written = written or _WRITTEN[machine.device]
        self._swapper = Swapper(machine, NAME)

    def fingerprint(self) -> Mapping[str, str]:
        """See `Engine.fingerprint`."""
        return {
            "engine": f"{self.name}-{REVISION}",
            "device": self.machine.device,
            "device_name": self.machine.device_name,
            "dtype": self.machine.dtype,
            "attention": "forest",
            "batching": f"{self.nodes} prefixes, {self.written} written tokens",
            **{name: package_version(name) for name in ("lm-eval", "torch", "transformers")},
        }

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        """See `Engine.prepare`."""
        tokenizer = load_tokenizer(folder)
        window = context_window(folder, tokenizer)
        ready: list[Any] = [None] * len(requests)
        batches: list[Batch] = []
        for indices, plan in (
            (_of(requests, Score), self._plan_scores),
            (_of(requests, (Generate, Complete)), self._plan_writing),
        ):
            if indices:
                made, planned = plan(tokenizer, [requests[i] for i in indices], window)
                for index, item in zip(indices, made, strict=True):
                    ready[index] = item
                batches += [
                    attrs.evolve(batch, requests=tuple(indices[i] for i in batch.requests))
                    for batch in planned
                ]
        cut = sum(item.dropped > 0 for item in ready)
        return Work(
            requests=requests,
            batches=batches,
            ready=ready,
            facts={"truncated_requests": cut} if cut else {},
        )

    def load(self, folder: Path) -> BuiltinModel:
        """See `Engine.load`.

        Raises:
            UnsupportedModelError: Our attention does not do what the model's own does.
        """
        from forget.inference.attention import register
        from forget.inference.packing import pack
        from forget.inference.support import try_out

        register()
        loaded, exchanged = self._swapper.load(folder)
        pack(loaded.model)
        if not exchanged:
            try:
                try_out(loaded.model)
            except UnsupportedModelError:
                self.release()  # or the next of its kind would be exchanged for it, untried
                raise
        return BuiltinModel(loaded, folder)

    def release(self) -> None:
        """See `Engine.release`."""
        self._swapper.release()

    def reshaped(self) -> BuiltinEngine:
        """See `Engine.reshaped`."""
        return BuiltinEngine(self.machine, max(1, self.nodes // 3), max(1, self.written // 3))

    def _plan_scores(
        self, tokenizer: Any, requests: Sequence[Any], window: int
    ) -> tuple[Sequence[Any], list[Batch]]:
        encoded = encode_scores(tokenizer, requests, window)
        sequences = [item.tokens for item in encoded]
        return encoded, [
            Batch(indices, count_nodes([sequences[i] for i in indices]), "score")
            for indices in batch_sequences(sequences, self.nodes)
        ]

    def _plan_writing(
        self, tokenizer: Any, requests: Sequence[Any], window: int
    ) -> tuple[Sequence[Any], list[Batch]]:
        writings = [as_writing(request) for request in requests]
        prompts = [encode_writing(tokenizer, writing, window) for writing in writings]
        alike: dict[Any, list[int]] = {}
        for index, writing in enumerate(writings):
            # Seeds do not part them: each completion has random numbers of its own.
            sampling = attrs.evolve(writing.sampling, seed=0)
            alike.setdefault((sampling, writing.stops), []).append(index)
        batches = []
        for (sampling, _), indices in alike.items():
            lengths = [prompts[i].longest for i in indices]
            for part in batch_prompts(lengths, self.written):
                cost = float(len(part) * sampling.max_new_tokens)
                batches.append(Batch(tuple(indices[i] for i in part), cost, "generate"))
        return prompts, batches


class BuiltinModel:
    """A model in memory.

    Attributes:
        loaded: Model and tokenizer.
    """

    def __init__(self, loaded: Loaded, folder: Path) -> None:
        self.loaded = loaded
        self._folder = folder

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        """See `RunningModel.answer`; a batch that the memory does not hold is split."""
        items = [work.ready[index] for index in batch.requests]
        if batch.kind == "score":
            return split_to_fit(self._score, items, self._scoring_fits)
        return split_to_fit(self._write, items, self._writing_fits)

    def _scoring_fits(self, encoded: Sequence[EncodedScore]) -> bool:
        nodes = count_nodes([item.tokens for item in encoded])
        return self._fits(nodes * node_bytes(self._config, self._width) + LOGITS_BYTES)

    def _writing_fits(self, prompts: Sequence[Prompt]) -> bool:
        columns = max(prompt.longest for prompt in prompts)
        return self._fits(len(prompts) * columns * key_bytes(self._config, self._width))

    def _fits(self, needed: float) -> bool:
        return needed <= _USABLE * free_bytes(self.loaded.model.device.type)

    @property
    def _config(self) -> Any:
        return self.loaded.model.config.get_text_config()

    @property
    def _width(self) -> int:
        return int(self.loaded.model.dtype.itemsize)

    def _score(self, encoded: Sequence[EncodedScore]) -> list[Any]:
        from forget.inference.scoring import score

        self._check_vocabulary([max(*item.tokens, *item.targets) for item in encoded])
        answers = score(self.loaded.model, encoded)
        for item, answer in zip(encoded, answers, strict=True):
            if not math.isfinite(answer.log_p):
                text = self.loaded.tokenizer.decode(item.targets)
                raise WorkError(
                    f"The model in {self._folder} gives {answer.log_p} as the log-likelihood of "
                    f"{text!r}: its weights are damaged, or training diverged."
                )
        return [[answer.log_p, answer.greedy] for answer in answers]

    def _write(self, prompts: Sequence[Prompt]) -> list[Any]:
        from forget.inference.decoding import Limits, decode
        from forget.inference.generation import stop_ids
        from forget.inference.sampling import Draw

        writing = prompts[0].writing
        self._check_vocabulary([max(prompt.tokens) for prompt in prompts])
        written = decode(
            self.loaded.model,
            self.loaded.tokenizer,
            [prompt.tokens for prompt in prompts],
            [Draw(prompt.writing.sampling, prompt.writing.prompt) for prompt in prompts],
            Limits(
                max_new_tokens=writing.sampling.max_new_tokens,
                end_tokens=frozenset(stop_ids(self.loaded)),
                stops=writing.stops,
            ),
        )
        return [
            as_answer(self.loaded.tokenizer, prompt.writing, item.tokens, finished=item.finished)
            for item, prompt in zip(written, prompts, strict=True)
        ]

    def _check_vocabulary(self, largest: Sequence[int]) -> None:
        known = self.loaded.model.get_input_embeddings().weight.shape[0]
        if max(largest) >= known:
            raise ModelError(
                f"The tokenizer in {self._folder} writes token {max(largest)}, but the model knows "
                f"{known} only: the two do not belong together, or its embeddings were not resized."
            )


def _of(requests: Sequence[Request], kinds: Any) -> list[int]:
    return [index for index, request in enumerate(requests) if isinstance(request, kinds)]
